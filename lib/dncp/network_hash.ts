/**
 * The network state hash (RFC 7787 §4.1), kept up to date one node at a time.
 *
 * @module
 */
import type { CHash } from "@noble/hashes/utils.js";
import { fromHex, writeU32 } from "../wire/mod.ts";
import type { NodeId } from "./api.ts";
import type { Profile } from "./profile.ts";

/** A hash over the set of (node id, sequence number, node data hash). */
export interface NetworkHash {
  /** Add a node, or change what is known of it. */
  set(id: NodeId, seqno: number, hash: Uint8Array): void;
  delete(id: NodeId): void;
  /** The hash of what is in the set now, cut to the profile's length. Not to be modified. */
  digest(): Uint8Array;
}

/** The form that the profile asks for. */
export function createNetworkHash(profile: Profile): NetworkHash {
  return profile.networkHash === "flat"
    ? new FlatNetworkHash(profile.hash, profile.hashBytes)
    : new TreeNetworkHash(profile.hash, profile.hashBytes);
}

type Hasher = ReturnType<CHash["create"]>;

/** Leaves between two kept hash states. */
const STRIDE = 64;

/**
 * H over be32(seqno) || hash of all nodes in ascending order of node id (RFC 7787 §4.1). The leaves
 * stand in one sorted buffer, and the hash's inner state is kept every 64 leaves: a change hashes
 * again only from the last kept state before it.
 */
class FlatNetworkHash implements NetworkHash {
  readonly #hashBytes: number;
  readonly #leafBytes: number;
  readonly #ids: NodeId[] = [];
  #leaves = new Uint8Array(1024);
  /** `#states[i]` is the hash's state after `i * STRIDE` leaves. */
  readonly #states: Hasher[];
  #digest: Uint8Array | undefined;

  constructor(hash: CHash, hashBytes: number) {
    this.#hashBytes = hashBytes;
    this.#leafBytes = 4 + hashBytes;
    this.#states = [hash.create()];
  }

  set(id: NodeId, seqno: number, hash: Uint8Array): void {
    const { index, found } = locate(this.#ids, id);
    const at = index * this.#leafBytes;
    if (!found) {
      this.#reserve((this.#ids.length + 1) * this.#leafBytes);
      this.#leaves.copyWithin(at + this.#leafBytes, at, this.#ids.length * this.#leafBytes);
      this.#ids.splice(index, 0, id);
    }
    writeU32(this.#leaves, at, seqno);
    this.#leaves.set(hash.subarray(0, this.#hashBytes), at + 4);
    this.#forgetFrom(index);
  }

  delete(id: NodeId): void {
    const { index, found } = locate(this.#ids, id);
    if (!found) return;
    const at = index * this.#leafBytes;
    this.#leaves.copyWithin(at, at + this.#leafBytes, this.#ids.length * this.#leafBytes);
    this.#ids.splice(index, 1);
    this.#forgetFrom(index);
  }

  digest(): Uint8Array {
    if (this.#digest) return this.#digest;
    let done = (this.#states.length - 1) * STRIDE;
    const state = (this.#states[this.#states.length - 1] as Hasher).clone();
    while (this.#ids.length - done > STRIDE) {
      state.update(this.#slice(done, done + STRIDE));
      done += STRIDE;
      this.#states.push(state.clone());
    }
    state.update(this.#slice(done, this.#ids.length));
    return this.#digest = state.digest().slice(0, this.#hashBytes);
  }

  #slice(from: number, to: number): Uint8Array {
    return this.#leaves.subarray(from * this.#leafBytes, to * this.#leafBytes);
  }

  #forgetFrom(index: number): void {
    this.#digest = undefined;
    this.#states.length = Math.min(this.#states.length, Math.floor(index / STRIDE) + 1);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#leaves.length) return;
    const larger = new Uint8Array(Math.max(bytes, this.#leaves.length * 2));
    larger.set(this.#leaves);
    this.#leaves = larger;
  }
}

interface Leaf {
  readonly id: NodeId;
  readonly bytes: Uint8Array;
}

/** A group of the tree: up to 16 children and their common hash. */
interface Group {
  readonly children: (Uint8Array | undefined)[];
  hash: Uint8Array | undefined;
}

/**
 * A tree of three levels over the first byte of the (random) node ids: 256 buckets of leaves, 16
 * groups of buckets, one root. One changed node of 10 000 costs about 1.6 KB of hashing. A leaf is
 * id || be32(seqno) || hash: with the id inside, two nodes that publish the same are still told
 * apart. An inner node is H over (position || hash) of its non-empty children.
 */
class TreeNetworkHash implements NetworkHash {
  readonly #hash: CHash;
  readonly #hashBytes: number;
  readonly #buckets: Leaf[][] = Array.from({ length: 256 }, () => []);
  readonly #groups: Group[] = Array.from({ length: 16 }, () => ({
    children: new Array<Uint8Array | undefined>(16),
    hash: undefined,
  }));
  readonly #dirty = new Set<number>();
  #digest: Uint8Array | undefined;

  constructor(hash: CHash, hashBytes: number) {
    this.#hash = hash;
    this.#hashBytes = hashBytes;
  }

  set(id: NodeId, seqno: number, hash: Uint8Array): void {
    const key = fromHex(id);
    const bytes = new Uint8Array(key.length + 4 + this.#hashBytes);
    bytes.set(key);
    writeU32(bytes, key.length, seqno);
    bytes.set(hash.subarray(0, this.#hashBytes), key.length + 4);
    const bucket = this.#bucket(id);
    const at = bucket.findIndex((leaf) => leaf.id >= id);
    if (at < 0) bucket.push({ id, bytes });
    else bucket.splice(at, bucket[at]?.id === id ? 1 : 0, { id, bytes });
  }

  delete(id: NodeId): void {
    const bucket = this.#bucket(id);
    const at = bucket.findIndex((leaf) => leaf.id === id);
    if (at >= 0) bucket.splice(at, 1);
  }

  digest(): Uint8Array {
    if (this.#digest) return this.#digest;
    const dirtyGroups = new Set<number>();
    for (const index of this.#dirty) {
      const group = this.#groups[index >> 4] as Group;
      const leaves = this.#buckets[index] as Leaf[];
      group.children[index & 15] = leaves.length === 0
        ? undefined
        : this.#over(leaves.map((leaf) => leaf.bytes));
      dirtyGroups.add(index >> 4);
    }
    this.#dirty.clear();
    for (const index of dirtyGroups) {
      const group = this.#groups[index] as Group;
      group.hash = this.#overChildren(group.children);
    }
    const root = this.#overChildren(this.#groups.map((group) => group.hash));
    return this.#digest = root ?? this.#over([]);
  }

  /** The bucket of a node, which is about to change. */
  #bucket(id: NodeId): Leaf[] {
    const index = parseInt(id.slice(0, 2), 16);
    this.#dirty.add(index);
    this.#digest = undefined;
    return this.#buckets[index] as Leaf[];
  }

  #overChildren(children: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    children.forEach((child, position) => {
      if (child) parts.push(Uint8Array.of(position), child);
    });
    return parts.length === 0 ? undefined : this.#over(parts);
  }

  #over(parts: readonly Uint8Array[]): Uint8Array {
    const state = this.#hash.create();
    for (const part of parts) state.update(part);
    return state.digest().slice(0, this.#hashBytes);
  }
}

/** Where `id` stands, or would stand, in a sorted list. */
function locate(ids: readonly NodeId[], id: NodeId): { index: number; found: boolean } {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] as NodeId) < id) low = middle + 1;
    else high = middle;
  }
  return { index: low, found: ids[low] === id };
}
