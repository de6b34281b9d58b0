/**
 * The composition root: config → store, networks, local API. The only place that knows everything.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf, monotonicClock, Scheduler } from "../core/mod.ts";
import { type ApiServer, type RestartHow, serveApi } from "../http/mod.ts";
import type { InterfaceSource, LabelSource, PacketSystem } from "../net/mod.ts";
import { openStore, type Store } from "../store/mod.ts";
import { canReload, needsRestart, restartLine } from "./config/changes.ts";
import type { Config } from "./config/config.ts";
import { readSecret } from "./config/keys.ts";
import { Gateway } from "./network/gateway.ts";
import { InterfaceEvents } from "./interface_events.ts";
import { type Kernel, openKernel } from "./kernel.ts";
import { leaveHandover, readHandover, removeHandover } from "./upgrade/handover.ts";
import { loadSecrets, reloadSecrets } from "./keys.ts";
import type { Log } from "./log.ts";
import { LsoeService } from "./lsoe/lsoe.ts";
import { NearbyService } from "./nearby/service.ts";
import { Network, type Surroundings } from "./network/network.ts";
import { PiotService } from "./piot/service.ts";
import { Problems } from "./problems.ts";
import { Program } from "./program.ts";
import { RingService } from "./ring/ring.ts";
import { ApiView } from "./api_view.ts";
import { VERSION } from "./version.ts";

const FAULT_KEY = "fault";
/** What a reload could not take over. */
const RESTART_KEY = "restart";

/** What an agent is made with, besides its config. */
export interface AgentOptions {
  readonly config: Config;
  readonly log: Log;
  /** Lines for the person who started a new network. */
  readonly tell: (line: string) => void;
  /** Default: those of the kernel. */
  readonly interfaces?: InterfaceSource;
  /** With `interfaces`: raw Ethernet and labels of the same kernel. */
  readonly packets?: PacketSystem;
  readonly labels?: LabelSource;
  /** Asked to start anew, by the local API. */
  readonly restart?: (how: RestartHow) => void;
  /** What it was called with. Default: what this process was. */
  readonly args?: readonly string[];
}

/** A running agent. */
export class Agent {
  readonly scheduler: Scheduler;
  readonly networks: readonly Network[];
  readonly problems: Problems;
  readonly #log: Log;
  readonly #store: Store;
  readonly #interfaces: InterfaceSource;
  /** `undefined` where the interfaces come from elsewhere. */
  readonly #kernel: Kernel | undefined;
  readonly #view: ApiView;
  readonly #gateway: Gateway;
  readonly #lsoe: LsoeService;
  readonly #ring: RingService;
  readonly #piot: PiotService;
  readonly #nearby: NearbyService;
  /** It was started with. */
  readonly #config: Config;
  readonly #token: string | undefined;
  #api: ApiServer | undefined;
  /** It takes part in all networks. */
  #started = false;
  #unsubscribe: () => void = () => {};

