/**
 * A relay between two TCP connections that hands on each octet by itself.
 *
 * @module
 */

/** Relays to a port of loopback. */
export function dribble(to: number): { port: number; close(): Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const running: Promise<void>[] = [];
  const serve = async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: to }).catch(() => undefined);
      if (!far) {
        near.close();
        continue;
      }
      for (const conn of [near, far]) {
        conn.setNoDelay(true);
        open.add(conn);
      }
      running.push(relay(near, far), relay(far, near));
    }
  };
  const serving = serve();
  return {
    port: listener.addr.port,
    async close() {
      listener.close();
      for (const conn of open) close(conn);
      await Promise.all([serving, ...running]);
    },
  };
}

async function relay(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      for (let i = 0; i < count; i++) await to.write(buffer.subarray(i, i + 1));
    }
  } catch {
    // One of them is gone.
  }
  close(from);
  close(to);
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
