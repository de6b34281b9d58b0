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

/** Children of the root, and of each of them: one for each value of a hexadecimal digit. */
const FAN = 16;

/**
 * A tree of three levels over the first byte of the (random) node ids: 256 buckets of leaves, 16
 * groups of buckets, one root. One changed node of 10 000 costs about 1.6 KB of hashing. A leaf is
 * id || be32(seqno) || hash: with the id inside, two nodes that publish the same are still told
 * apart. An inner node is H over (position || hash) of its non-empty children.
 */
class TreeNetworkHash implements NetworkHash {
  readonly #hash: CHash;
  readonly #hashBytes: number;
  readonly #groups = new Map<number, LeafGroup>();
  readonly #dirty = new Set<number>();
  /** Hashes of the buckets by the first byte of their ids, and of the groups. */
  readonly #bucketHashes: Uint8Array;
  readonly #groupHashes: Uint8Array;
  /** Where what an inner node is the hash of is put together. */
  readonly #line: Uint8Array;
  #digest: Uint8Array | undefined;

  constructor(hash: CHash, hashBytes: number) {
    this.#hash = hash;
    this.#hashBytes = hashBytes;
    this.#bucketHashes = new Uint8Array(FAN * FAN * hashBytes);
    this.#groupHashes = new Uint8Array(FAN * hashBytes);
    this.#line = new Uint8Array(FAN * (1 + hashBytes));
  }

  set(id: NodeId, seqno: number, hash: Uint8Array): void {
    const key = fromHex(id);
    this.#group(key).put(key, seqno, hash);
  }

  delete(id: NodeId): void {
    const key = fromHex(id);
    this.#group(key).remove(key);
  }

  digest(): Uint8Array {
    if (this.#digest) return this.#digest;
    let dirtyGroups = 0;
    for (const index of this.#dirty) {
      const leaves = (this.#groups.get(index >> 4) as LeafGroup).bucket(index & 15);
      if (leaves.length > 0) {
        this.#bucketHashes.set(this.#over(leaves), index * this.#hashBytes);
      }
      dirtyGroups |= 1 << (index >> 4);
    }
    this.#dirty.clear();
    for (const [position, group] of this.#groups) {
      if ((dirtyGroups & (1 << position)) === 0 || group.count === 0) continue;
      const size = FAN * this.#hashBytes;
      const hashes = this.#bucketHashes.subarray(position * size, (position + 1) * size);
      const hash = this.#overChildren(hashes, (i) => group.bucket(i).length > 0);
      this.#groupHashes.set(hash, position * this.#hashBytes);
    }
    const filled = (i: number) => (this.#groups.get(i)?.count ?? 0) > 0;
    return this.#digest = this.#overChildren(this.#groupHashes, filled);
  }

  /** The group of a node that is about to change. */
  #group(key: Uint8Array): LeafGroup {
    const first = key[0] as number;
    this.#dirty.add(first);
    this.#digest = undefined;
    let group = this.#groups.get(first >> 4);
    if (!group) {
      group = new LeafGroup(key.length, key.length + 4 + this.#hashBytes);
      this.#groups.set(first >> 4, group);
    }
    return group;
  }

  #overChildren(hashes: Uint8Array, filled: (position: number) => boolean): Uint8Array {
    const size = this.#hashBytes;
    const line = this.#line;
    let length = 0;
    for (let position = 0; position < FAN; position++) {
      if (!filled(position)) continue;
      line[length++] = position;
      for (let i = 0; i < size; i++) line[length + i] = hashes[position * size + i] as number;
      length += size;
    }
    return this.#over(line.subarray(0, length));
  }

  #over(bytes: Uint8Array): Uint8Array {
    return this.#hash.create().update(bytes).digest().slice(0, this.#hashBytes);
  }
}

/**
 * The leaves of the nodes whose ids begin with one digit, ascending and one behind the other in one
 * buffer: a leaf costs its bytes and no object.
 */
class LeafGroup {
  readonly #keyBytes: number;
  readonly #leafBytes: number;
  #leaves: Uint8Array;
  /** `#ends[i]`: leaves before the end of bucket `i`, which is that of the second digit. */
  readonly #ends = new Uint32Array(FAN);

  constructor(keyBytes: number, leafBytes: number) {
    this.#keyBytes = keyBytes;
    this.#leafBytes = leafBytes;
    this.#leaves = new Uint8Array(4 * leafBytes);
  }

  get count(): number {
    return this.#ends[FAN - 1] as number;
  }

  /** The leaves of a bucket, one behind the other: a view. */
  bucket(index: number): Uint8Array {
    return this.#leaves.subarray(
      this.#start(index) * this.#leafBytes,
      (this.#ends[index] as number) * this.#leafBytes,
    );
  }

  /** The leaf that begins with `key` is this one now. */
  put(key: Uint8Array, seqno: number, hash: Uint8Array): void {
    const { index, found } = this.#locate(key);
    const at = index * this.#leafBytes;
    if (!found) {
      const used = this.count * this.#leafBytes;
      if (used + this.#leafBytes > this.#leaves.length) {
        const larger = new Uint8Array(Math.ceil(this.count * 1.5) * this.#leafBytes);
        larger.set(this.#leaves);
        this.#leaves = larger;
      }
      this.#leaves.copyWithin(at + this.#leafBytes, at, used);
      this.#leaves.set(key, at);
      this.#shift(key, 1);
    }
    writeU32(this.#leaves, at + this.#keyBytes, seqno);
    const start = this.#keyBytes + 4;
    for (let i = start; i < this.#leafBytes; i++) {
      this.#leaves[at + i] = hash[i - start] as number;
    }
  }

  remove(key: Uint8Array): void {
    const { index, found } = this.#locate(key);
    if (!found) return;
    const at = index * this.#leafBytes;
    this.#leaves.copyWithin(at, at + this.#leafBytes, this.count * this.#leafBytes);
    this.#shift(key, -1);
  }

  #start(bucket: number): number {
    return bucket === 0 ? 0 : this.#ends[bucket - 1] as number;
  }

  #shift(key: Uint8Array, by: 1 | -1): void {
    for (let i = (key[0] as number) & 15; i < FAN; i++) {
      this.#ends[i] = (this.#ends[i] as number) + by;
    }
  }

  #locate(key: Uint8Array): { index: number; found: boolean } {
    const bucket = (key[0] as number) & 15;
    let low = this.#start(bucket);
    let high = this.#ends[bucket] as number;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, key);
      if (order === 0) return { index: middle, found: true };
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return { index: low, found: false };
  }

  /** Negative: the leaf stands before the key. */
  #compare(leaf: number, key: Uint8Array): number {
    const at = leaf * this.#leafBytes;
    for (let i = 0; i < this.#keyBytes; i++) {
      const difference = (this.#leaves[at + i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return 0;
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
