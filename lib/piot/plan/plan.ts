/**
 * Plans (spec/piot.md §12): a small tree of actions that one node has others do, and what came of it.
 *
 * @module
 */
import type { Json } from "../../wire/cbor.ts";

/** One action. Times in ms. */
export interface PlanStep {
  readonly kind: "do";
  /** Its place in the order of the text. */
  readonly index: number;
  readonly id: string;
  readonly action: string;
  readonly on: readonly string[];
  /** Its result is the value of one answer, and not a list of them. */
  readonly single: boolean;
  readonly args: Json;
  readonly timeout: number;
  readonly retries: number;
  readonly undo: { readonly action: string; readonly args: Json } | undefined;
  /** Its failure does not count. */
  readonly optional: boolean;
}

/** One after the other. */
export interface PlanSeq {
  readonly kind: "seq";
  readonly nodes: readonly PlanNode[];
}

/** At once. */
export interface PlanPar {
  readonly kind: "par";
  readonly nodes: readonly PlanNode[];
  readonly limit: number;
}

export type PlanNode = PlanStep | PlanSeq | PlanPar;

/** A plan that was checked. */
export interface Plan {
  readonly id: string | undefined;
  /** ms. */
  readonly timeout: number;
  /** It goes on after a restart of its coordinator, where every open step is known. */
  readonly resume: boolean;
  readonly root: PlanNode;
  /** In the order of the text. */
  readonly steps: readonly PlanStep[];
  /** As it was given. */
  readonly source: Json;
}

/** What came of a step. */
export interface StepResult {
  readonly id: string;
  /** "pending": it never began; "running"; then as of an action: "ok", "timeout", …. */
  readonly status: string;
  readonly value?: Json;
  readonly error?: string;
  /** ms since 1970. */
  readonly started?: number;
  readonly ended?: number;
  /** How often it was tried; more than 1: it may have been done more than once. */
  readonly attempts?: number;
  /** "ok", "failed: …"; "none": there was something to undo, and the plan does not say how. */
  readonly undone?: string;
}

export type PlanStatus =
  | "running"
  /** Something failed, and what runs is stopped. */
  | "stopping"
  | "rollingBack"
  | "done"
  | "rolledBack"
  | "rollbackIncomplete"
  | "cancelled";

/** What came of a plan, or what it is at. */
export interface PlanResult {
  readonly id: string;
  readonly status: PlanStatus;
  /** Why it was not done. */
  readonly reason?: string;
  /** Restarts of its coordinator. */
  readonly restarts?: number;
  readonly steps: readonly StepResult[];
}

/** Whether it has ended. */
export function isPlanEnded(status: PlanStatus): boolean {
  return status !== "running" && status !== "stopping" && status !== "rollingBack";
}
