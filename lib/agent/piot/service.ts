/**
 * PIoT at work: one node for the whole agent, with its file of messages, the streams that carry its
 * sessions, and where its peers are found.
 *
 * @module
 */
import {
  AgentError,
  type Clock,
  ExitCode,
  messageOf,
  Random,
  type Scheduler,
} from "../../core/mod.ts";
import type { MessagesApi, TasksApi } from "../../http/api.ts";
import { formatHostPort, type InterfaceInfo } from "../../net/mod.ts";
import {
  Actions,
  type Destination,
  type Id,
  isPlanEnded,
  type LinkView,
  Piot,
  type PiotConfig,
  type PiotEvent,
} from "../../piot/mod.ts";
import { type MessageStore, openMessages, type Store } from "../../store/mod.ts";
import type { Log } from "../log.ts";
import type { Problems } from "../problems.ts";
import { Connections, PIOT_PORT } from "./connections.ts";
import { acquaintanceOf, Directory, type KnownNode, type PiotNetwork } from "./directory.ts";
import { identityOf } from "./identity.ts";
import { Mailbox, type MailboxHost } from "./mailbox.ts";
import { machineConfig, type PiotTables, readKey, whatNeedsRestart } from "./piot_config.ts";
import { closeName } from "./rows.ts";
import { newCounters, type PiotCounters, type PiotFigures } from "./figures.ts";
import { CommandExecutor } from "./executor.ts";
import { RouteEngine } from "./routes.ts";
import { Tasks, type TasksHost } from "./tasks.ts";

const PROBLEM = "piot";
const STORE_PROBLEM = "piot:store";
/** What could not be opened is tried again after this, in ms. */
const TRY_AGAIN = 60_000;
/** Calls and plans wait so long for a session with a node that can be dialled, in ms. */
const CONNECT = 5_000;
/** The window of the protocol (spec/piot.md §6), in bytes. */
const WINDOW = 4 * 1_048_576;

/** What the rest of the agent gives to PIoT. */
export interface PiotSurroundings {
  readonly name: string;
  readonly stateDir: string;
  readonly networks: readonly PiotNetwork[];
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, "now" | "add" | "remove" | "touch">;
  readonly store: Pick<Store, "entries" | "putEntries">;
  readonly log: Log;
  readonly problems: Problems;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onFault: (error: unknown) => void;
  readonly interfaces: () => readonly InterfaceInfo[];
}

/** One run of the machine. */
interface Run extends MailboxHost, TasksHost {
  readonly id: Id;
  readonly store: MessageStore;
  readonly config: PiotConfig;
  readonly connections: Connections;
  readonly routes: RouteEngine;
  readonly executor: CommandExecutor;
  /** In the scheduler. */
  readonly machines: readonly { nextWake(): number; wake(now: number): void }[];
  /** Addresses of the config that a link is held to. */
  readonly always: Set<string>;
}

