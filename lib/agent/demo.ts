/**
 * `agent demo`: three real agents on this computer, in a temporary place, that show in a few seconds
 * what they do for each other. Touches nothing else and leaves nothing behind.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/mod.ts";
import type { NodeRow, StateEvent, StatusView } from "../http/api.ts";
import { generateKey, writeKeyFile } from "./config/keys.ts";
import { remotePublish } from "./leafy/remote.ts";
import { selfCommand } from "./self.ts";

/** All of it has to be over by then, in ms. */
const LIMIT = 20_000;
/** How long one step may take, in ms. */
const STEP = 8_000;
const GUEST_TTL = 2_000;
/** Over a Unix socket the host means nothing, but the runtime looks a name up, and may wait for DNS. */
const URL_BASE = "http://127.0.0.1";

/** What ends the demo early. Uncaught, it would leave three agents running. */
const ENDS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Print a line of the story. */
type Say = (line: string) => void;

/** Runs the demo. Returns the exit code. */
export async function runDemo(say: Say = console.log): Promise<number> {
  const place = Deno.makeTempDirSync({ prefix: "agent-demo-" });
  const agents: DemoAgent[] = [];
  const limit = setTimeout(() => {
    for (const agent of agents) agent.kill();
  }, LIMIT);
  const interruption = new Interruption();
  try {
    await Promise.race([story(place, agents, say), interruption.happened]);
  } finally {
    clearTimeout(limit);
    for (const agent of agents) await agent.remove();
    Deno.removeSync(place, { recursive: true });
    interruption.ignore();
    say("Everything is cleaned up.");
  }
  await interruption.passOn();
  return ExitCode.Done;
}

/** A signal that ends the demo before the story does. */
class Interruption {
  readonly happened: Promise<void>;
  readonly #listeners = new Map<Deno.Signal, () => void>();
  #signal: Deno.Signal | undefined;

