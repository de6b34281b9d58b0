/**
 * The node's side of publishing with a TTL in networks of profile `hncp` (`spec/dncp.md` §16.4): what a leaf
 * hands over is published as this node's own, without TTL, id or wrapper, until its time is over.
 * Key-value pairs become entries of the own dictionary; other TLVs are published as they are.
 *
 * @module
 */
import { AgentError, type Machine } from "../core/mod.ts";
import { isOlder, sortTlvs, TlvType } from "../dncp/mod.ts";
import {
  decodeShspPair,
  entryOf,
  openShspContainer,
  type OwnDictionary,
  SHSP_KEYED,
  SHSP_PAIR,
  StateRefusal,
  timestamp,
  type Write,
  type Writes,
} from "../state/mod.ts";
import { concat, equalBytes, fromHex, toHex } from "../wire/bytes.ts";
import { type RawTlv, TlvFormat } from "../wire/tlv.ts";
import type { GuestBook, HandedGuest } from "./guest_book.ts";
import {
  encodeHncpAck,
  findHncpPublish,
  type HncpLeafPublish,
  LEAF_PUBLISH,
  LEAF_PUBLISH_ACK,
} from "./hncp_messages.ts";
import { AckStatus, STATUS_OF_REFUSAL } from "./messages.ts";

const format = TlvFormat.rfc7787;
/** For the TLVs of one leaf, in bytes. */
const MAX_LEAF = 1_024;
/** For the TLVs of all leaves that are no key-value pairs, in bytes: part of what node data may have. */
export const HNCP_GUEST_TLV_ROOM = 256;
const LONGEST_TTL = 3_600_000;
const SHORTEST_TTL = 1_000;

/** What a {@linkcode LeafProxy} stands on. */
export interface LeafProxyOptions {
  readonly own: OwnDictionary;
  /** The key of the network, where it has one. */
  readonly shspKey: Uint8Array | undefined;
  /** {@linkcode LeafProxy.tlvs} are others now. */
  readonly onChanged: () => void;
}

interface Leaf {
  readonly seqno: number;
  readonly content: Uint8Array;
  /** What is no key-value pair, encoded. */
  readonly others: readonly Uint8Array[];
  until: number;
}

/** What a leaf wants published, sorted by kind. */
interface Content {
  readonly pairs: Writes;
  readonly others: readonly Uint8Array[];
}

/** Publishes for the leaves of one network. Times are monotonic milliseconds. */
export class LeafProxy implements Machine, GuestBook {
  readonly #options: LeafProxyOptions;
  readonly #leaves = new Map<string, Leaf>();
  #tlvs: readonly Uint8Array[] = [];

  constructor(options: LeafProxyOptions) {
    this.#options = options;
  }

  /** TLVs of the leaves that are no key-value pairs. The same array until it changes. */
  get tlvs(): readonly Uint8Array[] {
    return this.#tlvs;
  }

  handOver(): HandedGuest[] {
    return Array.from(
      this.#leaves,
      ([id, { seqno, content }]) => ({ id, sequence: seqno, content: toHex(content) }),
    );
  }

