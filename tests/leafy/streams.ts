/**
 * A few real DNCP machines and mirrors, joined by perfect streams with delay, under virtual time.
 *
 * @module
 */
import { type Machine, Random } from "../../lib/core/mod.ts";
import type { NodeId, StreamId } from "../../lib/dncp/api.ts";
import { decodeTlvs, Dncp, type DncpTlv, nativeProfile } from "../../lib/dncp/mod.ts";
import { Mirror, type MirrorEvents } from "../../lib/leafy/mod.ts";
import { NativeStateCodec, type Value } from "../../lib/state/mod.ts";

/** One end of a stream. */
interface End {
  receive(now: number, bytes: Uint8Array): void;
  closed(now: number, reason: string): void;
}

const codec = new NativeStateCodec();

/** Entries as node data. */
export function payload(content: Record<string, Value>): Uint8Array[] {
  return codec.encode(Object.entries(content).map(([key, value]) => ({ key, value, at: 1 })));
}

/** A DNCP machine with one endpoint for streams. */
export class Node {
  readonly dncp: Dncp;
  readonly ends = new Map<StreamId, { peer: End; open: boolean; stream: Stream }>();
  alive = true;
  #lastStream = 0;

  constructor(readonly world: Streams, readonly id: NodeId) {
    this.dncp = new Dncp({
      profile: nativeProfile,
      nodeId: id,
      random: world.random.fork(),
      now: world.now,
      transport: {
        multicast: () => {},
        datagram: () => {},
        dial: (endpoint, address) => {
          const other = world.nodes.get(address);
          world.after(() => {
            if (!this.alive) return;
            if (!other?.alive) this.dncp.dialFailed(world.now, endpoint, address, "refused");
            else world.join(this, other, address);
          });
        },
        write: (stream, bytes) => this.ends.get(stream)?.stream.send(this, bytes) ?? true,
        close: (stream, reason) => this.ends.get(stream)?.stream.close(this, reason),
      },
    });
    this.dncp.addEndpoint(world.now, { id: 1, name: "connect", mode: "stream" });
  }

  /** A new stream's end at this node. */
  accept(stream: Stream, address: string, dialled: boolean): End {
    const id = ++this.#lastStream;
    const end: End = {
      receive: (now, bytes) => this.alive && this.dncp.receiveStream(now, id, bytes),
      closed: (now, reason) => {
        this.ends.delete(id);
        if (this.alive) this.dncp.streamClosed(now, id, reason);
      },
    };
    this.ends.set(id, { peer: end, open: true, stream });
    this.world.after(() =>
      this.alive &&
      this.dncp.streamOpened(this.world.now, { endpoint: 1, stream: id, address, dialled }), 0);
    return end;
  }

  publish(content: Record<string, Value>): void {
    this.dncp.publish(this.world.now, payload(content));
  }

  /** What it knows of a node, by key; `undefined` where that is not reachable. */
  sees(id: NodeId): Record<string, Value> | undefined {
    const view = this.dncp.node(id);
    return view &&
      Object.fromEntries(
        [...codec.decode(view.data).entries].map(([key, { value }]) => [key, value]),
      );
  }
}

/** Two ends, and the bytes on their way. */
export class Stream {
  readonly #world: Streams;
  readonly #ends = new Map<unknown, End>();
  #open = true;

  constructor(world: Streams) {
    this.#world = world;
  }

  attach(owner: unknown, end: End): void {
    this.#ends.set(owner, end);
  }

  send(from: unknown, bytes: Uint8Array): boolean {
    const copy = bytes.slice();
    this.#world.after(() => this.#open && this.#other(from)?.receive(this.#world.now, copy));
    return true;
  }

  close(from: unknown, reason: string): void {
    if (!this.#open) return;
    const other = this.#other(from);
    this.#world.after(() => {
      this.#open = false;
      other?.closed(this.#world.now, reason);
    });
  }

