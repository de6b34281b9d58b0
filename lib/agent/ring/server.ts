/**
 * A running server of the ring: the machine with its sockets and logs.
 *
 * @module
 */
import type { Clock, Scheduler } from "../../core/mod.ts";
import type { RingView } from "../../http/ring_api.ts";
import { formatHostPort } from "../../net/address.ts";
import { Logger, Ring, type RingCounters, type RingOutput } from "../../ring/mod.ts";
import type { Endpoint } from "../config/config.ts";
import { ownIndex, RING_PORT, type RingTable } from "../config/ring.ts";
import { type Feed, feedInto } from "../network/feed.ts";
import { seeded } from "../seeded.ts";
import { RingLogs } from "./log.ts";
import { RingSockets } from "./sockets.ts";

/** Port of v0.1. */
const LOGGER_PORT = 55_551;
/** The other servers' answers to what was handed to them are waited for so long at the end, in ms. */
const LAST_ANSWERS = 1_000;

/** The row of this server itself. */
const SELF = {
  state: "self",
  since: 0,
  incoming: false,
  sent: 0,
  unanswered: 0,
  lost: 0,
  noLink: 0,
  trouble: "",
} as const;

/** Where members are. */
export interface Whereabouts {
  /** Where a member can be dialled, the best address first. */
  addresses(member: number): readonly Endpoint[];
  /** Which members have an IP address. */
  membersAt(address: string): readonly number[];
}

/** What a server is made with. */
export interface RingServerOptions {
  readonly table: RingTable;
  /** Own name, to be found among the members. */
  readonly name: string;
  readonly version: "0.1" | "0.2.2";
  readonly logDir: string;
  readonly whereabouts: Whereabouts;
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, "now" | "add" | "remove" | "touch">;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onFault: (error: unknown) => void;
  /** What a person should look at, or that it is over. */
  readonly problem: (key: string, message: string | undefined) => void;
  /** A client that may has asked it to end. */
  readonly onShutdown: () => void;
}

/** What both machines have. */
interface Machine {
  readonly counters: Readonly<RingCounters>;
  readonly clients: number;
  nextWake(): number;
  wake(now: number): void;
}

/** One server, from its start to its end. */
export class RingServer {
  readonly #options: RingServerOptions;
  readonly #machine: Machine;
  readonly #ring: Ring | undefined;
  readonly #logger: Logger | undefined;
  readonly #sockets: RingSockets;
  readonly #logs: RingLogs;
  readonly #feed: Feed;
  readonly #listen: string[] = [];
  readonly #index: number | undefined;

