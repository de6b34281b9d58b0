/**
 * Agents on a bridge, from the bundle and with the config that users have: a key, and an interface.
 * They find each other by multicast.
 *
 * @module
 */
import { type Bridge, INTERFACE } from "./bridge_lab.ts";
import { type Cluster, type Seen, seenAt, type Start } from "./bridge_cluster.ts";
import { Agents, type Events, LocalApi, RunningAgent } from "./harness/agents.ts";
import { CannotMeasure, type Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";

/** Anything longer means that it does not work, in ms. */
const PATIENCE = 60_000;
/** Between two looks whether an agent answers yet, in ms. */
const POLL = 10;

/** One agent a computer. */
export class AgentCluster implements Cluster {
  readonly name = "agent";
  readonly size: number;
  readonly #agents: Agents;
  readonly #bridge: Bridge;
  #running: RunningAgent[] = [];
  #listeners: Listener[] = [];
  #round = 0;

  private constructor(agents: Agents, bridge: Bridge, size: number) {
    this.#agents = agents;
    this.#bridge = bridge;
    this.size = size;
  }

  /** On the first `size` computers. */
  static async prepare(context: Context, bridge: Bridge, size: number): Promise<AgentCluster> {
    return new AgentCluster(await Agents.prepare(context), bridge, size);
  }

  async start(): Promise<Start> {
    await this.#stop();
    const start = performance.now();
    this.#running = Array.from({ length: this.size }, (_, i) => this.#spawn(i, `n${i}`));
    this.#listeners = this.#running.map(({ socket }) => new Listener(socket));
    const names = this.#running.map(({ name }) => name);
    const known = await Promise.all(this.#listeners.map((one) => one.knows(names)));
    const allKnown = Math.max(...known) - start;
    while (!await this.#agree()) {
      if (performance.now() - start > PATIENCE) throw new CannotMeasure("the agents do not agree");
      await sleep(POLL);
    }
    return { allKnown, agreed: performance.now() - start };
  }

  async join(): Promise<number> {
    const name = `x${++this.#round}`;
    const start = performance.now();
    const agent = this.#spawn(this.size, name);
    const listener = new Listener(agent.socket);
    const names = [...this.#running.map((one) => one.name), name];
    const known = await Promise.all([
      listener.knows(names),
      ...this.#listeners.map((one) => one.knows([name])),
    ]);
    listener.close();
    // It says goodbye, so that nobody waits for it.
    Deno.kill(agent.pid, "SIGTERM");
    await agent.ended;
    await agent.stop();
    return Math.max(...known) - start;
  }

  /** By `agent set`, from the start of its process. */
  async change(): Promise<Seen> {
    return await this.#changed(async (agent, value) => {
      const { success } = await new Deno.Command(this.#agents.launcher, {
        args: ["--socket", agent.socket, "set", `bench=${value}`],
        env: { AGENT_CONFIG: "/dev/null" },
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).output();
      if (!success) throw new CannotMeasure("agent set failed");
    });
  }

  /** The same by the local API, without a process. */
  async changeByApi(): Promise<Seen> {
    return await this.#changed((agent, value) => agent.api.set("bench", value));
  }

  get running(): readonly RunningAgent[] {
    return this.#running;
  }

  /** The program `agent`. */
  get launcher(): string {
    return this.#agents.launcher;
  }

  pids(): number[] {
    return this.#running.map(({ pid }) => pid);
  }

  leaveAlone(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  async listen(): Promise<void> {
    this.leaveAlone();
    this.#listeners = this.#running.map(({ socket }) => new Listener(socket));
    const names = this.#running.map(({ name }) => name);
    await Promise.all(this.#listeners.map((one) => one.knows(names)));
  }

  async #changed(set: (agent: RunningAgent, value: number) => Promise<void>): Promise<Seen> {
    const value = ++this.#round;
    const from = value % this.size;
    const others = this.#listeners.filter((_, i) => i !== from);
    const seen = others.map((one) => one.sees("bench", value));
    const start = performance.now();
    const [moments] = await Promise.all([
      Promise.all(seen),
      set(this.#running[from] as RunningAgent, value),
    ]);
    return seenAt(start, moments);
  }

  async #agree(): Promise<boolean> {
    const all = await Promise.all(this.#running.map((agent) => agent.ready()));
    const hashes = new Set(all.map(({ networks: [network] }) => network?.networkHash));
    return hashes.size === 1 && all.every(({ networks: [network] }) => network?.consistent);
  }

  #spawn(i: number, name: string): RunningAgent {
    const { folder, keyFile, launcher } = this.#agents;
    const [socket, stateDir] = [`${folder}/${name}.sock`, `${folder}/${name}`];
    const child = this.#bridge.spawn(i, launcher, [
      ...["run", "--name", name, "--key-file", keyFile, "-q"],
      ...["--state-dir", stateDir, "--socket", socket],
      // "*" leaves virtual cables to those who made them.
      ...["--interfaces", INTERFACE],
    ], { env: { AGENT_CONFIG: "/dev/null" }, stdin: "null", stdout: "null", stderr: "null" });
    return new RunningAgent(name, socket, stateDir, child);
  }

  async #stop(): Promise<void> {
    this.leaveAlone();
    await Promise.all(this.#running.map((agent) => agent.stop()));
    for (const { stateDir, socket } of this.#running.splice(0)) {
      for (const path of [stateDir, socket]) {
        // Where the agent did not come as far, there is none.
        await Deno.remove(path, { recursive: true }).catch(() => {});
      }
    }
  }
}

/** The open event stream of an agent, from its start on. */
class Listener {
  readonly #api: LocalApi;
  readonly #events: Promise<Events>;
  readonly #names = new Map<string, number>();
  readonly #closed = new AbortController();

  constructor(socket: string) {
    this.#api = new LocalApi(socket);
    this.#events = this.#open();
    // Whoever waits for it is told; where nobody does, nobody has to be.
    this.#events.catch(() => {});
  }

  /** When it had told of all these nodes. */
  async knows(names: readonly string[]): Promise<number> {
    const giveUp = performance.now() + PATIENCE;
    await this.#events;
    for (;;) {
      const moments = names.flatMap((name) => this.#names.get(name) ?? []);
      if (moments.length === names.length) return Math.max(...moments);
      if (performance.now() > giveUp) {
        throw new CannotMeasure(`an agent knows ${moments.length} of ${names.length} nodes`);
      }
      await sleep(POLL);
    }
  }

  /** When it tells this change. */
  async sees(key: string, value: number): Promise<number> {
    return await (await this.#events).when((event) => event.key === key && event.value === value);
  }

  close(): void {
    this.#closed.abort();
    this.#api.close();
  }

  async #open(): Promise<Events> {
    const giveUp = performance.now() + PATIENCE;
    for (;;) {
      try {
        return await this.#api.events({
          snapshot: true,
          signal: this.#closed.signal,
          onEvent: ({ key, value, event }, at) => {
            if (key !== "agent/name" || event !== "set") return;
            const name = String(value);
            if (!this.#names.has(name)) this.#names.set(name, at);
          },
        });
      } catch (error) {
        if (this.#closed.signal.aborted || performance.now() > giveUp) throw error;
        await sleep(POLL);
      }
    }
  }
}
