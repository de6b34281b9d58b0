/**
 * Rings under virtual time: every server is the real machine, connections are pipes with a delay,
 * and servers can be stopped, started and frozen.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import {
  type ConnectionId,
  type LogName,
  Ring,
  type RingConfig,
  type RingOutput,
} from "../../lib/ring/mod.ts";

export const CONFIG: Omit<RingConfig, "members" | "index"> = {
  maxMessage: 511,
  maxClients: 64,
  idleTimeout: 660_000,
  allowShutdown: false,
  reroute: true,
  checkPeers: false,
  keepAlive: 300_000,
  answerTimeout: 30_000,
  reconnect: 60_000,
  connectTimeout: 10_000,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One end of a pipe. */
interface End {
  deliver(bytes: Uint8Array): void;
  ended(reason: string): void;
  other: End | undefined;
  open: boolean;
  paused: boolean;
  waiting: (() => void)[];
}

/** A server and what it has written. */
export class Server {
  readonly name: string;
  readonly index: number;
  readonly world: World;
  ring!: Ring;
  up = false;
  /** Does nothing, as a process that was sent SIGSTOP. */
  frozen = false;
  readonly logs: Record<LogName, string[]> = { access: [], error: [], ring: [] };
  /** `write N`, `log ring`, … in order. */
  readonly steps: string[] = [];
  readonly paths: [from: number | "client", wrapping: number, content: string][] = [];
  readonly ends = new Map<ConnectionId, End>();
  shutdowns = 0;

  constructor(world: World, index: number) {
    this.world = world;
    this.index = index;
    this.name = `s${index}`;
  }

  /** Log lines that are messages. */
  get messages(): string[] {
    return this.logs.ring;
  }
}

/** Servers, virtual time, and what is under way. */
export class World {
  now = 0;
  readonly random: Random;
  readonly servers: Server[];
  readonly config: Partial<RingConfig>;
  #queue: { at: number; n: number; act: () => void }[] = [];
  #n = 0;

  constructor(members: number, { seed = 1, config = {} as Partial<RingConfig> } = {}) {
    this.random = new Random(seed);
    this.config = config;
    this.servers = Array.from({ length: members }, (_, index) => new Server(this, index));
    for (const server of this.servers) this.start(server);
    this.run(5_000);
  }

  /** One-way delay of a pipe, in ms. */
  get delay(): number {
    return this.random.between(0.1, 5);
  }

  start(server: Server): void {
    server.up = true;
    server.ends.clear();
    server.ring = new Ring({
      config: {
        ...CONFIG,
        ...this.config,
        members: this.servers.map(({ name }) => name),
        index: server.index,
      },
      random: this.random.fork(),
      now: this.now,
      output: this.#output(server),
      membersAt: (address) =>
        this.servers.filter(({ index }) => addressOf(index) === address).map(({ index }) => index),
      onData: (from, wrapping, content) =>
        server.paths.push([from, wrapping, decoder.decode(content)]),
    });
  }

  /** As a process that is killed: its connections break, and nobody listens. */
  kill(server: Server): void {
    server.up = false;
    for (const end of server.ends.values()) this.#shut(end, "reset");
    server.ends.clear();
  }

