/**
 * A DNCP machine by itself with a transport that only takes notes, and a handful of machines on toy
 * links; both under virtual time. The simulator in `tests/sim/` is for networks; this is for looking
 * closely at single steps.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import type {
  Address,
  DncpEvents,
  DncpTransport,
  EndpointConfig,
  EndpointId,
  NodeId,
  NodeView,
  PeerView,
  StreamId,
} from "../../lib/dncp/api.ts";
import { Dncp } from "../../lib/dncp/mod.ts";
import type { Profile } from "../../lib/dncp/profile.ts";
import { decodeTlvs, type Fields, TlvEncoder } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";

/** Wakes without time moving on that make a machine a runaway. */
const MAX_IDLE_WAKES = 1_000;

/** What a machine asked of its transport. */
export type Sent =
  & { readonly at: number }
  & (
    | { readonly kind: "multicast"; readonly endpoint: EndpointId; readonly payload: Uint8Array }
    | {
      readonly kind: "datagram";
      readonly endpoint: EndpointId;
      readonly to: Address;
      readonly payload: Uint8Array;
    }
    | { readonly kind: "write"; readonly stream: StreamId; readonly payload: Uint8Array }
    | {
      readonly kind: "dial";
      readonly endpoint: EndpointId;
      readonly address: Address;
      readonly port: number;
    }
    | { readonly kind: "close"; readonly stream: StreamId; readonly reason: string }
  );

/** A {@linkcode DncpTransport} that takes notes. */
export class Notes implements DncpTransport {
  log: Sent[] = [];
  now = 0;
  /** Streams that take bytes but want no more for the moment. */
  readonly full = new Set<StreamId>();

  multicast(endpoint: EndpointId, payload: Uint8Array): void {
    this.log.push({ at: this.now, kind: "multicast", endpoint, payload });
  }
  datagram(endpoint: EndpointId, to: Address, payload: Uint8Array): void {
    this.log.push({ at: this.now, kind: "datagram", endpoint, to, payload });
  }
  dial(endpoint: EndpointId, address: Address, port: number): void {
    this.log.push({ at: this.now, kind: "dial", endpoint, address, port });
  }
  write(stream: StreamId, payload: Uint8Array): boolean {
    this.log.push({ at: this.now, kind: "write", stream, payload });
    return !this.full.has(stream);
  }
  close(stream: StreamId, reason: string): void {
    this.log.push({ at: this.now, kind: "close", stream, reason });
  }
}

export interface LoneOptions {
  readonly profile: Profile;
  readonly nodeId?: NodeId;
  readonly seqno?: number;
  readonly seed?: number;
  readonly readOnly?: boolean;
  readonly now?: number;
  readonly endpoints?: readonly EndpointConfig[];
  /** Called besides the notes that are taken. */
  readonly onPublishing?: (seqno: number) => void;
  readonly onNodeChanged?: DncpEvents["nodeChanged"];
}

/** What a machine told its application. */
export interface Told {
  readonly nodes: { after?: NodeView; before?: NodeView }[];
  readonly publishing: number[];
  readonly ids: NodeId[];
  readonly peers: { peer: PeerView; kind: "added" | "dropped"; why: string }[];
  readonly noRoom: NodeId[];
}

export function listener(told: Told): DncpEvents {
  return {
    nodeChanged: (change) => void told.nodes.push(change),
    publishing: (seqno) => void told.publishing.push(seqno),
    nodeIdChanged: (id) => void told.ids.push(id),
    peerChanged: (peer, kind, why) => void told.peers.push({ peer, kind, why }),
    noRoom: (id) => void told.noRoom.push(id),
  };
}

/** One machine, alone. The test plays everybody else. */
export class Lone {
  readonly machine: Dncp;
  readonly notes = new Notes();
  readonly told: Told = { nodes: [], publishing: [], ids: [], peers: [], noRoom: [] };
  readonly profile: Profile;
  readonly encode: TlvEncoder;
  readonly readOnly: boolean;
  wakes = 0;

