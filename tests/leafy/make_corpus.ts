/**
 * Writes the corpus files of the decoders in `lib/leafy`: `deno run -A tests/leafy/make_corpus.ts`.
 * Run it by hand after a format changed; the files are committed.
 *
 * @module
 */
import { encodeLeaf, type LeafMessage } from "../../lib/leafy/mod.ts";
import { encodeDiscovery } from "../../lib/leafy/mod.ts";
import { encodeHncpAck, encodeHncpPublishRequest } from "../../lib/leafy/hncp_messages.ts";
import { writeCorpus } from "../fuzz/corpus.ts";
import { concat, fromHex } from "../../lib/wire/bytes.ts";
import { encodeCbor } from "../../lib/wire/cbor.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";

const native = TlvFormat.native;
const at = 1_795_251_600_000;
const id = "ab12000000000000";
const messages: Record<string, LeafMessage> = {
  "read": { type: "read", wanted: ["heating/target", "pi~ab12:*", ":a:b"] },
  "read-all": { type: "read", wanted: [] },
  "state": {
    type: "state",
    id,
    node: "pi-kitchen",
    entries: [
      { key: "heating/target", at, value: 21.5 },
      { key: "list", at: 0, value: [1, "x", { a: null }] },
    ],
  },
  "read-end": {
    type: "read-end",
    reasons: ["pi-2 is not in step yet"],
    node: "pi-kitchen",
    id,
    count: 2,
    missing: [1],
  },
  "publish": {
    type: "publish",
    guestId: "0123456789abcdef",
    sequence: 7,
    ttlMs: 60_000,
    entries: [["door", true], ["light", { lux: 12.5 }]],
  },
  "ack": {
    type: "ack",
    guestId: "0123456789abcdef",
    sequence: 7,
    grantedMs: 60_000,
    status: 0,
    until: at + 60_000,
    node: "pi-kitchen",
    id,
    message: "",
  },
  "error": { type: "error", exitCode: 2, message: "that names no entry" },
};
const files: Record<string, Uint8Array> = {
  "nothing": new Uint8Array(0),
  "unknown-type": native.encode(99, Uint8Array.of(1, 2, 3)),
  "answer": concat([encodeLeaf(messages["state"]!), encodeLeaf(messages["read-end"]!)]),
  "bad-cut": encodeLeaf(messages["read"]!).slice(0, -1),
  "bad-header": fromHex("4000"),
  "bad-wanted": native.encode(64, encodeCbor([1])),
  "bad-map": native.encode(64, encodeCbor({})),
  "bad-entry": native.encode(65, encodeCbor([id, "pi", [["a", 1, null]]])),
  "bad-id": native.encode(65, encodeCbor(["xyz", "pi", []])),
  "bad-name": native.encode(65, encodeCbor([id, "pi\n", []])),
  "bad-count": native.encode(66, encodeCbor([[], "pi", id, -1, []])),
  "bad-publish": native.encode(67, new Uint8Array(15)),
  "bad-pair": native.encode(67, new Uint8Array(16), encodeCbor([["a"]])),
  "bad-status": native.encode(
    68,
    new Uint8Array(16),
    Uint8Array.of(6),
    new Uint8Array(8),
    encodeCbor(["pi", id, ""]),
  ),
  "bad-exit": native.encode(69, encodeCbor([0, "fine"])),
};
for (const [name, message] of Object.entries(messages)) files[name] = encodeLeaf(message);
writeCorpus("leafy", files);

writeCorpus("discovery", {
  query: encodeDiscovery({ type: "query", port: 40_000 }),
  here: encodeDiscovery({ type: "here", port: 8_331 }),
  more: concat([encodeDiscovery({ type: "here", port: 8_331 }), fromHex("4d000000")]),
  "bad-empty": new Uint8Array(0),
  "bad-query": fromHex("4800000109"),
  "bad-here": fromHex("4900000109"),
  "bad-type": fromHex("4a0000020102"),
});

const rfc = TlvFormat.rfc7787;
const pair = rfc.encode(789, new TextEncoder().encode('{"ts":1,"k":"door","v":true}'));
const ack = { leafId: "01020304", seqno: 7, grantedMs: 60_000, status: 0 } as const;
writeCorpus("hncp-leaf", {
  publish: encodeHncpPublishRequest({ leafId: "01020304", seqno: 7, ttlMs: 60_000, content: pair }),
  other: encodeHncpPublishRequest({
    leafId: "01020304",
    seqno: 8,
    ttlMs: 60_000,
    content: rfc.encode(64, fromHex("01020304")),
  }),
  withdraw: encodeHncpPublishRequest({
    leafId: "01020304",
    seqno: 9,
    ttlMs: 0,
    content: new Uint8Array(0),
  }),
  ack: concat([rfc.encode(3, fromHex("0101010100000001")), encodeHncpAck(ack)]),
  stale: encodeHncpAck({ ...ack, status: 3, seqno: 9 }),
  full: encodeHncpAck({ ...ack, status: 2 }),
  "bad-empty": new Uint8Array(0),
  "bad-publish": rfc.encode(1, rfc.encode(800, fromHex("01020304"))),
  "bad-ack": rfc.encode(801, fromHex("01020304")),
});
