/**
 * Floor 0: TLVs, CBOR, sealing, streams and their beginnings.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  CipherState,
  concat,
  decodeCbor,
  decodePreface,
  decodePrefaceReply,
  type Dh,
  encodeCbor,
  encodeFrame,
  encodeInvite,
  FrameDecoder,
  HANDSHAKE_OVERHEAD,
  InviteDecoder,
  InviteKey,
  type InviteMessage,
  type Json,
  MAX_NOISE_MESSAGE,
  MAX_TOLD_KEYS,
  NetworkKey,
  NoiseHandshake,
  open,
  type Opened,
  type OpenResult,
  parseIp,
  parseMac,
  parsePrefix,
  type PrefaceReply,
  ReplayGuard,
  seal,
  StreamCutter,
  TlvFormat,
  TlvStreamDecoder,
  toHex,
  WireError,
  writeU16,
} from "../../../lib/wire/mod.ts";
import { readCborItem, readCborItems } from "../../../lib/wire/cbor_items.ts";
import { CORPUS_CONTEXT, CORPUS_KEY } from "../corpus_key.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";
import type { Random } from "../../../lib/core/mod.ts";

const FORMATS = [["rfc7787", TlvFormat.rfc7787], ["native", TlvFormat.native]] as const;
const key = NetworkKey.parse(CORPUS_KEY);

/** The whole in pieces of any size. */
function* pieces(input: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let at = 0; at < input.length;) {
    const end = at + 1 + random.below(random.chance(0.5) ? 8 : 300);
    yield input.slice(at, end);
    at = end;
  }
}

/** TLVs of a format lie one behind the other and cover what was taken. */
function checkTiling(format: TlvFormat, input: Uint8Array): void {
  const { tlvs, error } = format.decode(input);
  let at = 0;
  for (const { type, length, value, encoded } of tlvs) {
    strictEqual(encoded.byteOffset - input.byteOffset, at);
    ok(type >= 0 && type <= format.maxType && value.length === length);
    at += encoded.length;
  }
  ok(at <= input.length && (error !== null || at === input.length));
}

const tlvs = FORMATS.map(([name, format]) =>
  decoder({
    name: `wire/tlv-${name}`,
    covers: ["lib/wire/tlv.ts TlvFormat.decode"],
    decode: (input) => format.decode(input),
    refused: ({ error }) => error !== null,
    check: (input) => checkTiling(format, input),
  })
);

const streams = FORMATS.map(([name, format]) =>
  decoder({
    name: `wire/stream-${name}`,
    covers: ["lib/wire/tlv.ts TlvStreamDecoder.feed", "lib/wire/cutter.ts StreamCutter.feed"],
    decode(input) {
      const stream = new TlvStreamDecoder(format, 512);
      const out: Uint8Array[] = [];
      for (let at = 0; at < input.length; at += 7) {
        out.push(stream.feed(input.subarray(at, at + 7)));
        ok(stream.buffered <= 512);
      }
      if (stream.buffered > 0) throw new WireError("unfinished", input.length);
      return concat(out);
    },
    // What the stream takes or refuses differs from a datagram only in the final padding.
    check: (input, result) => deepStrictEqual(result, input),
  })
);

const cutter = machine({
  name: "wire/cutter",
  covers: ["lib/wire/cutter.ts StreamCutter.feed"],
  corpus: ["frames"],
  begin: () => ({
    step(input, random) {
      const limit = 16 + random.below(200);
      const cut = new StreamCutter(2, (bytes, at) => {
        const size = 2 + ((bytes[at] as number) << 8 | (bytes[at + 1] as number));
        if (size > limit) throw new WireError("too long", at);
        return size;
      });
      const out: Uint8Array[] = [];
      try {
        for (const piece of pieces(input, random)) {
          const { first, run } = cut.feed(piece);
          if (first) out.push(first.slice());
          out.push(run.slice());
          ok(cut.buffered < limit);
        }
      } catch (error) {
        ok(error instanceof WireError);
        return false;
      }
      const whole = concat(out);
      deepStrictEqual(whole, input.slice(0, whole.length));
      strictEqual(whole.length + cut.buffered, input.length);
      return true;
    },
  }),
});