  constructor(options: LoneOptions) {
    const { profile, seed = 1, now = 0, readOnly = false } = options;
    this.profile = profile;
    this.readOnly = readOnly;
    this.encode = new TlvEncoder(profile);
    this.notes.now = now;
    this.machine = new Dncp({
      profile,
      nodeId: options.nodeId ?? "01".repeat(profile.nodeIdBytes),
      seqno: options.seqno ?? 0,
      random: new Random(seed),
      transport: this.notes,
      events: {
        ...listener(this.told),
        publishing: (seqno) => {
          this.told.publishing.push(seqno);
          options.onPublishing?.(seqno);
        },
      },
      now,
      readOnly,
    });
    for (const endpoint of options.endpoints ?? []) this.machine.addEndpoint(now, endpoint);
  }

  get now(): number {
    return this.notes.now;
  }

  /** Let time pass, waking the machine whenever it asks for it, and not otherwise. */
  advance(ms: number): this {
    const end = this.now + ms;
    let idle = 0;
    for (let next = this.machine.nextWake(); next <= end; next = this.machine.nextWake()) {
      idle = next > this.now ? 0 : idle + 1;
      if (idle > MAX_IDLE_WAKES) throw new Error(`the machine asks for a wake at ${next} for ever`);
      this.notes.now = Math.max(this.now, next);
      this.machine.wake(this.now);
      this.wakes++;
    }
    this.notes.now = end;
    return this;
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    const log = this.notes.log;
    this.notes.log = [];
    return log;
  }

  /** The fields of all TLVs of what was sent. */
  fields(sent: Sent): Fields[] {
    return "payload" in sent ? fieldsOf(this.profile, sent.payload) : [];
  }

  /** A datagram for this machine alone. */
  datagram(endpoint: EndpointId, from: Address, ...tlvs: Uint8Array[]): this {
    this.machine.receiveDatagram(this.now, endpoint, from, concat(tlvs));
    return this;
  }

  multicast(endpoint: EndpointId, from: Address, ...tlvs: Uint8Array[]): this {
    this.machine.receiveMulticast(this.now, endpoint, from, concat(tlvs));
    return this;
  }

  stream(stream: StreamId, ...tlvs: Uint8Array[]): this {
    this.machine.receiveStream(this.now, stream, concat(tlvs));
    return this;
  }

  open(endpoint: EndpointId, stream: StreamId, address: Address, dialled = false): this {
    this.machine.streamOpened(this.now, { endpoint, stream, address, dialled });
    return this;
  }

  /** A Node State TLV whose hash fits. */
  nodeState(id: NodeId, seqno: number, data: Uint8Array, options: { age?: number } = {}) {
    return this.encode.nodeState(id, seqno, options.age ?? 0, this.hash(data), data);
  }

  hash(data: Uint8Array): Uint8Array {
    return hashOfData(this.profile, data);
  }

  get networkHash(): string {
    return toHex(this.machine.networkHash(this.now));
  }

  get nodeIds(): NodeId[] {
    return [...this.machine.nodes()].map(({ id }) => id);
  }
}

export function fieldsOf(profile: Profile, payload: Uint8Array): Fields[] {
  return decodeTlvs(profile, payload).tlvs.flatMap(({ fields }) => fields ? [fields] : []);
}

export function hashOfData(profile: Profile, data: Uint8Array): Uint8Array {
  return profile.hash(data).slice(0, profile.hashBytes);
}

/** The network state hash as RFC 7787 §4.1 writes it down, or its tree form of `docs/wire.md`. */
export function slowNetworkHash(
  profile: Profile,
  nodes: Iterable<{ id: NodeId; seqno: number; hash: Uint8Array }>,
): string {
  const H = (...parts: Uint8Array[]) => profile.hash(concat(parts)).slice(0, profile.hashBytes);
  const sorted = [...nodes].sort((a, b) => a.id < b.id ? -1 : 1);
  const u32 = (value: number) => Uint8Array.fromHex(value.toString(16).padStart(8, "0"));
  if (profile.networkHash === "flat") {
    return toHex(H(...sorted.flatMap(({ seqno, hash }) => [u32(seqno), hash])));
  }
  const level = (digits: number, prefix: string): Uint8Array | undefined => {
    const under = sorted.filter(({ id }) => id.startsWith(prefix));
    if (under.length === 0) return undefined;
    if (digits === 2) {
      return H(...under.flatMap((n) => [Uint8Array.fromHex(n.id), u32(n.seqno), n.hash]));
    }
    const parts: Uint8Array[] = [];
    for (let i = 0; i < 16; i++) {
      const child = level(digits + 1, prefix + i.toString(16));
      if (child) parts.push(Uint8Array.of(i), child);
    }
    return H(...parts);
  };
  return toHex(level(0, "") ?? H());
}

