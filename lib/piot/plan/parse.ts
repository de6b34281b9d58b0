/**
 * Reading plans (spec/piot.md §12): any JSON gives a plan, or one line that says what is wrong where.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf, parseDuration } from "../../core/mod.ts";
import { encodeCbor, type Json } from "../../wire/cbor.ts";
import type { Plan, PlanNode, PlanStep } from "./plan.ts";
import { refsIn, stepOf } from "./refs.ts";

const MOST_STEPS = 256;
const DEEPEST = 16;
const PLAN_TIMEOUT = 60_000;
const STEP_TIMEOUT = 30_000;
const LIMIT = 8;
const MOST_RETRIES = 100;
const MOST_TARGETS = 256;
/** Octets of a plan as CBOR. */
const LARGEST = 1_048_576;
const NAME = /^[\w.-]{1,64}$/;

type Fields = { readonly [key: string]: unknown };

/**
 * A plan out of JSON. Durations are texts ("250ms", "5s") or seconds.
 *
 * @throws {AgentError} one line with the path of what is wrong.
 */
export function parsePlan(input: unknown): Plan {
  const source = jsonOf(input);
  const root = fieldsOf(source, "the plan", ["id", "timeout", "resume", "steps"]);
  const steps: Found[] = [];
  const plan: Plan = {
    id: root["id"] === undefined ? undefined : nameOf(root["id"], "id"),
    timeout: durationOf(root["timeout"], "timeout", PLAN_TIMEOUT),
    resume: boolOf(root["resume"], "resume"),
    root: nodeOf(root["steps"], "steps", 1, steps),
    steps: steps.map(({ step }) => step),
    source,
  };
  nameSteps(steps);
  checkRefs(plan.root, new Set(), steps);
  return plan;
}

/** A step, and where it stands. */
interface Found {
  readonly step: { -readonly [K in keyof PlanStep]: PlanStep[K] };
  readonly path: string;
}

function wrong(path: string, what: string): AgentError {
  return new AgentError(`plan: ${path} ${what}`, ExitCode.Usage);
}

function jsonOf(input: unknown): Json {
  try {
    const bytes = encodeCbor(input as Json);
    if (bytes.length > LARGEST) {
      throw new RangeError(`${bytes.length} bytes, where ${LARGEST} are allowed`);
    }
    return input as Json;
  } catch (error) {
    throw wrong("the plan", `is no JSON: ${messageOf(error)}`);
  }
}

