/**
 * Small machines that test the simulator itself: one that floods, one that only takes notes.
 *
 * @module
 */
import type {
  Address,
  EndpointConfig,
  EndpointId,
  NodeId,
  NodeView,
  StreamId,
} from "../../lib/dncp/api.ts";
import {
  ByteReader,
  concat,
  fromHex,
  TlvStreamDecoder,
  toHex,
  writeU32,
} from "../../lib/wire/mod.ts";
import type { MachineFactory, MachineOptions, NodeMachine } from "./machine.ts";

/** How often {@linkcode Flood} repeats everything on endpoints without streams, in ms. */
const REPEAT = 500;
const RECORD = 60;

/** Tells everybody everything it hears for the first time, and repeats it where packets may be lost. */
export class Flood implements NodeMachine {
  readonly consistent = true;
  readonly #o: MachineOptions;
  readonly #endpoints = new Map<EndpointId, EndpointConfig>();
  readonly #streams = new Map<StreamId, TlvStreamDecoder>();
  readonly #nodes = new Map<NodeId, NodeView>();
  /** Who wrote to us by datagram, and on which endpoint. */
  readonly #heard = new Map<Address, EndpointId>();
  #seqno: number;
  #hash: Uint8Array | undefined;
  #next = Infinity;

  constructor(o: MachineOptions) {
    this.#o = o;
    this.#seqno = o.seqno;
  }

  addEndpoint(now: number, config: EndpointConfig): void {
    this.#endpoints.set(config.id, config);
    if (config.mode !== "stream") this.#next = now + this.#o.random.between(0, REPEAT);
  }

  removeEndpoint(_now: number, id: EndpointId): void {
    this.#endpoints.delete(id);
  }

  connect(_now: number, endpoint: EndpointId, address: Address): void {
    this.#o.transport.dial(endpoint, address, 0);
  }

  receiveMulticast(now: number, _endpoint: EndpointId, _from: Address, payload: Uint8Array): void {
    this.#take(now, payload);
  }

  receiveDatagram(now: number, endpoint: EndpointId, from: Address, payload: Uint8Array): void {
    this.#heard.set(from, endpoint);
    this.#take(now, payload);
  }

