import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import type { NodeView } from "../../lib/dncp/api.ts";
import {
  type Entry,
  jsonEqual,
  NativeStateCodec,
  NetworkView,
  parseAddress,
  type StateChange,
  type StateCodec,
  toStateJson,
  type Value,
} from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";

const A = "ab12000000000000";
const B = "ab13000000000000";
const WALL = 1_795_251_600_000;
const codec = new NativeStateCodec();

type Content = Record<string, Value | [value: Value, at: number]>;

function entriesOf(content: Content): Entry[] {
  return Object.entries(content).map(([key, value]) =>
    Array.isArray(value)
      ? { key, value: value[0] as Value, at: value[1] as number }
      : { key, value, at: 1 }
  );
}

function node(id: string, content: Content, more: Partial<NodeView> = {}): NodeView {
  const data = concat(codec.encode(entriesOf(content)));
  return { id, self: false, seqno: 1, data, hash: data, origination: 5, ...more };
}

/** A view with what it tells. */
function watched(): { view: NetworkView; changes: () => string[]; raw: StateChange[] } {
  const view = new NetworkView(codec);
  const raw: StateChange[] = [];
  view.onChange((change) => raw.push(change));
  const changes = () =>
    raw.splice(0).map(({ node, key, value, at, event }) =>
      `${event} ${node}:${key}=${JSON.stringify(value)}@${at}`
    );
  return { view, changes, raw };
}

Deno.test("view: a node comes, changes in values, times and keys, and goes", () => {
  const { view, changes, raw } = watched();
  const first = node(A, { a: 1, b: [2, 7], c: "x" });
  view.nodeChanged(WALL, { after: first });
  deepStrictEqual(changes(), [`set ${A}:a=1@1`, `set ${A}:b=2@7`, `set ${A}:c="x"@1`]);
  const second = node(A, { a: 1, b: [2, 8], d: true });
  view.nodeChanged(WALL, { before: first, after: second });
  deepStrictEqual(raw.map(({ key, before }) => [key, before?.at]), [
    ["c", 1],
    ["b", 7],
    ["d", undefined],
  ]);
  deepStrictEqual(changes(), [
    `unset ${A}:c=null@${WALL}`,
    `set ${A}:b=2@8`,
    `set ${A}:d=true@1`,
  ]);
  view.nodeChanged(WALL + 1, { before: second });
  deepStrictEqual(changes(), ["a", "b", "d"].map((key) => `lost ${A}:${key}=null@${WALL + 1}`));
  strictEqual(view.size, 0);
  view.nodeChanged(WALL, { before: second });
  deepStrictEqual(changes(), [], "gone already");
});

Deno.test("view: only the node that changed is decoded, and only if its data did", () => {
  const decoded: number[] = [];
  const counting: StateCodec = {
    reads: (type) => codec.reads(type),
    overhead: 0,
    sizeOf: (entry) => codec.sizeOf(entry),
    encode: (entries) => codec.encode(entries),
    decode: (data) => {
      decoded.push(data.length);
      return codec.decode(data);
    },
  };
  const view = new NetworkView(counting);
  const a = node(A, { a: 1 });
  view.nodeChanged(WALL, { after: a });
  view.nodeChanged(WALL, { after: node(B, { bb: 1 }) });
  strictEqual(decoded.length, 2);
  view.nodeChanged(WALL, { before: a, after: { ...a, seqno: 2, origination: 99 } });
  strictEqual(decoded.length, 2);
  strictEqual(view.nodes()[0]?.origination, 99);
});

Deno.test("view: events carry the name that the node is shown under in that moment", () => {
  const { view, changes } = watched();
  const a = node(A, { "agent/name": "pi" });
  const b = node(B, { "agent/name": "pi", x: 1 });
  view.nodeChanged(WALL, { after: a });
  view.nodeChanged(WALL, { after: b });
  const renamed = node(A, { "agent/name": "attic" });
  view.nodeChanged(WALL, { before: a, after: renamed });
  view.nodeChanged(WALL, { before: b });
  deepStrictEqual(changes(), [
    'set pi:agent/name="pi"@1',
    "set pi~ab13:x=1@1",
    'set pi~ab13:agent/name="pi"@1',
    'set attic:agent/name="attic"@1',
    `lost pi:x=null@${WALL}`,
    `lost pi:agent/name=null@${WALL}`,
  ]);
  strictEqual(view.names.of(A), "attic");
});

Deno.test("view: a listener that ended is told no more, others are", () => {
  const view = new NetworkView(codec);
  const told: string[] = [];
  const end = view.onChange(({ key }) => told.push(`1 ${key}`));
  view.onChange(({ key }) => told.push(`2 ${key}`));
  view.nodeChanged(WALL, { after: node(A, { a: 1 }) });
  end();
  view.nodeChanged(WALL, { after: node(B, { b: 1 }) });
  deepStrictEqual(told, ["1 a", "2 a", "2 b"]);
});

