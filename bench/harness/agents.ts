/**
 * Real agents from the bundle, on loopback, each with a folder of its own.
 *
 * @module
 */
import type { NodeRow, StateEvent, StatusView } from "../../lib/http/api.ts";
import { CannotMeasure, type Context, end, messageOf } from "./context.ts";
import { eachLine } from "./lines.ts";
import { sleep } from "./sleep.ts";

/** An agent has to answer within this, in ms. */
const PATIENCE = 20_000;

/** Any other name would be looked up by DNS, although the connection is to a socket. */
const BASE = "http://localhost";

/** How an agent is started. */
export interface AgentOptions {
  readonly name: string;
  /** TCP addresses that it dials. */
  readonly connect?: readonly string[];
  /** Where it listens; any free port without. */
  readonly port?: number;
  /** UDP port for multicast on loopback; none without. */
  readonly multicastPort?: number;
  /** Further lines of its config file. */
  readonly config?: string;
}

/** A folder, a key and a bundle that several agents share: one network. */
export class Agents {
  readonly folder: string;
  readonly launcher: string;
  readonly keyFile: string;
  readonly #context: Context;

  private constructor(context: Context, folder: string, launcher: string) {
    this.#context = context;
    this.folder = folder;
    this.launcher = launcher;
    this.keyFile = `${folder}/key`;
  }

  /** A new network without agents. */
  static async prepare(context: Context): Promise<Agents> {
    const agents = new Agents(context, context.tempDir(), await context.bundle());
    const key = crypto.getRandomValues(new Uint8Array(32)).toBase64();
    Deno.writeTextFileSync(agents.keyFile, `${key}\n`, { mode: 0o600 });
    return agents;
  }

  /** What the launcher gives to Deno, so that a bare process can have it too. */
  runtimeFlags(): string[] {
    const found = / run (-.*? -A) /.exec(Deno.readTextFileSync(this.launcher));
    if (!found) throw new CannotMeasure(`${this.launcher} has no flags for deno run`);
    return (found[1] as string).split(" ");
  }

  /** Start an agent; it may not answer yet. */
  start(options: AgentOptions): RunningAgent {
    const { name, connect = [], port = 0, multicastPort } = options;
    const config = `${this.folder}/${name}.toml`;
    const further = options.config ?? "";
    const udp = multicastPort === undefined ? "" : `port = ${multicastPort}\n`;
    Deno.writeTextFileSync(config, `[[network]]\n${udp}${further}`);
    const socket = `${this.folder}/${name}.sock`;
    const stateDir = `${this.folder}/${name}`;
    const child = this.#context.spawn(this.launcher, {
      args: [
        ...["run", "--config", config, "--name", name, "--key-file", this.keyFile, "-q"],
        ...["--listen", `127.0.0.1:${port}`, "--state-dir", stateDir, "--socket", socket],
        ...["--interfaces", multicastPort === undefined ? "" : "lo"],
        ...connect.flatMap((address) => ["--connect", address]),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return new RunningAgent(name, socket, stateDir, child);
  }
}

/** An agent process. */
export class RunningAgent {
  readonly name: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly api: LocalApi;
  readonly #child: Deno.ChildProcess;
  #ended = false;

