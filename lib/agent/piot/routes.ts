/**
 * `[[piot.route]]`: what becomes of received messages. A message stays in the inbox, and so on the disk,
 * until its route has dealt with it; after a restart the route begins with it again.
 *
 * @module
 */
import { type Clock, messageOf } from "../../core/mod.ts";
import {
  type Destination,
  type Header,
  type Id,
  type Message,
  MessageKind,
  type Piot,
} from "../../piot/mod.ts";
import type { Log } from "../log.ts";
import type { Problems } from "../problems.ts";
import { runCommand } from "./commands.ts";
import type { PiotNetwork } from "./directory.ts";
import type { PiotCounters } from "./figures.ts";
import type { RouteTable } from "./piot_config.ts";
import { bodyValue, isoTime, keyOf } from "./rows.ts";

/** The longest pause between two repetitions, in ms. */
const LONGEST_PAUSE = 300_000;
/** Times that a message is passed on (spec/piot.md §10). */
const MOST_HOPS = 8;
/** Origins of messages that were passed on, which do not come by again. */
const MOST_PASSED = 4_096;

export interface RouteOptions {
  readonly machine: Piot;
  readonly input: (step: (machine: Piot, now: number) => void) => void;
  readonly clock: Clock;
  readonly problems: Problems;
  readonly log: Log;
  readonly onFault: (error: unknown) => void;
  readonly counters: PiotCounters;
  /** @throws {AgentError} */
  readonly resolve: (to: string) => Destination;
  readonly wanted: (to: Destination) => void;
  readonly nameOf: (id: Id | undefined, otherwise: string) => string;
  readonly networks: readonly PiotNetwork[];
  readonly touched: () => void;
}

/** A message that a route has. */
interface Job {
  readonly message: Message;
  attempts: number;
}

/** One route at work. */
interface Lane {
  readonly table: RouteTable;
  readonly matches: (message: Message, from: string) => boolean;
  readonly queue: Job[];
  /** Jobs under way or waiting to be repeated; each has a place of `parallel`. */
  busy: number;
  /** When to repeat which. */
  readonly later: Map<Job, number>;
}

/** All routes of a node. */
export class RouteEngine {
  readonly #options: RouteOptions;
  #lanes: Lane[] = [];
  /** By key: messages that a route has. */
  readonly #claimed = new Set<string>();
  /** By key: messages that a route gave up, until the next start. */
  readonly #givenUp = new Set<string>();
  readonly #passed = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #abort = new AbortController();
  #configured = false;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  /** The routes are these now. Where that is a change, what runs is ended, and begins anew. */
  configure(routes: readonly RouteTable[]): void {
    const same = JSON.stringify(routes) === JSON.stringify(this.#lanes.map(({ table }) => table));
    if (same && this.#configured) return;
    this.#configured = true;
    this.#claimed.clear();
    this.#givenUp.clear();
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#lanes = routes.map((table) => ({
      table,
      matches: matcherOf(table),
      queue: [],
      busy: 0,
      later: new Map(),
    }));
    if (routes.length === 0) return;
    for (const message of this.#options.machine.inbox()) this.arrived(message);
  }

  /** Ends what runs; it begins anew at the next start. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#lanes = [];
    await Promise.all(this.#running);
  }

  /** Whether a route has this message. */
  has(message: Message): boolean {
    return this.#claimed.size > 0 && this.#claimed.has(keyOf(message));
  }

