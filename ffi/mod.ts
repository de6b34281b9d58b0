/**
 * Floor 1, beside `lib/net`: what the kernel offers and Deno does not, through libc. Raw Ethernet
 * frames and the events of interfaces, behind the seams that `lib/net` names (`packets.ts`,
 * `interfaces.ts`) and a simulated kernel implements too. 64-bit Linux with glibc only; importing it
 * opens nothing.
 *
 * @module
 */
export { KernelPackets, KernelPort, type PacketCounters } from "./packet_socket.ts";
export { Poller, type Ready, type Watch } from "./poller.ts";
