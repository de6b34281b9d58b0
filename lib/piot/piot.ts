/**
 * The PIoT machine: a node with its links, and the connections that carry their sessions
 * (spec/piot.md).
 *
 * It is handed bytes and the time. What it says waits in its {@linkcode Turn} until
 * {@linkcode Piot.flush} has stored what it speaks of.
 *
 * @module
 */
import { type Machine, messageOf } from "../core/mod.ts";
import { toHex } from "../wire/bytes.ts";
import { type Acquaintance, Acquaintances, type Destination } from "./acquaintances.ts";
import type { ConnectionId, LinkView, Message, OutboxView, Outgoing, PiotEvent } from "./api.ts";
import type { Context, PiotOptions } from "./context.ts";
import type { Epoch, Id } from "./fields.ts";
import { CloseCode, type FrameFields } from "./frame.ts";
import { encodeHeader } from "./header.ts";
import type { Link } from "./link.ts";
import { Links } from "./links.ts";
import { Mail } from "./mail.ts";
import type { PiotNode } from "./hooks.ts";
import type { Notice } from "./notices.ts";
import { Outcome } from "./outbox.ts";
import { keys, nodeRecord } from "./records.ts";
import { Session } from "./session.ts";
import type { SessionHost } from "./session_host.ts";
import { Steady } from "./steady.ts";
import { Turn } from "./turn.ts";

/** Lazy removals are written after this long at the latest (§13), in ms. */
const TIDY = 1_000;
/** Connections that have not come to a session yet, at the most. */
const MOST_HANDSHAKES = 128;
/** Turns that may follow from one, because an output brings the next input at once. */
const MOST_TURNS = 8;

/** A node. */
export class Piot implements Machine {
  readonly id: Id;
  /** Random for each start. */
  readonly boot: Epoch;
  readonly #options: PiotOptions;
  readonly #turn: Turn;
  readonly #steady: Steady;
  readonly #links: Links;
  readonly #mail: Mail;
  readonly #acquaintances: Acquaintances;
  readonly #sessions = new Map<ConnectionId, Session>();
  /** Connections that were asked for and are not there yet → their links. */
  readonly #dialling = new Map<ConnectionId, Link>();
  readonly #host: SessionHost;
  #nextConnection = 1;
  #tidyAt = Infinity;

