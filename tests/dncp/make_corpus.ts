/**
 * Writes the corpus files for `lib/dncp`: `deno run -A tests/dncp/make_corpus.ts`. Run it by hand
 * after a format changed; the files are committed. Inputs that once broke the machine are added by
 * hand, beside these.
 *
 * @module
 */
import { hncpProfile, nativeProfile, type Profile, TlvEncoder } from "../../lib/dncp/mod.ts";
import { concat, fromHex } from "../../lib/wire/mod.ts";
import { writeCorpus } from "../fuzz/corpus.ts";
import { readVectors } from "../wire/vectors.ts";
import { hashOfData } from "./harness.ts";

/** One TLV of each type, the messages that machines send, and what is malformed. */
function samples(profile: Profile): Record<string, Uint8Array> {
  const encode = new TlvEncoder(profile);
  const id = (n: number) => n.toString(16).padStart(2, "0").repeat(profile.nodeIdBytes);
  const hash = new Uint8Array(profile.hashBytes).fill(7);
  const data = concat([
    encode.peer(id(1), 1, 7),
    encode.keepAliveInterval(0, 5_000),
    profile.tlv.encode(64, fromHex("616263")),
  ]);
  const state = encode.nodeState(id(2), 5, 1_000, hashOfData(profile, data), data);
  const sub = profile.tlv.encode(99, fromHex("71"));
  return {
    "node-endpoint": encode.nodeEndpoint(id(2), 7),
    "request-list": concat([
      encode.nodeEndpoint(id(2), 7),
      encode.networkState(hash),
      encode.requestNetworkState(),
    ]),
    "request-data": concat([
      encode.nodeEndpoint(id(2), 7),
      encode.requestNodeState(id(1)),
      encode.requestNodeState(id(3)),
    ]),
    list: concat([
      encode.nodeEndpoint(id(2), 7),
      encode.networkState(hash),
      encode.nodeState(id(1), 9, 10, hash),
      encode.nodeState(id(2), 5, 1_000, hashOfData(profile, data)),
      encode.nodeState(id(3), 0xffff_fff0, 0xffff_ffff, hash),
    ]),
    data: concat([encode.nodeEndpoint(id(2), 7), state]),
    "own-id": concat([encode.nodeEndpoint(id(2), 7), encode.nodeState(id(1), 77, 0, hash)]),
    "sub-tlv": encode.requestNetworkState(sub, sub),
    unknown: concat([encode.nodeEndpoint(id(2), 7), profile.tlv.encode(77, fromHex("ff")), state]),
    "node-data": data,
    empty: new Uint8Array(0),
    "bad-short-peer": profile.tlv.encode(8, fromHex("01020304")),
    "bad-short-keep-alive": profile.tlv.encode(9, fromHex("01020304")),
    "bad-short-fields": profile.tlv.encode(3, fromHex("01020304")),
    "bad-sub-tlv": profile.tlv.encode(4, hash, fromHex("00ff")),
    "bad-length": concat([encode.nodeEndpoint(id(2), 7), encode.networkState(hash).subarray(0, 6)]),
    "bad-header": concat([encode.requestNetworkState(), fromHex("0003")]),
  };
}

interface Vector {
  readonly id: string;
  readonly kind: string;
  readonly hex: string;
}

const { vectors } = readVectors<{ vectors: Vector[] }>("dncp.json");
const captured = vectors.filter(({ kind, id }) => kind === "datagram" && id.startsWith("wire-"));
writeCorpus("dncp-hncp", {
  ...samples(hncpProfile),
  ...Object.fromEntries(captured.map(({ id, hex }) => [id, fromHex(hex)])),
});

const encode = new TlvEncoder(nativeProfile);
const endpoint = encode.nodeEndpoint("02".repeat(8), 7);
const networkState = encode.networkState(new Uint8Array(16).fill(7));
writeCorpus("dncp-native", {
  ...samples(nativeProfile),
  pause: concat([endpoint, encode.pause(30_000)]),
  "bad-short-pause": concat([endpoint, nativeProfile.tlv.encode(35, fromHex("00"))]),
  multicast: concat([endpoint, encode.hello(8331, "07".repeat(8)), networkState]),
  mirror: concat([endpoint, encode.mirror(), networkState]),
  clone: concat([encode.nodeEndpoint("01".repeat(8), 7), encode.hello(8331, "07".repeat(8))]),
  "bad-short-hello": concat([endpoint, nativeProfile.tlv.encode(32, fromHex("208b"))]),
});

const rfc = hncpProfile.tlv;
writeCorpus("hncp-tlvs", {
  verdict: rfc.encode(10, fromHex("00000001"), new Uint8Array(32), fromHex("6100")),
  "verdict-short": rfc.encode(10, new Uint8Array(35)),
  version: rfc.encode(32, fromHex("00004531"), fromHex("686e65746400")),
  "version-short": rfc.encode(32, fromHex("0000")),
  external: rfc.encode(33, rfc.encode(34, new Uint8Array(9)), rfc.encode(37, fromHex("0102"))),
});
