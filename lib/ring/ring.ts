/**
 * v0.2.2: a server of the ring (`spec/pzog.md` §3, §4). For each message it hands all copies to the
 * connections, then writes the log line, then answers.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type {
  ConnectionId,
  DataHook,
  MemberView,
  Remote,
  RingConfig,
  RingCounters,
  RingOutput,
} from "./api.ts";
import { Inbound } from "./inbound.ts";
import { Journal } from "./journal.ts";
import { Link } from "./link.ts";
import { Pressure } from "./pressure.ts";
import { equals, excerpt, isLoopback, isPrinting, startsWith } from "./text.ts";
import { firstHops, type Hop, largestWrapping, wrappingOctet, wrappingOf } from "./topology.ts";

/** Connections that have not said yet what they are; of more, the oldest is closed. */
const MOST_NEW = 64;
/** `MSG ` and LF: what a client's line has besides the text. */
const OVERHEAD = 5;

/** What a ring's server is made of. */
export interface RingOptions {
  readonly config: RingConfig;
  readonly random: Random;
  /** Monotonic ms. */
  readonly now: number;
  readonly output: RingOutput;
  /** Which members have an IP address. */
  readonly membersAt: (address: string) => readonly number[];
  readonly onData?: DataHook;
}

/** The machine. */
export class Ring {
  readonly counters: RingCounters = {
    fromClients: 0,
    fromServers: 0,
    logged: 0,
    rerouted: 0,
    refused: 0,
  };
  readonly config: RingConfig;
  readonly #output: RingOutput;
  readonly #membersAt: RingOptions["membersAt"];
  readonly #onData: DataHook | undefined;
  readonly #hops: readonly Hop[];
  readonly #journal: Journal;
  /** By index; none to ourselves. */
  readonly #links: (Link | undefined)[];
  readonly #dialled = new Map<ConnectionId, Link>();
  readonly #inbound = new Map<ConnectionId, Inbound>();
  /** The connection of each server to us. */
  readonly #servers = new Map<number, Inbound>();
  readonly #pressure = new Pressure();
  #lastId = 0;
  /** No connection's idle time ends before this. */
  #idleAt = Infinity;
  #stopped = false;

