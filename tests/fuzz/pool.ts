/**
 * Runs many targets in threads, each watched: one that does not come back from an input is stopped, and
 * the input is told all the same.
 *
 * @module
 */
import type { Story } from "./corpus.ts";
import { Failure, failureAt, mix } from "./engine.ts";
import { allTargets, targetsOf } from "./registry.ts";
import { Tally, type Target } from "./target.ts";

/** One input that does not end within this is stopped, in ms. The engine itself notices slower ones. */
const STUCK = 20_000;
/** A thread that has not begun within this never does, in ms: it loads its modules first. */
const UNBORN = 120_000;
/** Inputs of one job; a target with more is cut up, so that all threads have work to the end. */
const JOB = 100_000;
/** Fewer tell nothing. */
const LEAST = 30;

/** What a thread is asked for. */
export interface Job {
  readonly name: string;
  readonly seed: number;
  readonly inputs: number;
  /** Inputs so far, seed of the subject, which of its inputs: in memory that both see. */
  readonly place: Int32Array;
}

/** What it answers. */
export type Report =
  | {
    readonly kind: "done";
    readonly inputs: number;
    readonly taken: number;
    readonly refused: number;
    readonly types: ReadonlyMap<string, { taken: number; refused: number }>;
    readonly growth: number;
    readonly ms: number;
  }
  | {
    readonly kind: "failed";
    readonly message: string;
    readonly stack: string;
    readonly input: Uint8Array | undefined;
    readonly story: Story | undefined;
  };

/** What to run. */
export interface PoolOptions {
  /** In all, as if all targets ran. */
  readonly inputs: number;
  readonly seed: number;
  readonly threads: number;
  /** Only targets whose names begin so. */
  readonly only?: string;
  /** After each job. */
  readonly done?: (result: TargetResult) => void;
  /** Default: {@linkcode STUCK}. */
  readonly stuckMs?: number;
  /** Default: all. */
  readonly protocols?: readonly string[];
}

/** What came of one target. */
export interface TargetResult {
  readonly target: Target;
  readonly tally: Tally;
  /** Time of its threads, in ms. */
  ms: number;
  /** The most that one of its jobs held more in its end, in bytes. */
  growth: number;
}

/** How many inputs each of these targets gets of so many in all. */
function inputsOf(targets: readonly Target[], total: number): Map<string, number> {
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  return new Map(
    targets.map(({ name, share }) => [name, Math.max(LEAST, Math.round(total * share / shares))]),
  );
}

/** Runs them all. @throws {Failure} at the first that breaks its contract. */
export async function fuzzAll(options: PoolOptions): Promise<TargetResult[]> {
  const { only = "", seed, threads } = options;
  const all = await allTargets(options.protocols);
  const wanted = inputsOf(all, options.inputs);
  const targets = all.filter(({ name }) => name.startsWith(only));
  if (targets.length === 0) throw new Error(`no target's name begins with "${only}"`);
  const results = new Map<string, TargetResult>(
    targets.map((target) => [target.name, { target, tally: new Tally(), ms: 0, growth: 0 }]),
  );
  const jobs: Omit<Job, "place">[] = [];
  for (const { name } of targets) {
    const inputs = wanted.get(name) ?? 0;
    for (let n = 0; n * JOB < inputs; n++) {
      jobs.push({ name, seed: mix(seed, n), inputs: Math.min(JOB, inputs - n * JOB) });
    }
  }
  let failed = false;
  const work = async () => {
    const thread = new Thread(options.stuckMs ?? STUCK);
    try {
      for (let job = jobs.shift(); job && !failed; job = jobs.shift()) {
        const report = await thread.run(job);
        const result = results.get(job.name) as TargetResult;
        add(result, report);
        options.done?.(result);
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      thread.end();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: threads }, work));
  const bad = ends.find((one) => one.status === "rejected");
  if (bad) throw bad.reason;
  return [...results.values()];
}

function add(result: TargetResult, report: Report & { kind: "done" }): void {
  const { tally } = result;
  result.ms += report.ms;
  result.growth = Math.max(result.growth, report.growth);
  tally.inputs += report.inputs;
  tally.taken += report.taken;
  tally.refused += report.refused;
  for (const [name, { taken, refused }] of report.types) {
    const type = tally.types.get(name) ?? { taken: 0, refused: 0 };
    tally.types.set(name, { taken: type.taken + taken, refused: type.refused + refused });
  }
}

/** One thread, and an eye on it. */
class Thread {
  readonly #worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  readonly #place = new Int32Array(new SharedArrayBuffer(3 * 4));
  readonly #stuckMs: number;

  constructor(stuckMs: number) {
    this.#stuckMs = stuckMs;
  }

  /** @throws {Failure} */
  async run(job: Omit<Job, "place">): Promise<Report & { kind: "done" }> {
    const { promise, resolve, reject } = Promise.withResolvers<Report>();
    this.#worker.onmessage = ({ data }: MessageEvent<Report>) => resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reject(new Failure(job.name, `its thread ended: ${event.message}`));
    };
    const first = Atomics.load(this.#place, 0);
    let seen = first;
    let since = performance.now();
    const eye = setInterval(() => {
      const count = Atomics.load(this.#place, 0);
      if (count !== seen) {
        seen = count;
        since = performance.now();
      } else if (performance.now() - since > (seen === first ? UNBORN : this.#stuckMs)) {
        this.#worker.terminate();
        void this.#stuck(job.name).then(reject);
      }
    }, Math.min(500, this.#stuckMs / 4));
    try {
      this.#worker.postMessage({ ...job, place: this.#place });
      const report = await promise;
      if (report.kind === "done") return report;
      const { message, stack, input, story } = report;
      const cause = new Error(stack);
      const bare = message.replace(`fuzz ${job.name}: `, "").replace(
        /; (?:input|\d+ steps) .*$/s,
        "",
      );
      throw new Failure(job.name, bare, {
        ...(input && { input }),
        ...(story && { story }),
        cause,
      });
    } finally {
      clearInterval(eye);
    }
  }

  end(): void {
    this.#worker.terminate();
  }

  async #stuck(name: string): Promise<Failure> {
    const why = `one input does not end within ${this.#stuckMs} ms`;
    const target = (await targetsOf(name.slice(0, name.indexOf("/")))).find((t) => t.name === name);
    const [, seed = 0, step = 0] = this.#place;
    if (target === undefined) return new Failure(name, why);
    return failureAt(target, seed >>> 0, step, why);
  }
}
