/**
 * Messages of a node: taking them in from the user, and from peers (spec/piot.md §6, §7).
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/mod.ts";
import type { DropReason, Message, OutboxView, Outgoing } from "./api.ts";
import type { Context } from "./context.ts";
import type { Id } from "./fields.ts";
import { type FrameFields, MESSAGE_ROOM } from "./frame.ts";
import type { Received } from "./inbox.ts";
import { decodeHeader, encodeHeader, type Header, MessageKind } from "./header.ts";
import type { Link } from "./link.ts";
import { type Notice, Notices } from "./notices.ts";

/** Held messages are looked through for expired ones this often (§7), in ms. */
const EXPIRY = 60_000;

/** Outboxes and inboxes of all links. */
export class Mail {
  readonly #context: Context;
  readonly #notices: Notices;
  /** What the last header became: many messages in a row have the same. */
  #encoded: { header: Header; bytes: Uint8Array } | undefined;
  /** When held messages are looked through, if there are any. */
  expireAt = Infinity;

  constructor(context: Context) {
    this.#context = context;
    this.#notices = new Notices(context.turn);
  }

  /** What the store knows, after the links. @throws {WireError} where that is damaged. */
  load(now: number): void {
    const { links, options } = this.#context;
    this.#notices.load(options.store);
    const waits = [...links.all()].some(({ outbox }) => outbox.size > 0);
    this.expireAt = waits ? now + EXPIRY : Infinity;
  }

  /**
   * Puts a message into the outbox of a link. `done` is called once it is on the disk, or could not
   * be written.
   *
   * @returns its id.
   * @throws {AgentError} where it is not taken: no room, too large, nobody there.
   */
  send(now: number, link: Link, message: Outgoing, done?: (error?: unknown) => void): Id {
    const { options, turn, steady } = this.#context;
    const { config } = options;
    const at = steady.at(now);
    const header = this.#encode(message.header);
    const size = header.length + message.body.length;
    this.check(link, size);
    if (link.state === "blocked") {
      throw new AgentError(`the link to ${link.name} is blocked`, ExitCode.Refused);
    }
    if (message.hold === false && !link.session) {
      throw new AgentError(`${link.name} is not connected`, ExitCode.Unreachable);
    }
    this.#makeRoom(now, link, size);
    const id = link.outbox.append({
      header,
      body: message.body,
      created: at,
      expires: at + Math.max(0, message.ttl ?? config.holdTtl),
    });
    if (done) turn.then(() => done(), done);
    this.expireAt = Math.min(this.expireAt, now + EXPIRY);
    link.session?.pump(now);
    return id;
  }

  /** @throws {AgentError} where so many octets do not go into one message. */
  check(link: Link | undefined, size: number): void {
    const limit = (link?.maxFrame ?? this.#context.options.config.maxFrame) - MESSAGE_ROOM;
    if (size <= limit) return;
    throw new AgentError(
      `the message takes ${size} bytes and ${limit} go into one; send it in parts`,
      ExitCode.Usage,
    );
  }

  /** What waits on these links, the first `most` of each. */
  outbox(links: Iterable<Link>, most: number): OutboxView[] {
    const { steady } = this.#context;
    const all: OutboxView[] = [];
    for (const link of links) {
      let count = 0;
      for (const { id, header, body, created, expires, seq } of link.outbox.entries()) {
        if (++count > most) break;
        const state = seq === undefined ? "held" : "sent";
        all.push({
          link: link.handle,
          id,
          header: decodeHeader(header),
          body,
          created: steady.toWall(created),
          expires: steady.toWall(expires),
          state,
        });
      }
    }
    return all;
  }

  /**
   * The first `most` messages that nobody has taken yet, in the order in which they came. Where the
   * clock was set back meanwhile, those of one link keep their order.
   */
  inbox(most: number): Message[] {
    const first = [...this.#context.links.all()].flatMap((link) => {
      const some: { link: Link; message: Received; after: number }[] = [];
      let after = -Infinity;
      for (const message of link.inbox.messages()) {
        if (some.length >= most) break;
        after = Math.max(after, message.received);
        some.push({ link, message, after });
      }
      return some;
    });
    first.sort((a, b) => a.after - b.after);
    return first.slice(0, most).map(({ link, message }) => link.message(message));
  }

  notices(): Notice[] {
    return this.#notices.all();
  }

  dismiss(at: number): boolean {
    return this.#notices.dismiss(at);
  }

