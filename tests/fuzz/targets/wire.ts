/**
 * Floor 0: TLVs, CBOR, sealing, and texts.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  concat,
  decodeCbor,
  encodeCbor,
  InviteKey,
  type Json,
  NetworkKey,
  open,
  type Opened,
  type OpenResult,
  parseIp,
  parseMac,
  parsePrefix,
  ReplayGuard,
  seal,
  StreamCutter,
  TlvFormat,
  TlvStreamDecoder,
  WireError,
} from "../../../lib/wire/mod.ts";
import { readCborItem, readCborItems } from "../../../lib/wire/cbor_items.ts";
import { CORPUS_CONTEXT, CORPUS_KEY } from "../corpus_key.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";
import { beginnings } from "./wire_streams.ts";
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
  ...texts,
  ...beginnings,
];
