import assert from "node:assert/strict";
import fc from "fast-check";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { parsePlan, type PlanNode } from "../../../lib/piot/mod.ts";
import { resolveRefs } from "../../../lib/piot/plan/refs.ts";

const step = { do: "x", on: "a" };

Deno.test("a plan with everything", () => {
  const plan = parsePlan({
    id: "update-7",
    timeout: "5m",
    resume: true,
    steps: {
      seq: [
        { do: "stop", on: "tag=web", id: "stop", timeout: 2.5, retries: 3, optional: true },
        { par: [step, { ...step, on: ["a", "b"], undo: { do: "y", args: 1 } }], limit: 2 },
      ],
    },
  });
  assert.deepEqual([plan.id, plan.timeout, plan.resume], ["update-7", 300_000, true]);
  assert.deepEqual(
    plan.steps.map(({ id, single, timeout, retries, optional }) => [
      id,
      single,
      timeout,
      retries,
      optional,
    ]),
    [
      ["stop", false, 2_500, 3, true],
      ["step-2", true, 30_000, 0, false],
      ["step-3", false, 30_000, 0, false],
    ],
  );
  assert.deepEqual(plan.steps[2]?.undo, { action: "y", args: 1 });
  assert.equal(plan.root.kind === "seq" && plan.root.nodes[1]?.kind, "par");
});

const deep = (levels: number): unknown => levels === 1 ? step : { seq: [deep(levels - 1)] };

const WRONG: readonly [plan: unknown, message: string][] = [
  [7, "the plan is to be an object with id, timeout, resume, steps, not 7"],
  [{}, "steps is to be an object with do, seq or par, and is missing"],
  [
    { steps: step, stpes: 1 },
    'the plan has the unknown key "stpes"; known: id, timeout, resume, steps',
  ],
  [{ steps: step, id: "a b" }, 'id is to be 1 to 64 letters, digits, ".", "_" or "-", not "a b"'],
  [
    { steps: step, timeout: "soon" },
    'timeout is to be a duration like "5s", or seconds, not "soon"',
  ],
  [{ steps: step, timeout: 0 }, 'timeout is to be a duration like "5s", or seconds, not 0'],
  [{ steps: step, resume: 1 }, "resume is to be true or false, not 1"],
  [{ steps: { seq: [], par: [] } }, "steps is to have one of do, seq, par, and has seq and par"],
  [{ steps: { on: "a" } }, "steps is to have one of do, seq, par, and has none"],
  [{ steps: { seq: step } }, 'steps.seq is to be a list, not {"do":"x","on":"a"}'],
  [
    { steps: { seq: [step, { do: "x" }] } },
    "steps.seq[1].on is to be a node (id, name, or tag=value) or a list of them, and is missing",
  ],
  [
    { steps: { par: [{ do: 3, on: "a" }] } },
    "steps.par[0].do is to be the name of an action, not 3",
  ],
  [{ steps: { par: [], limit: 0 } }, "steps.limit is to be an integer from 1 to 256, not 0"],
  [{ steps: { seq: [], limit: 1 } }, 'steps has the unknown key "limit"; known: seq'],
  [
    { steps: { ...step, on: ["a", 1] } },
    "steps.on[1] is to be a node (id, name, or tag=value), not 1",
  ],
  [{ steps: { ...step, retries: -1 } }, "steps.retries is to be an integer from 0 to 100, not -1"],
  [{ steps: { ...step, undo: "x" } }, 'steps.undo is to be an object with do, args, not "x"'],
  [
    { steps: { ...step, undo: {} } },
    "steps.undo.do is to be the name of an action, and is missing",
  ],
  [{ steps: { ...step, args: NaN } }, "the plan is no JSON: NaN is no JSON value"],
  [
    { steps: { seq: [{ ...step, id: "a" }, { ...step, id: "a" }] } },
    'steps.seq[1].id "a" is used twice',
  ],
  [{ steps: deep(17) }, `steps${".seq[0]".repeat(16)} is nested deeper than 16 levels`],
  [{ steps: { seq: Array(257).fill(step) } }, "steps.seq[256] is step 257; split the plan"],
  [
    { steps: { ...step, args: { a: [{ $ref: "b" }] } } },
    'steps.args.a[0] refers to "b", which is no step that has certainly ended before',
  ],
  [
    { steps: { ...step, id: "me", args: { $ref: "me" } } },
    'steps.args refers to "me", which is no step that has certainly ended before',
  ],
  [
    { steps: { ...step, args: { $ref: "" } } },
    'steps.args refers to "", which is no step that has certainly ended before',
  ],
  [
    { steps: { ...step, args: { $ref: "a", b: 1 } } },
    'steps.args is to have $ref alone, as a text like "stepId/path/0"',
  ],
  [
    { steps: { par: [{ ...step, id: "a" }, { ...step, args: { $ref: "a" } }] } },
    'steps.par[1].args refers to "a", which is no step that has certainly ended before',
  ],
  [
    { steps: { seq: [{ ...step, args: { $ref: "b" } }, { ...step, id: "b" }] } },
    'steps.seq[0].args refers to "b", which is no step that has certainly ended before',
  ],
];

