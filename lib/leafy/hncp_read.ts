/**
 * Reading once in networks of profile `hncp` (`spec/dncp.md` §16.2): ask a first hop by unicast for its list
 * of nodes, then for the data of each, and be done when all of it fits the hash of that list: the
 * state of one moment of the first hop. The reader is no node: it sends no Node Endpoint and leaves
 * no trace. Datagrams in, datagrams out.
 *
 * @module
 */
import type { Machine } from "../core/mod.ts";
import {
  createNetworkHash,
  decodeTlvs,
  hncpProfile,
  isOlder,
  type NodeId,
  type NodeState,
  TlvEncoder,
  TlvType,
} from "../dncp/mod.ts";
import { concat, equalBytes, toHex } from "../wire/bytes.ts";

/** The first repetition comes after this, each further one after twice as long, in ms. */
const FIRST_PAUSE = 200;
/** Questions without any answer until the first hop counts as gone. */
const MOST_TRIES = 5;
/** Questions for node data in one datagram. */
const ASKED_AT_ONCE = 100;
/** How much a first hop can make us hold, in bytes of node data. */
const MAX_BYTES = 16 * 1024 * 1024;

const profile = hncpProfile;

/** How a reader ended. */
export interface HncpReadResult {
  /** Node data of every node that the first hop reaches, itself included. */
  readonly nodes: ReadonlyMap<NodeId, { readonly seqno: number; readonly data: Uint8Array }>;
  /** The first hop's own id, where it told it. */
  readonly firstHop: NodeId | undefined;
}

interface Listed {
  readonly seqno: number;
  readonly hash: string;
}

/** Reads the state of a network once. Times are monotonic milliseconds. */
export class HncpReader implements Machine {
  readonly #send: (datagram: Uint8Array) => void;
  readonly #encode = new TlvEncoder(profile);
  readonly #data = new Map<NodeId, { seqno: number; hash: string; data: Uint8Array }>();
  #list = new Map<NodeId, Listed>();
  #networkHash: string | undefined;
  #whole = false;
  #firstHop: NodeId | undefined;
  #askAt: number;
  #pause = FIRST_PAUSE;
  #tries = 0;
  #bytes = 0;
  #result: HncpReadResult | undefined;
  #failed = false;

  /** `send`: one datagram to the first hop. The first goes out at the first wake. */
  constructor(now: number, send: (datagram: Uint8Array) => void) {
    this.#send = send;
    this.#askAt = now;
  }

  /** What was read, once it is whole. */
  get result(): HncpReadResult | undefined {
    return this.#result;
  }

  /** The first hop does not answer (any more). */
  get failed(): boolean {
    return this.#failed;
  }

  /** Whether it has answered at all. */
  get answered(): boolean {
    return this.#networkHash !== undefined;
  }

  nextWake(): number {
    return this.#result || this.#failed ? Infinity : this.#askAt;
  }

  wake(now: number): void {
    if (now < this.nextWake()) return;
    if (this.#tries >= MOST_TRIES) {
      this.#failed = true;
      return;
    }
    this.#tries++;
    this.#askAt = now + this.#pause;
    this.#pause *= 2;
    this.#ask();
  }

  /** A datagram of the first hop. Any bytes. */
  receive(now: number, datagram: Uint8Array): void {
    if (this.#result || this.#failed) return;
    let progress = false;
    for (const { fields } of decodeTlvs(profile, datagram).tlvs) {
      if (fields?.type === TlvType.NodeEndpoint) this.#firstHop ??= fields.nodeId;
      else if (fields?.type === TlvType.NetworkState) {
        progress = this.#heardHash(toHex(fields.hash)) || progress;
      } else if (fields?.type === TlvType.NodeState) {
        progress = (fields.data.length > 0 ? this.#heardData(fields) : this.#heardOf(fields)) ||
          progress;
      }
    }
    if (!progress) return;
    const wasWhole = this.#whole;
    this.#whole = this.#isWhole();
    if (this.#whole && this.#missing().length === 0) {
      const listed = [...this.#data].filter(([id]) => this.#list.has(id));
      this.#result = { nodes: new Map(listed), firstHop: this.#firstHop };
      return;
    }
    this.#tries = 0;
    this.#pause = FIRST_PAUSE;
    this.#askAt = now + FIRST_PAUSE;
    if (this.#whole !== wasWhole) this.#ask();
  }

  /** A different hash: another moment, so another list. */
  #heardHash(hash: string): boolean {
    if (hash === this.#networkHash) return false;
    if (this.#networkHash !== undefined) this.#list = new Map();
    this.#networkHash = hash;
    return true;
  }

  #heardOf({ nodeId, seqno, hash }: NodeState): boolean {
    const known = this.#list.get(nodeId);
    const entry = { seqno, hash: toHex(hash) };
    if (known?.seqno === seqno && known.hash === entry.hash) return false;
    if (!known && this.#list.size >= profile.maxNodes) return false;
    this.#list.set(nodeId, entry);
    return true;
  }

  #heardData({ nodeId, seqno, hash, data }: NodeState): boolean {
    const fits = equalBytes(profile.hash(data).subarray(0, profile.hashBytes), hash);
    const known = this.#data.get(nodeId);
    const news = !known || known.hash !== toHex(hash) || isOlder(known.seqno, seqno);
    if (!fits || !news || (known && isOlder(seqno, known.seqno))) return false;
    this.#bytes += data.length - (known?.data.length ?? 0);
    if (this.#bytes > MAX_BYTES) {
      this.#failed = true;
      return false;
    }
    this.#data.set(nodeId, { seqno, hash: toHex(hash), data: data.slice() });
    const listed = this.#list.get(nodeId);
    // Newer than the list: that moment is over, so ask for the list of now.
    if (listed && isOlder(listed.seqno, seqno)) {
      this.#list = new Map();
      this.#networkHash = undefined;
    }
    return true;
  }

  #isWhole(): boolean {
    if (this.#networkHash === undefined) return false;
    const hash = createNetworkHash(profile);
    for (const [id, { seqno, hash: own }] of this.#list) {
      hash.set(id, seqno, Uint8Array.fromHex(own));
    }
    return toHex(hash.digest()) === this.#networkHash;
  }

  /** Nodes of the list whose data are not here. A node with the same data under a later number is. */
  #missing(): NodeId[] {
    return [...this.#list].filter(([id, { hash }]) =>
      this.#data.get(id)?.hash !== hash && hash !== EMPTY_HASH
    ).map(([id]) => id);
  }

  #ask(): void {
    if (!this.#whole) {
      this.#send(this.#encode.requestNetworkState());
      return;
    }
    const missing = this.#missing();
    for (let i = 0; i < missing.length; i += ASKED_AT_ONCE) {
      const ids = missing.slice(i, i + ASKED_AT_ONCE);
      this.#send(concat(ids.map((id) => this.#encode.requestNodeState(id))));
    }
  }
}

const EMPTY_HASH = toHex(profile.hash(new Uint8Array(0)).subarray(0, profile.hashBytes));
