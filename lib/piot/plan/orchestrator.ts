/**
 * All plans that a node coordinates (spec/piot.md §12).
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/mod.ts";
import type { Layer } from "../actions/layer.ts";
import type { Requests } from "../actions/requests.ts";
import type { Plan, PlanResult } from "./plan.ts";
import { readJournal, removePlan } from "./journal.ts";
import { parsePlan } from "./parse.ts";
import { PlanRun } from "./run.ts";

/** Plans at a time, and results that are kept. */
const MOST_RUNNING = 64;
const MOST_ENDED = 64;

/** Told within the turn. */
export type PlanListener = (now: number, result: PlanResult) => void;

/** Runs plans. */
export class Orchestrator {
  readonly #layer: Layer;
  readonly #requests: Requests;
  readonly #connect: number;
  readonly #runs = new Map<string, PlanRun>();
  /** Oldest first. */
  readonly #ended = new Map<string, PlanResult>();
  readonly #listeners = new Map<string, PlanListener>();

  constructor(layer: Layer, requests: Requests, connect: number) {
    this.#layer = layer;
    this.#requests = requests;
    this.#connect = connect;
  }

  /** What the journal knows; what is open there goes on, or back. @throws {WireError} */
  load(now: number): void {
    this.#runs.clear();
    this.#ended.clear();
    const { node, later } = this.#layer;
    const journal = readJournal(node).sort((a, b) => a.state.started - b.state.started);
    for (const { id, source, state, steps, result } of journal) {
      if (result) {
        this.#ended.set(id, result);
        continue;
      }
      try {
        const run = this.#make(now, id, parsePlan(source), state, steps, 0);
        later((now) => run.recover(now));
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        // Written by another version, perhaps: that one may still roll it back.
        const text = `plan "${id}" is left as it is: ${error.message}`;
        node.event({ kind: "problem", text });
      }
    }
    for (const [id, listener] of [...this.#listeners]) {
      if (this.#runs.has(id)) continue;
      this.#listeners.delete(id);
      const reason = "the plan could not be stored";
      const result = this.#ended.get(id) ?? { id, status: "rolledBack", reason, steps: [] };
      later((now) => listener(now, result));
    }
  }

  /**
   * Begins a plan.
   *
   * @returns its id.
   * @throws {AgentError} where a plan of this id is known, or too many run.
   */
  start(now: number, plan: Plan, nesting: number, listener?: PlanListener): string {
    const { node, later } = this.#layer;
    const id = plan.id ?? node.newId();
    if (this.#runs.has(id) || this.#ended.has(id)) {
      throw new AgentError(`plan "${id}" was run before; give it another id`, ExitCode.Refused);
    }
    if (this.#runs.size >= MOST_RUNNING) {
      throw new AgentError(`${MOST_RUNNING} plans are running; wait for one`, ExitCode.Refused);
    }
    const run = this.#make(
      now,
      id,
      plan,
      {
        phase: "running",
        started: node.wall(),
        deadline: node.steady(now) + plan.timeout,
        reason: undefined,
        cancelled: false,
        restarts: 0,
      },
      new Map(),
      nesting,
    );
    if (listener) this.#listeners.set(id, listener);
    later((now) => run.start(now));
    return id;
  }

  /** Whether it ran, and could still be cancelled. */
  cancel(now: number, id: string): boolean {
    return this.#runs.get(id)?.cancel(now) ?? false;
  }

  /** What a plan is at, or what came of it. */
  view(id: string): PlanResult | undefined {
    return this.#runs.get(id)?.view() ?? this.#ended.get(id);
  }

  /** All that are known: those that ended, oldest first, then those that run. */
  views(): PlanResult[] {
    return [...this.#ended.values(), ...[...this.#runs.values()].map((run) => run.view())];
  }

  get nextWake(): number {
    let earliest = Infinity;
    for (const run of this.#runs.values()) earliest = Math.min(earliest, run.nextWake);
    return earliest;
  }

  wake(now: number): void {
    for (const run of [...this.#runs.values()]) run.wake(now);
  }

  #make(
    now: number,
    id: string,
    plan: Plan,
    state: ConstructorParameters<typeof PlanRun>[3],
    steps: ConstructorParameters<typeof PlanRun>[4],
    nesting: number,
  ): PlanRun {
    const port = {
      layer: this.#layer,
      requests: this.#requests,
      connect: this.#connect,
      ended: (_now: number, run: PlanRun, result: PlanResult) => this.#end(run, result),
    };
    const run = new PlanRun(port, id, plan, state, steps, now, nesting);
    this.#runs.set(id, run);
    return run;
  }

  #end({ id }: PlanRun, result: PlanResult): void {
    this.#runs.delete(id);
    this.#ended.set(id, result);
    for (const [oldest] of this.#ended) {
      if (this.#ended.size <= MOST_ENDED) break;
      this.#ended.delete(oldest);
      removePlan(this.#layer.node, oldest);
    }
    const listener = this.#listeners.get(id);
    this.#listeners.delete(id);
    if (listener) this.#layer.later((now) => listener(now, result));
  }
}
