/**
 * Reads a bare connection, as a handshake needs it.
 *
 * @module
 */
import { readU16, WireError } from "../wire/bytes.ts";
import { FRAME_HEADER_BYTES } from "../wire/preface.ts";

export { setNoDelay, writeAll } from "./conn_write.ts";

/** The other side closed before it had said all. */
export class EndOfStream extends Error {
  override readonly name = "EndOfStream";
}

/** Holds what came and was not taken yet. Its memory grows with what came. */
export class ConnReader {
  readonly #conn: Deno.Conn;
  #buffer = new Uint8Array(512);
  #length = 0;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** What came and was not taken: a view, good until the next call. */
  get held(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Waits for more. @throws {EndOfStream} where no more comes. */
  async more(): Promise<void> {
    if (this.#length === this.#buffer.length) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    const count = await this.#conn.read(this.#buffer.subarray(this.#length));
    if (count === null) throw new EndOfStream("the other side closed the connection");
    this.#length += count;
  }

  /** The next `count` bytes, as a new array. @throws {EndOfStream} where they do not come. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#length < count) await this.more();
    return this.#shift(count);
  }

  /**
   * The next Noise message, without its length.
   * @throws {WireError} where it announces fewer than `atLeast` bytes.
   * @throws {EndOfStream} where it does not come whole.
   */
  async takeFrame(atLeast: number): Promise<Uint8Array> {
    const length = readU16(await this.take(FRAME_HEADER_BYTES), 0);
    if (length < atLeast) throw new WireError(`a handshake message of ${length} bytes`, 0);
    return await this.take(length);
  }

  /** All that is held, as a new array. */
  rest(): Uint8Array {
    return this.#shift(this.#length);
  }

  #shift(count: number): Uint8Array {
    const taken = this.#buffer.slice(0, count);
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
    return taken;
  }
}
