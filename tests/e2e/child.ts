/**
 * Processes, what they say, and waiting for it.
 *
 * @module
 */

/** How long anything may take before the test gives up, in ms. */
const PATIENCE = 40_000;
const POLL = 10;
/** What is kept of an output. */
const MAX_OUTPUT = 1_000_000;

/** What a command did. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** `stdout` as one JSON value. */
  json<T>(): T;
  /** The non-empty lines of stderr. */
  readonly complaints: string[];
}

/** Starts a process. */
export type Spawn = (
  command: string,
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args">,
) => Deno.ChildProcess;

/** A process, and what it has said so far. */
export class Child {
  readonly label: string;
  readonly pid: number;
  readonly exited: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  stdout = "";
  stderr = "";
  /** Set once it has ended. */
  status: Deno.CommandStatus | undefined;

  constructor(child: Deno.ChildProcess, label: string) {
    this.#child = child;
    this.label = label;
    this.pid = child.pid;
    const read = Promise.all([
      gather(child.stdout, (text) => this.stdout = (this.stdout + text).slice(-MAX_OUTPUT)),
      gather(child.stderr, (text) => this.stderr = (this.stderr + text).slice(-MAX_OUTPUT)),
    ]);
    this.exited = (async () => {
      this.status = await child.status;
      await read;
      return this.status;
    })();
  }

  /** The lines of stdout that are whole. */
  get lines(): string[] {
    return this.stdout.split("\n").slice(0, -1);
  }

  kill(signal: Deno.Signal): void {
    if (this.status) return;
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended this moment.
    }
  }

  /** Waits for its end. */
  async result(patience = PATIENCE): Promise<Result> {
    const timer = setTimeout(() => this.kill("SIGKILL"), patience);
    const { code, signal } = await this.exited;
    clearTimeout(timer);
    const { stdout, stderr } = this;
    if (signal === "SIGKILL") {
      throw new Error(`${this.label} did not end in time\n${stdout}\n${stderr}`);
    }
    return {
      code,
      stdout,
      stderr,
      json<T>() {
        return JSON.parse(stdout) as T;
      },
      complaints: stderr.split("\n").filter((line) => line !== ""),
    };
  }
}

async function gather(stream: ReadableStream<Uint8Array>, take: (text: string) => void) {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}

/** Waits until a condition holds. `tell` explains where it never does. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  tell: () => string = () => "",
  patience = PATIENCE,
): Promise<void> {
  const end = performance.now() + patience;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}\n${tell()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}
