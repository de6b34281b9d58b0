/** What nodes publish about messages, and the id that they keep. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { addressesOf, entryValue, hostToken, readEntry } from "../../../lib/agent/piot/entry.ts";
import { encodeCbor, type Json } from "../../../lib/wire/cbor.ts";
import { identityOf } from "../../../lib/agent/piot/identity.ts";
import { Random } from "../../../lib/core/mod.ts";
import type { StoredEntry } from "../../../lib/store/mod.ts";

const ID = "0123456789abcdef".repeat(2);

Deno.test("entry: what is published is read, and stays small", () => {
  const whole = {
    id: ID,
    at: ["192.0.2.1:8331", "[2001:db8::1]:8331", "[fd00::1]:8331", "198.51.100.1:8331", "x:1"],
    calls: Array.from({ length: 8 }, () => ID),
  };
  const value = entryValue(whole);
  deepStrictEqual(readEntry(value), { ...whole, at: whole.at.slice(0, 4) });
  ok(JSON.stringify(value).length < 600);
});

Deno.test("entry: any value is an entry or nothing, and its addresses can be dialled", () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom("127.0.0.1:1", "[fe80::1]:8331", "pi:99999", "pi:0", "[::1]:5", "192.0.2.1:7"),
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({
      id: fc.oneof(fc.constant(ID), fc.jsonValue()),
      at: fc.oneof(fc.array(text), fc.jsonValue()),
      host: fc.jsonValue(),
      calls: fc.oneof(fc.array(fc.constant(ID)), fc.jsonValue()),
    }, { requiredKeys: [] }),
  );
  fc.assert(
    fc.property(value, (value) => {
      const entry = readEntry(value);
      if (!entry) return;
      ok(entry.at.length <= 4 && /^[0-9a-f]{32}$/.test(entry.id));
      for (const { host, port } of addressesOf(entry, "here")) {
        ok(port > 0 && port < 65_536 && !/^fe80/i.test(host));
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("entry: loopback is for this computer alone", () => {
  const entry = { id: ID, at: ["127.0.0.1:8331", "192.0.2.1:8331"], host: hostToken(), calls: [] };
  strictEqual(addressesOf(entry, hostToken()).length, 2);
  deepStrictEqual(addressesOf(entry, "another"), [{ host: "192.0.2.1", port: 8_331 }]);
});

/** What the store keeps. */
function memory() {
  const kept = new Map<string, StoredEntry>();
  let writes = 0;
  return {
    entries: () => [...kept.values()],
    putEntries: (_: string, entries: readonly StoredEntry[]) => {
      writes++;
      for (const entry of entries) kept.set(entry.key, entry);
    },
    get writes() {
      return writes;
    },
    spoil: () => {
      for (const [key, entry] of kept) kept.set(key, { ...entry, value: new Uint8Array([0xff]) });
    },
  };
}

Deno.test("identity: made once, kept with the node id, and new on a copied disk", () => {
  const store = memory();
  const random = new Random(1);
  const bytes = (length: number) => random.bytes(length);
  const home = { name: "home", nodeId: "a1" };
  const id = identityOf(store, [home], bytes);
  strictEqual(identityOf(store, [home], bytes), id);
  strictEqual(store.writes, 1, "an idle start writes nothing");
  // A network more or less changes nothing.
  strictEqual(identityOf(store, [home, { name: "work", nodeId: "b1" }], bytes), id);
  strictEqual(identityOf(store, [{ name: "work", nodeId: "b1" }], bytes), id);
  // Another node has our id there, so this one was given a new one.
  const renamed = identityOf(store, [{ name: "work", nodeId: "c1" }], bytes);
  notStrictEqual(renamed, id);
  strictEqual(identityOf(store, [{ name: "work", nodeId: "c1" }], bytes), renamed);
  store.spoil();
  notStrictEqual(identityOf(store, [{ name: "work", nodeId: "c1" }], bytes), renamed);
});

Deno.test("identity: whatever stands in its place makes a new one", () => {
  const odd: Json[] = [null, 7, [], {}, { id: "0".repeat(32) }, { id: [], nodes: {} }];
  for (const value of [...odd, { id: "0".repeat(32), nodes: [] }]) {
    const store = memory();
    store.putEntries("", [{ key: "piot/identity", value: encodeCbor(value), at: 0 }]);
    const id = identityOf(store, [], (length) => new Uint8Array(length).fill(0xab));
    strictEqual(id, "ab".repeat(16), JSON.stringify(value));
  }
});