/** The other end of a stream. */
interface Far {
  readonly member: Member;
  readonly stream: StreamId;
}

/** A machine of a {@linkcode Net}, and its transport. */
export class Member implements DncpTransport {
  readonly name: string;
  readonly machine: Dncp;
  readonly told: Told = { nodes: [], publishing: [], ids: [], peers: [], noRoom: [] };
  /** Endpoint id → link. */
  readonly links = new Map<EndpointId, string>();
  readonly streams = new Map<StreamId, Far>();
  dials = 0;
  /** Takes and gives nothing, and its streams do not notice. */
  cut = false;
  dead = false;
  readonly #net: Net;

  constructor(net: Net, name: string, options: LoneOptions) {
    this.#net = net;
    this.name = name;
    this.machine = new Dncp({
      profile: options.profile,
      nodeId: options.nodeId ?? "01".repeat(options.profile.nodeIdBytes),
      seqno: options.seqno ?? 0,
      random: new Random(options.seed ?? 1),
      transport: this,
      events: {
        ...listener(this.told),
        nodeChanged: (change) => {
          this.told.nodes.push(change);
          options.onNodeChanged?.(change);
        },
      },
      now: net.now,
      readOnly: options.readOnly ?? false,
    });
  }

  get id(): NodeId {
    return this.machine.nodeId;
  }

  /** Ids of the peers by this machine's own account. */
  get peers(): NodeId[] {
    return this.machine.peers().map(({ node }) => node).sort();
  }

  join(link: string, config: EndpointConfig): this {
    this.links.set(config.id, link);
    this.machine.addEndpoint(this.#net.now, config);
    return this;
  }

  multicast(endpoint: EndpointId, payload: Uint8Array): void {
    this.#net.multicasts++;
    for (const other of this.#net.members) {
      if (other === this) continue;
      for (const [id, link] of other.links) {
        if (link !== this.links.get(endpoint)) continue;
        this.#net.between(this, other, (now) => {
          other.machine.receiveMulticast(now, id, this.name, payload);
        });
      }
    }
  }

  datagram(endpoint: EndpointId, to: Address, payload: Uint8Array): void {
    const other = this.#net.member(to);
    for (const [id, link] of other?.links ?? []) {
      if (!other || link !== this.links.get(endpoint)) continue;
      this.#net.between(this, other, (now) => {
        other.machine.receiveDatagram(now, id, this.name, payload);
      });
    }
  }

  dial(endpoint: EndpointId, address: Address, _port: number): void {
    this.dials++;
    const net = this.#net;
    net.at(net.now + net.latency, (now) => {
      const other = net.member(address);
      const link = this.links.get(endpoint);
      const there = [...other?.links ?? []].find(([, name]) => name === link)?.[0];
      if (!other || there === undefined || other.cut || other.dead || this.cut) {
        this.machine.dialFailed(now, endpoint, address, "no answer");
        return;
      }
      const here = net.nextStream++;
      const far = net.nextStream++;
      this.streams.set(here, { member: other, stream: far });
      other.streams.set(far, { member: this, stream: here });
      this.machine.streamOpened(now, { endpoint, stream: here, address, dialled: true });
      other.machine.streamOpened(now, {
        endpoint: there,
        stream: far,
        address: this.name,
        dialled: false,
      });
    });
  }

  write(stream: StreamId, payload: Uint8Array): boolean {
    const far = this.streams.get(stream);
    if (far) {
      this.#net.streamBytes += payload.length;
      this.#net.between(this, far.member, (now) => {
        if (far.member.streams.has(far.stream)) {
          far.member.machine.receiveStream(now, far.stream, payload);
        }
      });
    }
    return true;
  }

  close(stream: StreamId, reason: string): void {
    const far = this.streams.get(stream);
    this.streams.delete(stream);
    if (!far) return;
    this.#net.between(this, far.member, (now) => {
      if (far.member.streams.delete(far.stream)) {
        far.member.machine.streamClosed(now, far.stream, reason);
      }
    });
  }
}

