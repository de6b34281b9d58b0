import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { parseAggregate } from "../../lib/piot/mod.ts";
import {
  answerRecord,
  planRecord,
  type RecordType,
  resultRecord,
  runningRecord,
  stepRecord,
  waitingRecord,
} from "../../lib/piot/records.ts";
import { WireError } from "../../lib/wire/bytes.ts";
import { encodeCbor, type Json } from "../../lib/wire/cbor.ts";
import { meet, Worker } from "./workers.ts";
import { World } from "./world.ts";

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

  Deno.test(`records of actions: any bytes are a ${name}, or an error with its place`, () => {
    const random = new Random(7);
    const samples = fc.sample(values, { numRuns: 50, seed: 3 })
      .map((value) => record.encode(value as never));
    for (let i = 0; i < 2_000; i++) {
      const bytes = random.pick(samples).slice();
      for (let j = random.below(4); j >= 0; j--) {
        if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
      }
      const cut = bytes.subarray(
        0,
        random.chance(0.3) ? random.below(bytes.length + 1) : undefined,
      );
      try {
        record.decode(cut);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }
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

Deno.test("any message of a peer leaves a node as it was", () => {
  const random = new Random(11);
  const world = new World(11);
  const a = new Worker(world, "a");
  const b = new Worker(world, "b", undefined, {}, { relay: true });
  const c = new Worker(world, "c");
  meet(a, b);
  meet(b, c);
  world.run(2_000);
  const ids = [a.id, b.id, c.id, "1".repeat(32), "2".repeat(32)];
  const names = [
    "echo",
    "slow",
    "crash",
    "piot.query",
    "piot.aggregate",
    "piot.run",
    "piot.info",
    "none",
  ];
  const bodies: readonly Json[] = [
    null,
    3,
    { corr: ids[3] ?? "" },
    { targets: ["a", "b", "c"], name: "echo", timeout: 1 },
    { steps: { do: "echo", on: ["a", "c"] } },
    { steps: { seq: [{ do: "piot.run", on: "c", args: { steps: { do: "fail", on: "b" } } }] } },
  ];
  for (let round = 0; round < 600; round++) {
    a.node.act((piot, now) => {
      const maybe = <T>(key: string, make: () => T) => random.chance(0.3) ? { [key]: make() } : {};
      piot.send(now, { name: "b" }, {
        header: {
          kind: random.chance(0.6) ? 1 : random.below(7),
          correlation: random.chance(0.7) ? random.bytes(16).toHex() : random.pick(ids),
          ...maybe("name", () => random.pick(names)),
          ...random.chance(0.7) ? { name: random.pick(names) } : {},
          ...maybe("timeout", () => random.below(5_000)),
          ...maybe("target", () => random.pick(ids)),
          ...maybe("origin", () => random.pick(ids)),
          ...maybe("hops", () => random.below(12)),
          ...maybe("status", () => random.below(20)),
          ...maybe("group", () => random.pick(ids)),
          ...maybe("original", () => random.pick(ids)),
          ...maybe("nesting", () => random.below(5)),
          ...(random.chance(0.05) && { type: "text/plain" }),
        },
        body: random.chance(0.2) ? random.bytes(20) : encodeCbor(random.pick(bodies)),
      });
    });
    world.run(random.below(200));
    if (random.chance(0.02)) world.sever(a.node, b.node);
  }
  world.run(120_000);
  assert.ok(b.did.length > 20 && c.did.length > 5, `${b.did.length} ${c.did.length}`);
  for (const worker of [a, b, c]) assert.equal(worker.actions.running, 0, worker.name);
  const asked = a.ask("b", "echo", "alive");
  world.run(2_000);
  assert.equal(asked.results[0]?.value, "alive");
  for (const { node } of [a, b, c]) {
    assert.deepEqual(node.events.filter(({ kind }) => kind === "problem"), []);
  }
});
