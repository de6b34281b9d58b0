/**
 * One run of the PIoT machine, from a config to the next one: its file, its streams, where its peers
 * are found, and what its messages set going.
 *
 * @module
 */
import type { Clock, Scheduler } from "../../core/mod.ts";
import { formatHostPort, type InterfaceInfo } from "../../net/mod.ts";
import {
  Actions,
  type Destination,
  type Id,
  type LinkView,
  type Message,
  Piot,
  type PiotConfig,
  type PiotEvent,
} from "../../piot/mod.ts";
import { type MessageStore, openMessages, type Store } from "../../store/mod.ts";
import { WireError } from "../../wire/bytes.ts";
import { thisBoot } from "../boot_clock.ts";
import type { Log } from "../log.ts";
import type { Problems } from "../problems.ts";
import { seeded } from "../seeded.ts";
import { afterInput, Again } from "./again.ts";
import { Connections, PIOT_PORT } from "./connections.ts";
import { Directory, type PiotNetwork } from "./directory.ts";
import { CommandExecutor } from "./executor.ts";
import type { PiotCounters, PiotFigures } from "./figures.ts";
import { identityOf } from "./identity.ts";
import type { MailboxHost, TasksHost } from "./host.ts";
import { machineConfig, type PiotTables, readKey } from "./piot_config.ts";
import { Reach } from "./reach.ts";
import { RouteEngine } from "./routes.ts";
import { PiotLog, unreadable } from "./tell.ts";

/** Calls and plans wait so long for a session with a node that can be dialled, in ms. */
const CONNECT = 5_000;
/** The window of the protocol (spec/piot.md §6), in bytes. */
const WINDOW = 4 * 1_048_576;
/** Input so soon after the last write is one of many, in ms. */
const BUSY = 2;

/** The problem that something was not delivered. */
const UNDELIVERED = "piot:undelivered";

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

/** What a run tells. */
export interface RunListener {
  readonly counters: PiotCounters;
  /** After it is on the disk. */
  told(event: PiotEvent, nameOf: (link: LinkView | number) => string): void;
  /** This node has another id now: a run with that is due. */
  renamed(): void;
}

/** Those with sealed streams: in others, everybody can say that they are anybody. */
export function sealedNetworks(networks: readonly PiotNetwork[]): PiotNetwork[] {
  return networks.filter(({ transport }) => transport.messages !== undefined);
}

