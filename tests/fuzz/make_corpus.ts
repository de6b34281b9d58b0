/**
 * Writes the corpus files of the decoders in `lib/wire`: `deno run -A tests/fuzz/make_corpus.ts`.
 * Run it by hand after a format changed; the files are committed. Inputs that once broke a decoder
 * are added by hand, beside these.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import {
  encodeCbor,
  encodeFrame,
  encodePreface,
  encodePrefaceReply,
  encodeUnknownKey,
  fromHex,
  InviteKey,
  type Json,
  NetworkKey,
  seal,
  TlvFormat,
} from "../../lib/wire/mod.ts";
import { encodeInvite } from "../../lib/wire/invite_messages.ts";
import { writeCorpus as write } from "./corpus.ts";
import { CORPUS_CONTEXT, CORPUS_KEY } from "./corpus_key.ts";

function join(...parts: Uint8Array[]): Uint8Array {
  return fromHex(parts.map((part) => part.toHex()).join(""));
}

const random = new Random(2026);
const text = (value: string) => new TextEncoder().encode(value);

write("self", {
  three: fromHex("03616263"),
  one: fromHex("01ff"),
  "bad-empty": new Uint8Array(0),
  "bad-short": fromHex("0561"),
});

const rfc = TlvFormat.rfc7787;
write("tlv-rfc7787", {
  empty: rfc.encode(64),
  padded: rfc.encode(65, text("x")),
  nested: rfc.encode(123, text("x"), new Uint8Array(3), rfc.encode(124, text("y"))),
  datagram: join(
    rfc.encode(3, random.bytes(4), fromHex("00000001")),
    rfc.encode(4, random.bytes(8)),
    rfc.encode(5, random.bytes(20)),
    rfc.encode(
      5,
      random.bytes(20),
      rfc.encode(8, random.bytes(12)),
      rfc.encode(789, text('{"k":1}')),
    ),
  ),
  "no-final-padding": rfc.encode(66, text("xx")).slice(0, 6),
  "bad-header": fromHex("004000"),
  "bad-length": fromHex("0040ffff00"),
});
write("stream-rfc7787", {
  two: join(rfc.encode(65, text("x")), rfc.encode(66, random.bytes(40))),
  "bad-unfinished": rfc.encode(66, text("xx")).slice(0, 7),
  "bad-too-large": rfc.encode(66, new Uint8Array(509)).slice(0, 20),
});
const native = TlvFormat.native;
write("stream-native", {
  two: join(native.encode(65, text("x")), native.encode(66, random.bytes(40))),
  "bad-unfinished": native.encode(66, text("xx")).slice(0, 5),
  "bad-too-large": native.encode(66, new Uint8Array(509)).slice(0, 20),
});
write("tlv-native", {
  empty: native.encode(1),
  datagram: join(
    native.encode(3, random.bytes(8), fromHex("00000001")),
    native.encode(4, random.bytes(16)),
    native.encode(
      5,
      random.bytes(32),
      native.encode(8, random.bytes(16)),
      native.encode(200, text("state")),
    ),
  ),
  "bad-header": fromHex("010000"),
  "bad-length": fromHex("01ffffff00"),
});

const values: Record<string, Json> = {
  null: null,
  "big-integer": Number.MAX_SAFE_INTEGER,
  "big-negative": Number.MIN_SAFE_INTEGER,
  half: 1.5,
  single: 100_000.5,
  double: 21.3,
  text: "Küche, 21 °C 🌡, and enough letters to pass the short way",
  array: [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32, -1, -25, "", [], {}, [[true, false]]],
  map: { name: "pi-kitchen", "heating/target": 21.5, at: 1_795_251_600_000, list: [1, "a", null] },
  proto: JSON.parse('{"__proto__":{"x":1},"constructor":2}'),
};
for (const [name, value] of Object.entries(values)) write("cbor", { [name]: encodeCbor(value) });
write("cbor", {
  "long-heads": fromHex("9b00000000000000021a000000011800"),
  "bad-trailing": fromHex("f6f6"),
  "bad-tag": fromHex("c11a514b67b0"),
  "bad-bytes": fromHex("4401020304"),
  "bad-undefined": fromHex("f7"),
  "bad-nan": fromHex("f97e00"),
  "bad-indefinite": fromHex("9f01ff"),
  "bad-count": fromHex("9b001fffffffffffff"),
  "bad-utf8": fromHex("62c328"),
  "bad-twice": fromHex("a2616101616102"),
  "bad-deep": new Uint8Array(65_536).fill(0x81).slice(0, 300),
  "bad-2-53": fromHex("1b0020000000000000"),
});

const key = NetworkKey.parse(CORPUS_KEY);
const other = NetworkKey.fromBytes(random.bytes(32));
const origin = { sender: "0123456789abcdef", epoch: 7, counter: 9 };
const whole = seal(key, CORPUS_CONTEXT, origin, text("hello"), random.bytes(24));
write("sealed", {
  hello: whole,
  empty: seal(key, CORPUS_CONTEXT, origin, new Uint8Array(0), random.bytes(24)),
  "bad-key": seal(other, CORPUS_CONTEXT, origin, text("hello"), random.bytes(24)),
  "bad-context": seal(key, "another", origin, text("hello"), random.bytes(24)),
  "bad-short": whole.slice(0, 68),
  "bad-version": Uint8Array.of(2, ...whole.subarray(1)),
});

const id = key.idBytes;
write("preface", {
  node: encodePreface("node", id),
  leaf: encodePreface("leaf", id),
  "later-version": fromHex("ed6167740209aabbccdd"),
  "bad-magic": text("GET / HTTP"),
  "bad-purpose": fromHex("ed6167740105aabbccdd"),
  join: fromHex("ed6167740103aabbccdd"),
  piot: fromHex("ed6167740104aabbccdd"),
  "bad-short": encodePreface("node", id).slice(0, 9),
});
write("preface-reply", {
  "go-on": encodePrefaceReply("go-on"),
  busy: encodePrefaceReply("busy"),
  "unknown-version": encodePrefaceReply("unknown-version"),
  "unknown-key": encodeUnknownKey([id, other.idBytes]),
  "no-key": encodeUnknownKey([]),
  "go-on-and-more": join(encodePrefaceReply("go-on"), random.bytes(20)),
  "bad-status": fromHex("05"),
  "no-invitation": fromHex("0401"),
  "bad-why": fromHex("0404"),
  "bad-count": fromHex("0111"),
});
write("frames", {
  one: encodeFrame(random.bytes(16)),
  three: join(
    encodeFrame(random.bytes(16)),
    encodeFrame(random.bytes(48)),
    encodeFrame(random.bytes(17)),
  ),
  part: encodeFrame(random.bytes(100)).slice(0, 50),
  nothing: new Uint8Array(0),
  "bad-empty": fromHex("0000"),
  "bad-short": fromHex("000f"),
});

const offer = encodeInvite({
  type: "offer",
  network: "home",
  node: "pi-1",
  keyIds: ["01020304"],
  port: 8_331,
  streamPort: 8_331,
});
const keys = encodeInvite({ type: "keys", keys: [NetworkKey.fromBytes(new Uint8Array(32))] });
write("invite", {
  hello: encodeInvite({ type: "hello", name: "pi-2" }),
  offer,
  keys,
  take: encodeInvite({ type: "take", claim: "0".repeat(32) }),
  stored: encodeInvite({ type: "stored" }),
  refuse: encodeInvite({ type: "refuse", message: "no" }),
  all: join(offer, keys, encodeInvite({ type: "done" })),
  part: offer.subarray(0, 9),
  "bad-type": fromHex("09000001a0"),
  "bad-long": fromHex("01ffffff"),
  "bad-body": fromHex("0100000101"),
  "bad-empty": fromHex("01000000"),
});

write("cbor-items", {
  bytes: fromHex("4401020304"),
  tagged: fromHex("c11a514b67b0"),
  "indefinite-array": fromHex("9f0102ff"),
  "indefinite-bytes": fromHex("5f41014102ff"),
  "indefinite-map": fromHex("bf01020304ff"),
  simple: fromHex("f7"),
  infinity: fromHex("f97c00"),
  "huge-integer": fromHex("1bffffffffffffffff"),
  negative: fromHex("3903e7"),
  "int-keys": fromHex("a2016161024101"),
});

write("texts", {
  "invite-key": text(new InviteKey(random.bytes(16)).toText()),
  "network-key": text(CORPUS_KEY),
  ip4: text("192.0.2.1"),
  ip6: text("2001:db8::192.0.2.1"),
  "ip6-zone": text("fe80::1%eth0"),
  prefix4: text("192.0.2.0/24"),
  prefix6: text("2001:db8::/64"),
  mac: text("02:00:00:00:0a:01"),
  "host-port": text("pi-kitchen.local:8331"),
  "ip6-port": text("[fe80::1%eth0]:8400"),
  address: text("pi-kitchen~ab12:heating/target"),
  "all-of-a-node": text("pi-kitchen:*"),
  "by-id": text("~ab12000000000000:door"),
  code: text(`192.168.1.20,[fd00::7]:9000/${new InviteKey(random.bytes(16)).toText()}`),
  duration: text("1h30m"),
  entry: text("heating/target=21.5"),
  "entry-json": text('list=[1,"a",{"b":null}]'),
  pattern: text("192.168.*"),
  words: text('advertise "my service" 5000 \\"x\\"'),
  lone: Uint8Array.of(0xed, 0xa0, 0x80),
});
