/**
 * What every bench is handed: how thorough to be, where to report, and things that are put away at
 * the end whatever happens: processes, folders.
 *
 * @module
 */
import type { Report } from "./report.ts";
import type { Result } from "./result.ts";

/** A bench: one file of this folder. */
export interface Bench {
  readonly name: string;
  /** One line: what it measures. */
  readonly title: string;
  /** How it measures, what its figures mean and what they fall short of: Markdown, for the page. */
  readonly about?: string;
  /** Drawings of what it measured, for the page. */
  pictures?(result: Result): Picture[];
  /** @throws {CannotMeasure} where something that it needs is not there. */
  run(context: Context): Promise<void>;
}

/** A drawing in `docs/performance/`. */
export interface Picture {
  /** `scale.svg`. */
  readonly file: string;
  /** What is to be seen, for who cannot see it. */
  readonly alt: string;
  readonly svg: string;
}

/** The bench cannot run here; the message says why. */
export class CannotMeasure extends Error {
  override readonly name = "CannotMeasure";
}

/** The repository's root, ending in `/`. */
export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

type Undo = () => void | Promise<void>;

/** The surroundings of a run. */
export class Context {
  readonly quick: boolean;
  readonly report: Report;
  /** Of the bench that runs, and of the whole run. */
  readonly #undo: Undo[] = [];
  readonly #undoLast: Undo[] = [];
  #bundle: Promise<string> | undefined;
  #over = false;

  constructor(options: { quick: boolean; report: Report; bundle?: string | undefined }) {
    this.quick = options.quick;
    this.report = options.report;
    if (options.bundle !== undefined) this.#bundle = Promise.resolve(options.bundle);
  }

  /** `full`, or `quick` where the run is to be short. */
  choose<T>(full: T, quick: T): T {
    return this.quick ? quick : full;
  }

  /** Have something put away after the bench; the last first. */
  defer(undo: Undo): void {
    this.#undo.push(undo);
  }

  /** A folder that exists until the bench ends. Its path is short, as that of a socket must be. */
  tempDir(): string {
    this.#checkOpen();
    return makeTempDir(this.#undo);
  }

  /** A process that lives until it ends, or the bench. */
  spawn(command: string, options: Deno.CommandOptions): Deno.ChildProcess {
    this.#checkOpen();
    const child = new Deno.Command(command, options).spawn();
    this.defer(() => end(child));
    return child;
  }

  /** The launcher of the bundle to measure; that of this checkout is built once a run. */
  bundle(): Promise<string> {
    return this.#bundle ??= this.#build();
  }

  /** Put away what the bench has left. What cannot be is told, and does not keep the rest. */
  async endBench(): Promise<void> {
    await putAway(this.#undo);
  }

  /** Put everything away. From now on nothing can be started. */
  async endRun(): Promise<void> {
    this.#over = true;
    await putAway(this.#undo);
    await putAway(this.#undoLast);
  }

  #checkOpen(): void {
    if (this.#over) throw new CannotMeasure("the run is over");
  }

  async #build(): Promise<string> {
    this.#checkOpen();
    const { build } = await import("../../tools/build/launcher.ts");
    const output = `${makeTempDir(this.#undoLast)}/agent`;
    try {
      await build(`${ROOT}main.ts`, output);
    } catch (cause) {
      throw new CannotMeasure(`the bundle cannot be built: ${messageOf(cause)}`, { cause });
    }
    return `${output}/agent`;
  }
}

function makeTempDir(undo: Undo[]): string {
  const path = Deno.makeTempDirSync({ prefix: "agent-bench-" });
  undo.push(() => Deno.remove(path, { recursive: true }));
  return path;
}

async function putAway(stack: Undo[]): Promise<void> {
  for (let undo = stack.pop(); undo; undo = stack.pop()) {
    try {
      await undo();
    } catch (error) {
      console.error(`bench: not put away: ${messageOf(error)}`);
    }
  }
}

/** Ends a process for good, and waits for its end. */
export async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.status;
}

/** The first line of what an error says. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] as string;
}
