/**
 * Floor 1, beside `lib/net`: what the kernel offers and Deno does not, through libc. Raw Ethernet
 * frames and the events of interfaces, behind the seams that `lib/net` names (`packets.ts`,
 * `interfaces.ts`) and a simulated kernel implements too. 64-bit Linux with glibc only; importing it
 * opens nothing.
 *
 * ```text
 * kernel ──rtnetlink──► netlink.ts ──► InterfaceSource (lib/net) ──► endpoints, LSOE, `interfaces --watch`
 * ```
 *
 * Nothing asks again and again which interfaces there are: every event is an upsert or a delete, and
 * all events of one read are told as one change, only where something differs. An address is told when
 * it can be used, not while the kernel still looks for a duplicate; so a cable that is plugged in
 * becomes an endpoint in the moment in which one can send. An interface is its index and its name:
 * deleted and made again, or renamed, it is another one. MPLS labels come the same way: a route that
 * takes a label off and delivers at an interface of ours binds the label to that interface's addresses.
 *
 * @module
 */
export { KernelPackets, KernelPort, type PacketCounters } from "./packet_socket.ts";
export { Poller, type Ready, type Watch } from "./poller.ts";
