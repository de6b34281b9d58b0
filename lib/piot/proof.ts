/**
 * The proof of a key (spec/piot.md §3.2).
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, fromHex } from "../wire/bytes.ts";
import type { Id } from "./fields.ts";

/** What one side said in its HELLO. */
export interface Side {
  readonly nonce: Id;
  readonly node: Id;
}

const ascii = new TextEncoder();
const LABEL = ascii.encode("PIoT1");
const ROLES = { client: ascii.encode("C"), server: ascii.encode("S") } as const;

/** HMAC-SHA-256 over both nonces and node ids: 32 octets. */
export function proofOf(
  key: Uint8Array,
  role: "client" | "server",
  client: Side,
  server: Side,
): Uint8Array {
  const ids = [client.nonce, server.nonce, client.node, server.node].map(fromHex);
  return hmac(sha256, key, concat([LABEL, ROLES[role], ...ids]));
}
