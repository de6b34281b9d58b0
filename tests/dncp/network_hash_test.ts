/** The network state hash, both forms, against plain twins; and what keeping it up to date costs. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { CHash } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { createNetworkHash, hncpProfile, nativeProfile, type Profile } from "../../lib/dncp/mod.ts";
import { NodeContent } from "../../lib/dncp/node_content.ts";
import { NodeRecord } from "../../lib/dncp/node_record.ts";
import { NodeTable } from "../../lib/dncp/node_table.ts";
import { TlvEncoder } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { hashOfData, slowNetworkHash } from "./harness.ts";

const PROFILES = [hncpProfile, nativeProfile];

/** A profile whose hash function counts the bytes it is fed. */
function counting(profile: Profile): { profile: Profile; hashed: () => number } {
  let bytes = 0;
  type Hasher = ReturnType<CHash["create"]>;
  const wrap = (hasher: Hasher): unknown => ({
    update(data: Uint8Array) {
      bytes += data.length;
      hasher.update(data);
      return this;
    },
    digest: () => hasher.digest(),
    clone: () => wrap(hasher.clone()),
  });
  const hash = Object.assign((data: Uint8Array) => {
    bytes += data.length;
    return profile.hash(data);
  }, { create: () => wrap(profile.hash.create()) }) as unknown as CHash;
  return { profile: { ...profile, hash }, hashed: () => bytes };
}

interface Op {
  readonly node: number;
  readonly seqno: number;
  readonly fill: number;
  readonly what: "set" | "delete" | "digest";
}

const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.record({
    node: fc.nat(299),
    seqno: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffff_ffff })),
    fill: fc.nat(3),
    what: fc.constantFrom<Op["what"]>("set", "set", "set", "delete", "digest"),
  }),
  { maxLength: 300, size: "max" },
);

/** Ids that fall into few and into many buckets, and sort differently from their numbers. */
function idOf(profile: Profile, n: number): string {
  const random = new Random(n);
  const id = random.bytes(profile.nodeIdBytes);
  if (n % 3 === 0) id[0] = 0x42;
  return toHex(id);
}

for (const profile of PROFILES) {
  Deno.test(`network hash, ${profile.networkHash}: any edits lead to the hash of the plain twin`, () => {
    fc.assert(fc.property(ops, (list) => {
      const hash = createNetworkHash(profile);
      const nodes = new Map<string, { id: string; seqno: number; hash: Uint8Array }>();
      for (const { node, seqno, fill, what } of list) {
        const id = idOf(profile, node);
        if (what === "set") {
          const data = new Uint8Array(profile.hashBytes).fill(fill);
          nodes.set(id, { id, seqno, hash: data });
          hash.set(id, seqno, data);
        } else if (what === "delete") {
          nodes.delete(id);
          hash.delete(id);
        } else {
          strictEqual(toHex(hash.digest()), slowNetworkHash(profile, nodes.values()));
        }
      }
      strictEqual(toHex(hash.digest()), slowNetworkHash(profile, nodes.values()));
    }));
  });

  Deno.test(`network hash, ${profile.networkHash}: without nodes it is the hash of nothing`, () => {
    const hash = createNetworkHash(profile);
    strictEqual(toHex(hash.digest()), toHex(hashOfData(profile, new Uint8Array(0))));
    hash.set(idOf(profile, 1), 1, new Uint8Array(profile.hashBytes));
    hash.digest();
    hash.delete(idOf(profile, 1));
    strictEqual(toHex(hash.digest()), toHex(hashOfData(profile, new Uint8Array(0))));
  });

  Deno.test(`network hash, ${profile.networkHash}: what is set is copied`, () => {
    const hash = createNetworkHash(profile);
    const data = new Uint8Array(profile.hashBytes).fill(7);
    hash.set(idOf(profile, 1), 1, data);
    const before = toHex(hash.digest());
    data.fill(8);
    hash.set(idOf(profile, 2), 1, data);
    hash.delete(idOf(profile, 2));
    strictEqual(toHex(hash.digest()), before);
  });
}

