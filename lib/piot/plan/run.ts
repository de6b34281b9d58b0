/**
 * One plan on its way: forward, or back (spec/piot.md §12). Every change is journalled in the turn in
 * which it happens, together with the requests that follow from it.
 *
 * @module
 */
import type { Json } from "../../wire/cbor.ts";
import { Status, statusName } from "../actions/api.ts";
import type { Layer } from "../actions/layer.ts";
import type { Requests } from "../actions/requests.ts";
import { resolveTargets } from "../aggregate/targets.ts";
import type { Plan, PlanNode, PlanResult, PlanStatus, PlanStep, StepResult } from "./plan.ts";
import {
  ask,
  failureOf,
  isOk,
  isOpen,
  listen,
  mayHaveActed,
  type Question,
  settle,
  valueOf,
} from "./ask.ts";
import { PlanQueries } from "./queries.ts";
import {
  type Part,
  type PlanState,
  removeSteps,
  type StepState,
  writePlan,
  writeStep,
} from "./journal.ts";
import { RefError, resolveRefs } from "./refs.ts";
import { isUndone, needsUndo, outcomeOf, viewOfStep } from "./view.ts";

/** Between two attempts, in ms. */
const RETRY = 1_000;
const UNDO_TIMEOUT = 30_000;
const UNDO_RETRIES = 2;

/** What a run needs around it. */
export interface RunPort {
  readonly layer: Layer;
  readonly requests: Requests;
  /** See `RequestOptions.connect`. */
  readonly connect: number;
  ended(now: number, run: PlanRun, result: PlanResult): void;
}

/** A plan that has begun and not ended. */
export class PlanRun {
  readonly id: string;
  readonly nesting: number;
  readonly #port: RunPort;
  readonly #plan: Plan;
  readonly #state: PlanState;
  readonly #steps: Map<number, StepState>;
  /** Step → when it, or its undo, is tried again. */
  readonly #retries = new Map<number, number>();
  /** After a restart: what executors know is being asked. */
  #queries: PlanQueries | undefined;
  #deadline: number;

  /** @param steps of a plan out of the journal. */
  constructor(
    port: RunPort,
    id: string,
    plan: Plan,
    state: PlanState,
    steps: ReadonlyMap<number, StepState>,
    now: number,
    nesting: number,
  ) {
    this.id = id;
    this.nesting = nesting;
    this.#port = port;
    this.#plan = plan;
    this.#state = state;
    this.#steps = new Map(steps);
    this.#deadline = now + state.deadline - port.layer.node.steady(now);
  }

  /** Begins. */
  start(now: number): void {
    this.#save();
    this.#advance(now);
  }

  /** Goes on after a restart. */
  recover(now: number): void {
    const { requests } = this.#port;
    this.#state.restarts++;
    this.#save();
    if (this.#state.phase === "rollback") {
      for (const [index, { undo, undoParts }] of this.#steps) {
        if (undo !== "running") continue;
        for (const part of undoParts) {
          listen(requests, part, (now, part) => this.#undoAnswered(now, index, part));
        }
      }
      return this.#rollback(now);
    }
    const open: { part: Part; index: number }[] = [];
    for (const [index, { parts, state }] of this.#steps) {
      if (state === "retrying") this.#retries.set(index, now + RETRY);
      for (const part of parts) {
        if (!isOpen(part)) continue;
        listen(requests, part, (now) => this.#answered(now, index));
        open.push({ part, index });
      }
    }
    const { layer } = this.#port;
    this.#queries = new PlanQueries(layer.node, requests, open, {
      answered: (now, index) => this.#answered(now, index),
      ended: (now, allKnown) => {
        this.#queries = undefined;
        this.#recovered(now, allKnown);
      },
    });
    this.#queries.start(now);
  }

