/**
 * A simulated computer: its power, its interfaces, what its disk remembers, and the process with the
 * protocol machine, whose transport it is.
 *
 * @module
 */
import type {
  Address,
  DncpEvents,
  DncpTransport,
  EndpointConfig,
  EndpointId,
  NodeId,
  StreamId,
} from "../../lib/dncp/api.ts";
import { Attachment, type Link } from "./link.ts";
import type { NodeMachine } from "./machine.ts";
import { Dial } from "./dial.ts";
import type { StreamEnd } from "./stream.ts";
import { DatagramArrival, MulticastArrival, Wake } from "./arrivals.ts";
import { Entry } from "./trace.ts";
import { noTraffic } from "./traffic.ts";
import type { World } from "./world.ts";

export type EndpointMode = EndpointConfig["mode"];

/** The TCP port that every simulated agent listens on, and the UDP port of its datagrams. */
export const PORT = 8331;
/** Wakes without the clock moving on that make a machine a runaway. */
const MAX_IDLE_WAKES = 10_000;

/** An endpoint of a node: one attachment, or for mode `stream` as many as there are cables. */
export interface SimEndpoint {
  /** Changes each time the endpoint comes up: ids are not reused (RFC 7787 §2). */
  id: EndpointId;
  readonly name: string;
  readonly mode: EndpointMode;
  readonly keepAliveInterval: number | undefined;
  readonly to: Address | undefined;
  readonly attachments: Attachment[];
  readonly connects: Address[];
  up: boolean;
}

/** What a node's disk keeps over restarts. */
interface Kept {
  nodeId: NodeId;
  seqno: number;
}

export class SimNode implements DncpTransport {
  readonly #world: World;
  readonly index: number;
  readonly name: string;
  /** Its id at present. */
  id: NodeId;
  powered = true;
  /** Counts starts and ends of the process. */
  life = 0;
  machine: NodeMachine | undefined;
  readonly endpoints: SimEndpoint[] = [];
  readonly #byId = new Map<EndpointId, SimEndpoint>();
  readonly streams = new Map<StreamId, StreamEnd>();
  readonly traffic = noTraffic();
  /** What the application publishes, encoded; kept over restarts. */
  tlvs: Uint8Array[] = [];
  readonly #kept: Kept;
  #nextEndpoint = 1;
  #ports = 0;
  #wakeAt = Infinity;
  #idleWakes = 0;
  #lastWake = -1;

  constructor(world: World, index: number, id: NodeId) {
    this.#world = world;
    this.index = index;
    this.name = `n${index}`;
    this.id = id;
    this.#kept = { nodeId: id, seqno: 0 };
  }

  get running(): boolean {
    return this.machine !== undefined;
  }

  // ---------------------------------------------------------------- interfaces

  /** A new endpoint, plugged into `links`. */
  addEndpoint(
    mode: EndpointMode,
    links: readonly Link[],
    options: { keepAliveInterval?: number; to?: Address } = {},
  ): SimEndpoint {
    const endpoint: SimEndpoint = {
      id: this.#nextEndpoint++,
      name: mode === "stream" ? "connect" : `eth${this.endpoints.length}`,
      mode,
      keepAliveInterval: options.keepAliveInterval,
      to: options.to,
      attachments: [],
      connects: [],
      up: true,
    };
    this.endpoints.push(endpoint);
    for (const link of links) this.attach(endpoint, link);
    if (this.machine) this.#tellUp(endpoint);
    return endpoint;
  }

  attach(endpoint: SimEndpoint, link: Link): Attachment {
    const host = `${this.name}.${this.#ports++}`;
    const attachment = new Attachment(this, endpoint, link, host, PORT);
    endpoint.attachments.push(attachment);
    this.#world.register(attachment);
    return attachment;
  }

