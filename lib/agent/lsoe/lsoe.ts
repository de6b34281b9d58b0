/**
 * LSOE at work: the machine with its socket, the interfaces and labels that it announces, and where
 * what it learns goes: the shared state, the report URL, the event stream, the log.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode, messageOf, type Scheduler } from "../../core/mod.ts";
import type { LsoeEventRow, LsoeSessionRow } from "../../http/api.ts";
import {
  type LabelBinding,
  Lsoe,
  type LsoeEvent,
  type SessionState,
  type SessionView,
} from "../../lsoe/mod.ts";
import type { InterfaceInfo, LabelSource, Losses, PacketSystem } from "../../net/mod.ts";
import { type Feed, feedInto } from "../network/feed.ts";
import { Listeners } from "../listeners.ts";
import type { Log } from "../log.ts";
import {
  chooseInterfaces,
  type ChosenInterfaces,
  configuredId,
  derivedId,
  etherTypeOf,
  hardwareIdentity,
  labelsOf,
  type LsoeTable,
  machineConfig,
} from "./config.ts";
import { LSOE_ID_KEY } from "./entry.ts";
import { LsoePort } from "./port.ts";
import type { PublishedInto } from "../own_entries.ts";
import { seeded } from "../seeded.ts";
import { LinkPublisher } from "./publish.ts";
import { type ReportCounters, Reporter } from "./report.ts";
import { carrierRow, eventRow, LsoeLog, sessionRow } from "./tell.ts";
import type { Network } from "../network/network.ts";
import type { Problems } from "../problems.ts";

const PROBLEM = "lsoe";
const NO_INTERFACE = "lsoe:interfaces";
/** A socket that could not be had is tried again after this, in ms. */
const TRY_AGAIN = 60_000;
/** At the end the last reports may take this long, in ms. */
const LAST_REPORTS = 1_000;

/** A network that cables are published in. */
export type LsoeNetwork = PublishedInto & Pick<Network, "view"> & {
  readonly machine: Pick<Network["machine"], "nodeId">;
};

/** What the rest of the agent gives to LSOE. */
export interface LsoeSurroundings {
  readonly networks: readonly LsoeNetwork[];
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, "now" | "add" | "remove" | "touch">;
  readonly log: Log;
  readonly problems: Problems;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onFault: (error: unknown) => void;
  /** Loaded when it is needed, because it loads libc. */
  readonly packets: () => PacketSystem | Promise<PacketSystem>;
  readonly interfaces: () => InterfaceInfo[];
  /** Where the kernel knows labels. */
  readonly labels?: LabelSource | undefined;
  /** Default: of this computer. */
  readonly hardware?: (interfaces: readonly InterfaceInfo[]) => string;
}

/** For `/metrics`. */
export interface LsoeFigures {
  readonly counters: Readonly<Record<string, number>>;
  readonly sessions: Readonly<Record<SessionState, number>>;
  /** Frames that could not be sent, by the kernel's word. */
  readonly sendErrors: ReadonlyMap<string, number>;
  /** Frames that came and were not handed on. */
  readonly losses: Losses;
  readonly reports: Readonly<ReportCounters> | undefined;
}

/** One run of the machine, from a config to the next one. */
interface Run {
  readonly table: LsoeTable;
  readonly port: LsoePort;
  readonly machine: Lsoe;
  readonly publisher: LinkPublisher;
  readonly reporter: Reporter | undefined;
  /** Ends what it is subscribed to. */
  readonly unsubscribe: () => void;
}

