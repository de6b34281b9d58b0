/**
 * Raw frames on Ethernet, as protocols see them. `ffi/` implements it on the kernel's AF_PACKET
 * sockets, `tests/sim` in memory.
 *
 * @module
 */
import type { Mac } from "../wire/mac.ts";

/** To whom a frame was addressed (`linux/if_packet.h`, PACKET_HOST and so on). */
export const PacketType = {
  Host: 0,
  Broadcast: 1,
  Multicast: 2,
  /** To another station; only seen in promiscuous mode. */
  OtherHost: 3,
  /** Sent by this computer. */
  Outgoing: 4,
} as const;

/** A frame without its Ethernet header. It is used again after the call that hands it over. */
export interface Frame {
  /** The interface it arrived on, as the kernel counts. */
  readonly interfaceIndex: number;
  readonly source: Mac;
  /** One of {@linkcode PacketType}. */
  readonly packetType: number;
  /** Behind the EtherType; short frames come with the padding of the wire. */
  readonly payload: Uint8Array;
}

/** What became of frames that were to be sent. */
export interface Sent {
  /** How many the kernel took, in order. */
  readonly frames: number;
  /** Why not all: `EMSGSIZE`, `ENETDOWN`, `ENXIO`, `ENODEV`, `ENOBUFS`, …. */
  readonly error?: string;
}

/** Frames that came and were not handed on, since the port was opened. */
export interface Losses {
  /** Those that the kernel had no room for: we were too slow. */
  readonly dropped: number;
  /** Longer than any interface allows. */
  readonly truncated: number;
  /** Times that the kernel said ENETDOWN, ENOBUFS and so on where frames were to be read. */
  readonly receiveErrors: number;
}

/** An open socket for one EtherType on all interfaces. */
export interface PacketPort {
  /** Sends the payloads back to back. Never throws: what the kernel says is in the answer. */
  send(interfaceIndex: number, destination: Mac, payloads: readonly Uint8Array[]): Sent;
  /** Receive frames to `group` on this interface; the kernel's word (`ENODEV`) where it cannot. */
  join(interfaceIndex: number, group: Mac): string | undefined;
  leave(interfaceIndex: number, group: Mac): void;
  /** Also once it is closed. */
  losses(): Losses;
  close(): void;
}

/** What a port calls back. */
export interface PacketListener {
  frame(frame: Frame): void;
  /** After the last frame of one read, so that answers can be gathered. */
  drained?(): void;
  /** The port receives no more, for this reason; it is closed. */
  failed(reason: string): void;
}

/** Opens ports. */
export interface PacketSystem {
  /**
   * @param ethertype 0x0600 to 0xFFFF.
   * @throws {AgentError} `Refused` where CAP_NET_RAW is missing, saying how to give it.
   */
  open(ethertype: number, listener: PacketListener): PacketPort;
}
