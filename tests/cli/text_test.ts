import assert from "node:assert/strict";
import fc from "fast-check";
import type { View } from "../../lib/cli/output/output.ts";
import {
  clock,
  harmless,
  render,
  showSeconds,
  showValue,
  widthOf,
} from "../../lib/cli/output/text.ts";
import { acknowledgement } from "../../lib/cli/receipt.ts";

const PLAIN = { colour: false, width: undefined, now: Date.parse("2026-11-21T09:00:10Z") };
const table: View = {
  columns: ["NODE", "KEY", "VALUE", "CHANGED"],
  rows: [
    [{ text: "pi-1", tone: "strong" }, "a", { value: 1 }, { at: "2026-11-21T09:00:00Z" }],
    ["kitchen", "long/key", { value: "x y" }, { ago: 3_700 }],
  ],
};

Deno.test("a table: aligned columns, no trailing space, nothing for no rows", () => {
  assert.deepEqual(render(table, PLAIN), [
    "NODE     KEY       VALUE  CHANGED",
    "pi-1     a         1      10s ago",
    "kitchen  long/key  x y    1h 1m ago",
  ]);
  assert.deepEqual(render({ columns: ["A"], rows: [] }, PLAIN), []);
});

Deno.test("a table on a terminal: colour, and no line wider than it", () => {
  const lines = render(table, { ...PLAIN, colour: true });
  assert.ok(lines[1]?.startsWith("\x1b[1mpi-1\x1b[0m     a"));
  for (const width of [1, 2, 5, 9, 12, 20, 33, 80]) {
    for (const line of render(table, { ...PLAIN, width })) {
      assert.ok(widthOf(line) <= width, `${width}: ${line}`);
    }
  }
});

Deno.test("lines: words with the time of day", () => {
  const [line] = render({ lines: [["a", { at: "2026-11-21T09:00:00Z" }, 5]] }, PLAIN);
  assert.match(line ?? "", /^a .*\d\d:\d\d:\d\d 5$/);
});

Deno.test("spans as people say them", () => {
  const cases: [number, string][] = [
    [-1, "0s"],
    [0, "0s"],
    [0.4, "0s"],
    [59, "59s"],
    [60, "1m"],
    [310, "5m 10s"],
    [3_600, "1h"],
    [11_520, "3h 12m"],
    [90_061, "1d 1h"],
    [86_400 * 400, "400d"],
  ];
  for (const [seconds, text] of cases) assert.equal(showSeconds(seconds), text);
});

Deno.test("values: text bare unless it could be mistaken", () => {
  assert.equal(showValue("open"), "open");
  assert.equal(showValue("two words"), "two words");
  assert.equal(showValue("1"), '"1"');
  assert.equal(showValue("true"), '"true"');
  assert.equal(showValue(""), '""');
  assert.equal(showValue(" a"), '" a"');
  assert.equal(showValue(21.5), "21.5");
  assert.equal(showValue({ a: [null] }), '{"a":[null]}');
});

Deno.test("what comes from the network cannot steer a terminal", () => {
  assert.equal(harmless("a\x1b[31mb\x9bc\n\u202ed"), "a\\u001b[31mb\\u009bc\\u000a\\u202ed");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const view: View = {
      columns: ["A", "B"],
      rows: [[text, { value: text }], [{ text, tone: "dim" }, { value: { [text]: text } }]],
    };
    for (const line of [...render(view, PLAIN), ...render({ lines: [[text]] }, PLAIN)]) {
      assert.ok(!/[\p{Cc}\p{Bidi_Control}]/u.test(line), JSON.stringify(line));
    }
  }));
});

Deno.test("width of what is shown", () => {
  assert.equal(widthOf("abc"), 3);
  assert.equal(widthOf("é"), 1);
  assert.equal(widthOf("e\u0301"), 1);
  assert.equal(widthOf("日本"), 4);
  assert.equal(widthOf("\u{1f600}"), 2);
});

Deno.test("an acknowledgement: which node, until when, how long", () => {
  const until = new Date(2026, 10, 21, 12, 1, 30);
  assert.equal(clock(until.toISOString(), new Date(2026, 10, 21)), "12:01:30");
  assert.equal(clock(until.toISOString(), new Date(2026, 10, 20)), "2026-11-21 12:01:30");
  const receipt = { node: "pi-2", id: "00", until: until.toISOString(), ttlSeconds: 60 };
  assert.match(
    acknowledgement("published", receipt),
    /^published through pi-2 until .*12:01:30 \(60s\)$/,
  );
  assert.match(acknowledgement("set", { ...receipt, ttlSeconds: 300 }), /^set on pi-2 .* \(5m\)$/);
  assert.equal(acknowledgement("set", { node: "pi-2", id: "00" }), "set on pi-2");
});
