/** The ledgers notice what they are for: lost, twice, disordered, stale, resurrected. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { BriefLedger, MessageLedger, StateLedger } from "./ledger.ts";

/** A lane whose messages 1 … n were accepted. */
function accepted(n: number): MessageLedger {
  const ledger = new MessageLedger();
  for (let i = 1; i <= n; i++) {
    ledger.sent("a>b", i);
    ledger.accepted("a>b", i, `id${i}`);
  }
  return ledger;
}

Deno.test("chaos ledger: messages that arrive once and in order are no complaint", () => {
  const ledger = accepted(3);
  for (const n of [1, 2, 3]) ledger.arrived("a>b", n);
  deepStrictEqual(ledger.complaints(), []);
  strictEqual(ledger.counts().arrived, 3);
});

Deno.test("chaos ledger: a lost message", () => {
  const ledger = accepted(3);
  for (const n of [1, 3]) ledger.arrived("a>b", n);
  deepStrictEqual(ledger.complaints(), ["message a>b 2 was accepted, and is lost"]);
  deepStrictEqual(ledger.missing(), ["a>b 2"]);
});

Deno.test("chaos ledger: one whose sender was told why not is not lost", () => {
  const ledger = accepted(2);
  ledger.arrived("a>b", 2);
  ledger.told("id1", "overflow");
  ledger.told("of another life", "expired");
  deepStrictEqual(ledger.complaints(), []);
});

Deno.test("chaos ledger: told that it was not delivered, and it was", () => {
  const ledger = accepted(1);
  ledger.told("id1", "overflow");
  ledger.arrived("a>b", 1);
  deepStrictEqual(ledger.complaints(), [
    "message a>b 1 arrived, and its sender was told: overflow",
  ]);
});

Deno.test("chaos ledger: only what was to be given up soon may expire", () => {
  const ledger = accepted(1);
  ledger.sent("a>b", 2, true);
  ledger.accepted("a>b", 2, "id2");
  ledger.told("id2", "expired");
  deepStrictEqual(ledger.complaints().filter((line) => line.includes("expired")), []);
  ledger.told("id1", "expired");
  deepStrictEqual(ledger.complaints(), ["message id1 expired, and should wait for a day"]);
});

Deno.test("chaos ledger: a message that arrives twice", () => {
  const ledger = accepted(2);
  for (const n of [1, 2, 1]) ledger.arrived("a>b", n);
  deepStrictEqual(ledger.complaints(), ["message a>b 1 arrived twice"]);
});

Deno.test("chaos ledger: messages out of order, of one lane only", () => {
  const ledger = accepted(3);
  ledger.sent("c>b", 2);
  ledger.accepted("c>b", 2, "c2");
  ledger.arrived("a>b", 3);
  ledger.arrived("c>b", 2);
  ledger.arrived("a>b", 1);
  ledger.arrived("a>b", 2);
  deepStrictEqual(ledger.complaints(), [
    "message a>b 1 arrived behind 3",
    "message a>b 2 arrived behind 3",
  ]);
});

Deno.test("chaos ledger: without an answer a message may arrive or not; a refused one may not", () => {
  const ledger = new MessageLedger();
  for (const n of [1, 2, 3, 4]) ledger.sent("a>b", n);
  ledger.refused("a>b", 3);
  ledger.refused("a>b", 4);
  ledger.arrived("a>b", 1);
  ledger.arrived("a>b", 4);
  ledger.arrived("a>b", 9);
  deepStrictEqual(ledger.complaints(), [
    "message a>b 9 arrived, and was never sent",
    "message a>b 4 was refused, and arrived",
  ]);
});

Deno.test("chaos ledger: the value that was accepted last, or a later one without an answer", () => {
  const ledger = new StateLedger();
  ledger.writing("a:n", 1)("accepted");
  ledger.writing("a:n", 2)("accepted");
  ledger.writing("a:n", 3)("refused");
  ledger.writing("a:n", 4);
  deepStrictEqual(ledger.possible("a:n"), [2, 4]);
  for (const value of [2, 4]) ledger.final("b", { "a:n": value });
  deepStrictEqual(ledger.complaints(), []);
  ledger.writing("a:n", 5)("accepted");
  ledger.final("b", { "a:n": 4 });
  deepStrictEqual(ledger.complaints(), ["a:n = 4 at b in the end, and not 5"]);
});

Deno.test("chaos ledger: a stale value", () => {
  const ledger = new StateLedger();
  for (const n of [1, 2, 3]) ledger.writing("a:n", n)("accepted");
  for (const n of [1, 3, 3]) ledger.seen("b/1", "a:n", n);
  ledger.seen("b/2", "a:n", 2);
  deepStrictEqual(ledger.complaints(), []);
  ledger.seen("b/1", "a:n", 2);
  deepStrictEqual(ledger.complaints(), ["a:n = 2 at b/1: stale, it had seen 3 before"]);
});

Deno.test("chaos ledger: a value that was removed, and is there again", () => {
  const ledger = new StateLedger();
  ledger.writing("a:flag", 1)("accepted");
  ledger.writing("a:flag", undefined)("accepted");
  deepStrictEqual(ledger.possible("a:flag"), [undefined]);
  ledger.final("b", {});
  deepStrictEqual(ledger.complaints(), []);
  ledger.final("b", { "a:flag": 1 });
  deepStrictEqual(ledger.complaints(), ["a:flag = 1 at b in the end, and not nothing"]);
});

Deno.test("chaos ledger: a value that was refused, and one that nobody wrote", () => {
  const ledger = new StateLedger();
  ledger.writing("a:n", 1)("refused");
  ledger.seen("b", "a:n", 1);
  ledger.seen("b", "a:n", 7);
  deepStrictEqual(ledger.complaints(), [
    "a:n = 1 at b: that was refused",
    "a:n = 7 at b: nobody wrote that",
  ]);
});

const TOLERANCE = { slack: 1_000, glimpse: 500 };

Deno.test("chaos ledger: an entry that goes when its time is over", () => {
  const ledger = new BriefLedger(TOLERANCE);
  ledger.publishing("x");
  ledger.seen("a", ["x"], 0);
  ledger.ends("x", 5_000, true);
  ledger.seen("a", ["x"], 5_900);
  ledger.seen("a", [], 7_000);
  ledger.final("a", []);
  deepStrictEqual(ledger.complaints(), []);
  deepStrictEqual(ledger.counts(), { accepted: 1, sightings: 2, glimpses: 0 });
});

Deno.test("chaos ledger: an entry that is resurrected, or never goes", () => {
  const ledger = new BriefLedger(TOLERANCE);
  ledger.publishing("x");
  ledger.ends("x", 5_000, true);
  ledger.seen("a", [], 5_500);
  ledger.seen("a", ["x"], 9_000);
  deepStrictEqual(ledger.complaints(), [], "perhaps for a moment, until it is known better");
  ledger.seen("a", [], 9_400);
  ledger.seen("a", ["x"], 12_000);
  deepStrictEqual(ledger.complaints(), [], "another moment");
  strictEqual(ledger.counts().glimpses, 2);
  ledger.seen("a", ["x"], 12_600);
  strictEqual(ledger.complaints().length, 1);
  match(ledger.complaints()[0] ?? "", /^x shows at a 7600 ms after its end, for 600 ms$/);
  ledger.final("b", ["x"]);
  strictEqual(ledger.complaints()[1], "x is at b in the end");
});