const cbor = decoder({
  name: "wire/cbor",
  covers: ["lib/wire/cbor.ts decodeCbor"],
  share: 3,
  decode: decodeCbor,
  check(_input, value) {
    const canonical = encodeCbor(value as Json);
    // Keys come in another order then, and -0 as 0.
    deepStrictEqual(encodeCbor(decodeCbor(canonical)), canonical);
  },
  sort: sortCbor,
  types: {
    taken: ["0", "1", "3", "4", "5", "7"],
    refused: ["0", "1", "2", "3", "4", "5", "6", "7"],
  },
});

const cborItems = decoder({
  name: "wire/cbor-items",
  covers: ["lib/wire/cbor_items.ts readCborItem", "lib/wire/cbor_items.ts readCborItems"],
  corpus: ["piot-frame", "cbor-items"],
  share: 2,
  decode(input) {
    const item = readCborItem(input);
    deepStrictEqual(readCborItems(concat([input, input])), [item, item]);
    return item;
  },
  sort: sortCbor,
  types: {
    taken: ["0", "1", "2", "3", "4", "5", "6", "7"],
    refused: ["0", "1", "2", "3", "4", "5", "6", "7"],
  },
});

/** By the major type of the outermost item. */
function sortCbor(
  tally: { type(name: number, taken: boolean): void },
  input: Uint8Array,
  result: unknown,
) {
  if (input.length > 0) tally.type((input[0] as number) >>> 5, result !== undefined);
}

const sealed = decoder<OpenResult>({
  name: "wire/sealed",
  covers: ["lib/wire/sealed.ts open"],
  share: 0.5,
  decode: (input) => open([key], CORPUS_CONTEXT, input),
  refused: ({ kind }) => kind !== "opened",
  check(input, result) {
    if (result.kind === "opened") ok(result.payload.length < input.length);
  },
  sort: (tally, input) => tally.type(open([key], CORPUS_CONTEXT, input).kind, true),
  types: { taken: ["opened", "damaged", "unknown-key"] },
});

/** Blocks that open: what is in them is anything, and who sent them, and when. */
const replays = machine({
  name: "wire/replay",
  covers: ["lib/wire/replay.ts ReplayGuard.accept", "lib/wire/sealed.ts open"],
  share: 0.5,
  types: { taken: ["block"], refused: ["block"] },
  begin(_seed, tally) {
    const guard = new ReplayGuard(8);
    const blocks: Uint8Array[] = [];
    const seen = new Map<string, number>();
    return {
      step(input, random) {
        const again = blocks.length > 0 && random.chance(0.3);
        const block = again ? random.pick(blocks) : seal(
          key,
          CORPUS_CONTEXT,
          {
            sender: random.below(12).toString(16).padStart(16, "0"),
            epoch: random.below(3),
            counter: random.chance(0.95) ? random.below(600) : Number.MAX_SAFE_INTEGER,
          },
          input,
          random.bytes(24),
        );
        if (!again && blocks.length < 50) blocks.push(block);
        const { sender, epoch, counter, payload } = open([key], CORPUS_CONTEXT, block) as Opened;
        if (!again) deepStrictEqual(payload, input);
        const taken = guard.accept(sender, epoch, counter);
        ok(guard.size <= 8);
        // What was taken once is not taken twice while its sender is remembered.
        if (taken) ok(!guard.accept(sender, epoch, counter));
        const before = seen.get(sender);
        if (taken && before !== undefined && guard.size < 8) ok(epoch >= before);
        seen.set(sender, Math.max(epoch, before ?? 0));
        tally.type("block", taken);
        return taken;
      },
    };
  },
});

const preface = decoder({
  name: "wire/preface",
  covers: ["lib/wire/preface.ts decodePreface"],
  share: 0.5,
  maxBytes: 64,
  decode: decodePreface,
  mend: (input) => {
    if (input.length < 10) return input;
    input.set(Uint8Array.of(0xed, 0x61, 0x67, 0x74));
    return input.slice(0, 10);
  },
  sort: (tally, _input, result) =>
    tally.type(
      result?.kind === "preface" ? result.purpose : result?.kind ?? "none",
      result !== undefined,
    ),
  types: {
    taken: ["node", "leaf", "join", "piot", "unknown-version"],
    refused: ["none"],
  },
});