  /** Looks through held messages. */
  expire(now: number): void {
    const { links, steady } = this.#context;
    const at = steady.at(now);
    let waits = false;
    for (const link of links.all()) {
      for (const { id } of link.outbox.expire(at)) this.left(now, link, id, "expired");
      waits ||= link.outbox.size > 0;
    }
    this.expireAt = waits ? now + EXPIRY : Infinity;
  }

  /** Takes a message with the next number; why not, where it is refused. */
  accept(
    now: number,
    link: Link,
    message: FrameFields<"msg">,
    ordered: boolean,
  ): string | undefined {
    const { options } = this.#context;
    let header: Header;
    try {
      header = decodeHeader(message.header);
    } catch (error) {
      link.inbox.skip();
      return `header: ${messageOf(error)}`;
    }
    if (header.kind === MessageKind.Tombstone) {
      link.inbox.skip();
      return undefined;
    }
    const wall = options.wall();
    const { hooks } = options;
    if (hooks && (header.kind !== MessageKind.Data || hooks.takes(header))) {
      const { id, body } = message;
      const { handle, peer = "" } = link;
      link.inbox.note(message, ordered);
      const no = header.kind === MessageKind.Request &&
        options.refusesRequests?.(link.session?.sealed ?? false);
      if (no) return no;
      const whole = { link: handle, peer, id, header, body, received: wall };
      return hooks.accepted(now, whole);
    }
    if (this.#inboxIsFull(message.header.length + message.body.length)) {
      link.inbox.skip();
      return "the inbox is full";
    }
    const received = link.inbox.accept(message, ordered, wall);
    this.#context.event({ kind: "message", message: link.message(received, header) });
    return undefined;
  }

  /** A message of ours was delivered, or left the outbox for another reason. */
  left(
    now: number,
    link: Link,
    id: Id,
    why: "confirm" | "resume" | "mismatch" | DropReason,
  ): void {
    const { options: { hooks }, event } = this.#context;
    const base = { link: link.handle, id };
    if (why === "mismatch") return event({ kind: "mismatch", ...base });
    if (why === "confirm" || why === "resume") {
      event({ kind: "confirmed", ...base, by: why });
      hooks?.left(now, link.handle, id, "confirmed");
      return;
    }
    event({ kind: "dropped", ...base, reason: why });
    if (!hooks?.left(now, link.handle, id, why)) this.#note(link, id, why);
  }

  /** The peer will not have a message of ours. */
  refused(now: number, link: Link, id: Id, reason: string): void {
    const { options: { hooks }, event } = this.#context;
    event({ kind: "refused", link: link.handle, id, reason });
    if (hooks?.left(now, link.handle, id, "refused", reason)) return;
    this.#note(link, id, `refused: ${reason}`);
  }

  #encode(header: Header): Uint8Array {
    if (this.#encoded?.header !== header) this.#encoded = { header, bytes: encodeHeader(header) };
    return this.#encoded.bytes;
  }

  #note(link: Link, id: Id, reason: string): void {
    this.#notices.add({ id, name: link.name, reason, when: this.#context.options.wall() });
  }

  /** @throws {AgentError} where there is no room, and none can be made. */
  #makeRoom(now: number, link: Link, size: number): void {
    const { options: { config }, steady } = this.#context;
    const { outbox } = link;
    for (const { id } of outbox.expire(steady.at(now))) this.left(now, link, id, "expired");
    while (this.#outboxIsFull(link, size)) {
      const dropped = config.overflow === "oldest" ? outbox.dropOldest() : undefined;
      if (!dropped) {
        throw new AgentError(
          `the outbox to ${link.name} is full (${outbox.size} messages, ${outbox.bytes} bytes); ` +
            "try again when it is connected, or raise hold_entries and hold_bytes in [piot]",
          ExitCode.Refused,
        );
      }
      this.left(now, link, dropped.id, "overflow");
    }
  }

  #outboxIsFull({ outbox }: Link, size: number): boolean {
    const { holdEntries, holdBytes, holdTotalBytes } = this.#context.options.config;
    if (outbox.size >= holdEntries || outbox.bytes + size > holdBytes) return true;
    return this.#context.links.totals.outboxBytes + size > holdTotalBytes;
  }

  #inboxIsFull(size: number): boolean {
    const { inboxEntries, inboxBytes } = this.#context.options.config;
    const { totals } = this.#context.links;
    return totals.inboxMessages >= inboxEntries || totals.inboxBytes + size > inboxBytes;
  }
}
