/**
 * What is said on a stream of purpose "join" (docs/join.md), behind the handshake:
 *
 * ```text
 *   joiner                          inviting node
 *     hello   its name         ->
 *                              <-   offer   the network, no secret
 *     take    claim            ->
 *                              <-   keys    the network keys
 *     stored                   ->
 *                              <-   done
 *   (either) refuse   one line for people
 * ```
 *
 * A message is its type in one byte, the length of its body in three, and the body in CBOR. What a
 * later version adds to a body is passed over.
 *
 * @module
 */
import { ByteWriter, readU24, WireError } from "./bytes.ts";
import { decodeCbor, encodeCbor, type Json } from "./cbor.ts";
import { StreamCutter } from "./cutter.ts";
import { NetworkKey } from "./key.ts";

/** What the joiner is told before it takes anything. */
export interface Offer {
  readonly type: "offer";
  /** The network's name on the inviting node, fit for a config. */
  readonly network: string;
  /** Name of the inviting node. */
  readonly node: string;
  /** Ids of the keys in use, 8 hexadecimal digits each, the sealing one first. */
  readonly keyIds: readonly string[];
  /** UDP port of the multicast. */
  readonly port: number;
  /** TCP port that the inviting node takes streams on. */
  readonly streamPort: number;
}

/** One message. */
export type InviteMessage =
  | { readonly type: "hello"; readonly name: string }
  | Offer
  /** `claim`: drawn by the joiner, so that it can ask again after a broken connection. Hexadecimal. */
  | { readonly type: "take"; readonly claim: string }
  | { readonly type: "keys"; readonly keys: readonly NetworkKey[] }
  | { readonly type: "stored" }
  | { readonly type: "done" }
  | { readonly type: "refuse"; readonly message: string };

const TYPES = ["hello", "offer", "take", "keys", "stored", "done", "refuse"] as const;
const HEADER_BYTES = 4;
/** Longest body; all of ours are far below. */
const MAX_BODY = 4_096;
const MAX_KEYS = 16;
const MAX_TEXT = 400;

/** A message, ready for the stream. */
export function encodeInvite(message: InviteMessage): Uint8Array {
  const { type, ...rest } = message;
  const fields = "keys" in rest ? { keys: rest.keys.map((key) => key.toText()) } : rest;
  const body = encodeCbor(fields as Json);
  if (body.length > MAX_BODY) throw new RangeError(`a message of ${body.length} bytes`);
  return new ByteWriter(HEADER_BYTES + body.length).u8(TYPES.indexOf(type) + 1).u24(body.length)
    .put(body).finish();
}

/** Cuts a stream into messages. Holds at most one of them. */
export class InviteDecoder {
  readonly #cutter = new StreamCutter(HEADER_BYTES, (bytes, at) => {
    const length = readU24(bytes, at + 1);
    if (length > MAX_BODY) throw new WireError(`a message of ${length} bytes`, at);
    return HEADER_BYTES + length;
  });

  /**
   * Feed bytes as they came; returns the whole messages.
   * @throws {WireError} where there is no way on.
   */
  feed(bytes: Uint8Array): InviteMessage[] {
    const { first, run } = this.#cutter.feed(bytes);
    const messages = first ? [decode(first)] : [];
    for (let at = 0; at < run.length;) {
      const end = at + HEADER_BYTES + readU24(run, at + 1);
      messages.push(decode(run.subarray(at, end)));
      at = end;
    }
    return messages;
  }
}

function decode(bytes: Uint8Array): InviteMessage {
  const type = TYPES[(bytes[0] as number) - 1];
  if (type === undefined) throw new WireError(`a message of type ${bytes[0]}`, 0);
  const body = decodeCbor(bytes.subarray(HEADER_BYTES));
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new WireError(`${type} without fields`, HEADER_BYTES);
  }
  const fields = new Fields(type, body);
  switch (type) {
    case "hello":
      return { type, name: fields.text("name") };
    case "offer":
      return {
        type,
        network: fields.text("network", /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/),
        node: fields.text("node"),
        keyIds: fields.texts("keyIds", /^[0-9a-f]{8}$/),
        port: fields.port("port"),
        streamPort: fields.port("streamPort"),
      };
    case "take":
      return { type, claim: fields.text("claim", /^[0-9a-f]{32}$/) };
    case "keys":
      return { type, keys: fields.texts("keys").map((text) => NetworkKey.parse(text)) };
    case "refuse":
      return { type, message: fields.text("message") };
    default:
      return { type };
  }
}

/** Fields of a body, each checked as it is asked for. */
class Fields {
  readonly #type: string;
  readonly #values: { [key: string]: Json };

  constructor(type: string, values: { [key: string]: Json }) {
    this.#type = type;
    this.#values = values;
  }

  text(name: string, pattern = /^[^\p{Cc}]*$/u): string {
    return this.#check(name, this.#values[name], pattern);
  }

  texts(name: string, pattern = /^[^\p{Cc}]*$/u): string[] {
    const value = this.#values[name];
    if (!Array.isArray(value) || value.length === 0 || value.length > MAX_KEYS) {
      throw this.#wrong(name);
    }
    return value.map((one) => this.#check(name, one, pattern));
  }

  port(name: string): number {
    const value = this.#values[name];
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535) {
      return value;
    }
    throw this.#wrong(name);
  }

  #check(name: string, value: Json | undefined, pattern: RegExp): string {
    if (typeof value !== "string" || value.length > MAX_TEXT || !pattern.test(value)) {
      throw this.#wrong(name);
    }
    return value;
  }

  #wrong(name: string): WireError {
    return new WireError(`${this.#type} with a wrong ${name}`, HEADER_BYTES);
  }
}
