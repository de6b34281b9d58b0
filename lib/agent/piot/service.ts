/**
 * PIoT at work: one node for the whole agent, begun and ended as the config says.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/mod.ts";
import type { MessagesApi, TasksApi } from "../../http/api.ts";
import { newCounters, type PiotFigures } from "./figures.ts";
import { Mailbox } from "./mailbox.ts";
import { holdsKey, type PiotTables, whatNeedsRestart } from "./piot_config.ts";
import { PiotRun, type PiotSurroundings, sealedNetworks } from "./run.ts";
import { Tasks } from "./tasks.ts";
import { STORE_PROBLEM } from "./tell.ts";

const PROBLEM = "piot";
/** What could not be opened is tried again after this, in ms. */
const TRY_AGAIN = 60_000;

/** Messages of one agent. */
export class PiotService {
  readonly api: MessagesApi;
  readonly tasks: TasksApi;
  readonly #around: PiotSurroundings;
  readonly #mailbox: Mailbox;
  readonly #counters = newCounters();
  #tables: PiotTables | undefined;
  #run: PiotRun | undefined;
  /** Why it does not run, though it is switched on. */
  #refusal: AgentError | undefined;
  #tryAt = Infinity;
  /** What is under way; one thing at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(around: PiotSurroundings) {
    this.#around = around;
    this.#mailbox = new Mailbox(around.clock, () => this.#running(), around.onFault);
    this.api = this.#mailbox;
    this.tasks = new Tasks(() => this.#running(), sealedNetworks(around.networks));
  }

  /** Begin with this config, or go on with it. Where it may not run, that is a problem and no error. */
  configure(tables: PiotTables): Promise<void> {
    const before = this.#tables;
    this.#tables = tables;
    const asBefore = before && tables.piot.enabled && !whatNeedsRestart(before, tables);
    if (this.#run && asBefore && holdsKey(tables.piot.key_file, this.#run.limits().key)) {
      this.#run.reconfigure(tables);
      this.#around.scheduler.touch();
      return this.#work;
    }
    return this.#then(() => this.#anew());
  }

  /** End all sessions in order. */
  stop(): Promise<void> {
    this.#tables = undefined;
    return this.#then(() => this.#anew());
  }

  /** The interfaces are others now: we may be reached elsewhere. */
  followInterfaces(): void {
    this.#run?.directory.publish();
  }

  /** `undefined` where it does not run. */
  figures(): PiotFigures | undefined {
    return this.#run?.figures();
  }

  nextWake(): number {
    return this.#tryAt;
  }

  /** Tries again to begin; or anew, where this node has another id. */
  wake(now: number): void {
    if (now < this.#tryAt) return;
    this.#tryAt = Infinity;
    void this.#then(() => this.#anew());
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => this.#around.onFault(error));
    return this.#work;
  }

  #running(): PiotRun {
    if (this.#run !== undefined) return this.#run;
    throw this.#refusal ?? new AgentError(
      "messages are switched off on this node; write enabled = true below [piot] in its config, and" +
        " reload the agent",
      ExitCode.NotThere,
    );
  }

  /** Ends what runs, and begins with the config that holds. */
  async #anew(): Promise<void> {
    const { problems } = this.#around;
    this.#tryAt = Infinity;
    this.#refusal = undefined;
    problems.clear(PROBLEM);
    problems.clear(STORE_PROBLEM);
    const run = this.#run;
    if (run) {
      this.#run = undefined;
      this.#mailbox.closed();
      await run.end();
    }
    const tables = this.#tables;
    if (tables?.piot.enabled) this.#begin(tables);
  }

  #begin(tables: PiotTables): void {
    const { problems, clock, scheduler } = this.#around;
    const again = (at: number) => {
      this.#tryAt = at;
      scheduler.touch();
    };
    try {
      this.#run = new PiotRun(this.#around, tables, {
        counters: this.#counters,
        told: (event, nameOf) => this.#mailbox.told(event, nameOf),
        renamed: () => again(clock.now()),
      });
      this.#run.start(tables);
    } catch (error) {
      void this.#run?.end();
      this.#run = undefined;
      this.#refusal = new AgentError(`messages do not run: ${messageOf(error)}`, ExitCode.Refused);
      problems.note(PROBLEM, this.#refusal.message, { lasts: true });
      again(clock.now() + TRY_AGAIN);
    }
  }
}