  /** Have the endpoint (mode `stream`) dial `address`, now and after each restart. */
  connect(endpoint: SimEndpoint, address: Address): void {
    endpoint.connects.push(address);
    if (!this.machine || !endpoint.up) return;
    this.machine.connect(this.#world.now, endpoint.id, address);
    this.#arm();
  }

  /** The interface goes down, and the machine is told. */
  endpointDown(endpoint: SimEndpoint): void {
    if (!endpoint.up) return;
    endpoint.up = false;
    for (const attachment of endpoint.attachments) attachment.up = false;
    this.#world.topologyChanged();
    this.#byId.delete(endpoint.id);
    if (!this.machine) return;
    this.#world.trace.record(this.#world.now, Entry.endpointDown, this.index, endpoint.id);
    this.machine.removeEndpoint(this.#world.now, endpoint.id);
    this.#arm();
  }

  /** It comes back, under a new endpoint id. */
  endpointUp(endpoint: SimEndpoint): void {
    if (endpoint.up) return;
    endpoint.up = true;
    endpoint.id = this.#nextEndpoint++;
    for (const attachment of endpoint.attachments) attachment.up = true;
    this.#world.topologyChanged();
    if (this.machine) this.#tellUp(endpoint);
  }

  #tellUp(endpoint: SimEndpoint): void {
    const { now, trace } = this.#world;
    const machine = this.machine as NodeMachine;
    this.#byId.set(endpoint.id, endpoint);
    const { id, name, mode, keepAliveInterval, to } = endpoint;
    trace.record(now, Entry.endpointUp, this.index, id);
    machine.addEndpoint(now, {
      id,
      name,
      mode,
      ...(mode === "multicast+stream" ? { streamPort: PORT } : {}),
      ...(to === undefined ? {} : { to }),
      ...(keepAliveInterval === undefined ? {} : { keepAliveInterval }),
    });
    for (const address of endpoint.connects) machine.connect(now, id, address);
    this.#arm();
  }

  // ---------------------------------------------------------------- the process

  /**
   * Start the process. Its state: node id and sequence number as the disk has them, or `forget` for
   * a disk that is new, or `seqno` for one that was restored from an older copy, or `copyOf` for a
   * copy of another node's disk.
   */
  start(how: { forget?: boolean; seqno?: number; copyOf?: SimNode } = {}): void {
    if (this.machine) return;
    const world = this.#world;
    const { now } = world;
    this.powered = true;
    this.life++;
    if (how.forget) {
      this.#kept.nodeId = world.newNodeId();
      this.#kept.seqno = 0;
    } else if (how.copyOf) {
      this.#kept.nodeId = how.copyOf.#kept.nodeId;
      this.#kept.seqno = how.copyOf.#kept.seqno;
    } else if (how.seqno !== undefined) {
      this.#kept.seqno = how.seqno;
    }
    this.#setId(this.#kept.nodeId);
    world.trace.record(now, Entry.started, this.index, this.life, this.id);
    this.machine = world.makeMachine({
      profile: world.profile,
      nodeId: this.id,
      seqno: this.#kept.seqno,
      random: world.random.fork(),
      transport: this,
      events: this.#events(),
      now,
      ...(world.contents && { contents: world.contents }),
    });
    world.topologyChanged();
    this.machine.publish(now, this.tlvs);
    for (const endpoint of this.endpoints) if (endpoint.up) this.#tellUp(endpoint);
    this.#arm();
  }

  /** The process ends; the kernel closes its streams. */
  crash(): void {
    if (!this.machine) return;
    const { now, trace } = this.#world;
    trace.record(now, Entry.crashed, this.index, this.life);
    this.#end();
    for (const end of [...this.streams.values()]) end.close(now);
  }

  /** Everything ends at once, and nobody is told. */
  powerCut(): void {
    if (!this.powered) return;
    this.#world.trace.record(this.#world.now, Entry.powerCut, this.index, this.life);
    this.powered = false;
    this.#end();
    for (const end of [...this.streams.values()]) end.vanish();
  }

  #end(): void {
    this.machine = undefined;
    this.life++;
    this.#wakeAt = Infinity;
    this.#byId.clear();
    this.#world.topologyChanged();
  }

