/**
 * The two frames that every message takes, MSG and CONFIRM, written and read without a detour over
 * tables and maps. Byte for byte what `frame.ts` writes; what comes in another form than that is left
 * to it.
 *
 * @module
 */
import { type ByteWriter, readU16, readU32 } from "../wire/bytes.ts";
import { Major, writeCborHead } from "../wire/cbor.ts";
import { type FrameFields, FRAMES } from "./frame.ts";

/** An array of two, the type, and a map: what the two frames begin with, behind their length. */
const MSG_HEAD = [0x82, FRAMES.msg.type, 0xa4] as const;
const CONFIRM_HEAD = [0x82, FRAMES.confirm.type, 0xa5] as const;
const HEAD = 3;
/** The head of an id. */
const ID = 0x50;
const ID_BYTES = 16;

type Msg = FrameFields<"msg">;
type Confirm = FrameFields<"confirm">;

/** Appends a MSG with its length in front. */
export function writeMsg(writer: ByteWriter, { seq, id, header, body }: Msg): void {
  const [h, b] = [header.length, body.length];
  writer.u32(HEAD + 4 + headSize(seq) + 1 + ID_BYTES + headSize(h) + h + headSize(b) + b);
  for (const octet of MSG_HEAD) writer.u8(octet);
  writeIdentity(writer, seq, id);
  writeCborHead(writer.u8(3), Major.Bytes, h);
  writer.put(header);
  writeCborHead(writer.u8(4), Major.Bytes, b);
  writer.put(body);
}

/** Appends a CONFIRM without a reason, with its length in front. */
export function writeConfirm(
  writer: ByteWriter,
  { seq, id, length, hash, status }: Omit<Confirm, "reason">,
): void {
  const numbers = headSize(seq) + headSize(length) + headSize(hash) + headSize(status);
  writer.u32(HEAD + 5 + numbers + 1 + ID_BYTES);
  for (const octet of CONFIRM_HEAD) writer.u8(octet);
  writeIdentity(writer, seq, id);
  writeCborHead(writer.u8(3), Major.Unsigned, length);
  writeCborHead(writer.u8(4), Major.Unsigned, hash);
  writeCborHead(writer.u8(5), Major.Unsigned, status);
}

function writeIdentity(writer: ByteWriter, seq: number, id: string): void {
  writeCborHead(writer.u8(1), Major.Unsigned, seq);
  writer.u8(2).u8(ID).hex(id);
}

/** Octets of the head of a CBOR item with this argument (RFC 8949 §3). */
function headSize(value: number): number {
  if (value < 24) return 1;
  if (value < 0x100) return 2;
  if (value < 0x1_0000) return 3;
  return value < 0x1_0000_0000 ? 5 : 9;
}

/** The MSG behind a length; `undefined` where it is another frame, or in another form. */
export function readMsg(bytes: Uint8Array): Msg | undefined {
  if (!begins(bytes, MSG_HEAD)) return undefined;
  const cursor = new Cursor(bytes, HEAD);
  const seq = cursor.number(1, Major.Unsigned);
  const id = cursor.id();
  const header = cursor.octets(3);
  const body = cursor.octets(4);
  return cursor.isAtEnd ? { seq, id, header, body } : undefined;
}

/** The CONFIRM behind a length; `undefined` where it is another frame, or in another form. */
export function readConfirm(bytes: Uint8Array): Confirm | undefined {
  if (!begins(bytes, CONFIRM_HEAD)) return undefined;
  const cursor = new Cursor(bytes, HEAD);
  const seq = cursor.number(1, Major.Unsigned);
  const id = cursor.id();
  const length = cursor.number(3, Major.Unsigned);
  const hash = cursor.number(4, Major.Unsigned);
  const status = cursor.number(5, Major.Unsigned);
  return cursor.isAtEnd ? { seq, id, length, hash, status } : undefined;
}

function begins(bytes: Uint8Array, head: readonly [number, number, number]): boolean {
  return bytes[0] === head[0] && bytes[1] === head[1] && bytes[2] === head[2];
}

const NOTHING = new Uint8Array(0);

/** Reads fields; at the first that is not as expected it stops, and is never at the end. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at: number;
  #failed = false;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return !this.#failed && this.#at === this.#bytes.length;
  }

  /** The argument of the item behind `key`. */
  number(key: number, major: number): number {
    const bytes = this.#bytes;
    const at = this.#at + 2;
    const initial = bytes[at - 1] ?? 0xff;
    if (bytes[at - 2] !== key || initial >>> 5 !== major) return this.#fail();
    const info = initial & 31;
    const size = info < 24 ? 0 : info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : Infinity;
    if (at + size > bytes.length) return this.#fail();
    this.#at = at + size;
    if (size === 0) return info;
    if (size === 1) return bytes[at] as number;
    return size === 2 ? readU16(bytes, at) : readU32(bytes, at);
  }

  octets(key: number): Uint8Array {
    const length = this.number(key, Major.Bytes);
    const at = this.#at;
    if (this.#failed || length > this.#bytes.length - at) {
      this.#fail();
      return NOTHING;
    }
    this.#at = at + length;
    return this.#bytes.subarray(at, this.#at);
  }

  id(): string {
    const at = this.#at + 2;
    if (this.#bytes[at - 2] !== 2 || this.#bytes[at - 1] !== ID) this.#fail();
    if (this.#failed || at + ID_BYTES > this.#bytes.length) {
      this.#fail();
      return "";
    }
    this.#at = at + ID_BYTES;
    return this.#bytes.subarray(at, this.#at).toHex();
  }

  #fail(): number {
    this.#failed = true;
    return 0;
  }
}