function fieldsOf(value: unknown, path: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(path, `is to be an object with ${known.join(", ")}${instead(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    throw wrong(path, `has the unknown key ${JSON.stringify(key)}; known: ${known.join(", ")}`);
  }
  return value as Fields;
}

function nodeOf(value: unknown, path: string, depth: number, steps: Found[]): PlanNode {
  if (depth > DEEPEST) throw wrong(path, `is nested deeper than ${DEEPEST} levels`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(path, `is to be an object with do, seq or par${instead(value)}`);
  }
  const kinds = ["do", "seq", "par"].filter((key) => Object.hasOwn(value, key));
  if (kinds.length !== 1) {
    throw wrong(path, `is to have one of do, seq, par, and has ${kinds.join(" and ") || "none"}`);
  }
  const [kind] = kinds;
  if (kind === "do") return stepOfNode(value, path, steps);
  const fields = fieldsOf(value, path, kind === "seq" ? ["seq"] : ["par", "limit"]);
  const list = fields[kind ?? ""];
  if (!Array.isArray(list)) throw wrong(`${path}.${kind}`, `is to be a list${instead(list)}`);
  const limit = intOf(fields["limit"], `${path}.limit`, LIMIT, 1, MOST_STEPS);
  const nodes = list.map((item, i) => nodeOf(item, `${path}.${kind}[${i}]`, depth + 1, steps));
  return kind === "seq" ? { kind, nodes } : { kind: "par", nodes, limit };
}

function stepOfNode(value: unknown, path: string, steps: Found[]): PlanStep {
  const known = ["do", "on", "args", "id", "timeout", "retries", "undo", "optional"];
  const fields = fieldsOf(value, path, known);
  if (steps.length >= MOST_STEPS) throw wrong(path, `is step ${MOST_STEPS + 1}; split the plan`);
  const on = targetsOf(fields["on"], `${path}.on`);
  const index = steps.length;
  const step: PlanStep = {
    kind: "do",
    index,
    id: fields["id"] === undefined ? "" : nameOf(fields["id"], `${path}.id`),
    action: textOf(fields["do"], `${path}.do`, "the name of an action"),
    on,
    single: typeof fields["on"] === "string" && !fields["on"].includes("="),
    args: fields["args"] === undefined ? null : fields["args"] as Json,
    timeout: durationOf(fields["timeout"], `${path}.timeout`, STEP_TIMEOUT),
    retries: intOf(fields["retries"], `${path}.retries`, 0, 0, MOST_RETRIES),
    undo: undoOf(fields["undo"], `${path}.undo`),
    optional: boolOf(fields["optional"], `${path}.optional`),
  };
  steps.push({ step, path });
  return step;
}

function undoOf(value: unknown, path: string): PlanStep["undo"] {
  if (value === undefined) return undefined;
  const fields = fieldsOf(value, path, ["do", "args"]);
  return {
    action: textOf(fields["do"], `${path}.do`, "the name of an action"),
    args: fields["args"] === undefined ? null : fields["args"] as Json,
  };
}

function targetsOf(value: unknown, path: string): string[] {
  const what = "a node (id, name, or tag=value)";
  if (!Array.isArray(value)) return [textOf(value, path, `${what} or a list of them`)];
  if (value.length > MOST_TARGETS) throw wrong(path, `has more than ${MOST_TARGETS} targets`);
  return value.map((item, i) => textOf(item, `${path}[${i}]`, what));
}

function textOf(value: unknown, path: string, what: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw wrong(path, `is to be ${what}${instead(value)}`);
}

function nameOf(value: unknown, path: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  throw wrong(path, `is to be 1 to 64 letters, digits, ".", "_" or "-"${instead(value)}`);
}

function boolOf(value: unknown, path: string): boolean {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw wrong(path, `is to be true or false${instead(value)}`);
}

function intOf(value: unknown, path: string, def: number, least: number, most: number): number {
  if (value === undefined) return def;
  if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most) {
    return Number(value);
  }
  throw wrong(path, `is to be an integer from ${least} to ${most}${instead(value)}`);
}

function durationOf(value: unknown, path: string, def: number): number {
  if (value === undefined) return def;
  if (typeof value === "string" || typeof value === "number") {
    try {
      const ms = parseDuration(String(value));
      if (ms > 0) return ms;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
    }
  }
  throw wrong(path, `is to be a duration like "5s", or seconds${instead(value)}`);
}

/** ", not 3": what stands there instead. */
function instead(value: unknown): string {
  if (value === undefined) return ", and is missing";
  const text = JSON.stringify(value);
  return `, not ${text.length > 40 ? `${text.slice(0, 37)}…` : text}`;
}

/** Steps without an id are called by their place. */
function nameSteps(steps: readonly Found[]): void {
  const taken = new Set<string>();
  for (const { step: { id }, path } of steps) {
    if (id === "") continue;
    if (taken.has(id)) throw wrong(`${path}.id`, `"${id}" is used twice`);
    taken.add(id);
  }
  for (const { step } of steps) {
    if (step.id !== "") continue;
    let id = `step-${step.index + 1}`;
    while (taken.has(id)) id += "-";
    taken.add(id);
    step.id = id;
  }
}

/** References go to steps that have certainly ended before. Those of a node, with what was before it. */
function checkRefs(
  node: PlanNode,
  before: ReadonlySet<string>,
  steps: readonly Found[],
): Set<string> {
  if (node.kind === "do") {
    const path = steps[node.index]?.path ?? "";
    const all = new Set(before).add(node.id);
    checkValue(node.args, `${path}.args`, before);
    if (node.undo) checkValue(node.undo.args, `${path}.undo.args`, new Set(all).add(""));
    return all;
  }
  const all = new Set(before);
  for (const child of node.nodes) {
    const seen = checkRefs(child, node.kind === "seq" ? all : before, steps);
    for (const id of seen) all.add(id);
  }
  return all;
}

function checkValue(value: Json, at: string, before: ReadonlySet<string>): void {
  for (const { path, text } of refsIn(value, at)) {
    if (text === undefined) {
      throw wrong(path, `is to have $ref alone, as a text like "stepId/path/0"`);
    }
    const step = stepOf(text);
    if (before.has(step)) continue;
    throw wrong(path, `refers to "${step}", which is no step that has certainly ended before`);
  }
}