/** Toy links: everything arrives after the same time, or not at all. */
export class Net {
  readonly members: Member[] = [];
  readonly latency: number;
  now = 0;
  nextStream = 1;
  multicasts = 0;
  streamBytes = 0;
  readonly #queue: { at: number; fire: (now: number) => void }[] = [];

  constructor(latency = 1) {
    this.latency = latency;
  }

  add(name: string, options: LoneOptions): Member {
    const member = new Member(this, name, options);
    this.members.push(member);
    return member;
  }

  member(name: string): Member | undefined {
    return this.members.find((member) => member.name === name);
  }

  at(time: number, fire: (now: number) => void): void {
    let i = this.#queue.length;
    while (i > 0 && (this.#queue[i - 1]?.at ?? 0) > time) i--;
    this.#queue.splice(i, 0, { at: time, fire });
  }

  /** Something travels from one member to another. */
  between(from: Member, to: Member, fire: (now: number) => void): void {
    if (from.cut || from.dead) return;
    this.at(this.now + this.latency, (now) => {
      if (!to.cut && !to.dead && !from.cut) fire(now);
    });
  }

  /** The power of a member fails. `notice`: its streams break for the others at once. */
  kill(member: Member, notice = true): void {
    member.dead = true;
    for (const far of notice ? member.streams.values() : []) {
      this.at(this.now + this.latency, (now) => {
        if (far.member.streams.delete(far.stream)) {
          far.member.machine.streamClosed(now, far.stream, "reset");
        }
      });
    }
    this.members.splice(this.members.indexOf(member), 1);
  }

  run(ms: number): this {
    const end = this.now + ms;
    let idle = 0;
    for (;;) {
      let next = this.#queue[0]?.at ?? Infinity;
      for (const { machine } of this.members) next = Math.min(next, machine.nextWake());
      if (next > end) break;
      idle = next > this.now ? 0 : idle + 1;
      if (idle > 100 * MAX_IDLE_WAKES) throw new Error("time stands still");
      this.now = Math.max(this.now, next);
      while ((this.#queue[0]?.at ?? Infinity) <= this.now) this.#queue.shift()?.fire(this.now);
      for (const { machine } of this.members) {
        if (machine.nextWake() <= this.now) machine.wake(this.now);
      }
    }
    this.now = end;
    return this;
  }

  /** Until `done`, looked at every `step` ms; how long it took, or `undefined` beyond `limit`. */
  until(done: () => boolean, limit: number, step = 10): number | undefined {
    const start = this.now;
    while (this.now - start < limit) {
      this.run(step);
      if (done()) return this.now - start;
    }
    return undefined;
  }

  /** Whether all members see exactly each other, with one hash. */
  get converged(): boolean {
    const hashes = new Set(this.members.map(({ machine }) => toHex(machine.networkHash(this.now))));
    return hashes.size === 1 &&
      this.members.every(({ machine }) => [...machine.nodes()].length === this.members.length);
  }
}

/** An endpoint of native's kind on a shared link. */
export const sharedLink = (id = 1): EndpointConfig => ({
  id,
  name: `eth${id}`,
  mode: "multicast+stream",
  streamPort: 8331,
});

/** An endpoint for addresses given by people. */
export const dialled = (id = 1): EndpointConfig => ({ id, name: "connect", mode: "stream" });

/** An endpoint of HNCP's kind. */
export const datagrams = (id = 1): EndpointConfig => ({
  id,
  name: `eth${id}`,
  mode: "multicast+datagram",
});
