/**
 * A DNCP machine by itself, with a transport that only takes notes, under virtual time. A handful of
 * them on toy links: `toy_links.ts`.
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
export const MAX_IDLE_WAKES = 1_000;

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