type Answer = { readonly reply: PrefaceReply; readonly length: number } | undefined;

const prefaceReply = decoder<Answer>({
  name: "wire/preface-reply",
  covers: ["lib/wire/preface.ts decodePrefaceReply"],
  share: 0.5,
  maxBytes: 128,
  decode: decodePrefaceReply,
  check(input, result) {
    if (result === undefined) ok(input.length < 2 + 4 * MAX_TOLD_KEYS);
    else ok(result.length <= input.length);
  },
  sort: (tally, _input, result) => tally.type(result?.reply.status ?? "none", true),
  types: { taken: ["go-on", "busy", "unknown-version", "unknown-key", "no-invitation", "none"] },
});

const frames = decoder({
  name: "wire/frames",
  covers: ["lib/wire/preface.ts FrameDecoder.feed"],
  decode(input) {
    const cut = new FrameDecoder();
    const messages: Uint8Array[] = [];
    for (let at = 0; at < input.length; at += 5) {
      messages.push(...cut.feed(input.subarray(at, at + 5)).map((message) => message.slice()));
    }
    return { messages, left: cut.buffered };
  },
  check(input, { messages, left }) {
    const whole = concat(messages.map(encodeFrame));
    deepStrictEqual(input.slice(0, whole.length), whole);
    strictEqual(whole.length + left, input.length);
  },
});

/** Commutes, which is all that a handshake asks of it: `webCryptoDh` has one target of its own. */
function toyDh(random: Random): Dh {
  return {
    generate() {
      const publicKey = random.bytes(32);
      return Promise.resolve({
        publicKey,
        agree: (theirs) =>
          Promise.resolve(theirs.map((byte, i) => byte ^ (publicKey[i] as number))),
      });
    },
  };
}

/** Both sides of a handshake, one of whose messages is damaged, and then ciphertexts that are. */
function noise(name: string, share: number, dh: (random: Random) => Dh | undefined): Target {
  return machine({
    name: `wire/${name}`,
    covers: [
      "lib/wire/noise.ts NoiseHandshake.readMessage",
      "lib/wire/noise.ts CipherState.decrypt",
    ],
    share,
    steps: 50,
    types: { taken: ["hello", "answer", "transport"], refused: ["hello", "answer", "transport"] },
    begin: (_seed, tally) => ({
      async step(input, random) {
        const prologue = random.bytes(10);
        const own = dh(random);
        const options = { psk: key.streamPsk, prologue, ...(own && { dh: own }) };
        const there = new NoiseHandshake({ ...options, role: "initiator" });
        const here = new NoiseHandshake({ ...options, role: "responder" });
        const hurt = random.below(5);
        const damaged = (message: Uint8Array): Uint8Array => {
          if (random.chance(0.2)) return input;
          const copy = random.chance(0.5) ? message.slice() : concat([message, input]);
          const at = random.below(copy.length);
          copy[at] = (copy[at] as number) ^ (1 + random.below(255));
          return random.chance(0.1) ? copy.slice(0, random.below(copy.length)) : copy;
        };
        const read = async (
          side: NoiseHandshake,
          message: Uint8Array,
          what: string,
          bad: boolean,
        ) => {
          try {
            const payload = await side.readMessage(bad ? damaged(message) : message);
            ok(!bad, "a message that nobody wrote was taken");
            ok(payload.length + HANDSHAKE_OVERHEAD === message.length);
          } catch (error) {
            ok(error instanceof WireError && bad, String(error));
            tally.type(what, false);
            return false;
          }
          tally.type(what, true);
          return true;
        };
        const hello = await there.writeMessage(input.subarray(0, 300));
        if (!await read(here, hello, "hello", hurt === 0)) return false;
        const answer = await here.writeMessage(new Uint8Array(0));
        if (!await read(there, answer, "answer", hurt === 1)) return false;
        const [a, b] = [there.finish(), here.finish()];
        strictEqual(toHex(a.hash), toHex(b.hash));
        for (let i = 0; i < 3; i++) {
          const message = a.send.encrypt(input);
          if (hurt === 2) {
            try {
              b.receive.decrypt(damaged(message));
              ok(false, "a message that nobody wrote was taken");
            } catch (error) {
              ok(error instanceof WireError, String(error));
              tally.type("transport", false);
            }
          }
          // The cipher is as it was.
          deepStrictEqual(b.receive.decrypt(message), input);
          tally.type("transport", true);
        }
        return hurt !== 2;
      },
    }),
  });
}

