/**
 * Nodes with disks and connections under virtual time: bytes arrive late and in pieces, connections
 * break at any octet, nodes crash between any two steps, disks are lost or put back to an old copy.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import {
  type Acquaintance,
  type ConnectionId,
  DEFAULTS,
  type Id,
  type Message,
  Piot,
  type PiotConfig,
  type PiotEvent,
  type PiotStore,
} from "../../lib/piot/mod.ts";
import type { PiotHooks } from "../../lib/piot/hooks.ts";

/** Thrown by a disk at the moment at which its node dies. */
class Crash extends Error {}

/** A disk: keeps what was committed. */
export class Disk implements PiotStore {
  #entries = new Map<string, Uint8Array>();
  /** Called before and after each commit; may throw. */
  onCommit: (when: "before" | "after", changes: ReadonlyMap<string, Uint8Array | null>) => void =
    () => {};
  full = false;
  commits = 0;
  bytes = 0;

  *scan(prefix: string): Iterable<readonly [string, Uint8Array]> {
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) yield [key, this.#entries.get(key) as Uint8Array];
  }

  commit(changes: ReadonlyMap<string, Uint8Array | null>): void {
    this.onCommit("before", changes);
    if (this.full) throw new Error("disk full");
    this.commits++;
    for (const [key, value] of changes) {
      if (value === null) this.#entries.delete(key);
      else {
        this.#entries.set(key, value.slice());
        this.bytes += key.length + value.length;
      }
    }
    this.onCommit("after", changes);
  }

  copy(): Map<string, Uint8Array> {
    return new Map(this.#entries);
  }

  restore(copy: ReadonlyMap<string, Uint8Array>): void {
    this.#entries = new Map(copy);
  }

  get size(): number {
    return this.#entries.size;
  }
}

/** One direction of a connection. */
interface Pipe {
  readonly to: Node;
  readonly at: ConnectionId;
  open: boolean;
}

/** What happens at a time. */
interface Due {
  readonly at: number;
  readonly order: number;
  run(): void;
}

/** A computer with a PIoT node on it. */
export class Node {
  readonly name: string;
  readonly world: World;
  readonly disk = new Disk();
  readonly events: PiotEvent[] = [];
  config: PiotConfig;
  /** Makes what stands above the machine, for each start anew. */
  readonly #hooks: (() => PiotHooks) | undefined;
  /** Undefined while it is down. */
  piot: Piot | undefined;
  /** The other ends of its connections. */
  readonly pipes = new Map<ConnectionId, Pipe>();
  onEvent: (event: PiotEvent) => void = () => {};
  /** It is kept elsewhere than on the disk: in the shared state's store. */
  readonly #id: Id;
  #starts = 0;
  #wakeAt = Infinity;

  constructor(
    world: World,
    name: string,
    config: Partial<PiotConfig>,
    hooks: (() => PiotHooks) | undefined,
  ) {
    this.world = world;
    this.#hooks = hooks;
    this.name = name;
    this.config = { ...DEFAULTS, ...config };
    this.#id = world.random.bytes(16).toHex();
    this.start();
  }

  start(): void {
    const { world } = this;
    const random = world.random.fork();
    this.#starts++;
    this.#wakeAt = Infinity;
    this.piot = new Piot({
      id: this.#id,
      name: this.name,
      config: this.config,
      store: this.disk,
      random,
      randomBytes: (length) => random.bytes(length),
      wall: () => world.wall(),
      output: {
        dial: (connection, address) => world.dial(this, connection, address),
        write: (connection, bytes) => world.write(this, connection, bytes.slice()),
        close: (connection) => world.hangUp(this, connection),
        event: (event) => {
          this.events.push(event);
          this.onEvent(event);
        },
      },
      ...(this.#hooks && { hooks: this.#hooks() }),
    }, world.now);
    this.act(() => {});
  }

  /** Power off: nothing is said, nothing more is written. */
  crash(): void {
    this.piot = undefined;
    for (const connection of [...this.pipes.keys()]) this.world.hangUp(this, connection);
  }

  /** Hand something to the machine; what it throws at a crash is the crash. */
  act(step: (piot: Piot, now: number) => void): void {
    const { piot } = this;
    if (!piot) return;
    const { now } = this.world;
    this.world.dying = undefined;
    step(piot, now);
    if (this.piot === piot && this.world.dying !== this) piot.flush(now);
    if (this.#died()) return;
    this.#arm();
  }

  /** Whether the disk threw because the node dies, which then it does. */
  #died(): boolean {
    if (this.world.dying !== this) return false;
    this.world.dying = undefined;
    this.crash();
    return true;
  }

  /** Die at the next commit: before it is written, or before anything is said of it. */
  dieAtNextCommit(when: "before" | "after"): void {
    const onCommit = this.disk.onCommit;
    this.disk.onCommit = (moment, changes) => {
      if (moment !== when) return onCommit(moment, changes);
      this.disk.onCommit = onCommit;
      if (moment === "after") onCommit(moment, changes);
      this.world.dying = this;
      throw new Crash();
    };
  }

  connect(to: Node, dial: NonNullable<Acquaintance["dial"]> = "always"): void {
    const peer = to.piot?.id;
    this.act((piot, now) =>
      piot.learn(now, {
        name: to.name,
        addresses: [to.name],
        dial,
        ...(peer !== undefined && { peer }),
      })
    );
  }

  send(to: string, text: string, options: { ttl?: number; hold?: boolean } = {}): Promise<Id> {
    const body = new TextEncoder().encode(text);
    return new Promise((resolve, reject) => {
      this.act((piot, now) => {
        const id = piot.send(
          now,
          { name: to },
          { header: { kind: 0, name: "test" }, body, ...options },
          (error) => error === undefined ? resolve(id) : reject(error),
        );
      });
    });
  }

  /** Bodies of the messages in the inbox. */
  texts(): string[] {
    return (this.piot?.inbox() ?? []).map(textOf);
  }

  #arm(): void {
    const at = this.piot?.nextWake() ?? Infinity;
    if (at === this.#wakeAt || at === Infinity) return;
    this.#wakeAt = at;
    const starts = this.#starts;
    this.world.at(Math.max(at, this.world.now), () => {
      if (starts !== this.#starts || this.#wakeAt !== at) return;
      this.#wakeAt = Infinity;
      this.act((piot, now) => {
        if (piot.nextWake() <= now) piot.wake(now);
      });
    });
  }
}

/** The text of a message. */
export function textOf({ body }: Message): string {
  return new TextDecoder().decode(body);
}

/** Time, cables and nodes. */
export class World {
  readonly random: Random;
  readonly nodes = new Map<string, Node>();
  now = 0;
  /** The node whose disk has just thrown. */
  dying: Node | undefined;
  /** One way, in ms: from and to. */
  delay: [number, number] = [1, 5];
  /** Pairs of names that cannot reach each other. */
  readonly cut = new Set<string>();
  /** How far everybody's wall clock was moved, in ms. */
  skew = 0;
  #queue: Due[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  wall(): number {
    return Math.floor(1_800_000_000_000 + this.now + this.skew);
  }

  node(name: string, config: Partial<PiotConfig> = {}, hooks?: () => PiotHooks): Node {
    const node = new Node(this, name, { addresses: [name], ...config }, hooks);
    this.nodes.set(name, node);
    return node;
  }

  at(at: number, run: () => void): void {
    const due = { at, order: this.#order++, run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle] as Due;
      if (other.at < at || other.at === at && other.order < due.order) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, due);
  }

  /** Let time pass. */
  run(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const due = this.#queue[0];
      if (!due || due.at > until) break;
      this.#queue.shift();
      this.now = Math.max(this.now, due.at);
      due.run();
    }
    this.now = until;
  }

