import assert from "node:assert/strict";
import { encode } from "cborg";
import fc from "fast-check";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameName,
  FRAMES,
  frameSize,
  FrameSizeError,
  LENGTH_BYTES,
} from "../../lib/piot/frame.ts";
import { fnv1a } from "../../lib/piot/fnv.ts";
import { decodeHeader, encodeHeader, TOMBSTONE_ID } from "../../lib/piot/header.ts";
import { concat, fromHex, toHex, WireError } from "../../lib/wire/bytes.ts";

const A = "000102030405060708090a0b0c0d0e0f";
const x16 = (octet: string) => octet.repeat(16);
const x8 = (octet: string) => octet.repeat(8);
const hex = (text: string) => fromHex(text.replace(/\s/g, ""));
const NO_BYTES = new Uint8Array(0);

const temperature = encodeHeader({ kind: 0, name: "temperature", created: 1_700_000_000_000 });
/** spec/piot.md §15. */
const EXAMPLES: [Frame, string][] = [
  [
    {
      frame: "hello",
      version: 1,
      node: A,
      name: "kitchen",
      boot: x8("77"),
      nonce: x16("55"),
      inherit: true,
    },
    "0000003e 82 01 a6 0101 0250 000102030405060708090a0b0c0d0e0f 0367 6b69746368656e" +
    "0448 7777777777777777 0550 55555555555555555555555555555555 06f5",
  ],
  [
    { frame: "linkRequest", wanted: ["name", "addresses"] },
    "00000014 82 03 a1 01 82 646e616d65 69616464726573736573",
  ],
  [
    { frame: "linkAccept", link: x16("aa"), created: true, name: "hub", addresses: [] },
    "0000001e 82 05 a4 0150aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 02f5 0363687562 0480",
  ],
  [
    {
      frame: "resume",
      inherit: true,
      txEpoch: x8("e1"),
      lastSeq: 7,
      rxEpoch: x8("e2"),
      rxSeq: 3,
      held: 2,
      waiting: [],
      running: [],
    },
    "00000023 82 06 a8 01f5 0248e1e1e1e1e1e1e1e1 0307 0448e2e2e2e2e2e2e2e2 0503 0602 0780 0880",
  ],
  [
    { frame: "ready", outcome: 0, txEpoch: x8("e1"), firstSeq: 6, session: x16("5e") },
    "00000023 82 07 a4 0100 0248e1e1e1e1e1e1e1e1 0306 04505e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e",
  ],
  [
    { frame: "msg", seq: 6, id: x16("31"), header: temperature, body: hex("a1616318d7") },
    "0000003b 82 08 a4 0106 025031313131313131313131313131313131 03581a" +
    "a30100026b74656d7065726174757265041b0000018bcfe56800 0445a1616318d7",
  ],
  [
    { frame: "confirm", seq: 6, id: x16("31"), length: 31, hash: 0xe86b2647, status: 0 },
    "00000022 82 09 a5 0106 025031313131313131313131313131313131 03181f 041ae86b2647 0500",
  ],
  [
    {
      frame: "msg",
      seq: 7,
      id: TOMBSTONE_ID,
      header: encodeHeader({ kind: 15 }),
      body: NO_BYTES,
    },
    "0000001e 82 08 a4 0107 025000000000000000000000000000000000 0343a1010f 0440",
  ],
  [{ frame: "ping", token: 1 }, "00000005 820aa10101"],
  [{ frame: "pong", token: 1 }, "00000005 820ba10101"],
  [
    { frame: "close", code: 10, text: "sequence gap", resumable: true },
    "00000015 82 0c a3 010a 026c73657175656e636520676170 03f5",
  ],
];

Deno.test("frames are the octets of the specification, both ways", () => {
  for (const [frame, text] of EXAMPLES) {
    assert.equal(toHex(encodeFrame(frame)), toHex(hex(text)), frame.frame);
    assert.deepEqual(decodeFrame(hex(text).subarray(LENGTH_BYTES)), frame);
  }
});

