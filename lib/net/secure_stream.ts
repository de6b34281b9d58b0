/**
 * A stream between two holders of the network key: TCP, encrypted by Noise. Made by
 * {@linkcode dialSecure} and {@linkcode SecureListener}.
 *
 * The end of a stream is not authenticated: whoever controls the network can cut it at any byte.
 * What travels on it must therefore tell by itself where it is whole, as TLVs do.
 *
 * @module
 */
import { WireError } from "../wire/bytes.ts";
import { LARGE_NOISE_MESSAGE, type NoiseSession } from "../wire/noise.ts";
import { encryptFrames, encryptFramesAside, FrameDecoder, type Purpose } from "../wire/preface.ts";
import { formatHostPort, plainAddress } from "./address.ts";
import type { StreamCounters } from "./stream_counters.ts";
import { TcpStream } from "./tcp_stream.ts";

/** A stream on which this many bytes wait takes no more and is closed at the next write. */
export const HARD_CAP = 1024 * 1024;

/** What a handshake leads to. */
export interface StreamParts {
  readonly conn: Deno.TcpConn;
  readonly session: NoiseSession;
  /** Bytes that came behind the handshake. */
  readonly rest: Uint8Array;
  readonly purpose: Purpose;
  readonly dialled: boolean;
  /** `HOST:PORT`. */
  readonly remote: string;
  readonly keyIndex: number;
  readonly keyId: string;
  readonly invitation?: string;
  readonly firstPayload: Uint8Array;
  readonly counters: StreamCounters;
  readonly stallMs: number;
  /** Called once when the other side has said something that only it can say. */
  readonly onProven?: () => void;
  /** Called once when the stream has closed, before `onClosed`. */
  readonly onGone?: () => void;
}

/** An encrypted stream of bytes, both ways. */
export class SecureStream extends TcpStream {
  /** `HOST:PORT` of our side. */
  readonly localAddress: string;
  readonly purpose: Purpose;
  /** We dialled, and did not answer. */
  readonly dialled: boolean;
  /** Which of our keys the other side shares. */
  readonly keyIndex: number;
  /** Its id, 8 hexadecimal digits. */
  readonly keyId: string;
  /** A stream of purpose "join" that was taken: the id of the invitation that the other side holds. */
  readonly invitation: string | undefined;
  /** What came with the other side's handshake message. */
  readonly firstPayload: Uint8Array;
  readonly #session: NoiseSession;
  readonly #onProven: (() => void) | undefined;
  readonly #frames = new FrameDecoder();
  /** What came behind the handshake, until it has been looked at. */
  #rest: Uint8Array | undefined;
  #proven = false;

  constructor(parts: StreamParts) {
    super({ ...parts, hardCap: HARD_CAP });
    const { hostname, port } = parts.conn.localAddr as Deno.NetAddr;
    this.localAddress = formatHostPort(plainAddress(hostname), port);
    this.purpose = parts.purpose;
    this.dialled = parts.dialled;
    this.keyIndex = parts.keyIndex;
    this.keyId = parts.keyId;
    this.invitation = parts.invitation;
    this.firstPayload = parts.firstPayload;
    this.#session = parts.session;
    this.#onProven = parts.onProven;
    this.#rest = parts.rest;
  }

  protected override outgoing(plaintext: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const { send } = this.#session;
    return plaintext.length < LARGE_NOISE_MESSAGE
      ? encryptFrames(send, plaintext)
      : encryptFramesAside(send, plaintext);
  }

  protected override async incoming(bytes: Uint8Array): Promise<void> {
    try {
      if (this.#rest) {
        const rest = this.#rest;
        this.#rest = undefined;
        await this.#open(rest);
      }
      await this.#open(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counters.garbage++;
      this.close(`the other side sent garbage: ${error.message}`);
    }
  }

  async #open(bytes: Uint8Array): Promise<void> {
    const { receive } = this.#session;
    const messages = this.#frames.feed(bytes);
    if (messages.some(({ length }) => length >= LARGE_NOISE_MESSAGE)) {
      // Handed on together, so that who reads can deal with all of it at once.
      for (const plaintext of await receive.decryptAside(messages)) this.#proof(plaintext);
    } else for (const message of messages) this.#proof(receive.decrypt(message));
  }

  /** Hands on what only the other side can have said. */
  #proof(plaintext: Uint8Array): void {
    if (this.closedWith !== undefined) return;
    if (!this.#proven) {
      this.#proven = true;
      this.#onProven?.();
    }
    this.hand(plaintext);
  }
}