  private constructor(options: AgentOptions, store: Store) {
    const { config, log } = options;
    const clock = monotonicClock;
    this.#config = config;
    this.#token = tokenOf(config);
    this.#log = log;
    this.#store = store;
    this.problems = new Problems(log, () => clock.now());
    const onFault = (error: unknown) => this.#fault(error);
    this.scheduler = new Scheduler(clock, onFault);
    const around: Surroundings = {
      name: config.agent.name,
      version: VERSION,
      clock,
      scheduler: this.scheduler,
      store,
      log,
      problems: this.problems,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      onFault,
    };
    this.networks = config.networks.map((network) =>
      new Network(network, loadSecrets(network, options.tell), around)
    );
    this.#gateway = new Gateway({
      networks: this.networks,
      clock,
      problems: this.problems,
      touched: () => this.scheduler.touch(),
    });
    this.#kernel = options.interfaces ? undefined : openKernel(this.problems, onFault);
    this.#interfaces = options.interfaces ?? this.#kernel!.interfaces;
    this.#lsoe = new LsoeService({
      networks: this.networks,
      clock,
      scheduler: this.scheduler,
      log,
      problems: this.problems,
      randomBytes: around.randomBytes,
      onFault,
      packets: () => options.packets ?? kernelPackets(this.#kernel, onFault),
      interfaces: () => this.#interfaces.current(),
      labels: options.labels ?? this.#kernel?.labels,
    });
    this.#piot = new PiotService({
      ...around,
      stateDir: config.agent.stateDir,
      networks: this.networks,
      interfaces: () => this.#interfaces.current(),
    });
    this.#ring = new RingService({
      ...around,
      networks: this.networks,
      stateDir: config.agent.stateDir,
      interfaces: () => this.#interfaces.current(),
    });
    this.#nearby = new NearbyService({
      ...around,
      networks: this.networks,
      interfaces: () => this.#interfaces.current(),
    });
    this.#view = new ApiView({
      name: config.agent.name,
      version: VERSION,
      clock,
      networks: this.networks,
      problems: this.problems,
      interfaces: () => this.#interfaces.current(),
      interfaceEvents: new InterfaceEvents(this.#interfaces, () => clock.wall(), onFault),
      lsoe: this.#lsoe,
      ring: this.#ring,
      piot: this.#piot,
      nearby: this.#nearby,
      program: new Program({
        networks: this.networks,
        interfaces: () => this.#interfaces.current(),
        ready: () => this.#started,
        restart: options.restart,
        args: options.args ?? Deno.args,
      }),
      touched: () => this.scheduler.touch(),
    });
  }

  /**
   * Start everything that the config names.
   * @throws {AgentError} where something is in the way; nothing is left running then.
   */
  static async start(options: AgentOptions): Promise<Agent> {
    const { config, log } = options;
    makeStateDir(config.agent.stateDir);
    const store = openStore(`${config.agent.stateDir}/agent.db`, (line) => log.warning(line));
    let agent: Agent;
    try {
      agent = new Agent(options, store);
    } catch (error) {
      store.close();
      throw error;
    }
    try {
      await agent.#start();
      return agent;
    } catch (error) {
      await agent.stop();
      throw error;
    }
  }

  /** The Unix socket of the local API. */
  get socket(): string | undefined {
    return this.#api?.socket;
  }

  /**
   * Take over what can change while running: all but what the schema marks. Answers the line that names
   * what else has changed; `undefined` where nothing has.
   * @throws {AgentError} where a key or a token cannot be read; nothing has changed then.
   */
  reload(config: Config): string | undefined {
    // All that can fail comes first: a config is taken over as a whole, or not at all.
    const token = tokenOf(config);
    const networks = this.networks.flatMap((network) => {
      const fresh = config.networks.find(({ name }) => name === network.config.name);
      if (!fresh || !canReload(network.config, fresh)) return [];
      return [{ network, fresh, secrets: reloadSecrets(fresh) }];
    });
    const late = needsRestart(this.#config, config);
    if (token !== this.#token) late.push("token_file in [http]");
    this.#log.level = config.agent.logLevel;
    for (const { network, fresh, secrets } of networks) {
      if (!network.reload(fresh, secrets)) late.push(`key_file in network "${fresh.name}"`);
      network.followInterfaces(this.#interfaces.current());
    }
    this.#gateway.start();
    void this.#lsoe.configure(config.lsoe);
    void this.#ring.configure(config.ring);
    void this.#piot.configure(config);
    void this.#nearby.configure(config);
    this.#log.notice("the config was read again");
    this.problems.clear(RESTART_KEY);
    const line = restartLine(new Set(late));
    if (line !== undefined) this.problems.note(RESTART_KEY, line, { lasts: true });
    return line;
  }

  /**
   * Leave all networks and let go of everything. With `restart` the others are asked to keep our
   * place, because this agent is started again at once.
   */
  async stop({ restart = false } = {}): Promise<void> {
    if (restart) {
      const left = this.networks.map((network) => [network.config.name, network.pause()] as const);
      leaveHandover(this.#config.agent.stateDir, new Map(left), (line) => this.#log.warning(line));
    }
    await Promise.all([
      this.#lsoe.stop(),
      this.#piot.stop(),
      this.#ring.stop(),
      this.#nearby.stop(),
    ]);
    this.#unsubscribe();
    this.#interfaces.close();
    this.#gateway.stop();
    this.scheduler.stop();
    await this.#api?.close();
    await Promise.all(this.networks.map((network) => network.stop()));
    await this.#kernel?.close();
    this.#store.close();
  }

  async #start(): Promise<void> {
    const { agent, http } = this.#config;
    this.#api = await serveApi(this.#view, {
      sockets: agent.sockets,
      listen: http.listen,
      token: this.#token,
      scheduler: this.scheduler,
      onFault: (error) => this.#fault(error),
      onProblem: (message) => this.problems.note(message, message),
    });
    const interfaces = this.#interfaces.current();
    const before = readHandover(agent.stateDir);
    for (const network of this.networks) {
      network.start(interfaces, before.get(network.config.name));
    }
    this.scheduler.add(this.#gateway);
    this.#gateway.start();
    this.#unsubscribe = this.#interfaces.subscribe((all) => {
      for (const network of this.networks) network.followInterfaces(all);
      this.#lsoe.followInterfaces(all);
      this.#ring.followInterfaces();
      this.#piot.followInterfaces();
      this.#nearby.followInterfaces();
    });
    this.scheduler.add(this.#lsoe);
    await this.#lsoe.configure(this.#config.lsoe);
    this.scheduler.add(this.#ring);
    await this.#ring.configure(this.#config.ring);
    this.scheduler.add(this.#piot);
    await this.#piot.configure(this.#config);
    this.scheduler.add(this.#nearby);
    await this.#nearby.configure(this.#config);
    this.#started = true;
    removeHandover(agent.stateDir);
  }

  #fault(error: unknown): void {
    this.problems.note(FAULT_KEY, `a fault of this program: ${messageOf(error)}; please report it`);
    if (error instanceof Error && error.stack) this.#log.debug(error.stack);
  }
}

/** Loaded when it is needed: most agents do not speak raw Ethernet. */
async function kernelPackets(
  kernel: Kernel | undefined,
  onFault: (error: unknown) => void,
): Promise<PacketSystem> {
  if (kernel?.poller === undefined) {
    throw new AgentError(
      "libc cannot be called here; raw Ethernet needs 64-bit Linux with glibc, and no sandbox around it",
      ExitCode.Refused,
    );
  }
  const { KernelPackets } = await import("../../ffi/packet_socket.ts");
  return new KernelPackets(kernel.poller, onFault);
}

function tokenOf({ http }: Config): string | undefined {
  return http.tokenFile && readSecret(http.tokenFile, { from: "config" });
}

function makeStateDir(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AgentError(
      `the state folder ${path} cannot be made (${messageOf(cause)}); ` +
        "choose another with --state-dir, or state_dir in [agent]",
      ExitCode.Refused,
      { cause },
    );
  }
}