/** LSOE of one agent. */
export class LsoeService {
  readonly #around: LsoeSurroundings;
  readonly #feed: Feed;
  readonly #listeners: Listeners<LsoeEventRow>;
  readonly #say: LsoeLog;
  #table: LsoeTable | undefined;
  /** Indices of interfaces without a carrier, as last told. */
  #silent: ReadonlySet<number> = new Set();
  #chosen: ChosenInterfaces = { speaking: new Set(), exported: new Set() };
  #run: Run | undefined;
  /** Why it does not run, though it is switched on. */
  #refusal: AgentError | undefined;
  #tryAt = Infinity;
  /** What is under way; one thing at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(around: LsoeSurroundings) {
    this.#around = around;
    const { log, problems, clock, scheduler, onFault } = around;
    this.#feed = feedInto(scheduler, onFault);
    this.#listeners = new Listeners(onFault);
    this.#say = new LsoeLog(log, problems, () => clock.now());
  }

  /** Begin with this config, or go on with it. Where LSOE may not run, that is a problem and no error. */
  configure(table: LsoeTable): Promise<void> {
    const same = JSON.stringify(table) === JSON.stringify(this.#table);
    if (same) return this.#work;
    const first = this.#table === undefined;
    this.#table = table;
    if (!first) this.#around.log.notice("[lsoe] has changed: its sessions are set up anew");
    return this.#then(async () => {
      await this.#end();
      if (table.enabled) await this.#begin();
    });
  }

  /** Say goodbye on all cables, and let go of everything. */
  stop(): Promise<void> {
    this.#table = undefined;
    return this.#then(() => this.#end());
  }

  /** The interfaces are these now. */
  followInterfaces(all: readonly InterfaceInfo[]): void {
    const { machine, publisher, table } = this.#run ?? {};
    if (!machine || !table) return;
    this.#choose(table, all);
    this.#feed((now) => machine.setInterfaces(now, all));
    this.#tellCarriers(machine.sessions(), all);
    publisher?.changed();
  }

  /** Sessions outlive a cable that is out for a moment, and nobody would see that it is. */
  #tellCarriers(sessions: readonly SessionView[], all: readonly InterfaceInfo[]): void {
    const silent = withoutCarrier(all);
    const at = new Date(this.#around.clock.wall()).toISOString();
    for (const session of sessions) {
      const { interfaceIndex: index } = session;
      const carrier = !silent.has(index);
      if (session.state !== "open" || carrier === !this.#silent.has(index)) continue;
      this.#say.carrier(session, carrier, this.#nodes());
      this.#listeners.tell(carrierRow(session, carrier, at, this.#nodes()));
    }
    this.#silent = silent;
  }

  /** @throws {AgentError} exit 1 where it is switched off, 4 where it may not run. */
  sessions(): LsoeSessionRow[] {
    const { machine } = this.#running();
    const now = this.#around.clock.now();
    const nodeOf = this.#nodes();
    const silent = withoutCarrier(this.#around.interfaces());
    return machine.sessions().map((session) =>
      sessionRow(session, now, nodeOf, !silent.has(session.interfaceIndex))
    );
  }

  /** Each event from now on; also across changes of the config. Throws as {@linkcode sessions}. */
  subscribe(listener: (event: LsoeEventRow) => void): () => void {
    this.#running();
    return this.#listeners.add(listener);
  }

  /** `undefined` where it does not run. */
  figures(): LsoeFigures | undefined {
    if (this.#run === undefined) return undefined;
    const { machine, port, reporter } = this.#run;
    const sessions = { opening: 0, half: 0, open: 0 };
    for (const { state } of machine.sessions()) sessions[state]++;
    return {
      counters: { ...machine.counters },
      sessions,
      sendErrors: port.errors,
      losses: port.losses,
      reports: reporter?.counters,
    };
  }

  nextWake(): number {
    return this.#tryAt;
  }

  /** Tries again to get a socket. */
  wake(now: number): void {
    if (now < this.#tryAt) return;
    this.#tryAt = Infinity;
    void this.#then(async () => {
      if (this.#table?.enabled) await (this.#run ? this.#open(this.#run.port) : this.#begin());
    });
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error) => this.#around.onFault(error));
    return this.#work;
  }

  #running(): Run {
    if (this.#run !== undefined) return this.#run;
    throw this.#refusal ?? new AgentError(
      "LSOE is switched off on this node; write enabled = true below [lsoe] in its config, and" +
        " reload the agent",
      ExitCode.NotThere,
    );
  }

  async #begin(): Promise<void> {
    const table = this.#table;
    if (table === undefined) return;
    const { clock, scheduler, networks, problems, interfaces, labels, randomBytes } = this.#around;
    const port = new LsoePort(etherTypeOf(table), {
      frame: (frame) => this.#feed((now) => this.#run?.machine.receive(now, frame)),
      failed: (reason) => this.#withoutSocket(new AgentError(reason, ExitCode.Refused)),
    });
    if (!await this.#open(port) || this.#table !== table) {
      port.close();
      return;
    }
    const all = interfaces();
    this.#choose(table, all);
    const localId = this.#localId(table, all);
    const url = table["report-rfc7752-url"];
    const reporter = url === undefined
      ? undefined
      : new Reporter({ url, problems, now: () => clock.now() });
    const machine = new Lsoe({
      config: machineConfig(table, () => this.#chosen),
      localId,
      random: seeded(randomBytes),
      now: clock.now(),
      output: {
        send: (index, destination, datagrams) => port.send(index, destination, datagrams),
        join: (index, group) => port.join(index, group),
        leave: (index, group) => port.leave(index, group),
        report: (report) => reporter?.report(report),
        event: (event) => this.#event(event),
      },
    });
    const publisher = new LinkPublisher({
      networks,
      clock,
      problems,
      localId: Array.from(localId, (octet) => octet.toString(16).padStart(2, "0")).join(":"),
      sessions: () => machine.sessions(),
      interfaces,
      touched: () => scheduler.touch(),
    });
    const setLabels = (kernel: readonly LabelBinding[]) =>
      this.#feed((now) => machine.setLabels(now, labelsOf(table, kernel)));
    const unsubscribe = labels?.subscribe(setLabels) ?? (() => {});
    this.#silent = withoutCarrier(all);
    this.#run = { table, port, machine, publisher, reporter, unsubscribe };
    setLabels(labels?.current() ?? []);
    this.#feed((now) => machine.setInterfaces(now, all));
    publisher.changed();
    scheduler.add(machine);
    scheduler.add(publisher);
  }

  async #end(): Promise<void> {
    this.#tryAt = Infinity;
    this.#refusal = undefined;
    this.#around.problems.clear(PROBLEM);
    this.#around.problems.clear(NO_INTERFACE);
    const run = this.#run;
    if (run === undefined) return;
    const { scheduler } = this.#around;
    const { machine, publisher, reporter, port } = run;
    run.unsubscribe();
    scheduler.remove(machine);
    scheduler.remove(publisher);
    this.#feed((now) => machine.teardown(now));
    this.#run = undefined;
    port.close();
    publisher.clear();
    await reporter?.close(LAST_REPORTS);
  }

  /** Gets the socket; false where that cannot be now. */
  async #open(port: LsoePort): Promise<boolean> {
    try {
      port.open(await this.#around.packets());
      this.#refusal = undefined;
      this.#around.problems.clear(PROBLEM);
      return true;
    } catch (error) {
      this.#withoutSocket(error);
      return false;
    }
  }

  #withoutSocket(error: unknown): void {
    const { problems, clock, scheduler } = this.#around;
    this.#refusal = new AgentError(`LSOE does not run: ${messageOf(error)}`, ExitCode.Refused);
    problems.note(PROBLEM, this.#refusal.message, { lasts: true });
    this.#tryAt = clock.now() + TRY_AGAIN;
    scheduler.touch();
  }

  /** Where there is Ethernet and none of it is meant, nobody would find out why nothing happens. */
  #choose(table: LsoeTable, all: readonly InterfaceInfo[]): void {
    const { problems } = this.#around;
    this.#chosen = chooseInterfaces(table, all);
    const could = all.filter(({ ethernet, loopback }) => ethernet && !loopback);
    if (could.length === 0 || could.some(({ name }) => this.#chosen.speaking.has(name))) {
      problems.clear(NO_INTERFACE);
      return;
    }
    const names = could.slice(0, 4).map(({ name }) => name).join(", ");
    problems.note(
      NO_INTERFACE,
      `LSOE speaks on no interface: "interfaces" in [lsoe] means none of those that are here (${names}` +
        `${could.length > 4 ? ", …" : ""}); name one there`,
      { lasts: true },
    );
  }

  #localId(table: LsoeTable, all: readonly InterfaceInfo[]): Uint8Array {
    const { networks, log, hardware = hardwareIdentity } = this.#around;
    const configured = configuredId(table);
    if (configured === undefined) {
      return derivedId(networks[0]?.machine.nodeId ?? "", hardware(all));
    }
    if (configured.padded) {
      log.warning(
        "local-id in [lsoe] is shorter than ten octets, and is padded with zeros on the left",
      );
    }
    return configured.id;
  }

  /** Called from within the machine, which must not be called back. */
  #event(event: LsoeEvent): void {
    const nodeOf = this.#nodes();
    this.#say.event(event, nodeOf);
    const at = new Date(this.#around.clock.wall()).toISOString();
    const row = eventRow(event, at, nodeOf);
    if (row !== undefined) this.#listeners.tell(row);
    this.#run?.publisher.changed();
  }

  /** Which node has an LSOE id, by what the nodes of all our networks publish. */
  #nodes(): (peerId: string) => string | null {
    let names: Map<string, string> | undefined;
    return (peerId) => {
      if (peerId === "") return null;
      names ??= new Map(
        this.#around.networks.flatMap(({ view }) =>
          view.get({ keys: [LSOE_ID_KEY] }).flatMap(({ node, entries }) =>
            entries.flatMap(({ value }) => typeof value === "string" ? [[value, node]] : [])
          )
        ) as [string, string][],
      );
      return names.get(peerId) ?? null;
    };
  }
}

/** Their indices. */
function withoutCarrier(interfaces: readonly InterfaceInfo[]): Set<number> {
  return new Set(interfaces.filter(({ running }) => !running).map(({ index }) => index));
}
