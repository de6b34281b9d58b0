/**
 * The real executable: agents as processes of their own, and commands run to their end. Each place
 * has a temporary folder, an empty home and a fresh key; at its end everything is killed and
 * removed, and nothing that ran in it may have shown a stack trace.
 *
 * ```ts ignore
 * await using place = new Place();
 * const a = await place.agent("a");
 * const b = await place.agent("b", { connect: [a] });
 * await place.meet(a, b);
 * await a.cli("set", "temperature=21.5");
 * ```
 *
 * @module
 */
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import type { NodeRow, PeerRow, StateTree, StatusView } from "../../lib/http/api.ts";
import { NetworkKey } from "../../lib/wire/mod.ts";
import { Child, type Result, type Spawn, until } from "./child.ts";

export { Child, type Result, type Spawn, until };

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
/** An executable to test in place of the source: a packed or compiled `agent`. */
const EXECUTABLE = Deno.env.get("AGENT_EXECUTABLE");
/** Not a name: the runtime would look it up, and may wait 5 s for DNS. */
const URL_BASE = "http://127.0.0.1";

/** How an agent is started. */
export interface AgentOptions {
  /** Addresses or agents to hold a stream to. */
  readonly connect?: readonly (string | AgentProcess)[];
  /** Default: the place's key. `null`: none is named. */
  readonly keyFile?: string | null;
  /** Default: none. */
  readonly interfaces?: string;
  /** Default: any free port of 127.0.0.1. */
  readonly listen?: string;
  /** Text of a config file of its own. What it says of a network, no default flag overrides. */
  readonly toml?: string;
  readonly stateDir?: string;
  readonly socket?: string;
  /** Further arguments. */
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  /** Starts the process elsewhere than here, for instance in a network namespace. */
  readonly spawn?: Spawn;
}

const spawnHere: Spawn = (command, args, options) =>
  new Deno.Command(command, { ...options, args: [...args] }).spawn();

let denoDir: string | undefined;

/** Where Deno keeps what it has downloaded: the home of the processes is empty. */
function cacheOfDeno(): string {
  if (denoDir !== undefined) return denoDir;
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  const info = JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string };
  return denoDir = info.denoDir;
}

/** A temporary folder and all that runs in it. */
export class Place implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "agent-e2e-" });
  readonly key: NetworkKey;
  readonly keyFile = `${this.dir}/home.key`;
  readonly #started: Child[] = [];

  constructor() {
    const key = generateKey();
    this.key = NetworkKey.fromBytes(key);
    writeKeyFile(this.keyFile, key);
    Deno.mkdirSync(`${this.dir}/home`);
  }

  /** A further key file, of mode 0600. */
  makeKey(name: string): string {
    const path = `${this.dir}/${name}`;
    writeKeyFile(path, generateKey());
    return path;
  }

  /** Nothing of whoever runs the tests. */
  environment(extra: Record<string, string> = {}): Record<string, string> {
    return {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: `${this.dir}/home`,
      DENO_DIR: cacheOfDeno(),
      DENO_NO_UPDATE_CHECK: "1",
      // A packed executable unpacks there, and not into each empty home.
      AGENT_CACHE: Deno.env.get("AGENT_CACHE") ?? "",
      NO_COLOR: "1",
      AGENT_CONFIG: "/dev/null",
      ...extra,
    };
  }

  /** Starts any command of the agent. */
  start(args: readonly string[], options: {
    env?: Record<string, string>;
    spawn?: Spawn;
    cwd?: string;
    label?: string;
  } = {}): Child {
    const { env, spawn = spawnHere, cwd = this.dir, label } = options;
    const [command, first] = EXECUTABLE
      ? [EXECUTABLE, []]
      : [Deno.execPath(), ["run", "--quiet", "-A", MAIN]];
    const child = new Child(
      spawn(command, [...first, ...args], {
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        clearEnv: true,
        env: this.environment(env),
        cwd,
      }),
      label ?? args.join(" ").slice(0, 100),
    );
    this.#started.push(child);
    return child;
  }

  /** Runs a command to its end. */
  async run(...args: string[]): Promise<Result> {
    return await this.start(args).result();
  }

  /** Starts an agent, and waits until it answers. */
  async agent(name: string, options: AgentOptions = {}): Promise<AgentProcess> {
    const agent = this.spawnAgent(name, options);
    await agent.ready();
    return agent;
  }

  /** Starts an agent, whatever may become of it. */
  spawnAgent(name: string, options: AgentOptions = {}): AgentProcess {
    const { toml, keyFile, interfaces, listen, connect = [] } = options;
    const {
      stateDir = `${this.dir}/${name}`,
      socket = `${this.dir}/${name}.sock`,
      spawn,
      env = {},
    } = options;
    let config: string[] = [];
    if (toml !== undefined) {
      const path = `${this.dir}/${name}.toml`;
      Deno.writeTextFileSync(path, toml);
      config = ["--config", path];
    }
    // A config file is to have its say.
    const key = keyFile ?? (toml === undefined && keyFile === undefined ? this.keyFile : undefined);
    const address = listen ?? (toml === undefined ? "127.0.0.1:0" : undefined);
    const globs = interfaces ?? (toml === undefined ? "" : undefined);
    const child = this.start([
      ...config,
      ...["--socket", socket, "run", "--name", name, "--state-dir", stateDir],
      ...(key === undefined ? [] : ["--key-file", key]),
      ...(address === undefined ? [] : ["--listen", address]),
      ...(globs === undefined ? [] : ["--interfaces", globs]),
      ...connect.flatMap((one) => ["--connect", typeof one === "string" ? one : one.address]),
      ...(options.args ?? []),
    ], { env, label: name, ...(spawn && { spawn }) });
    return new AgentProcess(this, name, { child, socket, stateDir, options });
  }

  /** Until all agents see each other and nobody else. */
  async meet(...agents: AgentProcess[]): Promise<void> {
    const names = agents.map(({ name }) => name).sort().join();
    await until(`${names} see each other`, async () => {
      for (const agent of agents) {
        const seen = (await agent.nodes()).map(({ name }) => name).sort().join();
        if (seen !== names) return false;
      }
      return true;
    }, () => this.#outputs());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started) child.kill("SIGKILL");
    for (const child of this.#started) await child.exited;
    Deno.removeSync(this.dir, { recursive: true });
    for (const { label, stderr, stdout } of this.#started) {
      const text = `${stdout}${stderr}`;
      const fault = /^\s+at .*$|fault (?:of this program|in the agent)|\(in promise\)/m.exec(text);
      if (fault) throw new Error(`${label} showed a fault of the program:\n${stderr}`);
    }
  }

  #outputs(): string {
    return this.#started.map(({ label, stderr }) => `--- ${label}\n${stderr.slice(-2_000)}`)
      .join("\n");
  }
}