  streamOpened(_now: number, { stream }: { stream: StreamId }): void {
    this.#streams.set(stream, new TlvStreamDecoder(this.#o.profile.tlv, 100_000));
    for (const view of this.#nodes.values()) this.#o.transport.write(stream, this.#record(view));
  }

  receiveStream(now: number, stream: StreamId, bytes: Uint8Array): void {
    const decoder = this.#streams.get(stream);
    if (decoder) this.#take(now, decoder.feed(bytes));
  }

  streamWritable(): void {}

  streamClosed(_now: number, stream: StreamId): void {
    this.#streams.delete(stream);
  }

  dialFailed(_now: number, endpoint: EndpointId, address: Address): void {
    this.#o.transport.dial(endpoint, address, 0);
  }

  publish(now: number, tlvs: Uint8Array[]): void {
    this.#o.events.publishing?.(++this.#seqno);
    this.#store(now, this.#o.nodeId, this.#seqno, concat(tlvs));
  }

  nextWake(): number {
    return this.#next;
  }

  wake(now: number): void {
    this.#next = now + REPEAT;
    for (const view of this.#nodes.values()) this.#tell(this.#record(view), false);
  }

  networkHash(): Uint8Array {
    if (this.#hash) return this.#hash;
    const sorted = [...this.#nodes.values()].sort((a, b) => a.id < b.id ? -1 : 1);
    this.#hash = this.#o.profile.hash(concat(sorted.map((view) => this.#record(view))));
    return this.#hash;
  }

  nodes(): Iterable<NodeView> {
    return this.#nodes.values();
  }

  node(id: NodeId): NodeView | undefined {
    return this.#nodes.get(id);
  }

  #take(now: number, payload: Uint8Array): void {
    for (const { type, value } of this.#o.profile.tlv.decode(payload).tlvs) {
      if (type !== RECORD) continue;
      const reader = new ByteReader(value);
      const id = toHex(reader.take(this.#o.profile.nodeIdBytes));
      this.#store(now, id, reader.u32(), reader.rest().slice());
    }
  }

  #store(now: number, id: NodeId, seqno: number, data: Uint8Array): void {
    const before = this.#nodes.get(id);
    if (before && before.seqno >= seqno) return;
    const self = id === this.#o.nodeId;
    const after = { id, self, seqno, data, hash: data, origination: now };
    this.#nodes.set(id, after);
    this.#hash = undefined;
    this.#o.events.nodeChanged?.(before ? { before, after } : { after });
    this.#tell(this.#record(after), true);
  }

  #tell(record: Uint8Array, streams: boolean): void {
    const { transport } = this.#o;
    for (const { id, mode, to } of this.#endpoints.values()) {
      if (mode.startsWith("multicast")) transport.multicast(id, record);
      else if (to !== undefined) transport.datagram(id, to, record);
    }
    for (const [address, endpoint] of this.#heard) transport.datagram(endpoint, address, record);
    if (streams) { for (const stream of this.#streams.keys()) transport.write(stream, record); }
  }

  #record(view: NodeView): Uint8Array {
    const seqno = new Uint8Array(4);
    writeU32(seqno, 0, view.seqno);
    return this.#o.profile.tlv.encode(RECORD, fromHex(view.id), seqno, view.data);
  }
}

export const flood: MachineFactory = (options) => new Flood(options);

/** One thing that a machine was told. */
export interface Note {
  readonly at: number;
  readonly what: string;
  /** Stream, or endpoint for datagrams. */
  readonly id: number;
  readonly text: string;
}

/** Writes down what it is told, and does what the test says through its transport. */
export class Recorder implements NodeMachine {
  readonly consistent = true;
  readonly notes: Note[] = [];
  readonly transport: MachineOptions["transport"];
  readonly #nodeId: NodeId;
  wakeAt = Infinity;

  constructor(o: MachineOptions) {
    this.transport = o.transport;
    this.#nodeId = o.nodeId;
  }

  /** The notes of one kind. */
  of(what: string): Note[] {
    return this.notes.filter((note) => note.what === what);
  }

  /** All bytes read from streams, as text. */
  get read(): string {
    return this.of("read").map(({ text }) => text).join("");
  }

  addEndpoint(now: number, { id, mode }: EndpointConfig): void {
    this.#note(now, "up", id, mode);
  }
  removeEndpoint(now: number, id: EndpointId): void {
    this.#note(now, "down", id, "");
  }
  connect(_now: number, endpoint: EndpointId, address: Address): void {
    this.transport.dial(endpoint, address, 0);
  }
  receiveMulticast(now: number, id: EndpointId, _from: Address, payload: Uint8Array): void {
    this.#note(now, "multicast", id, new TextDecoder().decode(payload));
  }
  receiveDatagram(now: number, id: EndpointId, _from: Address, payload: Uint8Array): void {
    this.#note(now, "datagram", id, new TextDecoder().decode(payload));
  }
  streamOpened(
    now: number,
    o: { endpoint: EndpointId; stream: StreamId; address: Address; dialled: boolean },
  ): void {
    this.#note(now, o.dialled ? "dialled" : "accepted", o.stream, o.address);
  }
  receiveStream(now: number, stream: StreamId, bytes: Uint8Array): void {
    this.#note(now, "read", stream, new TextDecoder().decode(bytes));
  }
  streamWritable(now: number, stream: StreamId): void {
    this.#note(now, "writable", stream, "");
  }
  streamClosed(now: number, stream: StreamId, reason: string): void {
    this.#note(now, "closed", stream, reason);
  }
  dialFailed(now: number, endpoint: EndpointId, _address: Address, reason: string): void {
    this.#note(now, "failed", endpoint, reason);
  }
  publish(): void {}
  nextWake(): number {
    return this.wakeAt;
  }
  wake(now: number): void {
    this.#note(now, "wake", 0, "");
    this.wakeAt = Infinity;
  }
  networkHash(): Uint8Array {
    return new Uint8Array(8);
  }
  nodes(): Iterable<NodeView> {
    return [];
  }
  node(id: NodeId): NodeView | undefined {
    const empty = new Uint8Array(0);
    if (id !== this.#nodeId) return undefined;
    return { id, self: true, seqno: 1, data: empty, hash: empty, origination: 0 };
  }

  #note(at: number, what: string, id: number, text: string): void {
    this.notes.push({ at, what, id, text });
  }
}

export const recorder: MachineFactory = (options) => new Recorder(options);