  arrived(message: Message): void {
    if (this.#lanes.length === 0 || message.header.kind !== MessageKind.Data) return;
    const key = keyOf(message);
    if (this.#claimed.has(key) || this.#givenUp.has(key)) return;
    const from = this.#options.nameOf(message.peer, message.peer);
    const lane = this.#lanes.find(({ matches }) => matches(message, from));
    if (!lane) return;
    this.#claimed.add(key);
    lane.queue.push({ message, attempts: 0 });
    this.#pump(lane);
  }

  nextWake(): number {
    let earliest = Infinity;
    for (const { later } of this.#lanes) {
      for (const at of later.values()) earliest = Math.min(earliest, at);
    }
    return earliest;
  }

  wake(now: number): void {
    for (const lane of this.#lanes) {
      for (const [job, at] of [...lane.later]) {
        if (at > now) continue;
        lane.later.delete(job);
        this.#begin(lane, job);
      }
    }
  }

  #pump(lane: Lane): void {
    while (lane.busy < lane.table.parallel) {
      const job = lane.queue.shift();
      if (!job) return;
      lane.busy++;
      this.#begin(lane, job);
    }
  }

  #begin(lane: Lane, job: Job): void {
    const { signal } = this.#abort;
    // Not at once: this may be told from within the machine.
    const work: Promise<void> = Promise.resolve().then(() => this.#work(lane, job, signal))
      .then((complaint) => {
        if (!signal.aborted) this.#ended(lane, job, complaint);
      })
      .catch(this.#options.onFault)
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** What went wrong, as one line; `undefined` where nothing did and the message is gone. */
  async #work({ table }: Lane, { message }: Job, signal: AbortSignal): Promise<string | undefined> {
    if (table.forward !== undefined) return await this.#forward(message, table.forward);
    if (table.publish !== undefined) return await this.#publish(message, table.publish);
    const { header, peer, id, body, received } = message;
    const { code, complaint } = await runCommand(table.run ?? [], {
      stdin: body,
      env: {
        MESSAGE_FROM: this.#options.nameOf(peer, peer),
        MESSAGE_NAME: header.name ?? "",
        MESSAGE_TYPE: header.type ?? "application/cbor",
        MESSAGE_ID: id,
        MESSAGE_AT: isoTime(received),
      },
      timeoutMs: table.timeout,
      signal,
      maxStdout: 0,
    });
    if (signal.aborted) return undefined;
    if (code !== 0 || complaint !== "") return complaint || `exit code ${code}`;
    return await this.#takeWith(message, () => {});
  }

  /** In one transaction: it is either here or on its way. */
  #forward(message: Message, to: string): Promise<string | undefined> {
    const { header, peer, id, body } = message;
    const hops = (header.hops ?? 0) + 1;
    const origin = header.origin ?? peer;
    const original = header.original ?? id;
    const { resolve, wanted, machine } = this.#options;
    const passing = `${origin} ${original} ${to}`;
    return this.#takeWith(message, (now) => {
      if (hops > MOST_HOPS) throw new Error(`it was passed on ${hops - 1} times already`);
      if (this.#passed.has(passing)) throw new Error("it was here before: nodes forward in a ring");
      const destination = resolve(to);
      if ("peer" in destination && destination.peer === origin) {
        throw new Error(`${to} is where it came from`);
      }
      const onward: Header = { ...header, origin, original, hops };
      wanted(destination);
      machine.send(now, destination, { header: onward, body });
      wanted(destination);
      this.#passed.add(passing);
      if (this.#passed.size > MOST_PASSED) {
        this.#passed.delete(this.#passed.values().next().value as string);
      }
    });
  }

  #publish(message: Message, pattern: string): Promise<string | undefined> {
    const { clock, networks, nameOf } = this.#options;
    const { header, body, peer } = message;
    const key = pattern.replaceAll("{name}", header.name ?? "").replaceAll(
      "{from}",
      nameOf(peer, peer),
    );
    const value = bodyValue(header, body);
    return this.#takeWith(message, (now) => {
      if (value === null) networks[0]?.own.unset([key]);
      else networks[0]?.own.set(now, clock.wall(), [[key, value]]);
    });
  }

  /** Does something and takes the message from the inbox; resolves when that is stored. */
  #takeWith(
    message: Message,
    work: (now: number) => void,
  ): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#options.input((machine, now) => {
        try {
          work(now);
        } catch (error) {
          resolve(messageOf(error));
          return;
        }
        machine.take(message.link, message.id);
        machine.stored(() => resolve(undefined), (error) => resolve(messageOf(error)));
      });
    });
  }

  #ended(lane: Lane, job: Job, complaint: string | undefined): void {
    const { problems, counters, clock, touched, log } = this.#options;
    const { retries, retry_delay } = lane.table;
    const key = keyOf(job.message);
    const what = `the route of ${describe(job.message)}`;
    const problem = `piot:route:${this.#lanes.indexOf(lane)}`;
    if (complaint !== undefined && job.attempts < retries) {
      job.attempts++;
      counters.routeRetries++;
      const pause = Math.min(retry_delay * 2 ** (job.attempts - 1), LONGEST_PAUSE);
      lane.later.set(job, clock.now() + pause);
      problems.note(problem, `${what} failed (${complaint}); it is tried again`);
      touched();
      return;
    }
    lane.busy--;
    this.#claimed.delete(key);
    if (complaint === undefined) {
      counters.routed++;
      problems.clear(problem);
    } else {
      counters.routeFailures++;
      this.#givenUp.add(key);
      const line = `${what} failed ${job.attempts + 1} times (${complaint}); it stays in the inbox`;
      problems.note(`${problem}:given-up`, line);
      log.info(line);
    }
    this.#pump(lane);
  }
}

function describe({ header, id }: Message): string {
  return header.name === undefined ? `message ${id}` : `message ${id} (${header.name})`;
}

function matcherOf(table: RouteTable): Lane["matches"] {
  const [name, type, from] = [table.name, table.type, table.from].map((pattern) =>
    pattern === undefined ? undefined : globOf(pattern)
  );
  return ({ header, peer }, sender) =>
    (name === undefined || header.name !== undefined && name.test(header.name)) &&
    (type === undefined || type.test(header.type ?? "application/cbor")) &&
    (from === undefined || from.test(sender) || from.test(peer));
}

function globOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*+/g, ".*").replaceAll("?", ".")}$`, "su");
}
