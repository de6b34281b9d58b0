/**
 * Vectors of SHSP (spec §15) against the state codec of profile `hncp` and the own dictionary.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeTlvs, hncpProfile } from "../../lib/dncp/mod.ts";
import {
  type Entry,
  openShspContainer,
  OwnDictionary,
  shspDigest,
  ShspStateCodec,
} from "../../lib/state/mod.ts";
import { concat, fromHex, toHex } from "../../lib/wire/mod.ts";
import type { Json } from "../../lib/wire/cbor.ts";
import { checkTlvs, type VectorTlv } from "./vector_tlvs.ts";

/** Key → [time in seconds, value]. */
type Dictionary = Readonly<Record<string, readonly [number, Json]>>;

export interface ShspAuth {
  readonly key: string;
  readonly hex: string;
  readonly body: string;
  readonly digest: string;
  readonly valid: boolean;
  /** What counts: nothing where the digest is wrong. */
  readonly tlvs: readonly VectorTlv[];
}

export interface ShspState {
  readonly key: string | null;
  readonly nodes: readonly { nodeId: string; nodeData: string; tlvs?: readonly VectorTlv[] }[];
  readonly dict: Readonly<Record<string, Dictionary>>;
}

export interface ShspUpdate {
  readonly key: string | null;
  readonly now: number;
  readonly steps: readonly {
    op: string;
    dict: Readonly<Record<string, Json>>;
    ts: number | null;
    localAfter: Dictionary;
    changed: boolean;
  }[];
  readonly nodeDataByPysyma: string;
  readonly nodeDataTlvs?: readonly VectorTlv[];
}

const codecOf = (key: string | null) => new ShspStateCodec(key === null ? undefined : fromHex(key));

/** The same keys with the same values; times to the millisecond, which is what entries keep. */
function checkEntries(entries: Iterable<Entry>, want: Dictionary): void {
  const got = new Map([...entries].map((entry) => [entry.key, entry]));
  deepStrictEqual([...got.keys()].sort(), Object.keys(want).sort());
  for (const [key, [ts, value]] of Object.entries(want)) {
    const entry = got.get(key);
    deepStrictEqual(entry?.value, value, key);
    ok(Math.abs((entry?.at ?? NaN) - ts * 1_000) < 1, `time of ${key}: ${entry?.at}`);
  }
}

export function checkShspAuth({ key, hex, body, digest, valid, tlvs }: ShspAuth): void {
  const { tlvs: [container, ...more], error } = hncpProfile.tlv.decode(fromHex(hex));
  ok(container && more.length === 0 && error === null);
  strictEqual(toHex(container.value), digest + body);
  strictEqual(toHex(shspDigest(fromHex(key), fromHex(body))) === digest, valid);
  const opened = openShspContainer(fromHex(key), container.value);
  strictEqual(opened !== undefined, valid);
  checkTlvs(decodeTlvs(hncpProfile, opened ?? new Uint8Array(0)).tlvs, tlvs);
}

export function checkShspState({ key, nodes, dict }: ShspState): void {
  const codec = codecOf(key);
  const withPairs = nodes.flatMap(({ nodeId, nodeData, tlvs }) => {
    if (tlvs) checkTlvs(decodeTlvs(hncpProfile, fromHex(nodeData)).tlvs, tlvs);
    const { entries } = codec.decode(fromHex(nodeData));
    if (entries.size === 0) return [];
    checkEntries(entries.values(), dict[nodeId] ?? {});
    return [nodeId];
  });
  deepStrictEqual(withPairs.sort(), Object.keys(dict).sort(), "nodes without pairs are left out");
}

export function checkShspUpdate(vector: ShspUpdate): void {
  const codec = codecOf(vector.key);
  const own = new OwnDictionary({ codec });
  for (const { op, dict, ts, localAfter, changed } of vector.steps) {
    const writes = new Map<string, Json>(Object.entries(dict));
    if (op === "set_dict") {
      for (const { key } of own.entries()) if (!writes.has(key)) writes.set(key, null);
    } else strictEqual(op, "update_dict", "an operation that is known here");
    const before = own.version;
    own.set(0, (ts ?? vector.now) * 1_000, writes);
    strictEqual(own.version !== before, changed);
    checkEntries(own.entries(), localAfter);
  }
  const theirs = fromHex(vector.nodeDataByPysyma);
  if (vector.nodeDataTlvs) checkTlvs(decodeTlvs(hncpProfile, theirs).tlvs, vector.nodeDataTlvs);
  const published = codec.decode(concat(own.encoded()));
  strictEqual(published.bad, 0);
  // The JSON texts may differ, the pairs may not.
  deepStrictEqual(
    [...published.entries].sort(([a], [b]) => a < b ? -1 : 1),
    [...codec.decode(theirs).entries].sort(([a], [b]) => a < b ? -1 : 1),
  );
}