Deno.test("what is wrong with a plan is said in one line, with its place", () => {
  for (const [plan, message] of WRONG) {
    assert.throws(() => parsePlan(plan), { name: "AgentError", message: `plan: ${message}` });
  }
});

Deno.test("references to what has certainly ended before", () => {
  const ref = (to: string) => ({ ...step, args: { $ref: to } });
  parsePlan({
    steps: {
      seq: [
        { par: [{ ...step, id: "a" }, { seq: [{ ...step, id: "b" }, ref("b/x")] }] },
        ref("a"),
        { par: [ref("b"), { ...step, undo: { do: "y", args: [{ $ref: "" }, { $ref: "/0" }] } }] },
      ],
    },
  });
  parsePlan({ steps: deep(16) });
  parsePlan({ steps: { seq: Array(256).fill(step) } });
});

Deno.test("references are replaced by parts of results", () => {
  const results: Record<string, never> = { a: { list: [1, { x: null }] } } as never;
  const of = (id: string) => results[id];
  assert.deepEqual(resolveRefs({ p: [{ $ref: "a/list/1/x" }], q: 2 }, of), { p: [null], q: 2 });
  for (const text of ["a/list/2", "a/list/x", "a/__proto__", "a/toString", "b", "a/list/1/x/y"]) {
    assert.throws(() => resolveRefs({ $ref: text }, of), (error) => error instanceof Error);
  }
});

/** Nothing but a plan, or one line for a person. */
function check(input: unknown): void {
  try {
    parsePlan(input);
  } catch (error) {
    assert.ok(error instanceof AgentError, String(error));
    assert.equal(error.exitCode, ExitCode.Usage);
    assert.match(error.message, /^plan: [^\n]+$/);
  }
}

Deno.test("any JSON gives a plan or a line", () => {
  fc.assert(fc.property(fc.jsonValue(), check));
  fc.assert(fc.property(fc.anything(), check));
});

/** Something like a plan, mostly. */
const almost = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    fc.record({
      do: fc.oneof(fc.constant("x"), fc.jsonValue()),
      on: fc.oneof(fc.constant("a"), fc.array(fc.constant("b")), fc.jsonValue()),
      id: fc.oneof(fc.constantFrom("a", "b", "c"), fc.jsonValue()),
      args: fc.oneof(
        fc.record({ $ref: fc.constantFrom("a", "b/0", "", "/x", "step-1") }),
        fc.jsonValue(),
      ),
      timeout: fc.oneof(fc.constantFrom("5s", 3, "x"), fc.jsonValue()),
      retries: fc.oneof(fc.nat(3), fc.jsonValue()),
      undo: fc.oneof(fc.record({ do: fc.constant("y"), args: fc.jsonValue() }), fc.jsonValue()),
      optional: fc.oneof(fc.boolean(), fc.jsonValue()),
    }, { requiredKeys: ["do"] }),
    fc.record({ seq: fc.array(tie("node"), { maxLength: 4 }) }),
    fc.record({ par: fc.array(tie("node"), { maxLength: 4 }), limit: fc.integer() }, {
      requiredKeys: ["par"],
    }),
  ),
}));

Deno.test("anything like a plan gives a plan or a line, and most of its steps are found", () => {
  let plans = 0;
  fc.assert(
    fc.property(almost.node, (steps) => {
      check({ steps });
      try {
        const plan = parsePlan({ steps });
        plans++;
        const count = (node: PlanNode): number =>
          node.kind === "do" ? 1 : node.nodes.reduce((sum, child) => sum + count(child), 0);
        assert.equal(plan.steps.length, count(plan.root));
        assert.equal(new Set(plan.steps.map(({ id }) => id)).size, plan.steps.length);
      } catch (error) {
        assert.ok(error instanceof AgentError);
      }
    }),
    { numRuns: 1_000, seed: 1 },
  );
  assert.ok(plans > 50, String(plans));
});