Deno.test("headers and hashes are those of the specification", () => {
  const action = encodeHeader({
    kind: 1,
    name: "lamp.set",
    correlation: x16("41"),
    created: 1_700_000_000_000,
    timeout: 5_000,
  });
  assert.equal(
    toHex(action),
    "a5010102686c616d702e736574035041414141414141414141414141414141041b0000018bcfe5680006191388",
  );
  const request = concat([action, hex("a1626f6ef5")]);
  assert.deepEqual([request.length, fnv1a(request)], [50, 0xfb7373e5]);
  const result = encodeHeader({
    kind: 2,
    correlation: x16("41"),
    created: 1_700_000_000_100,
    status: 0,
  });
  assert.equal(
    toHex(result),
    "a40102035041414141414141414141414141414141041b0000018bcfe568640a00",
  );
  assert.equal(fnv1a(concat([result, hex("f5")])), 0xa3cec8c7);

  const text = (value: string) => fnv1a(new TextEncoder().encode(value));
  assert.deepEqual([text(""), text("a"), text("foobar")], [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.equal(fnv1a(all), 0x90a458c5);
  assert.equal(fnv1a(all.subarray(100), fnv1a(all.subarray(0, 100))), 0x90a458c5, "in pieces");
});

const uints = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.maxSafeNat());
const ids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex);
const epochs = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(toHex);
const texts = fc.string({ unit: "grapheme", maxLength: 40 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const tagMaps = fc.dictionary(texts, texts).map((entries) => new Map(Object.entries(entries)));
const octets = fc.uint8Array({ maxLength: 300 });
const frames: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.record({
    frame: fc.constant("hello"),
    version: uints,
    node: ids,
    name: texts,
    boot: epochs,
    nonce: ids,
    inherit: fc.boolean(),
    to: maybe(ids),
    link: maybe(ids),
    auth: maybe(uints),
    maxFrame: maybe(uints),
    idle: maybe(uints),
    features: maybe(fc.array(texts)),
  }),
  fc.record({
    frame: fc.constant("auth"),
    proof: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({ frame: fc.constant("linkRequest"), wanted: fc.array(texts) }),
  fc.record({
    frame: fc.constant("linkInfo"),
    name: texts,
    addresses: maybe(fc.array(texts)),
    tags: maybe(tagMaps),
  }),
  fc.record({
    frame: fc.constant("linkAccept"),
    link: ids,
    created: fc.boolean(),
    name: texts,
    addresses: maybe(fc.array(texts)),
    tags: maybe(tagMaps),
  }),
  fc.record({
    frame: fc.constant("resume"),
    inherit: fc.boolean(),
    txEpoch: epochs,
    lastSeq: uints,
    rxEpoch: fc.option(epochs),
    rxSeq: uints,
    held: uints,
    waiting: fc.array(ids),
    running: fc.array(ids),
  }),
  fc.record({
    frame: fc.constant("ready"),
    outcome: uints,
    txEpoch: epochs,
    firstSeq: uints,
    session: maybe(ids),
  }),
  fc.record({ frame: fc.constant("msg"), seq: uints, id: ids, header: octets, body: octets }),
  fc.record({
    frame: fc.constant("confirm"),
    seq: uints,
    id: ids,
    length: uints,
    hash: uints,
    status: uints,
    reason: maybe(texts),
  }),
  fc.record({ frame: fc.constantFrom("ping", "pong"), token: uints }),
  fc.record({
    frame: fc.constant("close"),
    code: uints,
    text: maybe(texts),
    resumable: maybe(fc.boolean()),
  }),
).map((frame) => Object.fromEntries(Object.entries(frame).filter(([, v]) => v !== undefined)));

Deno.test("every frame survives its encoding", () => {
  fc.assert(fc.property(frames, (frame) => {
    const bytes = encodeFrame(frame as Frame);
    assert.equal(frameSize(bytes, 0, 2 ** 31), bytes.length);
    assert.deepEqual(decodeFrame(bytes.subarray(LENGTH_BYTES)), frame);
  }));
});

/** A field's value as an independent CBOR encoder takes it. */
function plain(value: unknown): unknown {
  if (typeof value === "string" && /^([0-9a-f]{32}|[0-9a-f]{16})$/.test(value)) {
    return fromHex(value);
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

Deno.test("frames are deterministic CBOR, as an independent encoder writes them", () => {
  fc.assert(fc.property(frames, ({ frame, ...values }) => {
    const { type, fields } = FRAMES[frame as FrameName];
    const keys: Record<string, { key: number; kind: { what: string } }> = fields;
    const map = new Map(
      Object.entries(values).map(([name, value]) => [
        keys[name]!.key,
        /octets/.test(keys[name]!.kind.what) ? plain(value) : value,
      ]),
    );
    const ours = encodeFrame({ frame, ...values } as Frame).subarray(LENGTH_BYTES);
    assert.equal(toHex(ours), toHex(encode([type, map])));
  }));
});

Deno.test("a missing or wrong field, or an unknown strict type, is a typed error", () => {
  const wrongs: unknown[] = [1.5, -1, "x", true, null, new Uint8Array(15), [1], new Map(), 2 ** 53];
  for (const [frame] of EXAMPLES) {
    const { type, fields } = FRAMES[frame.frame];
    const rows = Object.entries(fields) as [string, { key: number; optional: boolean }][];
    const values: Record<string, unknown> = { ...frame };
    const whole = () =>
      new Map(rows.flatMap(([name, { key }]) => {
        const value = values[name];
        return value === undefined
          ? []
          : [[key, name === "name" || name === "text" ? value : plain(value)]];
      }));
    for (const [name, { key, optional }] of rows) {
      const missing = whole();
      missing.delete(key);
      const without = encode([type, missing]);
      if (optional) decodeFrame(without);
      else assert.throws(() => decodeFrame(without), WireError, `${frame.frame} without ${name}`);
      for (const wrong of wrongs) {
        const altered = encode([type, whole().set(key, wrong)]);
        let decoded;
        try {
          decoded = decodeFrame(altered);
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
          continue;
        }
        assert.deepEqual(plain((decoded as unknown as Record<string, unknown>)[name]), wrong);
      }
    }
  }
  assert.equal(decodeFrame(encode([20, new Map()])), undefined, "later versions may have these");
  for (const type of [0, 13, 15, -1, 1.5, "1"]) {
    assert.throws(() => decodeFrame(encode([type, new Map()])), WireError, String(type));
  }
  assert.throws(() => frameSize(hex("00000000"), 0, 100), FrameSizeError);
  assert.throws(() => frameSize(hex("00000065"), 0, 100), FrameSizeError);
});

Deno.test("other writers' CBOR is taken: unknown keys, open lengths, floats for integers", () => {
  const ping = { frame: "ping", token: 1 };
  for (
    const text of [
      "820aa10101",
      "9f0abf0101ffff", // lengths left open
      "82180aa1180101", // heads longer than needed
      "820aa101f93c00", // 1.0
      "820aa101fa3f800000",
      "820aa301010261781863c102", // more keys, and a tag where we look away
    ]
  ) assert.deepEqual(decodeFrame(hex(text)), ping, text);
  for (
    const text of [
      "820aa201010101", // a key twice
      "820aa2010101f93c00", // the same in other words
      "820aa20101f93c0001",
      "820aa1010100", // octets behind the frame
      "820aa101c101", // a tag where a number is due
      "9f0aa10101", // no end
      "830aa1010100",
    ]
  ) assert.throws(() => decodeFrame(hex(text)), WireError, text);
});

Deno.test("any octets give a frame or a typed error", () => {
  const starts = EXAMPLES.map(([frame]) => encodeFrame(frame).subarray(LENGTH_BYTES));
  const total = (bytes: Uint8Array) => {
    try {
      decodeFrame(bytes);
      decodeHeader(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), total));
  fc.assert(
    fc.property(
      fc.constantFrom(...starts),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      (start, changes) => {
        const bytes = start.slice();
        for (const [at, octet] of changes) bytes[at % bytes.length] = octet;
        total(bytes);
      },
    ),
    { numRuns: 2_000 },
  );
});