/** Messages of one agent. */
export class PiotService {
  readonly api: MessagesApi;
  readonly tasks: TasksApi;
  readonly #around: PiotSurroundings;
  /** Those with sealed streams: in others, everybody can say that they are anybody. */
  readonly #networks: readonly PiotNetwork[];
  readonly #mailbox: Mailbox;
  #counters: PiotCounters = newCounters();
  #tables: PiotTables | undefined;
  #run: Run | undefined;
  /** Why it does not run, though it is switched on. */
  #refusal: AgentError | undefined;
  #tryAt = Infinity;
  /** What is under way; one thing at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(around: PiotSurroundings) {
    this.#around = around;
    this.#networks = around.networks.filter(({ transport }) => transport.messages !== undefined);
    this.#mailbox = new Mailbox(around.clock, () => this.#running(), around.onFault);
    this.api = this.#mailbox;
    this.tasks = new Tasks(() => this.#running(), this.#networks);
  }

  /** Begin with this config, or go on with it. Where it may not run, that is a problem and no error. */
  configure(tables: PiotTables): Promise<void> {
    const before = this.#tables;
    this.#tables = tables;
    if (before && this.#run && tables.piot.enabled && !whatNeedsRestart(before, tables)) {
      Object.assign(this.#run.config, machineConfig(tables.piot, this.#run.config));
      this.#run.routes.configure(tables.routes);
      this.#run.executor.configure(tables.actions);
      this.#around.scheduler.touch();
      return this.#work;
    }
    return this.#then(async () => {
      await this.#end();
      if (tables.piot.enabled) this.#begin();
    });
  }

  /** End all sessions in order. */
  stop(): Promise<void> {
    this.#tables = undefined;
    return this.#then(() => this.#end());
  }

  /** The interfaces are these now: we may be reached elsewhere. */
  followInterfaces(): void {
    this.#run?.directory.publish();
  }

  /** `undefined` where it does not run. */
  figures(): PiotFigures | undefined {
    if (!this.#run) return undefined;
    const { machine, connections } = this.#run;
    const links = machine.links();
    return {
      counters: this.#counters,
      links: links.length,
      sessions: links.filter(({ state }) => state === "up").length,
      connections: connections.open,
      outbox: links.reduce((sum, { waiting }) => sum + waiting, 0),
      outboxBytes: links.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
      inbox: links.reduce((sum, { received }) => sum + received, 0),
    };
  }

  nextWake(): number {
    return this.#tryAt;
  }

  /** Tries again to begin; or anew, where this node has another id. */
  wake(now: number): void {
    if (now < this.#tryAt) return;
    this.#tryAt = Infinity;
    void this.#then(async () => {
      if (!this.#tables?.piot.enabled) return;
      await this.#end();
      this.#begin();
    });
  }

  #then(work: () => void | Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => this.#around.onFault(error));
    return this.#work;
  }

  #running(): Run {
    if (this.#run !== undefined) return this.#run;
    throw this.#refusal ?? new AgentError(
      "messages are switched off on this node; write enabled = true below [piot] in its config, and" +
        " reload the agent",
      ExitCode.NotThere,
    );
  }

  #begin(): void {
    try {
      this.#run = this.#open();
      this.#refusal = undefined;
      this.#around.problems.clear(PROBLEM);
    } catch (error) {
      const { problems, clock, scheduler } = this.#around;
      this.#refusal = new AgentError(`messages do not run: ${messageOf(error)}`, ExitCode.Refused);
      problems.note(PROBLEM, this.#refusal.message, { lasts: true });
      this.#tryAt = clock.now() + TRY_AGAIN;
      scheduler.touch();
      return;
    }
    this.#start(this.#run);
  }

  #open(): Run {
    const { name, stateDir, clock, scheduler, store: state, log, randomBytes } = this.#around;
    const { problems, onFault, interfaces } = this.#around;
    const tables = this.#tables as PiotTables;
    const { piot } = tables;
    const store = openMessages(`${stateDir}/messages.db`, (line) => log.warning(line));
    try {
      const memberships = this.#networks.map(({ config, machine }) => (
        { name: config.name, nodeId: machine.nodeId }
      ));
      const id = identityOf(state, memberships, randomBytes);
      const config: PiotConfig = machineConfig(piot, { key: readKey(piot.key_file) });
      const input = this.#inputTo(() => machine);
      const connections = new Connections({
        problems,
        input,
        dialSealed: (address, signal) => this.#dial(address, signal),
        window: () => 2 * Math.max(WINDOW, config.maxFrame),
      });
      const directory = new Directory({
        id,
        name,
        networks: this.#networks,
        clock,
        problems,
        interfaces,
        touched: () => scheduler.touch(),
        onNode: (node) => this.#met(node),
        onRenamed: () => {
          this.#tryAt = clock.now();
          scheduler.touch();
        },
      });
      const seed = randomBytes(4).reduce((value, byte) => value * 256 + byte, 0);
      const actions = new Actions({ connect: CONNECT });
      const machine: Piot = new Piot({
        hooks: actions,
        id,
        name,
        config,
        store,
        random: new Random(seed),
        randomBytes,
        wall: () => clock.wall(),
        permits: (peer, sealed) => sealed || !this.#isSealed(peer),
        output: {
          dial: (connection, address) => connections.dial(connection, address),
          write: (connection, bytes) => connections.write(connection, bytes),
          close: (connection) => connections.close(connection),
          event: (event) => this.#event(event),
        },
      }, clock.now());
      const routes = new RouteEngine({
        machine,
        input,
        clock,
        problems,
        log,
        onFault,
        counters: this.#counters,
        resolve: (to) => directory.resolve(to, machine.links()),
        wanted: (to) => this.#wanted(to),
        nameOf: (link, otherwise) => directory.nameOf(link, otherwise),
        networks: this.#around.networks,
        touched: () => scheduler.touch(),
      });
      const executor = new CommandExecutor({
        actions,
        input,
        problems,
        onFault,
        nameOf: (link, otherwise) => directory.nameOf(link, otherwise),
      });
      // Before anybody can ask.
      executor.configure(tables.actions);
      if (piot.listen !== "none") {
        connections.listen({ host: piot.listen.host, port: piot.listen.port ?? PIOT_PORT });
      }
      return {
        id,
        store,
        config,
        machine,
        directory,
        connections,
        routes,
        actions,
        executor,
        input,
        machines: [machine, routes],
        always: new Set(
          piot.connect.map(({ host, port }) => formatHostPort(host, port ?? PIOT_PORT)),
        ),
        limits: () => config,
        isRouted: (message) => routes.has(message),
        wanted: (to) => this.#wanted(to),
      };
    } catch (error) {
      store.close();
      throw error;
    }
  }

  #start({ machine, machines, directory, connections, routes, always, input }: Run): void {
    const { scheduler, log } = this.#around;
    const { port } = connections;
    if (port !== undefined) log.info(`messages: listening on port ${port} for plain links`);
    for (const { transport } of this.#networks) {
      transport.messages!.taker = (stream) => connections.taken(stream);
    }
    input((_, now) => {
      const links = machine.links();
      for (const link of links) {
        const { peer, name, addresses } = link;
        const held = addresses.find((one) => always.has(one));
        if (held === undefined && addresses.length > 0) {
          machine.learn(now, { ...(peer && { peer }), name, addresses, dial: "needed" });
        }
      }
      for (const address of always) {
        const known = links.find(({ addresses }) => addresses.includes(address));
        machine.learn(now, {
          ...(known?.peer !== undefined && { peer: known.peer }),
          name: known?.name ?? address,
          addresses: known?.addresses ?? [address],
          dial: "always",
        });
      }
    });
    for (const one of machines) scheduler.add(one);
    routes.configure(this.#tables?.routes ?? []);
    directory.start();
  }

  async #end(): Promise<void> {
    this.#tryAt = Infinity;
    this.#refusal = undefined;
    const { problems, scheduler, clock } = this.#around;
    problems.clear(PROBLEM);
    problems.clear(STORE_PROBLEM);
    const run = this.#run;
    if (!run) return;
    for (const { transport } of this.#networks) transport.messages!.taker = undefined;
    await Promise.all([run.routes.stop(), run.executor.stop()]);
    for (const one of run.machines) scheduler.remove(one);
    run.machine.stop(clock.now());
    run.machine.flush(clock.now());
    run.directory.stop();
    this.#run = undefined;
    this.#mailbox.closed();
    await run.connections.stop();
    run.store.close();
  }

  /**
   * Hands input to the machine. All that comes in one turn of the event loop is stored and answered
   * together, so that a burst costs one transaction; and nothing waits for a timer.
   */
  #inputTo(machine: () => Piot): MailboxHost["input"] {
    const { scheduler, onFault } = this.#around;
    let flushing = false;
    const guarded = (step: (now: number) => void) => {
      try {
        step(scheduler.now());
      } catch (error) {
        onFault(error);
      }
    };
    return (step) => {
      // What comes from a connection that outlives the run.
      if (this.#run && this.#run.machine !== machine()) return;
      guarded((now) => step(machine(), now));
      if (flushing) return;
      flushing = true;
      queueMicrotask(() => {
        flushing = false;
        if (this.#run?.machine !== machine()) return;
        guarded((now) => machine().flush(now));
        scheduler.touch();
      });
    };
  }

  #dial(address: string, signal: AbortSignal) {
    const run = this.#run;
    const dialling = run?.directory.dial(address, signal);
    dialling?.catch(() => {
      // It cannot be reached by us; perhaps it can reach us.
      if (this.#run !== run || signal.aborted) return;
      const link = run?.machine.links().find(({ addresses }) => addresses.includes(address));
      if (link?.peer !== undefined) run?.directory.call(link.peer, true);
    });
    return dialling;
  }

  /** Whether a node was met where only holders of a network's key are. */
  #isSealed(peer: Id): boolean {
    const run = this.#run;
    if (!run) return true;
    if (run.directory.isSealed(peer)) return true;
    return run.machine.find({ peer })?.addresses.some((one) => one.startsWith("@")) ?? false;
  }

  /** A node appeared in a network, or is found elsewhere. */
  #met(node: KnownNode): void {
    const run = this.#run;
    run?.input((machine, now) => {
      if (node.calls) this.#around.log.info(`messages: ${node.name} asks to be dialled`);
      machine.learn(now, {
        ...acquaintanceOf(node, this.#heldAddresses(node.id)),
        ...(node.calls && { dial: "always" }),
      });
      machine.retry(now, node.id);
    });
  }

  /** Something was sent there: make sure that its link can be dialled. */
  #wanted(to: Destination): void {
    if (!("peer" in to)) return;
    const run = this.#run;
    const node = run?.directory.node(to.peer);
    if (!run || !node) return;
    const link = run.machine.find(to);
    if (!link || link.state === "up") return;
    if (node.addresses.length === 0) run.directory.call(node.id, true);
    const acquaintance = acquaintanceOf(node, this.#heldAddresses(node.id));
    if (link.addresses.join() === acquaintance.addresses.join()) return;
    run.machine.learn(this.#around.scheduler.now(), acquaintance);
  }

  /** Addresses of the config that belong to a node which we also find in a network. */
  #heldAddresses(peer: Id): string[] {
    const run = this.#run;
    const link = run?.machine.find({ peer });
    return link?.addresses.filter((one) => run?.always.has(one)) ?? [];
  }

  /** Called from within the machine, which must not be called back, after the turn is stored. */
  #event(event: PiotEvent): void {
    const { log, problems } = this.#around;
    const run = this.#run;
    const nameOf = (link: LinkView) => run?.directory.nameOf(link.peer, link.name) ?? link.name;
    switch (event.kind) {
      case "problem":
        problems.note(STORE_PROBLEM, event.text);
        break;
      case "message":
        this.#counters.received++;
        break;
      case "confirmed":
        this.#counters.confirmed++;
        problems.clear(STORE_PROBLEM);
        break;
      case "refused":
      case "dropped": {
        this.#counters[event.kind]++;
        const link = run?.machine.links().find(({ link }) => link === event.link);
        const name = link ? nameOf(link) : "a node that was forgotten";
        problems.note(
          `piot:${event.kind}:${event.reason}:${event.link}`,
          `a message to ${name} was not delivered (${event.reason}); see: agent outbox`,
        );
        break;
      }
      case "linkRequested":
        log.notice(
          `messages: ${event.link.name} (${event.link.peer}) asks for a link; accept it with: ` +
            `agent links approve ${event.link.link}`,
        );
        break;
      case "linked":
      case "linkRemoved":
        log.info(`messages: ${event.kind} ${nameOf(event.link)}`);
        break;
      case "sessionUp": {
        log.debug(`messages: session with ${nameOf(event.link)}`);
        this.#counters.sessions++;
        const { peer, link } = event.link;
        if (peer === undefined) break;
        queueMicrotask(() => this.#settled(peer, link));
        break;
      }
      case "plan":
        if (isPlanEnded(event.plan.status)) {
          const { id, status, reason } = event.plan;
          log.info(`plan ${id}: ${status}${reason === undefined ? "" : ` (${reason})`}`);
        }
        break;
      case "sessionDown":
        log.debug(
          `messages: session with ${nameOf(event.link)} ended: ${closeName(event.code)}`,
        );
        break;
    }
    this.#mailbox.told(event);
    if (event.kind === "message") run?.routes.arrived(event.message);
  }

  /** A session is there: nobody has to call, and from now on it is dialled when it is needed. */
  #settled(peer: Id, link: number): void {
    const run = this.#run;
    if (!run) return;
    run.directory.call(peer, false);
    const view = run.machine.find({ peer });
    if (view?.link !== link || view.addresses.some((one) => run.always.has(one))) return;
    const { name, addresses } = view;
    run.input((machine, now) => machine.learn(now, { peer, name, addresses, dial: "needed" }));
  }
}
