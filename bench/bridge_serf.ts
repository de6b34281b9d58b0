/**
 * serf on a bridge: its agents with their defaults, joined to the first. What they see is read from
 * their own log, which they write before they call any event handler.
 *
 * @module
 */
import type { Bridge } from "./bridge_lab.ts";
import { type Cluster, type Seen, seenAt, type Start } from "./bridge_cluster.ts";
import { CannotMeasure, type Context, end } from "./harness/context.ts";
import { eachLine } from "./harness/lines.ts";
import { findProgram } from "./harness/program.ts";

/** Anything longer means that it does not work, in ms. */
const PATIENCE = 60_000;

/** One serf agent a computer. */
export class SerfCluster implements Cluster {
  readonly name = "serf";
  readonly size: number;
  readonly #program: string;
  readonly #bridge: Bridge;
  #running: SerfAgent[] = [];
  #round = 0;
  /** The last that joined, until it is gone. */
  #leaving: Promise<void> = Promise.resolve();

  /** On the first `size` computers. */
  constructor(program: string, bridge: Bridge, size: number) {
    this.#program = program;
    this.#bridge = bridge;
    this.size = size;
  }

  async start(): Promise<Start> {
    await this.#leaving;
    await Promise.all(this.#running.splice(0).map((one) => one.stop()));
    const start = performance.now();
    this.#running = [this.#spawn("n0", 0, [])];
    // Whoever joins before it listens gives up.
    await this.#running[0]!.when(({ what }) => what === "starting");
    for (let i = 1; i < this.size; i++) this.#running.push(this.#spawn(`n${i}`, i, this.#first()));
    const names = this.#running.map(({ name }) => name);
    const known = await Promise.all(this.#running.map((one) => one.knows(names)));
    return { allKnown: Math.max(...known) - start };
  }

  async join(): Promise<number> {
    await this.#leaving;
    const name = `x${++this.#round}`;
    const start = performance.now();
    const agent = this.#spawn(name, this.size, this.#first());
    const names = [...this.#running.map((one) => one.name), name];
    const known = await Promise.all([
      agent.knows(names),
      ...this.#running.map((one) => one.knows([name])),
    ]);
    this.#leaving = agent.leave();
    return Math.max(...known) - start;
  }

  /** By `serf tags -set`, from the start of its process. */
  async change(): Promise<Seen> {
    const value = ++this.#round;
    const from = value % this.size;
    const name = `n${from}`;
    const others = this.#running.filter((_, i) => i !== from);
    const seen = others.map((one) => one.when((e) => e.what === "update" && e.node === name));
    const start = performance.now();
    const [moments] = await Promise.all([
      Promise.all(seen),
      this.#bridge.run(from, this.#program, "tags", "-set", `bench=${value}`),
    ]);
    return seenAt(start, moments);
  }

  pids(): number[] {
    return this.#running.map(({ pid }) => pid);
  }

  /** Its log says nothing where nothing happens. */
  leaveAlone(): void {}

  async listen(): Promise<void> {}

  #first(): string[] {
    return ["-join", this.#bridge.address(0)];
  }

  #spawn(name: string, i: number, join: readonly string[]): SerfAgent {
    const child = this.#bridge.spawn(i, this.#program, [
      ...["agent", "-node", name, "-bind", this.#bridge.address(i), "-tag", "bench=0"],
      ...join,
    ], { stdin: "null", stdout: "piped", stderr: "null" });
    return new SerfAgent(name, child);
  }
}

/** What a line of serf's log says that matters here. */
export interface SerfEvent {
  readonly what: "starting" | "join" | "update" | "leave" | "failed";
  /** Whom it is about; empty for `starting`. */
  readonly node: string;
}

/** A line of the log of `serf agent`; `undefined` where it is about something else. */
export function parseSerfLine(line: string): SerfEvent | undefined {
  if (line.endsWith("agent: Serf agent starting")) return { what: "starting", node: "" };
  const [, what, node] = / serf: EventMember(Join|Update|Leave|Failed): (\S+)/.exec(line) ?? [];
  if (what === undefined || node === undefined) return undefined;
  return { what: what.toLowerCase() as SerfEvent["what"], node };
}

/** A running one, and its log. */
class SerfAgent {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #joined = new Map<string, number>();
  readonly #waiting = new Set<(event: SerfEvent, at: number) => void>();
  readonly #read: Promise<void>;

  constructor(name: string, child: Deno.ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#read = this.#readLog();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** When it next says something that fits. */
  when(fits: (event: SerfEvent) => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new CannotMeasure(`${this.name} of serf keeps us waiting`));
      }, PATIENCE);
      const look = (event: SerfEvent, at: number) => {
        if (!fits(event)) return;
        clearTimeout(late);
        this.#waiting.delete(look);
        resolve(at);
      };
      this.#waiting.add(look);
    });
  }

  /** When it had told of all these members. */
  async knows(names: readonly string[]): Promise<number> {
    const all = () => names.every((name) => this.#joined.has(name));
    if (!all()) await this.when(all);
    return Math.max(...names.map((name) => this.#joined.get(name) as number));
  }

  /** It says goodbye and ends. */
  async leave(): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#child.status;
    await this.#read;
  }

  async stop(): Promise<void> {
    await end(this.#child);
    await this.#read;
  }

  #readLog(): Promise<void> {
    return eachLine(this.#child.stdout, (line, at) => {
      const event = parseSerfLine(line);
      if (!event) return;
      if (event.what === "join" && !this.#joined.has(event.node)) {
        this.#joined.set(event.node, at);
      }
      for (const look of [...this.#waiting]) look(event, at);
    });
  }
}

/** serf, or `undefined` with a note that says what is missing. */
export function findSerf(context: Context): string | undefined {
  return findProgram(context, "serf", "serf");
}