/** A running node. */
export class PiotRun implements MailboxHost, TasksHost {
  readonly id: Id;
  readonly machine: Piot;
  readonly directory: Directory;
  readonly actions = new Actions({ connect: CONNECT });
  readonly #around: PiotSurroundings;
  readonly #networks: readonly PiotNetwork[];
  readonly #listener: RunListener;
  readonly #store: MessageStore;
  readonly #config: PiotConfig;
  readonly #connections: Connections;
  readonly #routes: RouteEngine;
  readonly #executor: CommandExecutor;
  readonly #say: PiotLog;
  readonly #reach: Reach;
  #flushing = false;
  #flushedAt = -Infinity;
  /** The machine could not store something: it is told of all nodes again, once the disk may have room. */
  readonly #again = new Again(() => {
    for (const node of this.directory.nodes()) this.#reach.met(node);
  });
  #ended = false;

  /**
   * Opens what it needs; nothing goes out before {@linkcode PiotRun.start}.
   * @throws {AgentError} where the file, the key or the port cannot be had.
   */
  constructor(around: PiotSurroundings, tables: PiotTables, listener: RunListener) {
    const { stateDir, clock, log, problems, randomBytes, onFault } = around;
    const { piot } = tables;
    this.#around = around;
    this.#listener = listener;
    this.#networks = sealedNetworks(around.networks);
    this.#say = new PiotLog(log, problems, listener.counters);
    this.#config = machineConfig(piot, { key: readKey(piot.key_file) });
    this.#store = openMessages(`${stateDir}/messages.db`, (line) => log.warning(line));
    try {
      const memberships = this.#networks.map(({ config, machine }) => (
        { name: config.name, nodeId: machine.nodeId }
      ));
      this.id = identityOf(around.store, memberships, randomBytes);
      const nameOf = (id: Id | undefined, otherwise: string) =>
        this.directory.nameOf(id, otherwise);
      this.#connections = new Connections({
        problems,
        input: this.input,
        dialSealed: (address, signal) => this.#reach.dial(address, signal),
        window: () => 2 * Math.max(WINDOW, this.#config.maxFrame),
      });
      this.directory = this.#makeDirectory();
      this.machine = this.#makeMachine();
      this.#reach = new Reach({
        machine: this.machine,
        directory: this.directory,
        remoteOf: (connection) => this.#connections.remoteOf(connection),
        always: piot.connect.map(({ host, port }) => formatHostPort(host, port ?? PIOT_PORT)),
        input: this.input,
        clock,
        log,
        problems,
      });
      this.#routes = new RouteEngine({
        machine: this.machine,
        input: this.input,
        clock,
        problems,
        log,
        onFault,
        counters: listener.counters,
        resolve: (to) => this.directory.resolve(to, this.machine.links()),
        wanted: this.wanted,
        nameOf,
        networks: around.networks,
        touched: () => around.scheduler.touch(),
      });
      this.#executor = new CommandExecutor({
        actions: this.actions,
        input: this.input,
        problems,
        onFault,
        nameOf,
      });
      // Before anybody can ask.
      this.#executor.configure(tables.actions);
      if (piot.listen !== "none") {
        this.#connections.listen({ host: piot.listen.host, port: piot.listen.port ?? PIOT_PORT });
      }
    } catch (error) {
      this.#store.close();
      throw error instanceof WireError ? unreadable(this.#store.path, error) : error;
    }
  }

  /** Take streams, and be found. */
  start(tables: PiotTables): void {
    const { scheduler, log } = this.#around;
    const { port } = this.#connections;
    if (port !== undefined) log.info(`messages: listening on port ${port} for plain links`);
    for (const { transport } of this.#networks) {
      transport.messages!.taker = (stream) => this.#connections.taken(stream);
    }
    this.noticed();
    this.#reach.hold();
    scheduler.add(this.machine);
    scheduler.add(this.#again);
    scheduler.add(this.#routes);
    this.#routes.configure(tables.routes);
    this.directory.start();
  }

  /** What can change without new sockets. */
  reconfigure(tables: PiotTables): void {
    Object.assign(this.#config, machineConfig(tables.piot, this.#config));
    this.#routes.configure(tables.routes);
    this.#executor.configure(tables.actions);
  }

  /** Says goodbye, and lets go of everything. */
  async end(): Promise<void> {
    const { scheduler, clock } = this.#around;
    for (const { transport } of this.#networks) transport.messages!.taker = undefined;
    await Promise.all([this.#routes.stop(), this.#executor.stop()]);
    scheduler.remove(this.machine);
    scheduler.remove(this.#again);
    scheduler.remove(this.#routes);
    this.machine.stop(clock.now());
    this.machine.flush(clock.now());
    this.#ended = true;
    this.#reach.end();
    this.directory.stop();
    await this.#connections.stop();
    this.#store.close();
  }

  /**
   * Hands input to the machine. All that comes in one turn of the event loop is stored and answered
   * together, so that a burst costs one transaction; and nothing waits for a timer.
   */
  readonly input = (step: (machine: Piot, now: number) => void): void => {
    if (this.#ended) return;
    this.#guarded((now) => step(this.machine, now));
    if (this.#flushing) return;
    this.#flushing = true;
    // A first input is written at once. While one follows upon the other, whatever else is ready now
    // is heard first: a write to the disk takes as long as many messages do.
    const sinceLast = this.#around.clock.now() - this.#flushedAt;
    if (sinceLast > BUSY) queueMicrotask(this.#flush);
    else afterInput(this.#flush);
  };

  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#ended) return;
    this.#guarded((now) => this.machine.flush(now));
    this.#flushedAt = this.#around.clock.now();
    this.#around.scheduler.touch();
  };

  readonly limits = (): PiotConfig => this.#config;

  readonly wanted = (to: Destination): void => this.#reach.wanted(to);

  readonly isRouted = (message: Message): boolean => this.#routes.has(message);

  /** `status` tells of undelivered messages until somebody has read of them. */
  readonly noticed = (): void => {
    const { problems } = this.#around;
    const count = this.machine.notices().length;
    if (count === 0) return problems.clear(UNDELIVERED);
    const line = `${count} message${
      count === 1 ? " was" : "s were"
    } not delivered; see: agent outbox`;
    problems.note(UNDELIVERED, line, { lasts: true });
  };

  figures(): PiotFigures {
    const links = this.machine.links();
    const sum = (of: (link: LinkView) => number) =>
      links.reduce((total, link) => total + of(link), 0);
    return {
      counters: this.#listener.counters,
      links: links.length,
      sessions: links.filter(({ state }) => state === "up").length,
      connections: this.#connections.open,
      outbox: sum(({ waiting }) => waiting),
      outboxBytes: sum(({ waitingBytes }) => waitingBytes),
      inbox: sum(({ received }) => received),
      undelivered: this.machine.notices().length,
    };
  }

  #makeDirectory(): Directory {
    const { name, clock, problems, interfaces, scheduler } = this.#around;
    return new Directory({
      id: this.id,
      name,
      networks: this.#networks,
      clock,
      problems,
      interfaces,
      touched: () => scheduler.touch(),
      onNode: (node) => this.#reach.met(node),
      onRenamed: () => this.#listener.renamed(),
    });
  }

  #makeMachine(): Piot {
    const { name, clock, randomBytes } = this.#around;
    const connections = this.#connections;
    return new Piot({
      id: this.id,
      name,
      config: this.#config,
      store: this.#store,
      random: seeded(randomBytes),
      randomBytes,
      wall: () => clock.wall(),
      ...thisBoot(),
      hooks: this.actions,
      permits: (peer, sealed) => sealed || !this.#reach.isSealed(peer),
      refusesRequests: (sealed) => sealed ? undefined : this.#distrust(),
      output: {
        dial: (connection, address) => connections.dial(connection, address),
        write: (connection, bytes) => connections.write(connection, bytes),
        close: (connection) => connections.close(connection),
        event: (event) => this.#event(event),
      },
    }, clock.now());
  }

  #guarded(step: (now: number) => void): void {
    const { scheduler, onFault } = this.#around;
    try {
      step(scheduler.now());
    } catch (error) {
      onFault(error);
    }
  }

  /** Why nobody on a plain link may have this node do anything; `undefined` where they may. */
  #distrust(): string | undefined {
    const { key, policy } = this.#config;
    return key !== undefined || policy !== "accept"
      ? undefined
      : 'calls over plain links need key_file in [piot] on both sides, or policy = "ask" here';
  }

  /** Called from within the machine, which must not be called back, after the turn is stored. */
  #event(event: PiotEvent): void {
    const nameOf = (link: LinkView | number) => this.#nameOf(link);
    this.#say.event(event, nameOf);
    this.#listener.told(event, nameOf);
    if (event.kind === "message") this.#routes.arrived(event.message);
    if (event.kind === "dropped" || event.kind === "refused") this.noticed();
    if (event.kind === "attemptFailed") this.#reach.attemptFailed(event);
    if (event.kind === "problem") this.#again.after(this.#around.clock.now());
    if (event.kind !== "sessionUp") return;
    const { peer, link } = event.link;
    if (peer !== undefined) queueMicrotask(() => this.#reach.settled(peer, link));
  }

  #nameOf(link: LinkView | number): string {
    const view = typeof link === "number"
      ? this.machine.links().find((one) => one.link === link)
      : link;
    return this.directory.nameOf(view?.peer, view?.name ?? "a node that was forgotten");
  }
}
