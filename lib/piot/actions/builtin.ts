/**
 * The actions that every node has (spec/piot.md §9).
 *
 * @module
 */
import { AgentError } from "../../core/mod.ts";
import type { Json } from "../../wire/cbor.ts";
import { type ActionCall, type ActionHandler, Status } from "./api.ts";
import type { Executor } from "./executor.ts";
import type { Layer } from "./layer.ts";
import type { Aggregator } from "../aggregate/aggregate.ts";
import { parseAggregate } from "../aggregate/parse.ts";
import { parsePlan } from "../plan/parse.ts";
import type { Orchestrator } from "../plan/orchestrator.ts";

/** Their names begin with this. */
export const BUILT_IN = "piot.";
/** Aggregates and plans of other nodes within each other, at the most (§11). */
const DEEPEST = 3;

/** What they stand on. */
export interface Surroundings {
  readonly layer: Layer;
  readonly handlers: ReadonlyMap<string, ActionHandler>;
  readonly executor: Executor;
  readonly aggregator: Aggregator;
  readonly orchestrator: Orchestrator;
  readonly connect: number;
  /** ms since the node started. */
  uptime(now: number): number;
}

/** Name → handler. */
export function builtIns(around: Surroundings): [string, ActionHandler][] {
  return [
    ["piot.ping", (now, call) => ok(now, call, call.args)],
    ["piot.info", (now, call) => {
      const { id, name } = around.layer.node;
      const actions = [...around.handlers.keys()].sort();
      ok(now, call, { id, name, actions, uptime: Math.floor(around.uptime(now)) });
    }],
    ["piot.query", (now, call) => query(around, now, call)],
    ["piot.aggregate", (now, call) => aggregate(around, now, call)],
    ["piot.run", (now, call) => run(around, now, call)],
  ];
}

function ok(now: number, call: ActionCall, value: Json): void {
  call.finish(now, { status: Status.Ok, value });
}

/** `{corr}` → `{state: "running" | "unknown"}` or `{state: "result", status, value}`. */
function query({ executor }: Surroundings, now: number, call: ActionCall): void {
  const { args } = call;
  const corr = typeof args === "object" && args && !Array.isArray(args) ? args["corr"] : args;
  if (typeof corr !== "string") {
    call.finish(now, { status: Status.Error, value: "query: corr is to be the id of an action" });
    return;
  }
  const known = executor.query(call.link, corr);
  if (known.state !== "result") return ok(now, call, { state: known.state });
  const { status, value } = known.result;
  ok(now, call, { state: "result", status, value });
}

/** Refuses what is nested too deeply, and says what is wrong with arguments. Whether it began. */
function begin(now: number, call: ActionCall, what: () => void): boolean {
  const fail = (status: number, value: string) => call.finish(now, { status, value });
  if (call.nesting >= DEEPEST) {
    fail(Status.Refused, `nested deeper than ${DEEPEST}`);
    return false;
  }
  try {
    what();
    return true;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    fail(Status.Error, error.message);
    return false;
  }
}

function aggregate({ aggregator, connect }: Surroundings, now: number, call: ActionCall) {
  let id = "";
  const began = begin(now, call, () => {
    const { timeout = call.timeout, ...request } = parseAggregate(call.args);
    const { nesting } = call;
    const whole = { connect, ...request, timeout: Math.min(timeout, call.timeout), nesting };
    id = aggregator.start(now, whole, {
      ended: (now, result) => ok(now, call, result as unknown as Json),
    });
  });
  return began ? (now: number) => void aggregator.cancel(now, id) : undefined;
}

function run({ orchestrator }: Surroundings, now: number, call: ActionCall) {
  let id = "";
  const began = begin(now, call, () => {
    id = orchestrator.start(now, parsePlan(call.args), call.nesting, (now, result) => {
      const data = result as unknown as Json;
      if (result.status === "done") return ok(now, call, data);
      const text = `${result.status}: ${result.reason ?? ""}`;
      call.finish(now, {
        status: Status.Error,
        value: { code: result.status, text, data },
      });
    });
  });
  return began ? (now: number) => void orchestrator.cancel(now, id) : undefined;
}
