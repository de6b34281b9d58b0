/**
 * Floor 1: bytes in and out of this computer. Interfaces and when they change; multicast on an
 * interface, in the clear or sealed with the network key; streams over TCP, encrypted with
 * Noise. It knows no protocol: what the bytes mean is the business of the machines above.
 *
 * Facts about the platform that shaped it are in the comments beside the code. Commands that start
 * and end at once import the single files.
 *
 * @module
 */
export * from "./address.ts";
export { Complaints } from "./complaints.ts";
export { type DialOptions, dialSecure, InvitationError, WrongKeyError } from "./dial.ts";
export * from "./interfaces.ts";
export * from "./labels.ts";
export * from "./multicast.ts";
export * from "./packets.ts";
export * from "./resolve.ts";
export * from "./sealed_multicast.ts";
export {
  type Invitations,
  type ListenerProblem,
  type ListenOptions,
  SecureListener,
} from "./secure_listener.ts";
export { HARD_CAP, SecureStream } from "./secure_stream.ts";
export { dialPlain, PlainListener, PlainStream } from "./plain_stream.ts";
export { type ByteStream, HIGH_WATER, STALL_MS } from "./tcp_stream.ts";
export { canCarry, needsReopening, selectInterfaces } from "./select.ts";
export * from "./stream_counters.ts";
export { type LinkMachine, TcpLinks, type TcpLinksOptions } from "./tcp_links.ts";
export * from "./udp_broadcast.ts";
export * from "./udp_port.ts";
export { type Arrival, type MulticastCounters, newMulticastCounters } from "./udp_pair.ts";
