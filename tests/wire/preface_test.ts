import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  CipherState,
  concat,
  decodePreface,
  decodePrefaceReply,
  encodeFrame,
  encodeNoInvitation,
  encodePreface,
  encodePrefaceReply,
  encodeUnknownKey,
  encryptFrames,
  FrameDecoder,
  fromHex,
  MAX_NOISE_MESSAGE,
  MAX_TOLD_KEYS,
  PREFACE_BYTES,
  toHex,
  WireError,
} from "../../lib/wire/mod.ts";

const id = fromHex("01020304");
const anyId = fc.uint8Array({ minLength: 4, maxLength: 4 });

Deno.test("preface: the layout", () => {
  strictEqual(toHex(encodePreface("node", id)), "ed616774010101020304");
  strictEqual(toHex(encodePreface("leaf", id)), "ed616774010201020304");
  throws(() => encodePreface("node", new Uint8Array(3)), RangeError);
});

Deno.test("preface: what a client says, the server reads", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...(["node", "leaf", "join", "piot"] as const)),
      anyId,
      (purpose, keyId) => {
        const bytes = encodePreface(purpose, keyId);
        strictEqual(bytes.length, PREFACE_BYTES);
        deepStrictEqual(decodePreface(bytes), { kind: "preface", purpose, keyId });
      },
    ),
  );
});

Deno.test("preface: a later version is told from garbage", () => {
  const later = fromHex("ed6167740799aabbccdd");
  deepStrictEqual(decodePreface(later), { kind: "unknown-version", version: 7 });
  for (const hex of ["474554202f2048545450", "ed616774010001020304", "ed616774010501020304", ""]) {
    throws(() => decodePreface(fromHex(hex)), WireError, hex);
  }
  const whole = encodePreface("node", id);
  for (let length = 0; length < PREFACE_BYTES; length++) {
    throws(() => decodePreface(whole.subarray(0, length)), WireError);
  }
  throws(() => decodePreface(concat([whole, id])), WireError);
});

Deno.test("preface reply: every answer, also in pieces and with more behind it", () => {
  const held = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i, 1, 2, 3));
  const told = held.slice(0, MAX_TOLD_KEYS).map(toHex);
  const cases = [
    [encodePrefaceReply("go-on"), "00", { status: "go-on" }],
    [encodeUnknownKey([]), "0100", { status: "unknown-key", keyIds: [] }],
    [encodeUnknownKey([id]), "010101020304", { status: "unknown-key", keyIds: ["01020304"] }],
    [encodeUnknownKey(held), `0110${told.join("")}`, { status: "unknown-key", keyIds: told }],
    [encodePrefaceReply("busy"), "02", { status: "busy" }],
    [encodePrefaceReply("unknown-version"), "03", { status: "unknown-version" }],
    [encodeNoInvitation("unknown"), "0400", { status: "no-invitation", why: "unknown" }],
    [encodeNoInvitation("used"), "0401", { status: "no-invitation", why: "used" }],
    [encodeNoInvitation("expired"), "0402", { status: "no-invitation", why: "expired" }],
    [encodeNoInvitation("withdrawn"), "0403", { status: "no-invitation", why: "withdrawn" }],
  ] as const;
  for (const [bytes, hex, reply] of cases) {
    strictEqual(toHex(bytes), hex);
    for (let length = 0; length < bytes.length; length++) {
      strictEqual(decodePrefaceReply(bytes.subarray(0, length)), undefined);
    }
    deepStrictEqual(decodePrefaceReply(bytes), { reply, length: bytes.length });
    deepStrictEqual(decodePrefaceReply(concat([bytes, id])), { reply, length: bytes.length });
  }
  for (const hex of ["05", "0404", "ff", "0111", "01ff"]) {
    throws(() => decodePrefaceReply(fromHex(hex)), WireError);
  }
  throws(() => encodeUnknownKey([new Uint8Array(5)]), RangeError);
});

Deno.test("frames: whole messages come out in order, however the stream was cut", () => {
  const message = fc.uint8Array({ minLength: 16, maxLength: 600, size: "max" });
  const pieces = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(fc.array(message, { maxLength: 15 }), pieces, (messages, pieces) => {
    const stream = concat(messages.map(encodeFrame));
    const decoder = new FrameDecoder(600);
    const out: string[] = [];
    for (let at = 0, i = 0; at < stream.length; i++) {
      const piece = stream.slice(at, at + (pieces[i % pieces.length] as number));
      at += piece.length;
      out.push(...decoder.feed(piece).map(toHex));
    }
    deepStrictEqual(out, messages.map(toHex));
    strictEqual(decoder.buffered, 0);
  }));
});

Deno.test("frames: byte by byte, and the longest there is", () => {
  const long = new Uint8Array(MAX_NOISE_MESSAGE).fill(7);
  const decoder = new FrameDecoder();
  let count = 0;
  for (const byte of concat([encodeFrame(long), encodeFrame(long.subarray(0, 16))])) {
    for (const message of decoder.feed(Uint8Array.of(byte))) {
      strictEqual(message.length, count === 0 ? MAX_NOISE_MESSAGE : 16);
      ok(message.every((b) => b === 7));
      count++;
    }
  }
  strictEqual(count, 2);
});

Deno.test("frames: shorter than a tag or above the limit is refused, once and for all", () => {
  for (const length of [0, 1, 15]) throws(() => encodeFrame(new Uint8Array(length)), RangeError);
  throws(() => encodeFrame(new Uint8Array(MAX_NOISE_MESSAGE + 1)), RangeError);
  for (const hex of ["0000", "000f", "0065"]) {
    const decoder = new FrameDecoder(100);
    strictEqual(decoder.feed(encodeFrame(new Uint8Array(100))).length, 1);
    throws(() => decoder.feed(fromHex(hex)), WireError, hex);
    throws(() => decoder.feed(encodeFrame(new Uint8Array(16))), WireError);
    strictEqual(decoder.buffered, 0);
  }
});

Deno.test("frames: an encrypted text comes back whole, whatever its length", () => {
  const key = new Uint8Array(32).fill(1);
  const edge = 65_518;
  for (const length of [0, 1, 100, edge - 1, edge, edge + 1, 2 * edge, 2 * edge + 1, 200_000]) {
    const plaintext = new Uint8Array(length).map((_, i) => i * 31);
    const stream = encryptFrames(new CipherState(key), plaintext);
    const receive = new CipherState(key);
    const messages = new FrameDecoder().feed(stream);
    strictEqual(messages.length, Math.max(1, Math.ceil(length / edge)));
    strictEqual(stream.length, length + messages.length * 18);
    // Aligned, so that the cipher may work on words.
    for (const message of messages) strictEqual(message.byteOffset % 4, 0);
    deepStrictEqual(concat(messages.map((message) => receive.decrypt(message))), plaintext);
  }
});