  #recovered(now: number, allKnown: boolean): void {
    const { phase, reason } = this.#state;
    const goesOn = this.#plan.resume && phase === "running" && reason === undefined;
    if (goesOn && allKnown) return this.#advance(now);
    const why = goesOn ? "after a restart, a step is not known any more" : "its node was restarted";
    this.#stop(now, reason ?? why);
  }

  /** On request. Whether it can still be cancelled. */
  cancel(now: number): boolean {
    const { phase } = this.#state;
    if (phase !== "running" || this.#state.reason !== undefined) return false;
    this.#state.cancelled = true;
    this.#stop(now, "cancelled");
    return true;
  }

  get nextWake(): number {
    const limit = this.#state.phase === "running" ? this.#deadline : Infinity;
    return this.#queries ? limit : Math.min(limit, ...this.#retries.values());
  }

  wake(now: number): void {
    if (this.#state.phase === "running" && now >= this.#deadline) {
      this.#deadline = Infinity;
      this.#stop(now, "it took longer than it was given");
    }
    for (const [index, at] of [...this.#retries]) {
      if (now < at || this.#queries) continue;
      this.#retries.delete(index);
      if (this.#state.phase === "running") this.#try(now, this.#step(index));
      else if (this.#state.phase === "rollback") this.#undo(now, index);
    }
  }

  view(): PlanResult {
    const { phase, reason, restarts } = this.#state;
    let status: PlanStatus = "running";
    if (phase === "rollback") status = "rollingBack";
    else if (phase === "stopping") status = "stopping";
    return this.#result(status, reason, restarts);
  }

  #result(status: PlanStatus, reason: string | undefined, restarts: number): PlanResult {
    return {
      id: this.id,
      status,
      ...(reason !== undefined && { reason }),
      ...(restarts > 0 && { restarts }),
      steps: this.#plan.steps.map((step) => this.#viewOf(step)),
    };
  }

  #viewOf(step: PlanStep): StepResult {
    return viewOfStep(step, this.#steps.get(step.index), this.#state.phase);
  }

  #step(index: number): PlanStep {
    return this.#plan.steps[index] as PlanStep;
  }

  #save(): void {
    writePlan(this.#port.layer.node, this.id, this.#plan, this.#state);
  }

  #write(index: number, kind?: "step" | "rollback"): void {
    const step = this.#steps.get(index);
    const { node } = this.#port.layer;
    if (step) writeStep(node, this.id, index, step);
    if (kind) node.event({ kind, plan: this.id, step: this.#viewOf(this.#step(index)) });
  }

  // Forward

  /** Begins what can begin; ends where nothing is left. */
  #advance(now: number): void {
    if (this.#state.phase !== "running" || this.#queries) return;
    const done = this.#walk(now, this.#plan.root);
    if (done && this.#state.phase === "running") this.#finish(now, "done");
  }

  /** Whether a node has ended; begins what it can. */
  #walk(now: number, node: PlanNode): boolean {
    if (node.kind === "do") {
      if (!this.#steps.has(node.index)) this.#begin(now, node);
      return this.#steps.get(node.index)?.state === "ended";
    }
    if (node.kind === "seq") {
      return node.nodes.every((child) => this.#walk(now, child) && this.#goesOn);
    }
    let open = 0;
    let done = true;
    for (const child of node.nodes) {
      const mayBegin = open < node.limit && this.#goesOn;
      if (!mayBegin && !this.#hasBegun(child)) {
        done = false;
        continue;
      }
      if (this.#walk(now, child)) continue;
      open++;
      done = false;
    }
    return done;
  }

  get #goesOn(): boolean {
    return this.#state.phase === "running";
  }

  #hasBegun(node: PlanNode): boolean {
    if (node.kind === "do") return this.#steps.has(node.index);
    return node.nodes.some((child) => this.#hasBegun(child));
  }

  #begin(now: number, step: PlanStep): void {
    if (!this.#goesOn) return;
    const { node } = this.#port.layer;
    const parts = resolveTargets(node, step.on).map(({ node, name }): Part => ({
      node,
      name,
      unknown: false,
    }));
    this.#steps.set(step.index, {
      state: "running",
      attempts: 0,
      parts,
      started: node.wall(),
      undoAttempts: 0,
      undoParts: [],
    });
    this.#try(now, step);
  }

  #try(now: number, { index, action, args, timeout }: PlanStep): void {
    const step = this.#steps.get(index);
    if (!step) return;
    step.state = "running";
    step.attempts++;
    try {
      const value = resolveRefs(args, (id) => this.#valueOf(id));
      // After a restart, sessions with other nodes need a moment to come back.
      const question = this.#question(action, value, timeout, this.#state.restarts > 0);
      const { layer, requests } = this.#port;
      ask(now, layer.node, requests, step.parts, question, (now) => this.#answered(now, index));
      this.#write(index, "step");
      if (step.parts.length === 0) this.#answered(now, index);
    } catch (error) {
      if (!(error instanceof RefError)) throw error;
      step.error = error.message;
      this.#ended(now, index, step);
    }
  }

  #question(action: string, args: Json, timeout: number, hold: boolean): Question {
    const { connect } = this.#port;
    const group = this.#port.layer.node.newId();
    return { action, args, timeout, hold, connect, group, nesting: this.nesting + 1 };
  }

  /** The result of a step that is ok. */
  #valueOf(id: string): Json | undefined {
    const found = this.#plan.steps.find((step) => step.id === id);
    const step = found && this.#steps.get(found.index);
    if (!found || step?.state !== "ended" || step.error !== undefined) return undefined;
    return isOk(step.parts) ? valueOf(step.parts, found.single) : undefined;
  }

  /** One of the targets of a step answered. */
  #answered(now: number, index: number): void {
    const step = this.#steps.get(index);
    if (!step || step.state !== "running") return;
    if (step.parts.some(isOpen)) return this.#write(index);
    const { retries } = this.#step(index);
    // The queries after a restart decide first whether anything is tried at all.
    if (!isOk(step.parts) && step.attempts <= retries && this.#goesOn && !this.#queries) {
      step.state = "retrying";
      this.#retries.set(index, now + RETRY);
      return this.#write(index, "step");
    }
    this.#ended(now, index, step);
  }

  #ended(now: number, index: number, step: StepState): void {
    const { node } = this.#port.layer;
    step.state = "ended";
    step.ended = node.wall();
    step.order = 1 + Math.max(0, ...[...this.#steps.values()].map(({ order }) => order ?? 0));
    this.#retries.delete(index);
    this.#write(index, "step");
    const { id, optional, single } = this.#step(index);
    const { status, error } = outcomeOf(step, single);
    if (status !== statusName(Status.Ok) && !optional && this.#goesOn) {
      this.#stop(now, `${id}: ${error ?? status}`);
    } else if (this.#state.phase === "stopping") this.#stopped(now);
    else this.#port.layer.later((now) => this.#advance(now));
  }

  // Back

  /** No step begins any more; those that run are cancelled and waited for. */
  #stop(now: number, reason: string): void {
    const state = this.#state;
    state.reason ??= reason;
    if (this.#queries) return this.#save();
    state.phase = "stopping";
    this.#save();
    for (const [index, step] of this.#steps) {
      if (step.state === "retrying") this.#ended(now, index, step);
      for (const part of step.parts) {
        if (step.state !== "running" || !isOpen(part) || part.corr === undefined) continue;
        // Within 5 s there is an answer, or a timeout in its place.
        if (this.#port.requests.cancel(now, part.corr)) continue;
        settle(part, { status: Status.Lost, value: "there is no request any more" });
        this.#answered(now, index);
      }
    }
    this.#stopped(now);
  }

  #stopped(now: number): void {
    if (this.#state.phase !== "stopping") return;
    for (const { state } of this.#steps.values()) if (state !== "ended") return;
    this.#state.phase = "rollback";
    this.#save();
    this.#rollback(now);
  }

  /** Undoes the next step; ends where none is left. */
  #rollback(now: number): void {
    const next = [...this.#steps]
      .filter(([index, step]) => this.#step(index).undo && needsUndo(step) && !isUndone(step))
      .sort(([, a], [, b]) => (b.order ?? 0) - (a.order ?? 0))[0];
    if (next) {
      const [index, { undo, undoParts }] = next;
      // What was asked before a restart and is not answered is heard of by itself.
      if (undo === "running" && undoParts.some(({ corr, status }) => this.#isAsked(corr, status))) {
        return;
      }
      return this.#undo(now, index);
    }
    const failed = [...this.#steps.values()].some(({ undo }) => undo === "failed");
    const undone = this.#state.cancelled ? "cancelled" : "rolledBack";
    this.#finish(now, failed ? "rollbackIncomplete" : undone);
  }

  #isAsked(corr: string | undefined, status: number | undefined): boolean {
    return corr !== undefined && status === undefined && this.#port.requests.isOpen(corr);
  }

  #undo(now: number, index: number): void {
    const step = this.#steps.get(index);
    const { undo, single } = this.#step(index);
    if (!step || !undo) return;
    step.undo = "running";
    step.undoAttempts++;
    if (step.undoParts.length === 0) {
      step.undoParts = step.parts
        .filter((part) => mayHaveActed([part]))
        .map(({ node, name }) => ({ node, name, unknown: false }));
    }
    const own = isOk(step.parts) ? valueOf(step.parts, single) : null;
    const resultOf = (id: string) =>
      id === "" || id === this.#step(index).id ? own : this.#valueOf(id);
    try {
      const args = resolveRefs(undo.args, resultOf);
      const question = this.#question(undo.action, args, UNDO_TIMEOUT, true);
      const { layer, requests } = this.#port;
      ask(now, layer.node, requests, step.undoParts, question, (now, part) => {
        this.#undoAnswered(now, index, part);
      });
      this.#write(index);
    } catch (error) {
      if (!(error instanceof RefError)) throw error;
      this.#undone(now, index, step, error.message);
    }
  }

  #undoAnswered(now: number, index: number, _part: Part): void {
    const step = this.#steps.get(index);
    if (!step || step.undo !== "running") return;
    if (step.undoParts.some(isOpen)) return this.#write(index);
    if (isOk(step.undoParts)) return this.#undone(now, index, step, undefined);
    if (step.undoAttempts <= UNDO_RETRIES) {
      this.#retries.set(index, now + RETRY);
      return this.#write(index);
    }
    this.#undone(now, index, step, failureOf(step.undoParts).error);
  }

  #undone(now: number, index: number, step: StepState, error: string | undefined): void {
    step.undo = error === undefined ? "ok" : "failed";
    if (error !== undefined) step.undoError = error;
    this.#write(index, "rollback");
    this.#rollback(now);
  }

  #finish(now: number, status: PlanStatus): void {
    const { reason, restarts } = this.#state;
    const result = this.#result(status, reason, restarts);
    this.#state.phase = "ended";
    const { node } = this.#port.layer;
    writePlan(node, this.id, this.#plan, this.#state, result);
    removeSteps(node, this.id, this.#steps.keys());
    node.event({ kind: "plan", plan: result });
    this.#port.ended(now, this, result);
  }
}
