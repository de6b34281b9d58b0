/**
 * Publishers that the agent keeps for programs that come and go: whoever follows stays connected.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/mod.ts";
import type { JsonValue } from "../../http/api.ts";
import { Carried, type Ground } from "../../learn/carried.ts";
import { encodeJsonBytes, PubSocket } from "../../nearby/machines.ts";

/** Publishers at the most. */
const MOST = 64;
/** What followers get to connect before the first news, in ms, as networkzero does. */
const SETTLE = 500;

interface Publisher {
  readonly carried: Carried<PubSocket>;
  readonly settled: Promise<void>;
}

export class NewsDesk {
  readonly #ground: Ground;
  readonly #publishers = new Map<string, Publisher>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  has(name: string): boolean {
    return this.#publishers.has(name);
  }

  /** Opens a publisher; answers its port. @throws {AgentError} where none can be had. */
  open(name: string): number {
    if (this.#publishers.size >= MOST) {
      throw new AgentError(
        `this agent has ${MOST} publishers of news, as many as it allows; unadvertise one first`,
        ExitCode.Refused,
      );
    }
    const carried = new Carried(this.#ground, (options) => new PubSocket(options));
    let port: number;
    try {
      port = carried.listen("0.0.0.0", 0);
    } catch (cause) {
      void carried.close();
      throw new AgentError(`cannot listen for followers: ${messageOf(cause)}`, ExitCode.Refused, {
        cause,
      });
    }
    const settled = new Promise<void>((resolve) => setTimeout(resolve, SETTLE));
    this.#publishers.set(name, { carried, settled });
    return port;
  }

  async publish(name: string, topic: string, data: JsonValue): Promise<void> {
    const publisher = this.#publishers.get(name);
    await publisher?.settled;
    publisher?.carried.socket.publish(new TextEncoder().encode(topic), encodeJsonBytes(data));
  }

  async end(name: string): Promise<void> {
    const publisher = this.#publishers.get(name);
    this.#publishers.delete(name);
    await publisher?.carried.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#publishers.keys()].map((name) => this.end(name)));
  }
}