/** A cipher at the end of its numbers, and messages of any length. */
const cipher = machine({
  name: "wire/cipher",
  covers: ["lib/wire/noise.ts CipherState.decrypt"],
  share: 0.5,
  maxBytes: MAX_NOISE_MESSAGE,
  begin: () => ({
    step(input, random) {
      const counter = random.chance(0.1) ? Number.MAX_SAFE_INTEGER : random.below(1_000);
      try {
        new CipherState(key.streamPsk, counter).decrypt(input);
        return true;
      } catch (error) {
        ok(error instanceof WireError, String(error));
        return false;
      }
    },
  }),
});

const INVITES = ["hello", "offer", "take", "keys", "stored", "done", "refuse"];

const invite = decoder<InviteMessage[]>({
  name: "wire/invite",
  covers: ["lib/wire/invite_messages.ts InviteDecoder.feed"],
  decode: (input) => new InviteDecoder().feed(input),
  check(_input, messages) {
    for (const message of messages) {
      const [again] = new InviteDecoder().feed(encodeInvite(message));
      strictEqual(again?.type, message.type);
    }
  },
  // The length of the first message, so that its body is looked at.
  mend(input) {
    if (input.length > 4 && input.length < 4_100) {
      input[1] = 0;
      writeU16(input, 2, input.length - 4);
    }
    return input;
  },
  sort(tally, input, messages) {
    for (const { type } of messages ?? []) tally.type(type, true);
    if (messages === undefined) tally.type(INVITES[(input[0] ?? 0) - 1] ?? "none", false);
  },
  types: { taken: INVITES, refused: [...INVITES, "none"] },
});

/** Texts that people type. */
function typed<T>(
  name: string,
  covers: string[],
  parse: (text: string) => T | undefined,
  check: (value: T) => void = () => {},
): Target {
  return decoder<T | undefined>({
    name: `wire/${name}`,
    covers,
    corpus: ["texts"],
    share: 0.5,
    maxBytes: 200,
    decode: (input) => parse(textOf(input)),
    refused: (value) => value === undefined,
    check: (_input, value) => value !== undefined && check(value),
    allows: (error) => error instanceof WireError,
  });
}

const texts: Target[] = [
  typed(
    "invite-key",
    ["lib/wire/invite.ts InviteKey.parse"],
    (text) => InviteKey.parse(text),
    (k) => {
      strictEqual(InviteKey.parse(k.toText()).id, k.id);
    },
  ),
  typed(
    "network-key",
    ["lib/wire/key.ts NetworkKey.parse"],
    (text) => NetworkKey.parse(text),
    (k) => {
      strictEqual(NetworkKey.parse(k.toText()).id, k.id);
    },
  ),
  typed("ip", ["lib/wire/ip.ts parseIp", "lib/wire/ip.ts parsePrefix"], (text) => {
    const prefix = parsePrefix(text);
    if (prefix) ok(prefix.length <= 8 * prefix.octets.length);
    return parseIp(text) ?? prefix?.octets;
  }, (octets) => ok(octets.length === 4 || octets.length === 16)),
  typed("mac", ["lib/wire/mac.ts parseMac"], parseMac, (mac) => ok(mac >= 0 && mac < 2 ** 48)),
];

/** All of them. */
export const targets: readonly Target[] = [
  ...tlvs,
  ...streams,
  cutter,
  cbor,
  cborItems,
  sealed,
  replays,
  preface,
  prefaceReply,
  frames,
  noise("noise", 0.1, toyDh),
  noise("noise-x25519", 0.02, () => undefined),
  cipher,
  invite,
  ...texts,
];
