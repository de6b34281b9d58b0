/**
 * Writes to a bare connection. Apart from the reader, because that one knows ciphers.
 *
 * @module
 */

/** Writes all of `bytes`. Throws what the runtime throws. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** A connection that the other side has reset refuses the option; the next read tells. */
export function setNoDelay(conn: Deno.TcpConn): void {
  try {
    conn.setNoDelay(true);
  } catch {
    // See above.
  }
}
