/**
 * The last word to a client that is refused.
 *
 * @module
 */
import { writeAll } from "./conn_write.ts";

/** What a refused client may still have on its way to us, in bytes: at least one handshake message. */
const LINGER_BYTES = 128 * 1024;

/**
 * Says a last word and waits for the other side to close: closing at once, with bytes of theirs
 * unread, would make the kernel take the word back. The caller's timer bounds the wait.
 */
export async function tellAndLinger(conn: Deno.TcpConn, answer: Uint8Array): Promise<void> {
  try {
    await writeAll(conn, answer);
    await conn.closeWrite();
    const scrap = new Uint8Array(2_048);
    for (let left = LINGER_BYTES; left > 0;) {
      const count = await conn.read(scrap);
      if (count === null) return;
      left -= count;
    }
  } catch {
    // The other side has gone already: it does not want to know.
  }
}
