/** What `docs/dncp.md` says about values and bytes is what the code does. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  createNetworkHash,
  nativeProfile as profile,
  TlvEncoder,
  TlvType,
} from "../../lib/dncp/mod.ts";
import { NativeStateCodec, STATE_TLV } from "../../lib/state/mod.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { hashOfData, slowNetworkHash } from "./harness.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/dncp.md", import.meta.url));
const A = "0a00000000000001";
const B = "0b00000000000002";

/** The worked example, without spaces and line ends. */
const example = (PAGE.split("### A worked example")[1] ?? "").replaceAll(/\s/g, "");

Deno.test("docs: the worked example of the native wire", () => {
  const encode = new TlvEncoder(profile);
  const state = new NativeStateCodec().encode([{ key: "t", value: 21.5, at: 1_795_251_600_000 }]);
  const [tlv] = state;
  ok(tlv);
  const peerA = encode.peer(B, 3, 2);
  const peerB = encode.peer(A, 2, 3);
  const hashA = hashOfData(profile, concat([peerA, tlv]));
  const hashB = hashOfData(profile, peerB);
  const network = createNetworkHash(profile);
  network.set(A, 1, hashA);
  network.set(B, 3, hashB);
  const root = network.digest();
  const nodes = [{ id: A, seqno: 1, hash: hashA }, { id: B, seqno: 3, hash: hashB }];
  strictEqual(toHex(root), slowNetworkHash(profile, nodes));
  const multicast = concat([
    encode.nodeEndpoint(A, 2),
    encode.hello(8331, "0102030405060708"),
    encode.networkState(root),
  ]);
  const short = encode.nodeState(A, 1, 1_500, hashA);
  for (const bytes of [peerA, tlv, hashA, peerB, hashB, short, root, multicast]) {
    ok(example.includes(toHex(bytes)), toHex(bytes));
  }
});

Deno.test("docs: the table of TLVs has the types that there are", () => {
  const rows = [...PAGE.matchAll(/^\| (\d+) +\| ([A-Z][A-Za-z -]+?) +\|/gm)];
  const listed = new Map(
    rows.map(([, type, name]) => [Number(type), name?.replaceAll(/[ -]/g, "")]),
  );
  const real = new Map<number, string>(
    Object.entries(TlvType).map(([name, type]) => [type, name]),
  );
  real.set(STATE_TLV, "State");
  deepStrictEqual(
    [...listed].sort(([a], [b]) => a - b),
    [...real].sort(([a], [b]) => a - b),
  );
});

Deno.test("docs: the values of the native profile", () => {
  const { trickle, keepAlive, dense } = profile;
  for (
    const text of [
      `${profile.nodeIdBytes} bytes, 4 bytes`,
      `the first ${profile.hashBytes} bytes`,
      `${trickle.imin} ms, ${trickle.imax / 1_000} s, ${trickle.k}`,
      `${keepAlive.interval / 1_000} s × ${keepAlive.multiplier}`,
      `from ${(dense?.bound ?? 0) + 2} nodes on, ${dense?.hubs} hubs`,
      `${profile.maxNodeData.toLocaleString("en").replace(",", " ")} bytes`,
      profile.maxNodes.toLocaleString("en").replace(",", " "),
      `| ${profile.maxStreams} `,
      `${profile.publishInterval} ms × (1 + n / 2048)`,
    ]
  ) ok(PAGE.includes(text), text);
});
