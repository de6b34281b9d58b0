/**
 * What the agent hands to the local API about actions of many nodes: calls and plans.
 *
 * @module
 */
import type { JsonValue } from "./json.ts";

/** `POST /v1/calls`. */
export interface CallRequest {
  /** Names, ids, `KEY=VALUE` (nodes whose state says so), `*` (all). */
  targets: string[];
  action: string;
  args: JsonValue;
  timeoutMs?: number;
  mode?: "all" | "any" | "settled" | { quorum: number };
  /** true: a node that is away gets the request when it is back, if that is in time. */
  hold?: boolean;
}

/** What one node answered. */
export interface CallAnswer {
  /** Its id; of one that nobody has met, what was asked for. */
  node: string;
  name: string;
  /** `ok`, `error`, `unknown-action`, `refused`, `timeout`, `cancelled`, `unreachable`, `lost`, … */
  status: string;
  value?: JsonValue;
  error?: string;
  ms: number;
}

/** `call --json`. */
export interface CallResult {
  id: string;
  status: "complete" | "partial" | "failed" | "cancelled";
  answers: CallAnswer[];
}

/** A step of a plan. */
export interface PlanStepView {
  id: string;
  /** `pending`, `running`, or as of an answer. */
  status: string;
  value?: JsonValue;
  error?: string;
  /** ms since 1970. */
  started?: number;
  ended?: number;
  attempts?: number;
  /** `ok`, `failed: …`, `none`: there was something to undo, and the plan does not say how. */
  undone?: string;
}

/** A plan: `plan --json`. */
export interface PlanView {
  id: string;
  status:
    | "running"
    | "stopping"
    | "rollingBack"
    | "done"
    | "rolledBack"
    | "rollbackIncomplete"
    | "cancelled";
  reason?: string;
  /** Restarts of this agent while it ran. */
  restarts?: number;
  steps: PlanStepView[];
}

/** The part of `AgentApi` about calls and plans. Calls throw AgentError, as there. */
export interface TasksApi {
  /** Names of what this node can be asked to do. */
  actions(): string[];
  call(request: CallRequest): Promise<CallResult>;
  /** Starts a plan; resolves when that is on the disk. */
  start(plan: JsonValue): Promise<PlanView>;
  plans(): PlanView[];
  /** Throws AgentError with code 1 where there is none. */
  plan(id: string): PlanView;
  /** Stops a plan and rolls it back. */
  cancel(id: string): Promise<PlanView>;
}
