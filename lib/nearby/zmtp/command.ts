/**
 * Commands between two sockets (`spec/networkzero.md §7.3`, `§7.5`, `§7.6`).
 *
 * @module
 */
import { ByteReader, ByteWriter, WireError } from "../../wire/bytes.ts";
import { COMMAND, encodeFrame } from "./frame.ts";

/** The kinds of sockets that we are or talk with. */
export type SocketType = "REQ" | "REP" | "PUB" | "SUB";

/** Who may talk with whom (RFC 23 of ZeroMQ). */
const PARTNERS: Readonly<Record<SocketType, readonly string[]>> = {
  REQ: ["REP", "ROUTER"],
  REP: ["REQ", "DEALER"],
  PUB: ["SUB", "XSUB"],
  SUB: ["PUB", "XPUB"],
};

/** Octets of a PING's context that come back. */
const PONG_CONTEXT = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A command: its name, and what follows. */
export interface Command {
  readonly name: string;
  /** A view of the input. */
  readonly data: Uint8Array;
}

/** @throws {WireError} where the name does not fit. */
export function decodeCommand(body: Uint8Array): Command {
  const reader = new ByteReader(body);
  const name = decoder.decode(reader.take(reader.u8()));
  return { name, data: reader.rest() };
}

/** A command as a frame. */
export function encodeCommand(name: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const writer = new ByteWriter(1 + name.length + data.length);
  writer.u8(name.length).put(encoder.encode(name)).put(data);
  return encodeFrame(COMMAND, writer.finish());
}

/** Our READY, as a frame. */
export function encodeReady(type: SocketType): Uint8Array {
  const writer = new ByteWriter();
  const property = (name: string, value: string) =>
    writer.u8(name.length).put(encoder.encode(name)).u32(value.length).put(encoder.encode(value));
  property("Socket-Type", type);
  if (type === "REQ") property("Identity", "");
  return encodeCommand("READY", writer.finish());
}

/**
 * Properties of a READY; names in lower case, because case does not count in them.
 * @throws {WireError} where they do not fit.
 */
export function decodeProperties(data: Uint8Array): Map<string, string> {
  const reader = new ByteReader(data);
  const properties = new Map<string, string>();
  while (reader.remaining > 0) {
    const name = decoder.decode(reader.take(reader.u8())).toLowerCase();
    if (name === "") throw new WireError("a property without a name", reader.offset);
    properties.set(name, decoder.decode(reader.take(reader.u32())));
  }
  return properties;
}

/** Whether sockets of these types talk; a peer that does not say its type may. */
export function arePartners(ours: SocketType, theirs: string | undefined): boolean {
  return theirs === undefined || PARTNERS[ours].includes(theirs);
}

/** The answer to a PING, as a frame. @throws {WireError} where it has no time to live. */
export function encodePong(ping: Uint8Array): Uint8Array {
  if (ping.length < 2) throw new WireError("a PING without a time to live", 0);
  return encodeCommand("PONG", ping.subarray(2, 2 + PONG_CONTEXT));
}

/** What an ERROR says, fit for a log line. @throws {WireError} where it does not fit. */
export function decodeError(data: Uint8Array): string {
  const reader = new ByteReader(data);
  return decoder.decode(reader.take(reader.u8())).replace(/\p{C}/gu, "?");
}

/** A subscription or its end, in the form that a peer of that version understands. */
export function encodeSubscription(
  prefix: Uint8Array,
  add: boolean,
  peer: { readonly major: number; readonly minor: number },
): Uint8Array {
  if (peer.major > 3 || peer.minor > 0) {
    return encodeCommand(add ? "SUBSCRIBE" : "CANCEL", prefix);
  }
  const body = new Uint8Array(1 + prefix.length);
  body[0] = add ? 1 : 0;
  body.set(prefix, 1);
  return encodeFrame(0, body);
}
