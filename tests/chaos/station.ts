/**
 * One node under fire: its process, which may be killed, stopped and started again, its clock, and
 * the keys of its config. A process that ends without our doing is a complaint.
 *
 * @module
 */
import { type AgentProcess, type Child, type Place, until } from "../e2e/harness.ts";
import type { Field } from "./field.ts";
import type { Journal } from "./journal.ts";

const CLOCK = new URL("./clock.ts", import.meta.url).pathname;
/** Ready for signals too: the line comes when everything has started. */
const RUNS = /notice: agent \S+ ".*" runs: /;
const RELOADED = /notice: the config was read again$/;
/** Exit code of a start that was refused, and what it says on a full disk. */
const REFUSED = 4;
const DISK_FULL = /disk is full|No space left on device/;

/** What a station stands on. */
export interface Ground {
  readonly place: Place;
  readonly field: Field;
  readonly journal: Journal;
}

/** A node, over all its processes. */
export class Station {
  readonly name: string;
  /** Its process, once it runs, and until it is killed. */
  agent: AgentProcess | undefined;
  /** How many processes it has had. */
  life = 0;
  /** Its disk is full now. */
  full = false;
  /** It was told to stop by SIGSTOP. */
  stopped = false;
  /** All that its processes have said, in order. */
  readonly children: Child[] = [];
  readonly #ground: Ground;
  readonly #clock: string;
  #keys: readonly string[];
  #child: Child | undefined;
  #offset = 0;
  /** Which processes we have killed. */
  readonly #killed = new WeakSet<Child>();

  constructor(name: string, ground: Ground, keys: readonly string[]) {
    this.name = name;
    this.#ground = ground;
    this.#keys = keys;
    this.#clock = `${ground.place.dir}/${name}.clock`;
    Deno.writeTextFileSync(this.#clock, "0");
  }

  /** Starts it, and waits until it runs, or was killed. Refused for want of space, it is tried again. */
  async start(): Promise<void> {
    const { journal } = this.#ground;
    for (;;) {
      const agent = this.#spawn();
      const { child } = agent;
      this.#child = child;
      this.children.push(child);
      void child.exited.then((status) => this.#ended(child, status));
      await until(
        `${this.name} runs`,
        () => child.status !== undefined || RUNS.test(child.stderr),
        () => child.stderr,
      );
      if (child.status === undefined) {
        this.life++;
        this.agent = agent;
        journal.note(`${this.name} runs, life ${this.life}`);
        return;
      }
      await child.exited;
      if (this.#killed.has(child) || !this.#isRefusedForSpace(child)) return;
      journal.note(`${this.name} is refused: its disk is full`);
      await until(`${this.name} has room`, () => !this.full);
    }
  }

  /** The plug is pulled. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#killed.add(child);
    this.agent = undefined;
    child.kill("SIGKILL");
    await child.exited;
  }

  stop(): void {
    this.stopped = true;
    this.#child?.kill("SIGSTOP");
  }

  goOn(): void {
    this.stopped = false;
    this.#child?.kill("SIGCONT");
  }

  /** Its wall clock jumps. */
  async jump(by: number): Promise<void> {
    this.#offset += by;
    Deno.writeTextFileSync(this.#clock, String(this.#offset));
    await this.#signal("SIGUSR2");
  }

  /** Gives it other keys, as `docs` tell: a new config, and SIGHUP. Resolves when it has them. */
  async rotate(keys: readonly string[]): Promise<void> {
    this.#keys = keys;
    Deno.writeTextFileSync(`${this.#ground.place.dir}/${this.name}.toml`, this.#toml());
    const before = (child: Child) =>
      child.stderr.split("\n").filter((l) => RELOADED.test(l)).length;
    const counts = this.#child && before(this.#child);
    const child = await this.#signal("SIGHUP");
    if (child === undefined || counts === undefined) return;
    await until(
      `${this.name} has read its config again`,
      () => child.status !== undefined || before(child) > counts,
      () => child.stderr,
    );
  }

  /** Sends a signal to the process that runs, or will in a moment; that process. */
  async #signal(signal: Deno.Signal): Promise<Child | undefined> {
    const child = this.#child;
    // A process that has just begun would die of it, and has perhaps read its files already.
    await until(`${this.name} can take ${signal}`, () => {
      return child === undefined || child.status !== undefined || RUNS.test(child.stderr);
    });
    if (child === undefined || child.status !== undefined) return undefined;
    child.kill(signal);
    return child;
  }

  #spawn(): AgentProcess {
    const { place, field } = this.#ground;
    return place.spawnAgent(this.name, {
      toml: this.#toml(),
      stateDir: field.folder(this.name),
      env: { AGENT_CHAOS_CLOCK: this.#clock },
      spawn: (command, args, options) => {
        const [run, ...rest] = args;
        // Commands keep the clock of this computer, and so does an executable in place of the source.
        const shifts = run === "run" && options.env?.AGENT_CHAOS_CLOCK !== undefined;
        const all = shifts ? [run, "--preload", CLOCK, ...rest] : args;
        return field.spawn(this.name, command, all, options);
      },
    });
  }

  #toml(): string {
    return toml(this.#keys);
  }

  #isRefusedForSpace(child: Child): boolean {
    return child.status?.code === REFUSED && DISK_FULL.test(child.stderr);
  }

  #ended(child: Child, status: Deno.CommandStatus): void {
    const { journal } = this.#ground;
    if (this.agent?.child === child) this.agent = undefined;
    if (this.#killed.has(child) || journal.over) return;
    if (this.#isRefusedForSpace(child)) return;
    journal.complain(
      `${this.name} ended by itself, with ${status.signal ?? status.code}: ` +
        child.stderr.split("\n").slice(-4).join(" | "),
    );
  }
}

/** The config of every computer: a dead peer is noticed after 1.5 s, or as long as messages take. */
export function toml(keys: readonly string[]): string {
  return `[[network]]\nkeys = ${JSON.stringify(keys)}\ninterfaces = ["veth*"]\n` +
    'keep_alive = "500ms"\nkeep_alive_multiplier = 3\n[piot]\nidle = "1s"\n';
}