Deno.test("view: get by node, prefix and keys", () => {
  const view = new NetworkView(codec);
  view.nodeChanged(WALL, { after: node(B, { "agent/name": "attic", "t/1": 1, "t/2": 2, u: 3 }) });
  view.nodeChanged(WALL, { after: node(A, { "agent/name": "pi", "t/1": 10 }) });
  const show = (query?: Parameters<NetworkView["get"]>[0]) =>
    view.get(query).map(({ node, entries }) => `${node}: ${entries.map(({ key }) => key)}`);
  deepStrictEqual(show(), ["attic: agent/name,t/1,t/2,u", "pi: agent/name,t/1"]);
  deepStrictEqual(show({ prefix: "t/" }), ["attic: t/1,t/2", "pi: t/1"]);
  deepStrictEqual(show({ keys: ["u", "t/2", "none"] }), ["attic: t/2,u"]);
  deepStrictEqual(show({ keys: ["u"], prefix: "t/" }), ["attic: t/1,t/2,u", "pi: t/1"]);
  deepStrictEqual(show({ nodes: [A] }), ["pi: agent/name,t/1"]);
  deepStrictEqual(show({ nodes: ["ffff000000000000"] }), []);
  deepStrictEqual(show({ keys: [] }), []);
});

Deno.test("view: select by addresses tells what meant nothing", () => {
  const view = new NetworkView(codec);
  view.nodeChanged(WALL, { after: node(B, { "agent/name": "attic", "t/1": 1, "t/2": 2 }) });
  view.nodeChanged(WALL, { after: node(A, { "agent/name": "pi", "t/1": 10 }) });
  const show = (...texts: string[]) => {
    const { nodes, missing } = view.select(texts.map((text) => parseAddress(text)));
    return [
      ...nodes.flatMap(({ node, entries }) => entries.map(({ key }) => `${node}:${key}`)),
      ...missing.map(({ key }) => `no ${key}`),
    ];
  };
  strictEqual(show().length, 5);
  deepStrictEqual(show("t/1"), ["attic:t/1", "pi:t/1"]);
  deepStrictEqual(show("pi:t/1", "t/2", "t/*"), ["attic:t/1", "attic:t/2", "pi:t/1"]);
  deepStrictEqual(show("pi:t/2", "nobody:t/1", "ab12:t/1"), ["pi:t/1", "no t/2", "no t/1"]);
  view.nodeChanged(WALL, { after: node("ff00000000000000", { "agent/name": "pi" }) });
  throws(() => show("pi:t/1"), /"pi" may be any of 2 nodes: pi~ab12, pi~ff00/);
});

Deno.test("view: nodes are listed with their keys, also where the end of their data cannot be read", () => {
  const view = new NetworkView(codec);
  const good = node(A, { "agent/name": "pi", a: 1 }, { self: true });
  view.nodeChanged(WALL, { after: { ...good, data: concat([good.data, Uint8Array.of(33)]) } });
  deepStrictEqual(view.nodes(), [
    { id: A, node: "pi", self: true, keys: 2, origination: 5 },
  ]);
});

Deno.test("view: the JSON shape, also for awkward names and keys", () => {
  const view = new NetworkView(codec);
  view.nodeChanged(WALL, {
    after: node(A, JSON.parse('{"agent/name": "__proto__", "__proto__": 1}')),
  });
  strictEqual(
    JSON.stringify(toStateJson(view.get())),
    '{"__proto__":{"__proto__":{"value":1,"at":"1970-01-01T00:00:00.001Z"},' +
      '"agent/name":{"value":"__proto__","at":"1970-01-01T00:00:00.001Z"}}}',
  );
  const at = Date.parse("2026-11-21T09:00:00.000Z");
  deepStrictEqual(toStateJson([{ node: "pi", entries: [{ key: "a", value: [1], at }] }]), {
    pi: { a: { value: [1], at: "2026-11-21T09:00:00.000Z" } },
  });
});

Deno.test("view: the changes add up to the state, whatever happens", () => {
  const id = fc.constantFrom(A, B, "ab12999900000000");
  const content = fc.dictionary(
    fc.constantFrom("a", "b", "c", "agent/name"),
    fc.tuple(fc.constantFrom(1, "x", "pi", true), fc.constantFrom(1, 2)),
    { maxKeys: 4 },
  );
  const steps = fc.array(fc.record({ id, content, gone: fc.boolean() }), { maxLength: 25 });
  fc.assert(fc.property(steps, (steps) => {
    const view = new NetworkView(codec);
    const replayed = new Map<string, Value>();
    view.onChange(({ id, key, value, event, before }) => {
      const at = `${id} ${key}`;
      ok(jsonEqual(before?.value ?? null, replayed.get(at) ?? null), "before is what was told");
      if (event === "set") replayed.set(at, value as Value);
      else ok(replayed.delete(at) && value === null);
    });
    const twin = new Map<string, NodeView>();
    for (const { id, content, gone } of steps) {
      const before = twin.get(id);
      if (gone) {
        if (before) view.nodeChanged(WALL, { before });
        twin.delete(id);
      } else {
        const after = node(id, content as Content);
        view.nodeChanged(WALL, before ? { before, after } : { after });
        twin.set(id, after);
      }
      const known = view.get().flatMap(({ id, entries }) =>
        entries.map(({ key, value }) => [`${id} ${key}`, value])
      );
      const expected = [...twin.values()].flatMap(({ id, data }) =>
        [...codec.decode(data).entries.values()].map(({ key, value }) => [`${id} ${key}`, value])
      );
      const sorted = (pairs: unknown[][]) => pairs.map((pair) => JSON.stringify(pair)).sort();
      deepStrictEqual(sorted(known), sorted(expected));
      deepStrictEqual(sorted([...replayed]), sorted(expected));
      strictEqual(view.size, twin.size);
    }
  }));
});