  constructor(name: string, socket: string, stateDir: string, child: Deno.ChildProcess) {
    this.name = name;
    this.socket = socket;
    this.stateDir = stateDir;
    this.api = new LocalApi(socket);
    this.#child = child;
    child.status.then(() => this.#ended = true);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when it has ended, by whatever. */
  get ended(): Promise<unknown> {
    return this.#child.status;
  }

  /**
   * Its status, once it answers and `fits`; asked every `every` ms.
   * @throws {CannotMeasure} where it ends, or takes too long.
   */
  async ready(fits: (status: StatusView) => boolean = () => true, every = 10): Promise<StatusView> {
    const giveUp = performance.now() + PATIENCE;
    for (;;) {
      if (this.#ended) throw new CannotMeasure(`the agent "${this.name}" ended at once`);
      let why = "its status stays as it is";
      try {
        const status = await this.api.get("/v1/status") as StatusView;
        if (fits(status)) return status;
      } catch (error) {
        if (error instanceof CannotMeasure) throw error;
        why = messageOf(error);
      }
      if (performance.now() > giveUp) {
        throw new CannotMeasure(`the agent "${this.name}" keeps us waiting: ${why}`);
      }
      await sleep(every);
    }
  }

  /** Wait until it knows `count` nodes, itself included, and agrees with its peers. */
  async knows(count: number, every?: number): Promise<StatusView> {
    return await this.ready(
      ({ networks: [network] }) => network?.nodes === count && network.consistent,
      every,
    );
  }

  /** The TCP address that it listens on. */
  async address(): Promise<string> {
    const status = await this.ready(({ networks }) => networks[0]?.listen !== undefined);
    return status.networks[0]?.listen as string;
  }

  async stop(): Promise<void> {
    this.api.close();
    await end(this.#child);
  }
}

/** The local API of an agent over its Unix socket. */
export class LocalApi {
  readonly #client: Deno.HttpClient;

  constructor(socket: string) {
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  }

  async get(path: string): Promise<unknown> {
    return JSON.parse(await this.text(path));
  }

  async nodes(): Promise<NodeRow[]> {
    return await this.get("/v1/nodes") as NodeRow[];
  }

  /** Publish one value. `ttl`: only for so long, and not on the disk. */
  async set(key: string, value: unknown, ttl?: string): Promise<void> {
    const query = ttl === undefined ? "" : `?ttl=${ttl}`;
    await this.text(`/v1/state/${key}${query}`, "PUT", JSON.stringify(value));
  }

  async text(path: string, method = "GET", body?: string, type?: string): Promise<string> {
    const response = await fetch(`${BASE}${path}`, {
      method,
      client: this.#client,
      ...(body !== undefined && { body }),
      ...(type !== undefined && { headers: { "content-type": type } }),
    });
    const text = await response.text();
    if (!response.ok) throw new CannotMeasure(`an agent answers ${response.status}: ${text}`);
    return text;
  }

  /** The event stream, from the moment on in which this returns. */
  async events(options: EventOptions = {}): Promise<Events> {
    const { snapshot = false, signal, onEvent } = options;
    const response = await fetch(`${BASE}/v1/events?snapshot=${snapshot ? 1 : 0}`, {
      client: this.#client,
      ...(signal && { signal }),
    });
    if (!response.ok || !response.body) throw new CannotMeasure("an agent has no event stream");
    return new Events(response.body, onEvent);
  }

  /** Values of `/metrics` by name, summed over labels. */
  async metrics(): Promise<Map<string, number>> {
    return parseMetrics(await this.text("/metrics"));
  }

  close(): void {
    this.#client.close();
  }
}

/** Told an event, and when it came on the clock of `performance.now()`. */
type OnEvent = (event: StateEvent, at: number) => void;

/** What an event stream begins with, and who is told. */
export interface EventOptions {
  /** Begin with all that is there. */
  readonly snapshot?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Told every event. */
  readonly onEvent?: OnEvent;
}

/** An open event stream, read all the time. */
export class Events {
  readonly #waiting = new Set<OnEvent>();

  constructor(body: ReadableStream<Uint8Array>, onEvent?: OnEvent) {
    if (onEvent) this.#waiting.add(onEvent);
    this.#read(body).catch(() => {
      // The agent has ended; whoever waits for an event runs into its time limit.
    });
  }

  /**
   * When the next event that fits arrives, on the clock of `performance.now()`.
   * @throws {CannotMeasure} where none comes in time.
   */
  when(fits: (event: StateEvent) => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new CannotMeasure("a change did not arrive"));
      }, PATIENCE);
      const look = (event: StateEvent, at: number) => {
        if (!fits(event)) return;
        clearTimeout(late);
        this.#waiting.delete(look);
        resolve(at);
      };
      this.#waiting.add(look);
    });
  }

  #read(body: ReadableStream<Uint8Array>): Promise<void> {
    return eachLine(body, (block, at) => {
      if (!block.startsWith("data:")) return;
      const event = JSON.parse(block.slice(5)) as StateEvent;
      for (const look of [...this.#waiting]) look(event, at);
    }, "\n\n");
  }
}

/** Prometheus text → values by name, summed over labels. */
export function parseMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const found = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (!found) continue;
    const name = found[1] as string;
    values.set(name, (values.get(name) ?? 0) + Number(found[2]));
  }
  return values;
}

/** TCP ports that were free a moment ago. */
export function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}