  /** A client on this computer, connected to a server. Its replies are in `got`. */
  client(server: Server, address = "127.0.0.1") {
    const client = { got: "", ended: false, send: (_: string | Uint8Array) => {}, close() {} };
    const near: End = this.#end(
      (bytes) => void (client.got += decoder.decode(bytes)),
      () => void (client.ended = true),
    );
    this.#join(near, server, address);
    client.send = (data) =>
      this.#send(near, typeof data === "string" ? encoder.encode(data) : data);
    client.close = () => this.#shut(near, "closed");
    return client;
  }

  /** Runs for so long, in ms. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#queue.reduce(
        (best, one) =>
          best === undefined || one.at < best.at || (one.at === best.at && one.n < best.n)
            ? one
            : best,
        undefined as { at: number; n: number; act: () => void } | undefined,
      );
      const awake = this.servers.filter(({ up, frozen }) => up && !frozen);
      const wake = Math.min(...awake.map(({ ring }) => ring.nextWake()), Infinity);
      const at = Math.min(next?.at ?? Infinity, wake);
      if (at > end) break;
      this.now = Math.max(this.now, at);
      if (next !== undefined && next.at <= wake) {
        this.#queue.splice(this.#queue.indexOf(next), 1);
        next.act();
      } else for (const { ring } of awake) if (ring.nextWake() <= this.now) ring.wake(this.now);
    }
    this.now = end;
  }

  /** How often each text stands in each ring.log, where that is not once. */
  wrong(texts: readonly string[], servers: readonly Server[] = this.servers): string[] {
    return servers.flatMap((server) => {
      const counts = new Map<string, number>();
      for (const text of server.messages) counts.set(text, (counts.get(text) ?? 0) + 1);
      return texts.filter((text) => counts.get(text) !== 1)
        .map((text) => `${server.name}: ${counts.get(text) ?? 0} × ${text}`);
    });
  }

  #output(server: Server): RingOutput {
    return {
      dial: (id, member) => this.#dial(server, id, member),
      write: (id, bytes) => {
        server.steps.push(`write ${decoder.decode(bytes).trimEnd()}`);
        const end = server.ends.get(id);
        if (end !== undefined) this.#send(end, bytes);
      },
      close: (id) => {
        const end = server.ends.get(id);
        server.ends.delete(id);
        if (end !== undefined) this.#shut(end, "closed");
      },
      pause: (id, paused) => {
        const end = server.ends.get(id);
        if (end === undefined) return;
        end.paused = paused;
        if (!paused) { for (const act of end.waiting.splice(0)) this.#later(0, act); }
      },
      log: (log, lines) => {
        for (const line of lines) {
          server.logs[log].push(decoder.decode(line));
          server.steps.push(`log ${log} ${decoder.decode(line)}`);
        }
      },
      shutdown: () => void server.shutdowns++,
    };
  }

  #dial(server: Server, id: ConnectionId, member: number): void {
    const to = this.servers[member] as Server;
    const { ring } = server;
    this.#later(this.delay, () => {
      if (!to.up) {
        return void this.#later(this.delay, () => {
          if (server.ring === ring && server.up) ring.ended(this.now, id, "refused");
        });
      }
      const near = this.#end(
        (bytes) => server.up && server.ring === ring && ring.receive(this.now, id, bytes),
        (why) => server.up && server.ring === ring && ring.ended(this.now, id, why),
        server,
      );
      server.ends.set(id, near);
      this.#join(near, to, addressOf(server.index));
      this.#later(this.delay, () => {
        if (server.ring === ring && near.open) ring.connected(this.now, id);
      });
    });
  }

  #join(near: End, to: Server, address: string): void {
    const { ring } = to;
    const id = ring.accept(this.now, { address, port: 40_000 + (this.#n++ % 20_000) });
    const far = this.#end(
      (bytes) => to.up && to.ring === ring && ring.receive(this.now, id, bytes),
      (why) => to.up && to.ring === ring && ring.ended(this.now, id, why),
      to,
    );
    near.other = far;
    far.other = near;
    to.ends.set(id, far);
  }

  #end(deliver: (bytes: Uint8Array) => void, ended: (why: string) => void, owner?: Server): End {
    const end: End = { deliver, ended, other: undefined, open: true, paused: false, waiting: [] };
    const gate = (act: () => void) => {
      if (end.paused || owner?.frozen) end.waiting.push(act);
      else act();
    };
    end.deliver = (bytes) => gate(() => deliver(bytes));
    end.ended = (why) => gate(() => ended(why));
    return end;
  }

  /** In pieces of any size, in order. */
  #send(from: End, bytes: Uint8Array): void {
    const { other } = from;
    if (!from.open || other === undefined) return;
    let at = 0;
    while (at < bytes.length) {
      const size = this.random.chance(0.7) ? bytes.length - at : 1 + this.random.below(40);
      const piece = bytes.slice(at, at + size);
      at += size;
      this.#ordered(from, () => other.open && other.deliver(piece));
    }
  }

  #shut(end: End, why: string): void {
    if (!end.open) return;
    end.open = false;
    const { other } = end;
    if (other === undefined) return;
    this.#ordered(end, () => {
      if (!other.open) return;
      other.open = false;
      other.ended(why);
    });
  }

  readonly #last = new WeakMap<End, number>();

  /** Behind what was sent on this end before. */
  #ordered(end: End, act: () => void): void {
    const at = Math.max(this.now + this.delay, this.#last.get(end) ?? 0);
    this.#last.set(end, at);
    this.#queue.push({ at, n: this.#n++, act });
  }

  #later(delay: number, act: () => void): void {
    this.#queue.push({ at: this.now + delay, n: this.#n++, act });
  }
}

/** The address of a server. */
export function addressOf(index: number): string {
  return `192.0.2.${index + 1}`;
}
