/**
 * What can be seen of a step (spec/piot.md §12).
 *
 * @module
 */
import type { Json } from "../../wire/cbor.ts";
import { Status, statusName } from "../actions/api.ts";
import type { PlanStep, StepResult } from "./plan.ts";
import { failureOf, isOk, mayHaveActed, valueOf } from "./ask.ts";
import type { Phase, StepState } from "./journal.ts";

/** @param state absent for one that has not begun. */
export function viewOfStep(
  { id, single, undo }: PlanStep,
  state: StepState | undefined,
  phase: Phase,
): StepResult {
  if (!state) return { id, status: "pending" };
  const { started, ended, attempts } = state;
  let undone = state.undo;
  if (undone === "failed") undone = `failed: ${state.undoError}`;
  if (phase === "rollback" && !undo && needsUndo(state)) undone = "none";
  return {
    id,
    ...outcomeOf(state, single),
    started,
    ...(ended !== undefined && { ended }),
    attempts,
    ...(undone !== undefined && { undone }),
  };
}

/** Whether something was done, or may have been. */
export function needsUndo({ parts }: StepState): boolean {
  return mayHaveActed(parts);
}

export function isUndone({ undo }: StepState): boolean {
  return undo === "ok" || undo === "failed";
}

/** Status and value, or what went wrong. */
export function outcomeOf(
  step: StepState,
  single: boolean,
): { status: string; value?: Json; error?: string } {
  if (step.state === "running") return { status: "running" };
  if (step.error !== undefined) return { status: statusName(Status.Error), error: step.error };
  if (!isOk(step.parts)) return failureOf(step.parts);
  return { status: statusName(Status.Ok), value: valueOf(step.parts, single) };
}
