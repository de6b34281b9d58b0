/**
 * Memory for `recvmmsg` and `sendmmsg`: many messages a call, all pointers written once. Every slot has
 * room for the largest frame there is (65 536 bytes, the MTU of `lo`), so nothing is ever cut off; the
 * system backs only what is touched, which is one page a slot as long as frames are small.
 *
 * @module
 */
import { Layouts } from "./layouts.ts";
import { addressOf } from "./libc.ts";

/** Messages of one call. */
export const SLOTS = 64;
/** Bytes of payload that a slot holds. */
export const SLOT_BYTES = 65_536;
/** Slots begin at different offsets within their pages, or they would all share a few cache lines. */
const SLOT_STRIDE = SLOT_BYTES + 64;
/** A `sockaddr_ll`, aligned. */
const NAME_STRIDE = 32;
export const NAME_BYTES = Layouts.sockaddr_ll.size;

const HEADER = Layouts.mmsghdr.size;
const IOVEC = Layouts.iovec.size;
const { msg_name, msg_namelen, msg_iov, msg_iovlen, msg_flags } = Layouts.msghdr.fields;
const { msg_len } = Layouts.mmsghdr.fields;
/** As indexes of 32-bit words. */
const HEADER_WORDS = HEADER / 4;
const NAMELEN_WORD = msg_namelen[0] / 4;
const FLAGS_WORD = msg_flags[0] / 4;
const LENGTH_WORD = msg_len[0] / 4;
const IOVEC_WORDS = IOVEC / 4;
const IOV_LEN_WORD = Layouts.iovec.fields.iov_len[0] / 4;

/** 64 messages with one buffer each, and an address each, or one for all. */
export class MessageBatch {
  /** An array of `mmsghdr`. */
  readonly headers: Int32Array<ArrayBuffer>;
  /** The addresses; that of slot i begins at {@linkcode nameOffset}. */
  readonly names: DataView<ArrayBuffer>;
  readonly #iovecs: Int32Array<ArrayBuffer>;
  readonly #data: Uint8Array<ArrayBuffer>;
  /** The last payload of each slot: frames of one length, the usual case, need no new view. */
  readonly #payloads: Uint8Array<ArrayBuffer>[];

  /** @param sharedName all messages have the address of slot 0. */
  constructor(sharedName: boolean) {
    this.headers = new Int32Array(new ArrayBuffer(SLOTS * HEADER));
    this.names = new DataView(new ArrayBuffer(SLOTS * NAME_STRIDE));
    this.#iovecs = new Int32Array(new ArrayBuffer(SLOTS * IOVEC));
    this.#data = new Uint8Array(new ArrayBuffer(SLOTS * SLOT_STRIDE));
    this.#payloads = new Array(SLOTS).fill(this.#data.subarray(0, 0));
    const names = addressOf(this.names.buffer);
    const iovecs = addressOf(this.#iovecs.buffer);
    const data = addressOf(this.#data.buffer);
    const header = new DataView(this.headers.buffer);
    const iovec = new DataView(this.#iovecs.buffer);
    const place = (base: bigint, offset: number) => base + BigInt(offset);
    for (let i = 0; i < SLOTS; i++) {
      const at = i * HEADER;
      const name = sharedName ? 0 : i * NAME_STRIDE;
      header.setBigUint64(at + msg_name[0], place(names, name), true);
      header.setUint32(at + msg_namelen[0], NAME_BYTES, true);
      header.setBigUint64(at + msg_iov[0], place(iovecs, i * IOVEC), true);
      header.setBigUint64(at + msg_iovlen[0], 1n, true);
      iovec.setBigUint64(i * IOVEC, place(data, i * SLOT_STRIDE), true);
      iovec.setBigUint64(i * IOVEC + IOV_LEN_WORD * 4, BigInt(SLOT_BYTES), true);
    }
  }

  nameOffset(slot: number): number {
    return slot * NAME_STRIDE;
  }

  /** Puts a payload, of at most {@linkcode SLOT_BYTES}, into a slot to be sent. */
  fill(slot: number, payload: Uint8Array): void {
    this.#data.set(payload, slot * SLOT_STRIDE);
    this.#iovecs[slot * IOVEC_WORDS + IOV_LEN_WORD] = payload.length;
  }

  /** Flags of the message that was received into a slot. The kernel gets the slot back as it was. */
  take(slot: number): number {
    // The kernel wrote there how long the address was; next time it reads how much room there is.
    this.headers[slot * HEADER_WORDS + NAMELEN_WORD] = NAME_BYTES;
    return this.headers[slot * HEADER_WORDS + FLAGS_WORD]!;
  }

  /** What was received into a slot. Its bytes change with the next message there. */
  payload(slot: number): Uint8Array<ArrayBuffer> {
    const length = this.headers[slot * HEADER_WORDS + LENGTH_WORD]!;
    const last = this.#payloads[slot]!;
    if (last.length === length) return last;
    const start = slot * SLOT_STRIDE;
    return this.#payloads[slot] = this.#data.subarray(start, start + length);
  }
}