  private constructor(options: RingServerOptions) {
    const { table, version, scheduler, clock, randomBytes, logDir, problem, name } = options;
    this.#options = options;
    this.#feed = feedInto(scheduler, options.onFault);
    this.#logs = new RingLogs({
      dir: logDir,
      limit: table.log_bytes,
      wall: () => clock.wall(),
      trouble: (reason) =>
        problem(
          "ring:log",
          reason && `the ring's logs: ${reason}; make room, or set log_dir in [ring]`,
        ),
    });
    this.#sockets = new RingSockets({
      accepted: (remote) => this.#accepted(remote),
      connected: (id) => this.#feed((now) => this.#ring?.connected(now, id)),
      received: (id, piece) => this.#feed((now) => this.#one.receive(now, id, piece)),
      ended: (id, reason) => this.#feed((now) => this.#one.ended(now, id, reason)),
      failed: (reason) => problem("ring:accept", `the ring: ${reason}`),
    });
    const config = {
      maxMessage: table.max_message,
      maxClients: table.max_clients,
      idleTimeout: table.idle_timeout,
      allowShutdown: table.allow_shutdown,
    };
    const output = this.#output();
    if (version === "0.1") {
      this.#machine = this.#logger = new Logger({ config, output });
      return;
    }
    this.#index = ownIndex(table, name);
    this.#machine = this.#ring = new Ring({
      config: {
        ...config,
        members: table.members.map((member) => member.name),
        index: this.#index,
        reroute: table.reroute,
        checkPeers: table.check_peers,
        keepAlive: table.keep_alive,
        answerTimeout: table.answer_timeout,
        reconnect: table.reconnect,
        connectTimeout: table.connect_timeout,
      },
      random: seeded(randomBytes),
      now: scheduler.now(),
      output,
      membersAt: (address) => options.whereabouts.membersAt(address),
    });
  }

  /** @throws {AgentError} exit code 4 where it cannot listen, 78 where the members are wrong. */
  static start(options: RingServerOptions): RingServer {
    const server = new RingServer(options);
    const { table, version, scheduler } = options;
    const member = server.#index === undefined ? undefined : table.members[server.#index];
    const port = version === "0.1" ? LOGGER_PORT : member?.port ?? RING_PORT;
    const { listen } = table;
    const own = listen === undefined || listen === "none"
      ? { host: "::", port }
      : { host: listen.host, port: listen.port ?? port };
    try {
      server.#listen.push(server.#sockets.listen(own.host, own.port));
      if (version !== "0.1" && table.peer_port !== undefined && table.peer_port !== own.port) {
        server.#listen.push(server.#sockets.listen(own.host, table.peer_port));
      }
    } catch (error) {
      server.#sockets.stopListening();
      throw error;
    }
    scheduler.add(server.#machine);
    return server;
  }

  view(): RingView {
    const { clock, whereabouts, table, version, name, logDir } = this.#options;
    const now = clock.now();
    const seconds = (since: number) => Math.max(0, Math.round((now - since) / 100) / 10);
    const others = this.#ring?.members() ?? [];
    const members = table.members.map((member, index): RingView["members"][number] => {
      const other = others.find((one) => one.index === index);
      const [address] = other === undefined ? [] : this.#dialled(whereabouts.addresses(index));
      const { state, since, incoming, sent, unanswered, lost, noLink, trouble } = other ?? SELF;
      return {
        index,
        name: member.name,
        address: address === undefined ? null : formatHostPort(address.host, address.port),
        state,
        sinceSeconds: other === undefined ? 0 : seconds(since),
        ...{ incoming, sent, unanswered, lost, noLink, trouble },
      };
    });
    return {
      version,
      index: this.#index ?? null,
      name: this.#index === undefined ? name : table.members[this.#index]?.name ?? name,
      listen: this.#listen,
      clients: this.#machine.clients,
      members: this.#ring === undefined ? [] : members,
      ...this.#machine.counters,
      lost: others.reduce((sum, { lost }) => sum + lost, 0),
      noLink: others.reduce((sum, { noLink }) => sum + noLink, 0),
      logDir,
      logLinesLost: this.#logs.lost,
    };
  }

  /** A member has another address than before. */
  moved(member: number): void {
    this.#feed((now) => this.#ring?.moved(now, member));
  }

  /** The names of the log files may stand for other files now. */
  reopenLogs(): void {
    this.#logs.reopen();
  }

  /** Say goodbye, and let go of everything. */
  async stop(): Promise<void> {
    this.#sockets.stopListening();
    const ring = this.#ring;
    if (ring !== undefined) {
      this.#feed((now) => ring.stop(now));
      const end = this.#options.clock.now() + LAST_ANSWERS;
      while (ring.dialled > 0 && this.#options.clock.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      this.#feed((now) => ring.abort(now));
    }
    this.#logger?.stop();
    this.#options.scheduler.remove(this.#machine);
    await this.#sockets.stop();
    this.#logs.close();
    this.#options.problem("ring:log", undefined);
  }

  get #one(): Ring | Logger {
    return (this.#ring ?? this.#logger) as Ring | Logger;
  }

  #accepted(remote: { address: string; port: number }): number {
    const id = this.#one.accept(this.#options.clock.now(), remote);
    this.#options.scheduler.touch();
    return id;
  }

  #dialled(addresses: readonly Endpoint[]): readonly Endpoint[] {
    const port = this.#options.table.peer_port;
    return port === undefined ? addresses : addresses.map(({ host }) => ({ host, port }));
  }

  #output(): RingOutput {
    const { whereabouts, onShutdown } = this.#options;
    return {
      dial: (id, member) => {
        const addresses = this.#dialled(whereabouts.addresses(member));
        this.#sockets.dial(id, addresses, this.#options.table.connect_timeout);
      },
      write: (id, bytes) => this.#sockets.write(id, bytes),
      close: (id) => this.#sockets.close(id),
      pause: (id, paused) => this.#sockets.pause(id, paused),
      log: (log, lines) => this.#logs.write(log, lines),
      // Later: the machine has still to answer.
      shutdown: () => queueMicrotask(onShutdown),
    };
  }
}