interface Parts {
  readonly child: Child;
  readonly socket: string;
  readonly stateDir: string;
  readonly options: AgentOptions;
}

/** A running agent. */
export class AgentProcess {
  readonly name: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly child: Child;
  readonly #place: Place;
  readonly #options: AgentOptions;
  readonly #client: Deno.HttpClient;
  #address = "";

  constructor(place: Place, name: string, { child, socket, stateDir, options }: Parts) {
    this.#place = place;
    this.name = name;
    this.child = child;
    this.socket = socket;
    this.stateDir = stateDir;
    this.#options = options;
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    child.exited.then(() => this.#client.close());
  }

  /** `HOST:PORT` at which others dial it; known once it was ready. */
  get address(): string {
    return this.#address;
  }

  get port(): number {
    return Number(this.#address.split(":").at(-1));
  }

  get stderr(): string {
    return this.child.stderr;
  }

  /** Lines of the log that match. */
  logged(pattern: RegExp): string[] {
    return this.child.stderr.split("\n").filter((line) => pattern.test(line));
  }

  /** Its status, once it answers. */
  async ready(): Promise<StatusView> {
    let status: StatusView | undefined;
    await until(`${this.name} answers`, async () => {
      if (this.child.status) {
        await this.child.exited;
        throw new Error(`${this.name} ended with ${this.child.status.code}: ${this.stderr}`);
      }
      try {
        status = await this.status();
      } catch {
        return false;
      }
      return true;
    }, () => this.stderr);
    this.#address = status?.networks[0]?.listen ?? "";
    return status as StatusView;
  }

  status(): Promise<StatusView> {
    return this.request("GET", "/v1/status");
  }

  nodes(): Promise<NodeRow[]> {
    return this.request("GET", "/v1/nodes");
  }

  peers(): Promise<PeerRow[]> {
    return this.request("GET", "/v1/peers");
  }

  /** The shared state as it sees it, without the entries of agents about themselves. */
  async values(): Promise<Record<string, unknown>> {
    const tree = await this.request<StateTree>("GET", "/v1/state");
    return Object.fromEntries(
      Object.entries(tree).flatMap(([node, entries]) =>
        Object.entries(entries).filter(([key]) => !key.startsWith("agent/"))
          .map(([key, { value }]) => [`${node}:${key}`, value])
      ),
    );
  }

  /** Sets entries through the local API. */
  async set(entries: Record<string, unknown>, ttl?: string): Promise<void> {
    await this.request("PUT", `/v1/state${ttl === undefined ? "" : `?ttl=${ttl}`}`, entries);
  }

  /** A request to the local API; throws where it is refused. */
  async request<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${URL_BASE}${path}`, {
      method,
      client: this.#client,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** A request whose answer stays open. */
  open(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${URL_BASE}${path}`, {
      method,
      client: this.#client,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** Figures of `/metrics`, without their labels. */
  async metrics(): Promise<Record<string, number>> {
    const response = await fetch(`${URL_BASE}/metrics`, { client: this.#client });
    const figures: Record<string, number> = {};
    for (const line of (await response.text()).split("\n")) {
      const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
      if (name !== undefined) figures[name] = (figures[name] ?? 0) + Number(value);
    }
    return figures;
  }

  /** Runs a command against this agent. */
  cli(...args: string[]): Promise<Result> {
    return this.start(...args).result();
  }

  /** Starts a command against this agent. */
  start(...args: string[]): Child {
    const { spawn } = this.#options;
    return this.#place.start(["--socket", this.socket, ...args], {
      label: `${this.name}: ${args.join(" ").slice(0, 100)}`,
      ...(spawn && { spawn }),
    });
  }

  /** Ends it in order. */
  async stop(): Promise<Deno.CommandStatus> {
    this.child.kill("SIGTERM");
    return await this.child.exited;
  }

  /** The plug is pulled. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }

  /** Starts it again as it was, or with other options; it must have ended. */
  again(options: AgentOptions = {}): Promise<AgentProcess> {
    return this.#place.agent(this.name, { ...this.#options, ...options });
  }

  /** Resident memory in bytes. */
  rss(): number {
    return 1_024 * procFigure(`/proc/${this.child.pid}/status`, "VmRSS");
  }

  /** Bytes that it had written to disks so far. */
  written(): number {
    return procFigure(`/proc/${this.child.pid}/io`, "write_bytes");
  }
}

function procFigure(path: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(Deno.readTextFileSync(path));
  if (!match) throw new Error(`${path} has no ${name}`);
  return Number(match[1]);
}