  constructor() {
    this.happened = new Promise((resolve) => {
      for (const signal of ENDS) {
        this.#listeners.set(signal, () => {
          this.#signal ??= signal;
          resolve();
        });
      }
    });
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  /** From now on signals do what they usually do. */
  ignore(): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }

  /** Ends this process as the signal would have done, so that whoever waits for it knows. */
  async passOn(): Promise<void> {
    if (this.#signal === undefined) return;
    Deno.kill(Deno.pid, this.#signal);
    await new Promise((resolve) => setTimeout(resolve, STEP));
  }
}

async function story(place: string, agents: DemoAgent[], say: Say): Promise<void> {
  say("Three agents start on this computer. Imagine three Raspberry Pis.");
  const key = generateKey();
  const keyFile = `${place}/demo.key`;
  writeKeyFile(keyFile, key);
  say("  They share one fresh key; whoever has not got it can neither read nor write.");
  const start = async (name: string, connect: readonly string[]) => {
    const agent = new DemoAgent(place, name, keyFile, connect);
    agents.push(agent);
    const { networks } = await agent.ready();
    return { agent, address: networks[0]?.listen ?? "" };
  };
  const kitchen = await start("kitchen", []);
  const garage = await start("garage", [kitchen.address]);
  const attic = await start("attic", [kitchen.address]);
  const began = performance.now();
  await until("the three find each other", async () => {
    const lists = await Promise.all(agents.map((agent) => agent.nodes()));
    return lists.every((nodes) => nodes.length === 3);
  });
  say(`  kitchen, garage and attic know each other (${since(began)} after the last one started).`);

  say("");
  say("A thermometer script in the garage says:  agent set temperature=21.5");
  await using watch = await attic.agent.watch();
  const changed = performance.now();
  await garage.agent.request("PUT", "/v1/state/temperature", 21.5);
  await watch.next((event) => event.node === "garage" && event.key === "temperature");
  say(`  The attic knows it ${since(changed)} later, by way of the kitchen. No server was asked.`);

  say("");
  say(`A guest, with no agent of its own, says for ${GUEST_TTL / 1000} seconds:`);
  say("  agent --leafy publish door=open --ttl 2s");
  const [host = "", port = ""] = garage.address.split(":");
  const ack = await remotePublish({
    network: {
      name: "demo",
      profile: "native",
      keys: [key],
      node: { host, port: Number(port) },
      interfaces: [],
      port: 0,
    },
    entries: { door: "open" },
    ttlMs: GUEST_TTL,
    timeoutMs: STEP,
  });
  const granted = performance.now();
  await watch.next((event) => event.key === "door" && event.event === "set");
  say(`  ${ack.node} publishes it for the guest, and the attic sees it.`);
  await watch.next((event) => event.key === "door" && event.event === "unset");
  say(`  It is gone by itself after ${since(granted)}.`);

  say("");
  say("The plug of the garage is pulled (SIGKILL).");
  const killed = performance.now();
  garage.agent.kill();
  await watch.next((event) => event.node === "garage" && event.event === "lost");
  const { length } = await attic.agent.nodes();
  say(`  After ${since(killed)} its keys are gone from the attic; ${length} nodes are left.`);
  say("");
}

/** An agent process of the demo. */
class DemoAgent {
  readonly #socket: string;
  readonly #child: Deno.ChildProcess;
  readonly #client: Deno.HttpClient;
  readonly #name: string;
  #exited = false;

  constructor(place: string, name: string, keyFile: string, connect: readonly string[]) {
    this.#name = name;
    this.#socket = `${place}/${name}.sock`;
    const { command, args } = selfCommand([
      "run",
      ...["--name", name, "--key-file", keyFile, "--listen", "127.0.0.1:0"],
      ...["--state-dir", `${place}/${name}`, "--socket", this.#socket, "--interfaces", ""],
      ...connect.flatMap((address) => ["--connect", address]),
    ]);
    this.#child = new Deno.Command(command, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      // A config file of this computer's own agent has no say here.
      env: { AGENT_CONFIG: "/dev/null" },
    }).spawn();
    this.#child.status.then(() => this.#exited = true);
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: this.#socket } });
  }

  /** Its status, once it answers. */
  async ready(): Promise<StatusView> {
    let status: StatusView | undefined;
    await until(`${this.#name} starts`, async () => {
      if (this.#exited) {
        throw new AgentError(
          `the demo's agent "${this.#name}" ended at once; try: agent run --interfaces ""`,
          ExitCode.Unreachable,
        );
      }
      try {
        status = await this.request("GET", "/v1/status") as StatusView;
      } catch (error) {
        if (error instanceof AgentError) throw error;
        return false;
      }
      return status.networks[0]?.listen !== undefined;
    });
    return status as StatusView;
  }

  async nodes(): Promise<NodeRow[]> {
    return await this.request("GET", "/v1/nodes") as NodeRow[];
  }

  async request(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${URL_BASE}${path}`, {
      method,
      client: this.#client,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new AgentError(`${this.#name} says ${response.status}: ${text}`, ExitCode.Refused);
    }
    return text === "" ? undefined : JSON.parse(text);
  }

  async watch(): Promise<Watch> {
    const abort = new AbortController();
    const response = await fetch(`${URL_BASE}/v1/events`, {
      client: this.#client,
      signal: abort.signal,
    });
    if (!response.body) throw new AgentError("no event stream", ExitCode.Unreachable);
    return new Watch(response.body.pipeThrough(new TextDecoderStream()), abort);
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  async remove(): Promise<void> {
    this.kill();
    await this.#child.status;
    this.#client.close();
  }
}

/** An open event stream. */
class Watch {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #abort: AbortController;
  #text = "";

  constructor(stream: ReadableStream<string>, abort: AbortController) {
    this.#reader = stream.getReader();
    this.#abort = abort;
  }

  /** The next event that fits. */
  async next(fits: (event: StateEvent) => boolean): Promise<StateEvent> {
    const late = setTimeout(() => this.#abort.abort(), STEP);
    try {
      for (;;) {
        const event = this.#take();
        if (event && fits(event)) return event;
        if (event) continue;
        const { value, done } = await this.#reader.read();
        if (done) throw new Error("it ended");
        this.#text += value;
      }
    } catch (cause) {
      throw new AgentError(
        "the demo waited in vain for a change to arrive; is this computer very busy?",
        ExitCode.Unreachable,
        { cause },
      );
    } finally {
      clearTimeout(late);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reader.cancel().catch(() => {});
  }

  #take(): StateEvent | undefined {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) return undefined;
      const block = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      const data = block.split("\n").filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5)).join("\n");
      if (data !== "") return JSON.parse(data) as StateEvent;
    }
  }
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + STEP;
  while (!(await done())) {
    if (performance.now() > end) {
      throw new AgentError(
        `the demo waited in vain until ${what}; is this computer very busy?`,
        ExitCode.Unreachable,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function since(start: number): string {
  const ms = performance.now() - start;
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
