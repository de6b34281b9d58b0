/**
 * Ports for what cannot pick one by itself: it is to find the other again after a restart, or both
 * sides have to know it beforehand.
 *
 * @module
 */

/**
 * Below what the kernel gives to whoever asks for any port (net.ipv4.ip_local_port_range, from 32768
 * on): neither a connection nor another test takes one between here and its use, nor while who has it
 * is started again; and who dials it meanwhile is not connected with himself.
 */
const FIRST = 10_000;
const COUNT = 22_000;

const given = new Set<number>();

/** A port of 127.0.0.1 that is free for TCP and UDP, and given to nobody else of this process. */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !isFree(port)) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
