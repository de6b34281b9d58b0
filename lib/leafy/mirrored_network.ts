/**
 * The network as a mirror's first hop tells it: of each node the sequence number and the hash of its
 * data, no data (`spec/dncp.md` §16.3).
 *
 * @module
 */
import type { NodeId } from "../dncp/api.ts";
import { createNetworkHash, isOlder, type NetworkHash, type Profile } from "../dncp/mod.ts";
import { equalBytes } from "../wire/bytes.ts";

/** What is known of a node. */
export interface Listed {
  readonly seqno: number;
  readonly hash: Uint8Array;
}

/** Whether `fresh` replaces `known` (RFC 7787 §4.4). */
export function isNews(known: Listed, fresh: Listed): boolean {
  if (fresh.seqno === known.seqno) return !equalBytes(known.hash, fresh.hash);
  return isOlder(known.seqno, fresh.seqno);
}

/** All nodes, with the own entry as the mirror published it, and the hash over them. */
export class MirroredNetwork {
  readonly #profile: Profile;
  #own: { readonly id: NodeId; readonly state: Listed } | undefined;
  #others = new Map<NodeId, Listed>();
  #hash: NetworkHash;
  /** What the first hop listed since its last Network State, and the hash over that alone. */
  #listing = new Map<NodeId, Listed>();
  #listingHash: NetworkHash;
  #theirs: Uint8Array | undefined;

  constructor(profile: Profile) {
    this.#profile = profile;
    this.#hash = createNetworkHash(profile);
    this.#listingHash = createNetworkHash(profile);
  }

  /** Forget all but the own entry: another first hop begins to tell. */
  reset(): void {
    this.#theirs = undefined;
    this.#newListing();
    this.#replaceOthers(new Map());
  }

  /** The own entry from now on; without `state` there is none. */
  setOwn(id: NodeId, state?: Listed): void {
    if (this.#own) this.#hash.delete(this.#own.id);
    this.#own = state && { id, state };
    if (state) this.#hash.set(id, state.seqno, state.hash);
  }

  /** The first hop's Network State; what it lists from now on belongs to this. */
  tell(hash: Uint8Array): void {
    this.#theirs = hash.slice();
    this.#newListing();
  }

  /** A Node State from the first hop. Beyond the profile's limit nodes are not taken. */
  learn(id: NodeId, state: Listed): void {
    const listed = { seqno: state.seqno, hash: state.hash.slice() };
    if (this.#listing.size < this.#profile.maxNodes) {
      this.#listing.set(id, listed);
      this.#listingHash.set(id, listed.seqno, listed.hash);
    }
    const known = this.#others.get(id);
    if (id === this.#own?.id || (known !== undefined && !isNews(known, listed))) return;
    if (known === undefined && this.#others.size >= this.#profile.maxNodes) return;
    this.#others.set(id, listed);
    this.#hash.set(id, listed.seqno, listed.hash);
  }

  /** The network state hash, as a mirror tells it. Not to be modified. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }

  /** Whether the first hop has told its hash at all. */
  get told(): boolean {
    return this.#theirs !== undefined;
  }

  /** Whether the first hop's hash is ours, own entry included. */
  get equal(): boolean {
    return this.#theirs !== undefined && equalBytes(this.#hash.digest(), this.#theirs);
  }

  /**
   * Take over the list if it is whole, that is, if its hash is the first hop's. Nodes that it does
   * not name are forgotten. Returns whether the own entry is missing in it.
   */
  takeList(): { readonly ownMissing: boolean } | undefined {
    if (this.#theirs === undefined || this.#listing.size === 0 || this.equal) return undefined;
    if (!equalBytes(this.#listingHash.digest(), this.#theirs)) return undefined;
    const listing = this.#listing;
    this.#newListing();
    this.#replaceOthers(listing);
    return { ownMissing: this.#own !== undefined && !listing.has(this.#own.id) };
  }

  #newListing(): void {
    this.#listing = new Map();
    this.#listingHash = createNetworkHash(this.#profile);
  }

  #replaceOthers(listing: ReadonlyMap<NodeId, Listed>): void {
    this.#others = new Map(listing);
    this.#hash = createNetworkHash(this.#profile);
    if (this.#own) this.#others.delete(this.#own.id);
    for (const [id, { seqno, hash }] of this.#others) this.#hash.set(id, seqno, hash);
    if (this.#own) this.setOwn(this.#own.id, this.#own.state);
  }
}