  /** Replace what the application publishes; encoded TLVs. */
  publish(tlvs: Uint8Array[]): void {
    this.tlvs = tlvs;
    if (!this.machine) return;
    const { now, trace } = this.#world;
    trace.record(now, Entry.published, this.index, tlvs.length);
    this.#world.changed();
    this.machine.publish(now, tlvs);
    this.#arm();
  }

  #setId(id: NodeId): void {
    this.#world.renamed(this, id);
    this.id = id;
    this.#kept.nodeId = id;
  }

  #events(): Partial<DncpEvents> {
    const world = this.#world;
    return {
      nodeChanged: (change) => {
        world.changed();
        const { before, after } = change;
        const id = (after ?? before)?.id ?? "";
        const seqno = after ? after.seqno : -1;
        world.trace.record(world.now, Entry.nodeChanged, this.index, seqno, id, after?.data);
        for (const observer of world.observers) observer.nodeChanged?.(this, change);
      },
      publishing: (seqno) => {
        world.changed();
        this.#kept.seqno = seqno;
      },
      nodeIdChanged: (id) => {
        this.#setId(id);
        world.topologyChanged();
      },
      peerChanged: (peer, kind, why) => {
        const text = `${kind} ${peer.node} at ${peer.address}: ${why}`;
        world.trace.record(world.now, Entry.peerChanged, this.index, peer.endpoint, text);
        for (const observer of world.observers) observer.peerChanged?.(this, peer, kind, why);
      },
    };
  }

  // ---------------------------------------------------------------- what the machine asks for

  multicast(id: EndpointId, payload: Uint8Array): void {
    const world = this.#world;
    this.traffic.multicasts++;
    this.traffic.multicastBytes += payload.length;
    world.trace.record(world.now, Entry.multicastSent, this.index, id, "", payload);
    const from = this.#byId.get(id)?.attachments[0];
    if (!from) return;
    const { link } = from;
    const departure = from.datagramDeparture(world.now, payload.length);
    if (departure === undefined) return;
    if (link.uniform) {
      const arrival = departure + link.conditions.delay;
      world.queue.push(arrival, new MulticastArrival(world, from, payload));
      return;
    }
    for (const to of link.attachments) {
      if (to !== from || world.multicastLoopback) {
        this.#throw(departure, from, to, payload, true);
      }
    }
  }

  datagram(id: EndpointId, address: Address, payload: Uint8Array): void {
    const world = this.#world;
    this.traffic.datagrams++;
    this.traffic.datagramBytes += payload.length;
    world.trace.record(world.now, Entry.datagramSent, this.index, id, address, payload);
    const to = world.attachmentOfAddress(address);
    const from = this.#byId.get(id)?.attachments.find((own) => own.link === to?.link);
    if (!from || !to) return;
    const departure = from.datagramDeparture(world.now, payload.length);
    if (departure !== undefined) this.#throw(departure, from, to, payload, false);
  }

  /** One copy of a datagram towards one receiver: perhaps none, perhaps two. */
  #throw(at: number, from: Attachment, to: Attachment, payload: Uint8Array, multi: boolean): void {
    const { queue, random } = this.#world;
    const { link } = from;
    if (!from.reaches(to)) return;
    if (!link.isLost(random)) {
      queue.push(at + link.delayOf(random), new DatagramArrival(from, to, payload, multi));
    }
    const { duplicate } = link.conditions;
    if (duplicate > 0 && random.chance(duplicate)) {
      queue.push(at + link.delayOf(random), new DatagramArrival(from, to, payload, multi));
    }
  }

  dial(id: EndpointId, address: Address, port: number): void {
    const world = this.#world;
    this.traffic.dials++;
    world.trace.record(world.now, Entry.dialled, this.index, port, address);
    const endpoint = this.#byId.get(id);
    if (endpoint) new Dial(world, this, endpoint, address, port, world.now);
  }

  write(stream: StreamId, payload: Uint8Array): boolean {
    const world = this.#world;
    this.traffic.writes++;
    this.traffic.streamBytes += payload.length;
    world.trace.record(world.now, Entry.written, this.index, stream, "", payload);
    return this.streams.get(stream)?.out.write(world.now, payload) ?? true;
  }

  close(stream: StreamId, reason: string): void {
    const world = this.#world;
    world.trace.record(world.now, Entry.closed, this.index, stream, reason);
    this.streams.get(stream)?.close(world.now);
  }

  /** Whether a SYN to this endpoint and port finds a process. */
  listens(endpoint: SimEndpoint, port: number): boolean {
    return this.machine !== undefined && endpoint.up && port === PORT &&
      (endpoint.mode === "stream" || endpoint.mode === "multicast+stream");
  }

  // ---------------------------------------------------------------- what the machine is told

  /** @internal */
  datagramRead(
    now: number,
    at: Attachment,
    from: Attachment,
    payload: Uint8Array,
    multi: boolean,
  ): void {
    const { machine } = this;
    const { endpoint } = at;
    if (!machine || !endpoint.up || endpoint.mode === "stream") return;
    const world = this.#world;
    const entry = multi ? Entry.multicastReceived : Entry.datagramReceived;
    world.trace.record(now, entry, this.index, from.node.index, from.address);
    const bytes = world.scratchReads ? payload.slice() : payload;
    if (multi) machine.receiveMulticast(now, endpoint.id, from.address, bytes);
    else machine.receiveDatagram(now, endpoint.id, from.address, bytes);
    if (world.scratchReads) bytes.fill(0xa5);
    this.#arm();
  }

  /** @internal */
  streamRead(now: number, stream: StreamId, payload: Uint8Array): void {
    const world = this.#world;
    world.trace.record(now, Entry.streamReceived, this.index, stream);
    const bytes = world.scratchReads ? payload.slice() : payload;
    this.machine?.receiveStream(now, stream, bytes);
    if (world.scratchReads) bytes.fill(0xa5);
    this.#arm();
  }

  /** @internal */
  streamOpened(now: number, end: StreamEnd, address: Address, dialled: boolean): void {
    this.#world.trace.record(now, Entry.streamOpened, this.index, end.id, address);
    this.streams.set(end.id, end);
    const { endpoint } = end.attachment;
    this.machine?.streamOpened(now, { endpoint: endpoint.id, stream: end.id, address, dialled });
    this.#arm();
  }

  /** @internal */
  streamWritable(now: number, stream: StreamId): void {
    this.#world.trace.record(now, Entry.streamWritable, this.index, stream);
    this.machine?.streamWritable(now, stream);
    this.#arm();
  }

  /** @internal */
  streamClosed(now: number, stream: StreamId, reason: string): void {
    this.#world.trace.record(now, Entry.streamClosed, this.index, stream, reason);
    this.machine?.streamClosed(now, stream, reason);
    this.#arm();
  }

  /** @internal */
  dialFailed(now: number, id: EndpointId, address: Address, reason: string): void {
    this.#world.trace.record(now, Entry.dialFailed, this.index, id, `${address}: ${reason}`);
    this.machine?.dialFailed(now, id, address, reason);
    this.#arm();
  }

  /** @internal The event that was armed for `at` is due. */
  wake(now: number, at: number): void {
    if (at !== this.#wakeAt) return;
    this.#wakeAt = Infinity;
    const { machine } = this;
    if (!machine) return;
    if (machine.nextWake() <= now) {
      if (now !== this.#lastWake) this.#idleWakes = 0;
      else if (++this.#idleWakes > MAX_IDLE_WAKES) {
        throw new Error(`${this.name}: wake() leaves nextWake() at ${machine.nextWake()}`);
      }
      this.#lastWake = now;
      this.#world.trace.record(now, Entry.wake, this.index, 0);
      machine.wake(now);
    }
    this.#arm();
  }

  /** See to it that the machine is woken in time. A later wish leaves the earlier event in place. */
  #arm(): void {
    if (!this.machine) return;
    const wanted = this.machine.nextWake();
    if (wanted >= this.#wakeAt) return;
    if (Number.isNaN(wanted)) throw new Error(`${this.name}: nextWake() is not a number`);
    this.#wakeAt = wanted;
    this.#world.queue.push(Math.max(wanted, this.#world.now), new Wake(this, wanted));
  }
}
