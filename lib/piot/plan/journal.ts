/**
 * The journal of plans (spec/piot.md §12, §13): enough to roll back after a crash at any moment.
 *
 * @module
 */
import { decodeCbor, encodeCbor, type Json } from "../../wire/cbor.ts";
import type { PiotNode } from "../hooks.ts";
import type { Plan, PlanResult } from "./plan.ts";
import {
  keys,
  ordinalOf,
  type PartRecord,
  type PlanRecord,
  planRecord,
  type StepRecord,
  stepRecord,
} from "../records.ts";

/** What one target was asked, and answered. */
export type Part = { -readonly [K in keyof PartRecord]: PartRecord[K] };

/** A step that has begun. */
export interface StepState extends Omit<StepRecord, "parts" | "undoParts"> {
  state: string;
  attempts: number;
  parts: Part[];
  started: number;
  ended?: number;
  order?: number;
  undo?: string;
  undoAttempts: number;
  undoParts: Part[];
  error?: string;
  undoError?: string;
}

/** "running"; "stopping": no step begins any more; "rollback"; "ended". */
export type Phase = "running" | "stopping" | "rollback" | "ended";

/** The state of a plan, without its steps. */
export interface PlanState {
  phase: Phase;
  started: number;
  deadline: number;
  reason: string | undefined;
  cancelled: boolean;
  restarts: number;
}

/** A plan out of the journal. */
export interface Journalled {
  readonly id: string;
  readonly source: Json;
  readonly state: PlanState;
  readonly steps: ReadonlyMap<number, StepState>;
  /** Of one that has ended. */
  readonly result: PlanResult | undefined;
}

/** What the store knows. @throws {WireError} where that is damaged. */
export function readJournal(node: PiotNode): Journalled[] {
  return [...node.store.scan(keys.plans)].map(([key, value]) => {
    const id = key.slice(keys.plans.length);
    const { plan, phase, started, deadline, reason, cancelled, restarts, result } = planRecord
      .decode(value);
    const steps = new Map<number, StepState>();
    for (const [key, value] of node.store.scan(keys.steps(id))) {
      const { parts, undoParts, ...rest } = stepRecord.decode(value);
      steps.set(ordinalOf(key), {
        ...rest,
        parts: parts.map((part) => ({ ...part })),
        undoParts: undoParts.map((part) => ({ ...part })),
      });
    }
    return {
      id,
      source: decodeCbor(plan),
      state: {
        phase: phase as Phase,
        started,
        deadline,
        reason,
        cancelled,
        restarts: restarts ?? 0,
      },
      steps,
      result: result && decodeCbor(result) as unknown as PlanResult,
    };
  });
}

/** Writes the state of a plan with this turn. */
export function writePlan(
  node: PiotNode,
  id: string,
  plan: Pick<Plan, "source">,
  state: PlanState,
  result?: PlanResult,
): void {
  const { reason, ...rest } = state;
  const record: PlanRecord = {
    ...rest,
    plan: encodeCbor(plan.source),
    ...(reason !== undefined && { reason }),
    ...(result && { result: encodeCbor(result as unknown as Json) }),
  };
  node.turn.put(keys.plan(id), planRecord.encode(record));
}

export function writeStep(node: PiotNode, id: string, index: number, step: StepState): void {
  node.turn.put(keys.step(id, index), stepRecord.encode(step));
}

/** A plan has ended: its result stays, its steps go. */
export function removeSteps(node: PiotNode, id: string, steps: Iterable<number>): void {
  for (const index of steps) node.turn.remove(keys.step(id, index));
}

export function removePlan(node: PiotNode, id: string): void {
  node.turn.remove(keys.plan(id));
}