  /** @throws {RangeError} where there are too many members, or we are none of them. */
  constructor(options: RingOptions) {
    const { config, random, now, output } = options;
    this.config = config;
    this.#output = output;
    this.#membersAt = options.membersAt;
    this.#onData = options.onData;
    this.#hops = firstHops(config.members.length);
    if (config.members[config.index] === undefined) throw new RangeError("no member of the ring");
    this.#journal = new Journal(output);
    const host = {
      config,
      random,
      dial: (link: Link) => {
        const id = ++this.#lastId;
        this.#dialled.set(id, link);
        output.dial(id, link.index);
        return id;
      },
      write: (id: ConnectionId, bytes: Uint8Array) => output.write(id, bytes),
      close: (id: ConnectionId) => {
        this.#dialled.delete(id);
        output.close(id);
      },
      complain: (text: string) => this.#journal.add("error", text),
    };
    this.#links = config.members.map((_, index) =>
      index === config.index ? undefined : new Link(now, index, host)
    );
  }

  /** The other servers. */
  members(): MemberView[] {
    return this.#links.flatMap((link) => {
      if (link === undefined) return [];
      const { index, name, state, since, sent, unanswered, lost, noLink, trouble } = link;
      const incoming = this.#servers.has(index);
      return [{ index, name, state, since, incoming, sent, unanswered, lost, noLink, trouble }];
    });
  }

  /** Connections of clients. */
  get clients(): number {
    let count = 0;
    for (const { kind } of this.#inbound.values()) if (kind === "client") count++;
    return count;
  }

  /** Connections that we opened and that are not over. */
  get dialled(): number {
    return this.#dialled.size;
  }

  nextWake(): number {
    let earliest = Math.min(this.#idleAt, this.#pressure.nextWake());
    for (const link of this.#links) {
      if (link !== undefined) earliest = Math.min(earliest, link.nextWake());
    }
    return earliest;
  }

  wake(now: number): void {
    for (const link of this.#links) link?.wake(now);
    if (now >= this.#idleAt) this.#closeIdle(now);
    this.#settle(now);
  }

  /** Somebody has connected. */
  accept(now: number, remote: Remote): ConnectionId {
    const one = new Inbound(now, ++this.#lastId, remote, "lf", this.config.maxMessage);
    this.#inbound.set(one.id, one);
    this.#idleAt = Math.min(this.#idleAt, now + this.config.idleTimeout);
    this.#journal.add("access", `CONNECTION FROM ${one.where}`);
    const unknown = [...this.#inbound.values()].filter(({ kind }) => kind === "new");
    if (unknown.length > MOST_NEW) {
      const oldest = unknown[0] as Inbound;
      this.counters.refused++;
      this.#journal.add("error", `${oldest.where}: has said nothing, and others wait`);
      this.#close(oldest);
    }
    this.#settle(now);
    return one.id;
  }

  /** The connection that `dial` asked for is there. */
  connected(now: number, id: ConnectionId): void {
    this.#dialled.get(id)?.connected(now);
    this.#settle(now);
  }

  /** What came on a connection, in either direction. */
  receive(now: number, id: ConnectionId, piece: Uint8Array): void {
    const link = this.#dialled.get(id);
    if (link !== undefined) link.receive(now, piece);
    else {
      const one = this.#inbound.get(id);
      if (one === undefined || one.closing) return;
      one.lastHeard = now;
      const long = one.reader.feed(piece, (line) => {
        this.#line(now, one, line);
        return !one.closing;
      });
      if (long !== undefined) this.#refuse(one, long, "too long", "length");
      this.#settle(now);
      this.#answer(one);
      return;
    }
    this.#settle(now);
  }

  /** The other end has closed, the connection broke, or there was none to be had. */
  ended(now: number, id: ConnectionId, reason: string): void {
    const link = this.#dialled.get(id);
    if (link !== undefined) {
      this.#dialled.delete(id);
      this.#output.close(id);
      link.ended(now, reason);
    }
    const one = this.#inbound.get(id);
    if (one !== undefined) {
      if (one.reader.held.length > 0) this.#refuse(one, one.reader.held, "not finished", "syntax");
      this.#close(one);
    }
    this.#settle(now);
  }

  /** A member has another address, or one at all. */
  moved(now: number, member: number): void {
    this.#links[member]?.moved(now);
    this.#settle(now);
  }

  /**
   * Begin to end: clients are closed, servers are told. What we have sent is answered when
   * {@linkcode dialled} is 0; then {@linkcode abort}.
   */
  stop(now: number): void {
    this.#stopped = true;
    for (const one of [...this.#inbound.values()]) if (one.kind === "client") this.#close(one);
    for (const link of this.#links) link?.quit(now);
    this.#settle(now);
  }

  /** End at once. */
  abort(now: number): void {
    this.#stopped = true;
    for (const one of [...this.#inbound.values()]) this.#close(one);
    for (const link of this.#links) {
      link?.quit(now);
      if (link?.connection !== undefined) link.drop(now, "this server ends");
    }
    this.#settle(now);
  }

  #line(now: number, one: Inbound, line: Uint8Array): void {
    if (typeof one.kind === "number") this.#serverLine(now, one, one.kind, line);
    else if (one.kind === "new" && (equals(line, "HELLO") || startsWith(line, "HELLO "))) {
      this.#hello(now, one, line);
    } else this.#clientLine(now, one, line);
  }

  /** §4.1. */
  #clientLine(now: number, one: Inbound, line: Uint8Array): void {
    if (one.kind === "new") {
      if (this.clients >= this.config.maxClients) {
        return this.#refuse(one, line, `${this.config.maxClients} clients are connected`, "busy");
      }
      one.kind = "client";
      if (this.#pressure.clients) this.#pause(one, true);
    }
    if (startsWith(line, "MSG ")) {
      const content = line.subarray(4);
      if (!this.#isContent(content)) return this.#refuse(one, line, "no printing text", "syntax");
      this.#onData?.("client", 0, content);
      this.counters.fromClients++;
      const { length } = this.config.members;
      for (const { offset, wrapping } of this.#hops) {
        this.#copy(now, (this.config.index + offset) % length, wrapping, content);
      }
      this.#log(content);
      one.answer("OK\n");
    } else if (equals(line, "KEEPALIVE")) one.answer("ACK\n");
    else if (equals(line, "QUIT")) this.#goodbye(one);
    else if (equals(line, "SHUTDOWN")) {
      if (!this.config.allowShutdown && !isLoopback(one.remote.address)) {
        return this.#refuse(one, line, "not from another computer", "refused");
      }
      this.#goodbye(one);
      this.#output.shutdown();
    } else this.#refuse(one, line, "no such line", "syntax");
  }

  /** §4.2. */
  #hello(now: number, one: Inbound, line: Uint8Array): void {
    const { members, index: own, checkPeers } = this.config;
    const from = this.#claimed(one, line);
    const wrong = typeof from === "string"
      ? from
      : from === own
      ? "that is this server"
      : checkPeers && !this.#membersAt(one.remote.address).includes(from)
      ? `${members[from]} has another address`
      : undefined;
    if (typeof from === "string" || wrong !== undefined) {
      return this.#refuse(one, line, `HELLO refused: ${wrong}`, "hello");
    }
    const before = this.#servers.get(from);
    if (before !== undefined) this.#close(before);
    one.kind = from;
    this.#servers.set(from, one);
    one.answer("OK\n");
    this.#links[from]?.tryNow(now);
  }

  /** The index that a HELLO tells, or what is wrong with it. */
  #claimed(one: Inbound, line: Uint8Array): number | string {
    const { length } = this.config.members;
    if (equals(line, "HELLO")) {
      const [only, ...others] = this.#membersAt(one.remote.address);
      return only !== undefined && others.length === 0 ? only : "not the address of one member";
    }
    const [, index, members] = /^HELLO (\d{1,3}) (\d{1,3})$/.exec(new TextDecoder().decode(line)) ??
      [];
    if (index === undefined) return "no such HELLO";
    if (Number(members) !== length) return `this ring has ${length} members`;
    return Number(index) < length ? Number(index) : "no such index";
  }

  #serverLine(now: number, one: Inbound, from: number, line: Uint8Array): void {
    if (equals(line, "KEEPALIVE")) return one.answer("ACK\n");
    if (equals(line, "QUIT")) return this.#goodbye(one);
    const { members, index } = this.config;
    const wrapping = line.length === 0 ? undefined : wrappingOf(line[0] as number);
    if (wrapping === undefined) return this.#refuse(one, line, "no such line", "syntax");
    if (wrapping > largestWrapping(members.length)) {
      return this.#refuse(one, line, "wrapping beyond the ring", "wrapping");
    }
    const content = line.subarray(1);
    if (!this.#isContent(content)) return this.#refuse(one, line, "no printing text", "syntax");
    this.#onData?.(from, wrapping, content);
    this.counters.fromServers++;
    if (wrapping > 0) this.#copy(now, (index + wrapping) % members.length, 0, content);
    this.#log(content);
    one.answer("OK\n");
  }

  #isContent(content: Uint8Array): boolean {
    const { length } = content;
    return length > 0 && length <= this.config.maxMessage - OVERHEAD && isPrinting(content);
  }

  /** Hand a copy to the connection of a member, or to that of the one behind it (§3.3). */
  #copy(now: number, to: number, wrapping: number, content: Uint8Array): void {
    const link = this.#links[to];
    if (link === undefined) return;
    const isUp = link.state === "up" && !this.#stopped;
    const plain = wrapping === 0 || !isCommand(wrappingOctet(wrapping), content);
    if (isUp) link.copy(now, wrappingOctet(plain ? wrapping : 0), content);
    if (isUp && plain) return;
    const behind = (to + wrapping) % this.config.members.length;
    const { reroute, members } = this.config;
    if (!isUp) {
      link.noLink++;
      const also = wrapping > 0 && !reroute ? ` and so not to ${members[behind]}` : "";
      this.#journal.add("error", `NO LINK to ${link.name}${also} ${decoder.decode(content)}`);
    }
    if (wrapping === 0 || (!isUp && !reroute)) return;
    if (!isUp) this.counters.rerouted++;
    this.#copy(now, behind, 0, content);
  }

  #log(content: Uint8Array): void {
    this.counters.logged++;
    this.#journal.add("ring", content);
    this.#journal.add("access", content);
  }

  #goodbye(one: Inbound): void {
    one.answer("OK\n");
    one.closing = true;
  }

  #refuse(one: Inbound, data: Uint8Array, wrong: string, reason: string): void {
    this.counters.refused++;
    this.#journal.add("error", `${one.where}: ${excerpt(data, wrong)}`);
    one.answer(`ERR ${reason}\n`);
    one.closing = true;
  }

  /** What was gathered goes out, in the order of §3: copies, then lines of the logs. */
  #settle(now: number): void {
    for (const link of this.#links) {
      if (link === undefined) continue;
      link.flush();
      if (Pressure.isTooMuch(link.unanswered)) {
        link.drop(now, `it does not answer ${link.unanswered} copies`);
      }
    }
    this.#journal.flush();
    this.#relieve(now);
  }

  #answer(one: Inbound): void {
    const answers = one.takeAnswers();
    if (answers !== undefined) this.#output.write(one.id, answers);
    if (one.closing) this.#close(one);
  }

  /** Who hands in more than the other servers take is not read for a while. */
  #relieve(now: number): void {
    let most = 0;
    for (const link of this.#links) most = Math.max(most, link?.unanswered ?? 0);
    if (!this.#pressure.update(now, most)) return;
    for (const one of this.#inbound.values()) {
      const paused = typeof one.kind === "number" ? this.#pressure.servers : this.#pressure.clients;
      if (paused !== one.paused) this.#pause(one, paused);
    }
  }

  #pause(one: Inbound, paused: boolean): void {
    one.paused = paused;
    this.#output.pause(one.id, paused);
  }

  #close(one: Inbound): void {
    if (!this.#inbound.delete(one.id)) return;
    if (typeof one.kind === "number" && this.#servers.get(one.kind) === one) {
      this.#servers.delete(one.kind);
    }
    const answers = one.takeAnswers();
    if (answers !== undefined) this.#output.write(one.id, answers);
    this.#output.close(one.id);
  }

  #closeIdle(now: number): void {
    this.#idleAt = Infinity;
    for (const one of [...this.#inbound.values()]) {
      const end = one.lastHeard + this.config.idleTimeout;
      if (now >= end && !one.paused) this.#close(one);
      else this.#idleAt = Math.min(this.#idleAt, Math.max(end, now + 1_000));
    }
  }
}

const decoder = new TextDecoder();

/** In rings of 40 and more, a wrapping and a text together can read as a command. */
function isCommand(octet: number, content: Uint8Array): boolean {
  return (octet === 0x4b && equals(content, "EEPALIVE")) ||
    (octet === 0x51 && equals(content, "UIT"));
}
