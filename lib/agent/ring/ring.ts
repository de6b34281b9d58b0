/**
 * The ring at work inside `agent run`: one server, as long as `[ring]` says so; the addresses of
 * members that are nodes, and this node's own, which it publishes.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode, messageOf, type Scheduler } from "../../core/mod.ts";
import type { RingView } from "../../http/ring_api.ts";
import type { InterfaceInfo } from "../../net/mod.ts";
import { jsonEqual, StateRefusal, type Value } from "../../state/mod.ts";
import type { RingTable } from "../config/ring.ts";
import type { Log } from "../log.ts";
import type { Network } from "../network/network.ts";
import type { Problems } from "../problems.ts";
import { NodePlaces, type PlacesNetwork, placeValue, RING_KEY } from "./places.ts";
import { RingServer } from "./server.ts";

const PROBLEM = "ring";
/** A port that could not be had is tried again after this, in ms. */
const TRY_AGAIN = 60_000;

/** A network that members are looked for in, and this node's server is told in. */
export type RingNetwork = PlacesNetwork & Pick<Network, "own">;

/** What the rest of the agent gives to the ring. */
export interface RingSurroundings {
  readonly networks: readonly RingNetwork[];
  /** Of this node. */
  readonly name: string;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, "now" | "add" | "remove" | "touch">;
  readonly log: Log;
  readonly problems: Problems;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onFault: (error: unknown) => void;
  readonly interfaces: () => InterfaceInfo[];
}

/** The ring of one agent. */
export class RingService {
  readonly #around: RingSurroundings;
  #table: RingTable | undefined;
  #server: RingServer | undefined;
  #places: NodePlaces | undefined;
  /** Where each member was dialled last. */
  #known: string[] = [];
  #refusal: AgentError | undefined;
  #tryAt = Infinity;
  #unsubscribe: (() => void)[] = [];
  #published: Value | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(around: RingSurroundings) {
    this.#around = around;
  }

  /** Begin with this config, or go on with it. Where it may not run, that is a problem and no error. */
  configure(table: RingTable): Promise<void> {
    // A reload is also what logrotate asks for.
    this.#server?.reopenLogs();
    if (JSON.stringify(table) === JSON.stringify(this.#table)) return this.#work;
    const first = this.#table === undefined;
    this.#table = table;
    if (!first) this.#around.log.notice("[ring] has changed: its server starts anew");
    return this.#then(async () => {
      await this.#end();
      if (table.enabled) this.#begin();
    });
  }

  stop(): Promise<void> {
    this.#table = undefined;
    return this.#then(() => this.#end());
  }

  followInterfaces(): void {
    this.#publish();
    this.#look();
  }

  /** @throws {AgentError} exit 1 where it is switched off, 4 where it may not run. */
  view(): RingView {
    if (this.#server !== undefined) return this.#server.view();
    throw this.#refusal ?? new AgentError(
      "the ring is switched off on this node; write enabled = true and its members below [ring] in" +
        " the config, and reload the agent",
      ExitCode.NotThere,
    );
  }

  /** Undefined where it does not run. */
  figures(): RingView | undefined {
    return this.#server?.view();
  }

  nextWake(): number {
    return this.#tryAt;
  }

  /** Tries again to get its port. */
  wake(now: number): void {
    if (now < this.#tryAt) return;
    this.#tryAt = Infinity;
    void this.#then(() => {
      if (this.#table?.enabled && this.#server === undefined) this.#begin();
      return Promise.resolve();
    });
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => this.#around.onFault(error));
    return this.#work;
  }

  #begin(): void {
    const table = this.#table;
    if (table === undefined) return;
    const { networks, interfaces, problems, log, stateDir } = this.#around;
    const places = new NodePlaces(table.members, networks, interfaces);
    try {
      this.#server = RingServer.start({
        ...this.#around,
        table,
        version: "0.2.2",
        logDir: table.log_dir ?? `${stateDir}/ring`,
        whereabouts: places,
        problem: (key, message) => {
          if (message === undefined) problems.clear(key);
          else problems.note(key, message, { lasts: key === "ring:log" });
        },
        onShutdown: () => this.#shutdown(),
      });
    } catch (error) {
      const { exitCode = ExitCode.Refused } = error instanceof AgentError ? error : {};
      this.#refuse(`the ring does not run: ${messageOf(error)}`, exitCode);
      // What the config lacks, no time will bring.
      if (exitCode !== ExitCode.Config) this.#tryAt = this.#around.clock.now() + TRY_AGAIN;
      return;
    }
    this.#refusal = undefined;
    problems.clear(PROBLEM);
    this.#places = places;
    const { listen, name, index } = this.#server.view();
    log.info(`ring: server ${index} ("${name}") listens on ${listen.join(" and ")}`);
    if (table.check_peers) void places.lookUp();
    this.#known = table.members.map(() => "");
    const look = () => this.#look();
    this.#unsubscribe = networks.map(({ view }) =>
      view.onChange(({ key }) => key === RING_KEY || key === "agent/name" ? look() : undefined)
    );
    this.#publish();
    look();
  }

  async #end(): Promise<void> {
    this.#tryAt = Infinity;
    this.#refusal = undefined;
    this.#around.problems.clear(PROBLEM);
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    const server = this.#server;
    this.#server = undefined;
    this.#places = undefined;
    this.#write(undefined);
    await server?.stop();
  }

  #refuse(message: string, code: ExitCode): void {
    this.#refusal = new AgentError(message, code);
    this.#around.problems.note(PROBLEM, message, { lasts: true });
  }

  /** A client that may has asked for it. The agent runs on. */
  #shutdown(): void {
    void this.#then(async () => {
      await this.#end();
      this.#refuse(
        "the ring does not run: a client sent SHUTDOWN; restart the agent to have it again",
        ExitCode.Refused,
      );
    });
  }

  /** Members that are nodes may be elsewhere now. */
  #look(): void {
    const places = this.#places;
    const server = this.#server;
    if (places === undefined || server === undefined) return;
    places.members.forEach(({ host }, index) => {
      if (host !== undefined) return;
      const now = JSON.stringify(places.addresses(index));
      const before = this.#known[index];
      if (now === before || now === "[]") return;
      this.#known[index] = now;
      // Of an address that is added, nothing has to be torn down.
      const first = places.addresses(index)[0];
      if (before !== "" && before?.startsWith(`[${JSON.stringify(first)}`)) return;
      server.moved(index);
    });
  }

  /** Tells where our server is, where others may have to know. */
  #publish(): void {
    const table = this.#table;
    if (this.#server === undefined || table === undefined) return;
    if (!table.members.some(({ host }) => host === undefined)) return;
    const port = Number(this.#server.view().listen[0]?.split(":").at(-1));
    const value = placeValue(port, this.#around.interfaces());
    if (this.#published === undefined || !jsonEqual(value, this.#published)) this.#write(value);
  }

  #write(value: Value | undefined): void {
    if (value === undefined && this.#published === undefined) return;
    const { networks, clock, problems, scheduler } = this.#around;
    this.#published = value;
    for (const { own } of networks) {
      try {
        own.setAgent(clock.wall(), [[RING_KEY, value ?? null]]);
      } catch (error) {
        if (!(error instanceof StateRefusal)) throw error;
        problems.note("ring:publish", `the ring: others do not see where we are: ${error.message}`);
      }
    }
    scheduler.touch();
  }
}