  inherit(guests: Iterable<HandedGuest>): void {
    for (const { id, sequence: seqno, content: hex } of guests) {
      const until = this.#options.own.guestUntil(id);
      const content = fromHex(hex);
      const parts = contentOf(content, this.#options.shspKey);
      if (until === undefined || !parts) continue;
      const { others } = parts;
      if (lengthOf(this.#othersBut(id)) + lengthOf(others) > HNCP_GUEST_TLV_ROOM) continue;
      this.#leaves.set(id, { seqno, content, others, until });
    }
    this.#refreshTlvs();
  }

  /** A datagram for this node alone; the Ack where it carries a Leaf Publish. `wall`: ms since 1970. */
  receive(now: number, wall: number, datagram: Uint8Array): Uint8Array | undefined {
    const publish = findHncpPublish(datagram);
    return publish && this.#handle(now, wall, publish);
  }

  /** The Ack inside a reply: in front of the network state, behind the Node Endpoint (§16.4). */
  static insert(reply: Uint8Array, ack: Uint8Array): Uint8Array {
    const [first] = format.decode(reply).tlvs;
    const at = first?.type === TlvType.NodeEndpoint ? first.encoded.length : 0;
    return concat([reply.subarray(0, at), ack, reply.subarray(at)]);
  }

  nextWake(): number {
    let earliest = Infinity;
    for (const { until } of this.#leaves.values()) earliest = Math.min(earliest, until);
    return earliest;
  }

  wake(now: number): void {
    for (const [id, leaf] of this.#leaves) if (leaf.until <= now) this.#drop(id);
    this.#refreshTlvs();
  }

  #handle(now: number, wall: number, publish: HncpLeafPublish): Uint8Array {
    this.wake(now);
    const { leafId, seqno, ttlMs, content } = publish;
    const ack = (status: AckStatus, grantedMs = 0, number = seqno) =>
      encodeHncpAck({ leafId, seqno: number, grantedMs, status });
    const known = this.#leaves.get(leafId);
    const olds = known && isOlder(seqno, known.seqno) && !isOlder(known.seqno, seqno);
    if (olds) return ack(AckStatus.Stale, 0, known.seqno);
    if (ttlMs === 0) {
      this.#drop(leafId);
      this.#refreshTlvs();
      return ack(AckStatus.Published);
    }
    const granted = Math.min(Math.max(ttlMs, SHORTEST_TTL), LONGEST_TTL);
    if (known?.seqno === seqno) {
      if (!equalBytes(known.content, content)) return ack(AckStatus.Stale, 0, known.seqno);
      known.until = now + granted;
      this.#options.own.refreshGuest(now, leafId, granted);
      return ack(AckStatus.Published, granted);
    }
    const status = this.#take(now, wall, publish, granted);
    return status === AckStatus.Published ? ack(status, granted) : ack(status);
  }

  #take(now: number, wall: number, publish: HncpLeafPublish, granted: number): AckStatus {
    const { leafId, seqno, content } = publish;
    if (content.length > MAX_LEAF) return AckStatus.TooLarge;
    const parts = contentOf(content, this.#options.shspKey);
    if (!parts) return AckStatus.NotAllowed;
    const room = HNCP_GUEST_TLV_ROOM - lengthOf(this.#othersBut(leafId));
    if (lengthOf(parts.others) > room) return AckStatus.TooLarge;
    try {
      this.#options.own.putGuest(now, wall, leafId, parts.pairs, granted);
    } catch (error) {
      if (error instanceof StateRefusal) return STATUS_OF_REFUSAL[error.reason];
      if (error instanceof AgentError) return AckStatus.NotAllowed;
      throw error;
    }
    this.#leaves.set(leafId, {
      seqno,
      // Copies: what was received is a view into a buffer of the transport.
      content: content.slice(),
      others: parts.others.map((tlv) => tlv.slice()),
      until: now + granted,
    });
    this.#refreshTlvs();
    return AckStatus.Published;
  }

  #drop(leafId: string): void {
    this.#options.own.dropGuest(leafId);
    this.#leaves.delete(leafId);
  }

  #othersBut(leafId: string): Uint8Array[] {
    return [...this.#leaves].flatMap(([id, { others }]) => id === leafId ? [] : others);
  }

  #refreshTlvs(): void {
    const tlvs = sortTlvs([...this.#leaves.values()].flatMap(({ others }) => others));
    const same = tlvs.length === this.#tlvs.length &&
      tlvs.every((tlv, i) => equalBytes(tlv, this.#tlvs[i] as Uint8Array));
    if (same) return;
    this.#tlvs = tlvs;
    this.#options.onChanged();
  }
}

/** What is to be published, where all of it may be (§16.4 rule 1). */
function contentOf(content: Uint8Array, shspKey: Uint8Array | undefined): Content | undefined {
  const { tlvs, error, warnings } = format.decode(content);
  // Odd padding would end every pysyma in the network.
  if (error !== null || warnings.length > 0) return undefined;
  const pairs: Write[] = [];
  const others: Uint8Array[] = [];
  for (const tlv of tlvs) {
    if (tlv.type === SHSP_PAIR || tlv.type === SHSP_KEYED) {
      const found = pairsOf(tlv, shspKey);
      if (!found) return undefined;
      pairs.push(...found);
    } else if (isAllowed(tlv.type)) others.push(tlv.encoded);
    else return undefined;
  }
  return { pairs, others };
}

/** With a network key only right containers count, without one only plain pairs. */
function pairsOf(tlv: RawTlv, shspKey: Uint8Array | undefined): Write[] | undefined {
  if (tlv.type === SHSP_PAIR) {
    const write = shspKey ? undefined : writeOf(tlv);
    return write && [write];
  }
  const body = shspKey && openShspContainer(shspKey, tlv.value);
  if (!body) return undefined;
  const { tlvs, error, warnings } = format.decode(body);
  if (error !== null || warnings.length > 0) return undefined;
  const writes: Write[] = [];
  for (const inner of tlvs) {
    const write = inner.type === SHSP_PAIR ? writeOf(inner) : undefined;
    if (!write) return undefined;
    writes.push(write);
  }
  return writes;
}

function writeOf({ value }: RawTlv): Write | undefined {
  const { pair } = decodeShspPair(value);
  const entry = pair && entryOf(pair.key, timestamp(pair.ts * 1_000), pair.value);
  return entry && [entry.key, entry.value, entry.at];
}

/** A leaf must not forge peers, keep-alives, verdicts, versions, or words between leaves and proxies. */
function isAllowed(type: number): boolean {
  if (type === LEAF_PUBLISH || type === LEAF_PUBLISH_ACK) return false;
  return type >= 33 && type <= 511 || type >= 768 && type <= 1_023;
}

function lengthOf(tlvs: readonly Uint8Array[]): number {
  return tlvs.reduce((sum, tlv) => sum + tlv.length, 0);
}
