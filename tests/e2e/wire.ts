/**
 * TCP between a client and an agent, in the hands of the test.
 *
 * @module
 */
import type { AgentProcess } from "./harness.ts";

/** A stretch of TCP between a client and an agent, which the test watches and can cut. */
export class Wire implements AsyncDisposable {
  /** Who spoke, in turns: `up` is the client. */
  readonly turns: ("up" | "down")[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: number;
  readonly #open = new Set<Deno.Conn>();
  readonly #agents = new Set<Deno.Conn>();
  readonly #working = new Set<Promise<void>>();

  constructor(agent: AgentProcess) {
    this.#target = agent.port;
    this.#track(this.#accept());
  }

  /** `HOST:PORT` for the client. */
  get address(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  /** Adds bytes to what the clients say. */
  async inject(bytes: Uint8Array): Promise<void> {
    for (const conn of this.#agents) await conn.write(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#working);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const agent = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
        this.#open.add(client).add(agent);
        this.#agents.add(agent);
        this.#track(this.#carry(client, agent, "up"));
        this.#track(this.#carry(agent, client, "down"));
      }
    } catch {
      // The listener was closed.
    }
  }

  async #carry(from: Deno.Conn, to: Deno.Conn, way: "up" | "down"): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        if (this.turns.at(-1) !== way) this.turns.push(way);
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // One of them has gone; so goes the other.
    }
    for (const conn of [from, to]) {
      close(conn);
      this.#open.delete(conn);
      this.#agents.delete(conn);
    }
  }

  #track(work: Promise<void>): void {
    this.#working.add(work);
    work.finally(() => this.#working.delete(work));
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
