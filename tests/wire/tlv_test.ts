import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  concat,
  fromHex,
  type RawTlv,
  TlvFormat,
  TlvStreamDecoder,
  toHex,
  WireError,
} from "../../lib/wire/mod.ts";
import { readVectors } from "./vectors.ts";

const FORMATS = [["rfc7787", TlvFormat.rfc7787], ["native", TlvFormat.native]] as const;

function plain(tlvs: readonly RawTlv[]): [number, string][] {
  return tlvs.map((tlv) => [tlv.type, toHex(tlv.value)]);
}

/** What holds for any sequence: the TLVs tile a prefix of the input, in order. */
function checkTiling(format: TlvFormat, input: Uint8Array): void {
  const { tlvs, error, warnings } = format.decode(input);
  let at = 0;
  for (const tlv of tlvs) {
    strictEqual(tlv.encoded.byteOffset, input.byteOffset + at);
    strictEqual(tlv.value.byteOffset, input.byteOffset + at + format.headerBytes);
    strictEqual(tlv.value.length, tlv.length);
    deepStrictEqual(format.header(input, at), { type: tlv.type, length: tlv.length });
    at += tlv.encoded.length;
  }
  if (error === null) strictEqual(at, input.length);
  else if (error === "truncated-header") ok(input.length - at < format.headerBytes);
  else ok(at + format.headerBytes + format.header(input, at).length > input.length);
  for (const warning of warnings) {
    ok(warning === "missing-final-padding" || warning === "nonzero-padding");
  }
}

// Spec §2.1 and §2.2, which quote RFC 7787 §7.
const ENCODINGS: [type: number, value: string, encoded: string][] = [
  [64, "", "00400000"],
  [65, "78", "0041000178000000"],
  [66, "7878", "0042000278780000"],
  [67, "787878", "0043000378787800"],
  [68, "78787878", "0044000478787878"],
  [123, "78", "007b000178000000"],
  [123, "78000000007c000179000000", "007b000c78000000007c000179000000"],
];

Deno.test("tlv: the encodings of RFC 7787 §7 in the specification, both ways", () => {
  for (const [type, value, encoded] of ENCODINGS) {
    strictEqual(toHex(TlvFormat.rfc7787.encode(type, fromHex(value))), encoded);
    const { tlvs, error, warnings } = TlvFormat.rfc7787.decode(fromHex(encoded));
    deepStrictEqual([plain(tlvs), error, warnings], [[[type, value]], null, []]);
    strictEqual(toHex(tlvs[0]!.encoded), encoded);
  }
});

Deno.test("tlv: sub-TLVs stand behind the padded content", () => {
  const format = TlvFormat.rfc7787;
  const sub = format.encode(124, fromHex("79"));
  strictEqual(toHex(format.encode(123, fromHex("78"), new Uint8Array(3), sub)), ENCODINGS[6]![2]);
});

Deno.test("tlv: the native header has one byte of type, three of length and no padding", () => {
  strictEqual(toHex(TlvFormat.native.encode(5, fromHex("616263"))), "05000003616263");
  const long = TlvFormat.native.encode(255, new Uint8Array(0x1_2345));
  strictEqual(toHex(long.subarray(0, 4)), "ff012345");
  strictEqual(long.length, 4 + 0x1_2345);
  strictEqual(TlvFormat.native.decode(long).tlvs[0]!.length, 0x1_2345);
});

Deno.test("tlv: what does not fit the header is refused when encoding", () => {
  for (const [, format] of FORMATS) {
    throws(() => format.encode(-1), RangeError);
    throws(() => format.encode(format.maxType + 1), RangeError);
    throws(() => format.encode(1, new Uint8Array(format.maxLength), new Uint8Array(1)), RangeError);
    strictEqual(format.encode(format.maxType).length, 4);
  }
  strictEqual(TlvFormat.rfc7787.encode(1, new Uint8Array(0xffff)).length, 4 + 0x1_0000);
});

Deno.test("tlv: what is encoded decodes to the same", () => {
  const tlv = fc.record({
    type: fc.nat(0xff),
    parts: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 }),
  });
  for (const [, format] of FORMATS) {
    fc.assert(fc.property(fc.array(tlv), (list) => {
      const bytes = concat(list.map(({ type, parts }) => format.encode(type, ...parts)));
      strictEqual(
        bytes.length,
        list.reduce((sum, { parts }) => sum + format.size(concat(parts).length), 0),
      );
      const { tlvs, error, warnings } = format.decode(bytes);
      deepStrictEqual(plain(tlvs), list.map(({ type, parts }) => [type, toHex(concat(parts))]));
      deepStrictEqual([error, warnings], [null, []]);
      checkTiling(format, bytes);
    }));
  }
});

