/**
 * Multicast that only holders of the network key can read or write: every datagram is one sealed
 * block (`lib/wire/sealed.ts`).
 *
 * @module
 */
import { toHex } from "../wire/bytes.ts";
import type { NetworkKey } from "../wire/key.ts";
import { ReplayGuard } from "../wire/replay.ts";
import { open, type Opened, seal, SEAL_NONCE_BYTES } from "../wire/sealed.ts";
import type { MulticastLink } from "./multicast.ts";
import type { Arrival } from "./udp_pair.ts";

/** Counts since start, for `/metrics`. */
export interface SealCounters {
  opened: number;
  /** Sealed with a key that is not ours. */
  wrongKey: number;
  /** No sealed block, or tampered with, or of another profile. */
  damaged: number;
  /** Seen before, or too old to tell. */
  replayed: number;
  /** Our own, come back. */
  own: number;
}

/** All at 0. */
export function newSealCounters(): SealCounters {
  return { opened: 0, wrongKey: 0, damaged: 0, replayed: 0, own: 0 };
}

/** Own blocks that are remembered, so that they are known when they come back. */
const REMEMBERED = 256;

/** What {@linkcode Sealer} wants to know. */
export interface SealerOptions {
  /** The first seals, all open. Not empty. */
  readonly keys: readonly NetworkKey[];
  /** Binds blocks to the network's profile: what was sealed for another one does not open. */
  readonly context: string;
  /** Own node id: 16 hexadecimal digits. */
  readonly sender: string;
  /** Grows with every start of this node. */
  readonly epoch: number;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Default: counters of its own. */
  readonly counters?: SealCounters;
}

/**
 * Seals for all links of one network: one counter for all, so that no two blocks of a start are
 * numbered alike.
 */
export class Sealer {
  readonly counters: SealCounters;
  readonly #options: SealerOptions;
  #keys: readonly NetworkKey[];
  #sender: string;
  #counter = 0;
  /** Marks of own blocks, the oldest first. */
  readonly #sent = new Set<string>();

  constructor(options: SealerOptions) {
    this.#options = options;
    this.#keys = options.keys;
    this.#sender = options.sender;
    this.counters = options.counters ?? newSealCounters();
  }

  /** Other keys from now on (rotation). */
  updateKeys(keys: readonly NetworkKey[]): void {
    this.#keys = keys;
  }

  /** Another node id from now on (after a collision). */
  rename(sender: string): void {
    this.#sender = sender;
  }

  /**
   * The next block. `keyIndex`: sealed with that one of the keys, for somebody who may not have the
   * first; with the first where there is no such key any more.
   */
  seal(payload: Uint8Array, keyIndex = 0): Uint8Array {
    const key = this.#keys[keyIndex] ?? this.#keys[0];
    if (!key) throw new RangeError("no key to seal with");
    const { context, epoch, randomBytes } = this.#options;
    const origin = { sender: this.#sender, epoch, counter: ++this.#counter };
    const block = seal(key, context, origin, payload, randomBytes(SEAL_NONCE_BYTES));
    if (this.#sent.size >= REMEMBERED) {
      this.#sent.delete(this.#sent.values().next().value as string);
    }
    this.#sent.add(markOf(block));
    return block;
  }

  /**
   * What a block holds, if it is new to `guard`; else why not. Each link has a guard of its own: a
   * node with two cables into one network hears the same blocks on both.
   */
  open(block: Uint8Array, guard: ReplayGuard): Opened | { kind: "refused"; wrongKey?: string } {
    const { counters } = this;
    if (this.#sent.has(markOf(block))) {
      counters.own++;
      return { kind: "refused" };
    }
    const result = open(this.#keys, this.#options.context, block);
    if (result.kind === "unknown-key") {
      counters.wrongKey++;
      return { kind: "refused", wrongKey: result.keyId };
    }
    if (result.kind === "damaged") {
      counters.damaged++;
      return { kind: "refused" };
    }
    if (this.#isOldOfOurs(result) || !guard.accept(result.sender, result.epoch, result.counter)) {
      counters.replayed++;
      return { kind: "refused" };
    }
    counters.opened++;
    return result;
  }

  /**
   * A block with our own id that is no echo: another node has our id (a copied SD card), which the
   * machine above must hear of, or somebody plays back what we once sent, which it must not. What
   * is numbered above our own blocks cannot be ours.
   */
  #isOldOfOurs({ sender, epoch, counter }: Opened): boolean {
    if (sender !== this.#sender) return false;
    const own = this.#options.epoch;
    return epoch < own || epoch === own && counter <= this.#counter;
  }
}

/** What tells one block from all others: its end, which is the cipher's tag. */
function markOf(block: Uint8Array): string {
  return toHex(block.subarray(-16));
}

/** What {@linkcode SealedMulticast} tells its owner. */
export interface SealedEvents {
  /** A payload came, for the first time. `from` can be dialled. */
  readonly onPayload: (
    payload: Uint8Array,
    from: string,
    about: Arrival & { readonly keyIndex: number; readonly sender: string },
  ) => void;
  /** Somebody nearby has another key; `keyId` is its 8 hexadecimal digits. Told every time. */
  readonly onWrongKey: (from: string, keyId: string, about: Arrival) => void;
}

/** A {@linkcode MulticastLink} that seals and opens. */
export class SealedMulticast {
  readonly #link: MulticastLink;
  readonly #sealer: Sealer;

  /** `openLink` opens the link below with the receiver that it is given. */
  constructor(
    sealer: Sealer,
    events: SealedEvents,
    openLink: (
      onDatagram: (bytes: Uint8Array, from: string, arrival: Arrival) => void,
    ) => MulticastLink,
  ) {
    this.#sealer = sealer;
    const guard = new ReplayGuard();
    this.#link = openLink((bytes, from, arrival) => {
      const result = sealer.open(bytes, guard);
      if (result.kind === "opened") {
        const { payload, keyIndex, sender } = result;
        events.onPayload(payload, from, { ...arrival, keyIndex, sender });
      } else if (result.wrongKey !== undefined) {
        events.onWrongKey(from, result.wrongKey, arrival);
      }
    });
  }

  /** The link below. */
  get link(): MulticastLink {
    return this.#link;
  }

  /** Seals and sends to the group. Never throws. */
  send(payload: Uint8Array): void {
    this.#link.send(this.#sealer.seal(payload));
  }

  /** Seals and sends to one address; it and `keyIndex` are as `onPayload` gives them. */
  sendTo(
    address: string,
    payload: Uint8Array,
    { port, keyIndex }: { port?: number; keyIndex?: number } = {},
  ): void {
    this.#link.sendTo(address, this.#sealer.seal(payload, keyIndex), port);
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}
