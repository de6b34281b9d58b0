/**
 * Agents inside the test process: the real composition root on real sockets of 127.0.0.1, with a
 * temporary place, a log in memory, and interfaces that the test dictates.
 *
 * @module
 */
import { Agent } from "../../lib/agent/agent.ts";
import { type Config, type ConfigOverrides, loadConfig } from "../../lib/agent/config/config.ts";
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import type { LeafyNetwork } from "../../lib/agent/config/leafy.ts";
import { Log } from "../../lib/agent/log.ts";
import type { Network } from "../../lib/agent/network/network.ts";
import type { StateEvent } from "../../lib/http/api.ts";
import { type InterfaceInfo, type InterfaceSource, readInterfaces } from "../../lib/net/mod.ts";

/** Nothing of the environment of whoever runs the tests. */
const NO_ENV = { get: () => undefined };

/** Interfaces that change when a test says so. */
export class TestInterfaces implements InterfaceSource {
  #all: InterfaceInfo[];
  readonly #listeners = new Set<(all: InterfaceInfo[]) => void>();

  constructor(all: InterfaceInfo[] = []) {
    this.#all = all;
  }

  current(): InterfaceInfo[] {
    return this.#all;
  }

  subscribe(listener: (all: InterfaceInfo[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
  }

  change(all: InterfaceInfo[]): void {
    this.#all = all;
    for (const listener of [...this.#listeners]) listener(all);
  }
}

/** This computer's loopback. */
export function loopback(): InterfaceInfo[] {
  return readInterfaces().filter(({ name }) => name === "lo");
}

/** An agent, and what it said. */
export interface Running {
  readonly agent: Agent;
  readonly config: Config;
  readonly network: Network;
  /** Lines of the log, with their level. */
  readonly log: string[];
  /** Lines for the person who started a new network. */
  readonly told: string[];
  readonly interfaces: TestInterfaces;
  /** Where to dial it. */
  readonly address: string;
}

/** How an agent differs from the usual one: key, any free port of 127.0.0.1, no interface. */
export interface Wishes extends ConfigOverrides {
  readonly interfaceSource?: TestInterfaces;
  /** Text of a config file. */
  readonly toml?: string;
}

/** A folder and the agents in it. */
export class Place implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "agent-in-process-" });
  readonly key = generateKey();
  readonly keyFile = `${this.dir}/home.key`;
  readonly #running = new Set<Agent>();

  constructor() {
    writeKeyFile(this.keyFile, this.key);
  }

  config(name: string, { toml, interfaceSource: _, ...overrides }: Wishes = {}): Config {
    let path: string | undefined;
    if (toml !== undefined) {
      path = `${this.dir}/${name}.toml`;
      Deno.writeTextFileSync(path, toml);
    }
    return loadConfig({
      env: NO_ENV,
      cwd: this.dir,
      hostname: name,
      path: path ?? "/dev/null",
      overrides: {
        name,
        stateDir: `${this.dir}/${name}`,
        socket: `${this.dir}/${name}.sock`,
        ...(toml === undefined &&
          { keyFile: this.keyFile, listen: "127.0.0.1:0", interfaces: "" }),
        ...overrides,
      },
    });
  }

  async start(name: string, wishes: Wishes = {}): Promise<Running> {
    const config = this.config(name, wishes);
    const log: string[] = [];
    const told: string[] = [];
    const interfaces = wishes.interfaceSource ?? new TestInterfaces();
    const agent = await Agent.start({
      config,
      log: new Log({
        level: config.agent.logLevel,
        journal: false,
        wall: () => 0,
        sink: { write: (line) => log.push(line.slice(9).trimEnd()) },
      }),
      tell: (line) => told.push(line),
      interfaces,
    });
    this.#running.add(agent);
    const network = agent.networks[0]!;
    return { agent, config, network, log, told, interfaces, address: network.listen ?? "" };
  }

  async stop({ agent }: Running, how?: { restart: boolean }): Promise<void> {
    this.#running.delete(agent);
    await agent.stop(how);
  }

  /** For leafy commands: reached through `running`. */
  leafy({ address }: Running, key = this.key): LeafyNetwork {
    const [host = "", port = ""] = address.split(":");
    return {
      name: "home",
      profile: "native",
      keys: [key],
      node: { host, port: Number(port) },
      interfaces: [],
      port: 8331,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#running) await agent.stop();
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** How long anything may take before the test gives up, in ms: other tests run side by side. */
const PATIENCE = 40_000;

/** Waits until a condition holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** All values that a network's view shows, as `NODE:KEY` → value, without those of the agents. */
export function valuesIn({ view }: Network): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { node, entries } of view.get()) {
    for (const { key, value } of entries) {
      if (!key.startsWith("agent/")) values[`${node}:${key}`] = value;
    }
  }
  return values;
}

/** Changes as they come. */
export function changesOf({ view }: Network): Pick<StateEvent, "node" | "key" | "event">[] {
  const changes: Pick<StateEvent, "node" | "key" | "event">[] = [];
  view.onChange(({ node, key, event }) => changes.push({ node, key, event }));
  return changes;
}