Deno.test("tlv: any bytes give a sequence", () => {
  for (const [, format] of FORMATS) {
    const any = fc.uint8Array({ maxLength: 200 });
    fc.assert(fc.property(any, (bytes) => checkTiling(format, bytes)));
  }
});

Deno.test("tlv: how decoding ends (spec §2.3)", () => {
  const decode = (hex: string) => {
    const { tlvs, error, warnings } = TlvFormat.rfc7787.decode(fromHex(hex));
    return [plain(tlvs), error, warnings];
  };
  const first: [number, string][] = [[64, ""]];
  deepStrictEqual(decode(""), [[], null, []]);
  deepStrictEqual(decode("00400000004100"), [first, "truncated-header", []]);
  deepStrictEqual(decode("00400000004100027878780042"), [
    [[64, ""], [65, "7878"]],
    "truncated-header",
    ["nonzero-padding"],
  ]);
  deepStrictEqual(decode("004000000041000978"), [first, "length-past-end", []]);
  deepStrictEqual(decode("0041000178"), [[[65, "78"]], null, ["missing-final-padding"]]);
  deepStrictEqual(decode("00410001780000"), [[[65, "78"]], null, ["missing-final-padding"]]);
  deepStrictEqual(decode("0041000178000001"), [[[65, "78"]], null, ["nonzero-padding"]]);
  deepStrictEqual(decode("0041000178ff"), [
    [[65, "78"]],
    null,
    ["missing-final-padding", "nonzero-padding"],
  ]);
});

interface DncpVector {
  readonly kind: string;
  readonly id: string;
  readonly hex: string;
  readonly decoded?: { readonly type: number; readonly length: number; readonly value?: string };
  readonly tlvs?: readonly { readonly type: number; readonly length: number }[];
}

Deno.test("tlv: framing of the published DNCP vectors", () => {
  const { vectors } = readVectors<{ vectors: DncpVector[] }>("dncp.json");
  const format = TlvFormat.rfc7787;
  let checked = 0;
  for (const { kind, id, hex, decoded, tlvs } of vectors) {
    if (kind !== "tlv" && kind !== "datagram") continue;
    checked++;
    const sequence = format.decode(fromHex(hex));
    strictEqual(sequence.error, null, id);
    const wanted = kind === "tlv" ? [decoded!] : tlvs!;
    deepStrictEqual(
      sequence.tlvs.map(({ type, length }) => [type, length]),
      wanted.map(({ type, length }) => [type, length]),
      id,
    );
    if (decoded?.value !== undefined) {
      strictEqual(toHex(sequence.tlvs[0]!.value), decoded.value, id);
    }
    if (sequence.warnings.length === 0) {
      // Without oddities, encoding gives back every byte.
      strictEqual(toHex(concat(sequence.tlvs.map((t) => format.encode(t.type, t.value)))), hex, id);
    }
  }
  ok(checked > 0, "the file has vectors of these kinds");
});

Deno.test("tlv stream: whole TLVs come out, however the stream was cut", () => {
  const values = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
  for (const [, format] of FORMATS) {
    fc.assert(fc.property(values, pieces, (values, pieces) => {
      const stream = concat(values.map((value, i) => format.encode(i, value)));
      const decoder = new TlvStreamDecoder(format, 304);
      const out: Uint8Array[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const piece = stream.slice(at, at + (pieces[i % pieces.length] as number));
        at += piece.length;
        const fed = decoder.feed(piece);
        strictEqual(format.decode(fed).error, null);
        piece.fill(0xee);
        out.push(fed);
        ok(decoder.buffered < 304);
      }
      deepStrictEqual(concat(out), stream);
      strictEqual(decoder.buffered, 0);
    }));
  }
});

Deno.test("tlv stream: what it returned stays as it was", () => {
  const format = TlvFormat.native;
  const decoder = new TlvStreamDecoder(format, 100);
  const stream = concat([format.encode(1, fromHex("aa")), format.encode(2, fromHex("bb"))]);
  strictEqual(decoder.feed(stream.subarray(0, 2)).length, 0);
  const fed = decoder.feed(stream.subarray(2, 8));
  const before = toHex(fed);
  decoder.feed(stream.subarray(8));
  stream.fill(0);
  strictEqual(toHex(fed), before);
  strictEqual(before, "01000001aa");
});

Deno.test("tlv stream: a TLV above the limit ends it for good", () => {
  for (const [, format] of FORMATS) {
    const fits = format.encode(1, new Uint8Array(12));
    const decoder = new TlvStreamDecoder(format, 16);
    deepStrictEqual(decoder.feed(fits), fits);
    throws(() => decoder.feed(format.encode(1, new Uint8Array(13)).subarray(0, 4)), WireError);
    throws(() => decoder.feed(fits), WireError);
    strictEqual(decoder.buffered, 0);
  }
});