Deno.test("network hash, tree: nodes with the same data and number are told apart", () => {
  const hashes = ["00", "01"].map((prefix) => {
    const hash = createNetworkHash(nativeProfile);
    hash.set(prefix.repeat(8), 1, new Uint8Array(16));
    return toHex(hash.digest());
  });
  ok(hashes[0] !== hashes[1]);
});

/** A table of `count` nodes in a tree of ten children each, all reachable. */
function treeOf(
  profile: Profile,
  count: number,
): { table: NodeTable; record(i: number, seqno: number): NodeRecord } {
  const encode = new TlvEncoder(profile);
  const ids = Array.from(
    { length: count },
    (_, i) => toHex(new Random(i).bytes(profile.nodeIdBytes)),
  );
  const id = (i: number) => ids[i] as string;
  const record = (i: number, seqno: number) => {
    const peers: Uint8Array[] = [];
    if (i > 0) peers.push(encode.peer(id(Math.floor((i - 1) / 10)), ((i - 1) % 10) + 2, 1));
    for (let child = 10 * i + 1; child <= 10 * i + 10 && child < count; child++) {
      peers.push(encode.peer(id(child), 1, ((child - 1) % 10) + 2));
    }
    const data = concat([...peers, profile.tlv.encode(64, Uint8Array.of(seqno))]);
    const hash = profile.hash(data).slice(0, profile.hashBytes);
    const self = i === 0;
    const content = new NodeContent(profile, id(i), data, hash);
    return new NodeRecord(content, { self, seqno, age: 0, received: 0 });
  };
  const table = new NodeTable(profile, id(0), 0, () => {});
  for (let i = 0; i < count; i++) table.store(record(i, 1));
  table.update(0);
  return { table, record };
}

Deno.test("network hash: one change among 10 000 nodes hashes a few kilobytes and sorts nothing", () => {
  const { profile, hashed } = counting({ ...nativeProfile, maxNodes: 20_000 });
  const { table, record } = treeOf(profile, 10_000);
  const all = hashed();
  const first = table.hash.digest();
  ok(hashed() - all > 10_000 * 28, "the first time all are hashed");
  const sorted = table.reachableIds();
  strictEqual(sorted.length, 10_000);
  const walks = table.walks;
  const random = new Random(1);
  for (let i = 0; i < 100; i++) {
    const changed = record(random.below(10_000), 2 + i);
    const before = hashed();
    table.store(changed);
    table.update(i * 20);
    const digest = table.hash.digest();
    const cost = hashed() - before;
    ok(cost > 28 && cost < 4_000, `${cost} bytes hashed for one change`);
    ok(toHex(digest) !== toHex(first));
  }
  strictEqual(table.reachableIds(), sorted, "the sorted list is the same object");
  strictEqual(table.walks, walks, "the graph is not walked");
  const views = sorted.map((id) => table.get(id) as NodeRecord);
  strictEqual(toHex(table.hash.digest()), slowNetworkHash(nativeProfile, views));
});

Deno.test("network hash, flat: a change hashes what follows it, in steps of 64 leaves", () => {
  const { profile, hashed } = counting(hncpProfile);
  const hash = createNetworkHash(profile);
  const id = (i: number) => (i * 1_000).toString(16).padStart(8, "0");
  for (let i = 0; i < 10_000; i++) hash.set(id(i), 1, new Uint8Array(8));
  hash.digest();
  const costs = [9_999, 5_000, 0].map((i) => {
    const before = hashed();
    hash.set(id(i), 2, new Uint8Array(8));
    hash.digest();
    return hashed() - before;
  });
  const leaf = 12;
  ok((costs[0] as number) <= 64 * leaf, `${costs[0]} at the end`);
  ok((costs[1] as number) <= 5_064 * leaf, `${costs[1]} in the middle`);
  ok((costs[2] as number) <= 10_000 * leaf, `${costs[2]} at the front`);
  const before = hashed();
  hash.digest();
  deepStrictEqual(hashed() - before, 0, "asked again it hashes nothing");
});