  /** Let time pass until something holds. */
  until(condition: () => boolean, limit = 600_000, step = 50): boolean {
    const end = this.now + limit;
    while (!condition()) {
      if (this.now >= end) return false;
      this.run(step);
    }
    return true;
  }

  dial(from: Node, connection: ConnectionId, address: string): void {
    this.at(this.now + this.#latency(), () => {
      const to = this.nodes.get(address);
      const machine = from.piot;
      if (!to?.piot || !machine || this.#isCut(from, to)) {
        from.act((piot, now) => piot.closed(now, connection));
        return;
      }
      let there: ConnectionId | undefined;
      to.act((piot, now) => {
        there = piot.accepted(now, from.name);
        this.#join(from, connection, to, there);
      });
      if (there !== undefined) from.act((piot, now) => piot.connected(now, connection));
    });
  }

  #join(a: Node, atA: ConnectionId, b: Node, atB: ConnectionId): void {
    a.pipes.set(atA, { to: b, at: atB, open: true });
    b.pipes.set(atB, { to: a, at: atA, open: true });
    this.#last.set(`${a.name} ${atA}`, 0);
  }

  readonly #last = new Map<string, number>();

  write(from: Node, connection: ConnectionId, bytes: Uint8Array): void {
    const pipe = from.pipes.get(connection);
    if (!pipe || from.piot === undefined) return;
    const key = `${from.name} ${connection}`;
    for (let at = 0; at < bytes.length;) {
      // Mostly whole, sometimes in pieces of any size.
      const size = this.random.chance(0.8)
        ? bytes.length - at
        : 1 + this.random.below(bytes.length - at);
      const piece = bytes.subarray(at, at + size);
      at += size;
      const due = Math.max(this.#last.get(key) ?? 0, this.now + this.#latency());
      this.#last.set(key, due);
      this.at(due, () => {
        if (pipe.open) pipe.to.act((piot, now) => piot.received(now, pipe.at, piece));
      });
    }
  }

  /** Ends a connection after what was written. */
  hangUp(from: Node, connection: ConnectionId): void {
    const pipe = from.pipes.get(connection);
    if (!pipe) return;
    from.pipes.delete(connection);
    const key = `${from.name} ${connection}`;
    const due = Math.max(this.#last.get(key) ?? 0, this.now + this.#latency());
    this.at(due, () => {
      pipe.open = false;
      if (!pipe.to.pipes.delete(pipe.at)) return;
      pipe.to.act((piot, now) => piot.closed(now, pipe.at));
    });
  }

  /** Cuts all connections between two nodes now; what is on its way is lost. */
  sever(a: Node, b: Node): void {
    for (const [connection, pipe] of [...a.pipes]) {
      if (pipe.to !== b) continue;
      pipe.open = false;
      const back = b.pipes.get(pipe.at);
      if (back) back.open = false;
      a.pipes.delete(connection);
      b.pipes.delete(pipe.at);
      a.act((piot, now) => piot.closed(now, connection));
      b.act((piot, now) => piot.closed(now, pipe.at));
    }
  }

  /** Whether two nodes can reach each other. */
  reachable(a: Node, b: Node, yes: boolean): void {
    const key = [a.name, b.name].sort().join(" ");
    if (yes) this.cut.delete(key);
    else {
      this.cut.add(key);
      this.sever(a, b);
    }
  }

  #isCut(a: Node, b: Node): boolean {
    return this.cut.has([a.name, b.name].sort().join(" "));
  }

  #latency(): number {
    return this.random.between(...this.delay);
  }
}