  /** Cut without telling anybody. */
  cut(): void {
    this.#open = false;
  }

  #other(from: unknown): End | undefined {
    for (const [owner, end] of this.#ends) if (owner !== from) return end;
    return undefined;
  }
}

/** A mirror, its stream, and all that it sent. */
export class Leaf {
  readonly mirror: Mirror;
  readonly sent: { at: number; tlvs: DncpTlv[] }[] = [];
  readonly log: string[] = [];
  stream: Stream | undefined;

  constructor(readonly world: Streams, events: MirrorEvents = {}) {
    const random = world.random.fork();
    this.mirror = new Mirror({
      profile: nativeProfile,
      randomBytes: (length) => random.bytes(length),
      transport: {
        write: (bytes) => {
          this.sent.push({ at: world.now, tlvs: decodeTlvs(nativeProfile, bytes.slice()).tlvs });
          return this.stream?.send(this, bytes) ?? true;
        },
        close: (reason) => {
          this.log.push(`close ${reason}`);
          this.stream?.close(this, reason);
          this.stream = undefined;
        },
      },
      events: {
        attached: (id) => this.log.push(`attached ${id}`),
        consistencyChanged: (consistent) => this.log.push(`consistent ${consistent}`),
        nodeIdChanged: () => this.log.push("new id"),
        ...events,
      },
    });
    world.machines.add(this.mirror);
  }

  /** Open a stream to a first hop. */
  open(hop: Node): void {
    const stream = new Stream(this.world);
    this.stream = stream;
    stream.attach(this, {
      receive: (now, bytes) => this.stream === stream && this.mirror.receive(now, bytes),
      closed: () => {
        if (this.stream !== stream) return;
        this.stream = undefined;
        this.mirror.closed();
      },
    });
    stream.attach(hop, hop.accept(stream, "leaf", false));
    this.mirror.opened(this.world.now);
  }

  /** Leave the first hop. */
  leave(): void {
    this.stream?.close(this, "leaving");
    this.stream = undefined;
    this.mirror.closed();
  }
}

/** The world. Times in virtual milliseconds. */
export class Streams {
  now = 0;
  readonly random: Random;
  readonly nodes = new Map<string, Node>();
  readonly machines = new Set<Machine>();
  readonly #delay: number;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  constructor(seed: number, delay = 10) {
    this.random = new Random(seed);
    this.#delay = delay;
  }

  /** A new node, connected to others by their ids. */
  node(id: NodeId, ...to: NodeId[]): Node {
    const node = new Node(this, id);
    this.nodes.set(id, node);
    this.machines.add(node.dncp);
    for (const address of to) node.dncp.connect(this.now, 1, address);
    return node;
  }

  /** No power any more; others are not told. */
  kill(node: Node): void {
    node.alive = false;
    this.machines.delete(node.dncp);
    this.nodes.delete(node.id);
    for (const { stream } of node.ends.values()) stream.cut();
  }

  join(dialler: Node, other: Node, address: string): void {
    const stream = new Stream(this);
    stream.attach(dialler, dialler.accept(stream, address, true));
    stream.attach(other, other.accept(stream, "dialled", false));
  }

  after(run: () => void, delay = this.#delay): void {
    this.#queue.push({ at: this.now + delay, order: this.#order++, run });
  }

  /** Let time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0;; steps++) {
      if (steps > 200_000) throw new Error("the world does not come to rest");
      let next = Infinity;
      for (const machine of this.machines) next = Math.min(next, machine.nextWake());
      this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
      next = Math.max(this.now, Math.min(next, this.#queue[0]?.at ?? Infinity));
      if (next > end) break;
      this.now = next;
      while ((this.#queue[0]?.at ?? Infinity) <= this.now) this.#queue.shift()?.run();
      for (const machine of this.machines) {
        if (machine.nextWake() <= this.now) machine.wake(this.now);
      }
    }
    this.now = end;
  }
}