  /**
   * @throws {AgentError} where the store cannot be read.
   * @throws {WireError} where what it holds is damaged.
   */
  constructor(options: PiotOptions, now: number) {
    this.#options = options;
    this.boot = this.#newEpoch();
    this.#turn = new Turn(options.store);
    this.#steady = new Steady(this.#turn, options.wall, options.boot);
    this.#links = new Links(this.#turn, options.random, () => this.#newEpoch());
    const context: Context = {
      options,
      turn: this.#turn,
      links: this.#links,
      steady: this.#steady,
      event: (event) => this.#event(event),
    };
    this.#mail = new Mail(context);
    this.#acquaintances = new Acquaintances(
      context,
      this.#mail,
      (now, link, code) => this.#closeSessions(now, link, code),
    );
    this.id = this.#loadId();
    this.#load(now);
    this.#host = this.#makeHost();
  }

  // Links

  links(): LinkView[] {
    return [...this.#links.all()].map((link) => link.view());
  }

  /** The link to a destination, where there is one. @throws {AgentError} where it may be several. */
  find(to: Destination): LinkView | undefined {
    return this.#acquaintances.find(to)?.view();
  }

  /**
   * There is a node of this id, name and addresses: messages for it can go there. Makes a link where
   * it is to be dialled always; else only what waits for it has one.
   */
  learn(now: number, acquaintance: Acquaintance): void {
    this.#acquaintances.learn(now, acquaintance);
  }

  /** A node can be reached again: worth a try now, whatever the dialler thinks. */
  retry(now: number, peer: Id): void {
    this.#links.ofPeer(peer)?.dialler.reset(now);
  }

  /** Accepts a node that asked for a link. */
  approve(now: number, handle: number): void {
    this.#acquaintances.approve(now, this.#acquaintances.link(handle));
  }

  /** No session with this node until `unblock`; what waits for it is dropped. */
  block(now: number, handle: number): void {
    this.#acquaintances.block(now, this.#acquaintances.link(handle));
  }

  unblock(now: number, handle: number): void {
    this.#acquaintances.unblock(now, this.#acquaintances.link(handle));
  }

  /** Ends a link and deletes everything of it. */
  forget(now: number, handle: number): void {
    this.#acquaintances.forget(now, this.#acquaintances.link(handle));
  }

  /** Whether sessions of a link inherit state; from the next session on. */
  setInherit(handle: number, inherit: boolean): void {
    const link = this.#acquaintances.link(handle);
    link.inherit = inherit;
    link.save();
  }

  // Messages

  /**
   * Puts a message into the outbox. `done` is called once it is on the disk, or could not be written.
   * A message for a name or id that nobody has met waits until its node appears.
   *
   * @returns its id.
   * @throws {AgentError} where it is not taken: no room, too large, nobody there.
   */
  send(
    now: number,
    to: Destination,
    message: Outgoing,
    done?: (error?: unknown) => void,
  ): Id {
    return this.#mail.send(now, this.#linkFor(to, message), message, done);
  }

  #linkFor(to: Destination, message: Outgoing): Link {
    const found = this.#acquaintances.find(to);
    if (found) return found;
    this.#mail.check(undefined, encodeHeader(message.header).length + message.body.length);
    return this.#acquaintances.expect(to as Exclude<Destination, { link: number }>);
  }

  /** What waits, of one link or all; the first `most` of each. */
  outbox(handle?: number, most = Infinity): OutboxView[] {
    return this.#mail.outbox(
      handle === undefined ? this.#links.all() : [this.#acquaintances.link(handle)],
      most,
    );
  }

  /** Messages that were received and that nobody has taken yet, the first `most` of them. */
  inbox(most = Infinity): Message[] {
    return this.#mail.inbox(most);
  }

  /** A message of the inbox was dealt with: it goes. Whether it was there. */
  take(handle: number, id: Id): boolean {
    return this.#links.get(handle)?.inbox.take(id) ?? false;
  }

  /** Messages that were not delivered, until they are dismissed. */
  notices(): Notice[] {
    return this.#mail.notices();
  }

  /** `done` is called once all that was asked for up to now is on the disk, else `failed`. */
  stored(done: () => void, failed: (error: unknown) => void): void {
    this.#turn.then(done, failed);
  }

  /** A notice was read. Whether it was there. */
  dismiss(at: number): boolean {
    return this.#mail.dismiss(at);
  }

  // Connections

  /** Somebody connected. `remote` is for people; `sealed`: see `PiotOptions.permits`. */
  accepted(now: number, remote: string, sealed = false): ConnectionId {
    const connection = this.#nextConnection++;
    const opening = [...this.#sessions.values()].filter(({ isActive }) => !isActive).length;
    const info = { connection, role: "server", remote, sealed } as const;
    const session = new Session(this.#host, info, now);
    this.#sessions.set(connection, session);
    if (opening >= MOST_HANDSHAKES) session.close(now, CloseCode.Busy, "too many at once");
    return connection;
  }

  /** A connection that was asked for is there. */
  connected(now: number, connection: ConnectionId, sealed = false): void {
    const link = this.#dialling.get(connection);
    if (!link) return;
    this.#dialling.delete(connection);
    const info = { connection, role: "client", remote: link.name, sealed } as const;
    const session = new Session(this.#host, info, now, link);
    this.#sessions.set(connection, session);
  }

  received(now: number, connection: ConnectionId, bytes: Uint8Array): void {
    this.#sessions.get(connection)?.receive(now, bytes);
  }

  /** A connection ended, or could not be made. */
  closed(now: number, connection: ConnectionId): void {
    const link = this.#dialling.get(connection);
    this.#dialling.delete(connection);
    link?.dialler.ended(now, CloseCode.Lost);
    this.#sessions.get(connection)?.lost(now);
    this.#sessions.delete(connection);
  }

  /** Ends all sessions with a word. */
  stop(now: number): void {
    for (const session of this.#sessions.values()) session.close(now, CloseCode.GoingAway, "");
    this.#turn.tidy();
    this.#steady.stop();
  }

  // Time

  nextWake(): number {
    if (!this.#turn.isEmpty) return 0;
    const above = this.#options.hooks?.nextWake() ?? Infinity;
    let earliest = Math.min(this.#tidyAt, this.#mail.expireAt, this.#steady.checkAt, above);
    for (const session of this.#sessions.values()) {
      earliest = Math.min(earliest, session.nextWake());
    }
    for (const link of this.#links.all()) {
      if (link.dialler.earliest < earliest && this.#wantsToDial(link)) {
        earliest = link.dialler.earliest;
      }
    }
    return earliest;
  }

  wake(now: number): void {
    for (const session of this.#sessions.values()) session.wake(now);
    if (now >= this.#tidyAt) {
      this.#turn.tidy();
      this.#tidyAt = Infinity;
    }
    if (now >= this.#mail.expireAt) this.#mail.expire(now);
    this.#options.hooks?.wake(now);
    for (const link of this.#links.all()) {
      if (now >= link.dialler.earliest && this.#wantsToDial(link)) this.#dial(link);
    }
    this.flush(now);
  }

  /**
   * Writes down what happened, and says what was to be said. To be called after each batch of input;
   * {@linkcode nextWake} is 0 until then.
   */
  flush(now: number): void {
    try {
      for (let i = 0; i < MOST_TURNS; i++) {
        this.#options.hooks?.settle(now);
        if (this.#turn.isEmpty) break;
        this.#steady.ride(now);
        this.#turn.commit();
      }
      const holds = this.#links.totals.outboxMessages > 0;
      this.#steady.settle(now, holds || (this.#options.hooks?.nextWake() ?? Infinity) < Infinity);
    } catch (error) {
      this.#recover(now, error);
    }
    if (this.#turn.hasLazy && this.#tidyAt === Infinity) this.#tidyAt = now + TIDY;
  }

  /**
   * The store refused: what is in memory is ahead of the disk. As after a crash, everything begins
   * again from what is written; peers repeat what was not confirmed.
   */
  #recover(now: number, error: unknown): void {
    const { output } = this.#options;
    output.event({ kind: "problem", text: `messages cannot be stored: ${messageOf(error)}` });
    for (const connection of [...this.#sessions.keys(), ...this.#dialling.keys()]) {
      output.close(connection);
    }
    this.#sessions.clear();
    this.#dialling.clear();
    this.#load(now);
    for (const link of this.#links.all()) link.dialler.ended(now, CloseCode.Lost);
  }

  #load(now: number): void {
    this.#links.load(this.#options.store);
    this.#steady.load(now, this.#options.store, this.#links);
    this.#mail.load(now);
    this.#options.hooks?.load(now, this.#nodeForHooks());
  }

  #nodeForHooks(): PiotNode {
    const { id } = this;
    const { name, config, store, wall } = this.#options;
    const [links, acquaintances, mail] = [this.#links, this.#acquaintances, this.#mail];
    return {
      id,
      name,
      tags: config.tags,
      store,
      turn: this.#turn,
      wall,
      steady: (now) => this.#steady.at(now),
      newId: () => this.#newId(),
      links: () => this.links(),
      find: (to) => acquaintances.find(to)?.view(),
      send: (now, to, message) => {
        const link = this.#linkFor(to, message);
        return { link: link.handle, id: mail.send(now, link, message) };
      },
      withdraw: (handle, id) => links.get(handle)?.outbox.withdraw(id) ?? false,
      outbox: (handle) => this.outbox(handle),
      retry: (now, handle) => links.get(handle)?.dialler.reset(now),
      event: (event) => this.#event(event),
    };
  }

  #loadId(): Id {
    const { store, id } = this.#options;
    for (const [key, value] of store.scan(keys.node)) {
      if (key !== keys.node) continue;
      const kept = nodeRecord.decode(value).id;
      if (id === undefined || id === kept) return kept;
    }
    const made = id ?? this.#newId();
    this.#turn.put(keys.node, nodeRecord.encode({ id: made }));
    return made;
  }

  #newId(): Id {
    return toHex(this.#options.randomBytes(16));
  }

  #newEpoch(): Epoch {
    return toHex(this.#options.randomBytes(8));
  }

  #isNeeded({ outbox, handle }: Link): boolean {
    return outbox.size > 0 || (this.#options.hooks?.waits(handle) ?? false);
  }

  #wantsToDial(link: Link): boolean {
    if (link.state === "blocked" || link.addresses.length === 0 || link.dial === "never") {
      return false;
    }
    if (link.session || (link.dial === "needed" && !this.#isNeeded(link))) return false;
    for (const session of this.#sessions.values()) {
      if (!session.isOpen) continue;
      if (session.link === link || link.peer !== undefined && session.peer === link.peer) {
        return false;
      }
    }
    for (const dialled of this.#dialling.values()) if (dialled === link) return false;
    return true;
  }

  #dial(link: Link): void {
    const address = link.dialler.next(link.addresses);
    if (address === undefined) return;
    const connection = this.#nextConnection++;
    const { peer } = link;
    this.#dialling.set(connection, link);
    this.#turn.then(() => this.#options.output.dial(connection, address, peer));
  }

  #closeSessions(now: number, link: Link, code: CloseCode): void {
    for (const session of this.#sessions.values()) {
      if (session.link === link) session.close(now, code, "");
    }
  }

  #event(event: PiotEvent): void {
    this.#turn.then(() => this.#options.output.event(event));
  }

  #makeHost(): SessionHost {
    const { config, name, output, hooks } = this.#options;
    const [acquaintances, mail] = [this.#acquaintances, this.#mail];
    return {
      id: this.id,
      name,
      boot: this.boot,
      config,
      steady: (now) => this.#steady.at(now),
      newId: () => this.#newId(),
      newEpoch: () => this.#newEpoch(),
      out: (connection) => this.#turn.say(connection, (bytes) => output.write(connection, bytes)),
      hangUp: (connection) => {
        this.#turn.then(() => output.close(connection));
        this.#sessions.delete(connection);
      },
      permits: this.#options.permits ?? (() => true),
      linkOf: (peer) => this.#links.ofPeer(peer),
      rivalOf: (session) => this.#rivalOf(session),
      bind: (now, link, peer) => acquaintances.bind(now, link, peer),
      noRoom: () => acquaintances.noRoom(),
      introduce: (_now, peer, info) => acquaintances.introduce(peer, info),
      met: (link, name, addresses, tags) => {
        link.name = name || link.name;
        if (addresses && addresses.length > 0) link.addresses = addresses;
        if (tags) link.tags = tags;
      },
      actions: (link) => hooks?.actions(link.handle) ?? { waiting: [], running: [] },
      isNeeded: (link) => this.#isNeeded(link),
      up: (now, link, outcome, resume) => this.#up(now, link, outcome, resume),
      ended: (now, { link, role, connection }, code, wasActive) => {
        if (!link) return;
        if (role === "client" && !wasActive) {
          this.#event({ kind: "attemptFailed", link: link.view(), connection, code });
        }
        if (role === "client" || wasActive) link.dialler.ended(now, code);
        if (wasActive) this.#event({ kind: "sessionDown", link: link.view(), code });
      },
      accept: (now, link, message, ordered) => mail.accept(now, link, message, ordered),
      left: (now, link, id, why) => mail.left(now, link, id, why),
      refused: (now, link, id, reason) => mail.refused(now, link, id, reason),
    };
  }

  #rivalOf(session: Session): Session | undefined {
    for (const other of this.#sessions.values()) {
      if (other === session || !other.isOpen) continue;
      if (other.peer !== undefined && other.peer === session.peer) return other;
    }
    return undefined;
  }

  #up(now: number, link: Link, outcome: Outcome, resume: FrameFields<"resume">): void {
    const inherited = outcome !== Outcome.Clean;
    this.#event({ kind: "sessionUp", link: link.view(), outcome, inherited });
    const { waiting, running } = resume;
    this.#options.hooks?.up(now, link.handle, { waiting, running, inherited });
  }
}
