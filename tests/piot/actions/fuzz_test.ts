/** Records and aggregates of any value; damaged ones come in `tests/fuzz/targets/piot.ts`. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAggregate } from "../../../lib/piot/mod.ts";
import {
  answerRecord,
  planRecord,
  type RecordType,
  resultRecord,
  runningRecord,
  stepRecord,
  waitingRecord,
} from "../../../lib/piot/records.ts";
import type { Json } from "../../../lib/wire/cbor.ts";

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.toHex());
const uint = fc.maxSafeNat();
const text = fc.string({ unit: "grapheme" });
const bytes = fc.uint8Array();
const part = fc.record({
  node: text,
  name: text,
  corr: id,
  status: uint,
  value: bytes,
  unknown: fc.boolean(),
}, { requiredKeys: ["node", "name", "unknown"] });

/** Each kind of record, and any value of it. */
const RECORDS: readonly [string, RecordType<never>, fc.Arbitrary<unknown>][] = [
  [
    "waiting",
    waitingRecord as RecordType<never>,
    fc.record({ link: uint, message: id, name: text, deadline: uint, target: id }, {
      requiredKeys: ["link", "name", "deadline"],
    }),
  ],
  [
    "answer",
    answerRecord as RecordType<never>,
    fc.record({ link: uint, name: text, status: uint, body: bytes }),
  ],
  ["running", runningRecord as RecordType<never>, fc.record({ name: text })],
  [
    "result",
    resultRecord as RecordType<never>,
    fc.record({ status: uint, body: bytes, when: uint }),
  ],
  [
    "plan",
    planRecord as RecordType<never>,
    fc.record({
      plan: bytes,
      phase: text,
      started: uint,
      deadline: uint,
      reason: text,
      cancelled: fc.boolean(),
      result: bytes,
      restarts: uint,
    }, { requiredKeys: ["plan", "phase", "started", "deadline", "cancelled"] }),
  ],
  [
    "step",
    stepRecord as RecordType<never>,
    fc.record({
      state: text,
      attempts: uint,
      parts: fc.array(part),
      started: uint,
      ended: uint,
      order: uint,
      undo: text,
      undoAttempts: uint,
      undoParts: fc.array(part),
      error: text,
      undoError: text,
    }, { requiredKeys: ["state", "attempts", "parts", "started", "undoAttempts", "undoParts"] }),
  ],
];

for (const [name, record, values] of RECORDS) {
  Deno.test(`records of actions: ${name} decodes to what was encoded`, () => {
    fc.assert(fc.property(values, (value) => {
      assert.deepEqual(plain(record.decode(record.encode(value as never))), plain(value));
    }));
  });
}

/** Without prototypes, which fast-check takes away from records. */
function plain(value: unknown): unknown {
  return structuredClone(value);
}

Deno.test("any JSON is an aggregate, or one line", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    try {
      parseAggregate(value as Json);
    } catch (error) {
      assert.match(String(error), /^AgentError: [^\n]+$/);
    }
  }));
});
