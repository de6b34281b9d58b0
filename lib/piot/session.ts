/**
 * One connection, from its preface to its end: the stream of frames, messages both ways, and signs of
 * life (spec/piot.md §2, §6, §8).
 *
 * @module
 */
import { concat, equalBytes, WireError } from "../wire/bytes.ts";
import { StreamCutter } from "../wire/cutter.ts";
import type { ConnectionId } from "./api.ts";
import type { Epoch, Id } from "./fields.ts";
import { fnv1a } from "./fnv.ts";
import {
  CloseCode,
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameFields,
  frameSize,
  FrameSizeError,
  isResumable,
  LENGTH_BYTES,
  MESSAGE_ROOM,
  PREFACE,
} from "./frame.ts";
import { Handshake, type Rival } from "./handshake.ts";
import type { Link } from "./link.ts";
import { readConfirm, readMsg, writeConfirm, writeMsg } from "./message_frames.ts";
import { WIDE_WINDOW } from "./outbox.ts";
import { ORDERED_IDS } from "./seen.ts";
import type { SessionHost } from "./session_host.ts";

/** From CLOSE to the end of the connection, in ms. */
const CLOSING = 2_000;
/** As many octets of a preface tell whether this is PIoT at all. */
const MAGIC = 4;

/** What carries a session. */
export interface ConnectionInfo {
  readonly connection: ConnectionId;
  readonly role: "client" | "server";
  /** Where it goes to or comes from, for people. */
  readonly remote: string;
  /** See `PiotOptions.permits`. */
  readonly sealed: boolean;
}

/** A session, or what is about to become one. */
export class Session implements Rival {
  readonly connection: ConnectionId;
  readonly role: "client" | "server";
  /** Where the connection goes to or comes from, for people. */
  readonly remote: string;
  /** See `PiotOptions.permits`. */
  readonly sealed: boolean;
  readonly #host: SessionHost;
  readonly #cutter: StreamCutter;
  readonly #handshake: Handshake;
  #preface: Uint8Array = new Uint8Array(0);
  #isActive = false;
  #lastHeard: number;
  /** When the last message went over it, either way. */
  #lastUsed: number;
  #pingAt: number | undefined;
  #pings = 0;
  /** Since when the oldest message waits for its confirmation. */
  #waitingSince: number | undefined;
  /** When the connection ends for good; `undefined` while it is open. */
  #closingAt: number | undefined;

  /** @param link where the connection was dialled for one. */
  constructor(
    host: SessionHost,
    { connection, role, remote, sealed }: ConnectionInfo,
    now: number,
    link?: Link,
  ) {
    this.#host = host;
    this.connection = connection;
    this.role = role;
    this.remote = remote;
    this.sealed = sealed;
    this.#lastHeard = now;
    this.#lastUsed = now;
    const { maxFrame } = host.config;
    this.#cutter = new StreamCutter(LENGTH_BYTES, (bytes, at) => frameSize(bytes, at, maxFrame));
    host.out(connection).put(PREFACE);
    this.#handshake = new Handshake(
      host,
      {
        role,
        sealed,
        write: (frame) => this.#write(frame),
        close: (now, code, text) => this.close(now, code, text),
        rival: () => host.rivalOf(this),
        done: (now, link, outcome, resume) => {
          this.#isActive = true;
          link.session = this;
          const wide = this.#handshake.hello?.features?.includes(WIDE_WINDOW) ?? false;
          link.outbox.openWindow(wide, host.config.holdEntries);
          link.dialler.up(now);
          host.up(now, link, outcome, resume);
          this.pump(now);
        },
      },
      now,
      link,
    );
  }

  get isActive(): boolean {
    return this.#isActive && this.isOpen;
  }
  /** No CLOSE was sent or received, and the connection is there. */
  get isOpen(): boolean {
    return this.#closingAt === undefined;
  }
  get link(): Link | undefined {
    return this.#handshake.link;
  }
  /** The peer's id, once it was said. */
  get peer(): Id | undefined {
    return this.#handshake.hello?.node;
  }
  get boot(): Epoch | undefined {
    return this.#handshake.hello?.boot;
  }
  isSilent(now: number): boolean {
    return now - this.#lastHeard > this.#idle;
  }

  /** Octets of the stream. */
  receive(now: number, bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#lastHeard = now;
    this.#pingAt = undefined;
    try {
      const rest = this.#takePreface(now, bytes);
      if (rest === undefined) return;
      const { first, run } = this.#cutter.feed(rest);
      if (first) this.#frame(now, first);
      for (let at = 0; at < run.length && this.isOpen;) {
        const size = frameSize(run, at, this.#host.config.maxFrame);
        this.#frame(now, run.subarray(at, at + size));
        at += size;
      }
    } catch (error) {
      if (error instanceof FrameSizeError) this.close(now, CloseCode.TooLarge, error.message);
      else if (error instanceof WireError) this.close(now, CloseCode.Protocol, error.message);
      else throw error;
    }
  }

  /** The connection ended. */
  lost(now: number): void {
    if (this.isOpen) this.#end(now, CloseCode.Lost, Infinity);
  }

  /** Ends it with a word to the peer. */
  close(now: number, code: CloseCode, text: string): void {
    if (!this.isOpen) return;
    this.#write({ frame: "close", code, ...(text && { text }), resumable: isResumable(code) });
    this.#end(now, code, now + CLOSING);
  }

  /** Sends what the window lets through. Called whenever the outbox has news. */
  pump(now: number): void {
    const { link } = this;
    if (!this.isActive || !link) return;
    const { outbox } = link;
    const room = (link.maxFrame ?? this.#host.config.maxFrame) - MESSAGE_ROOM;
    for (;;) {
      const next = outbox.nextHeld;
      if (next && next.header.length + next.body.length > room) {
        outbox.drop(next);
        this.#host.left(now, link, next.id, "too-large");
        continue;
      }
      const message = outbox.transmit();
      if (!message) break;
      this.#waitingSince ??= now;
      this.#lastUsed = now;
      writeMsg(this.#host.out(this.connection), message);
    }
  }

  nextWake(): number {
    if (this.#closingAt !== undefined) return this.#closingAt;
    if (!this.#isActive) return this.#handshake.deadline;
    const silence = this.#pingAt === undefined
      ? this.#lastHeard + this.#idle
      : this.#pingAt + 2 * this.#idle;
    return Math.min(silence, this.#confirmLimit, this.#restAt);
  }

  wake(now: number): void {
    if (now < this.nextWake()) return;
    if (!this.isOpen) {
      this.#closingAt = Infinity;
      this.#host.hangUp(this.connection);
    } else if (!this.#isActive) {
      this.close(now, CloseCode.Timeout, `no answer while ${this.#handshake.step}`);
    } else if (now >= this.#confirmLimit) {
      this.close(now, CloseCode.Timeout, "no confirmation");
    } else if (now >= this.#restAt) {
      if (this.link && this.#host.isNeeded(this.link)) this.#lastUsed = now;
      else this.close(now, CloseCode.Normal, "not needed now");
    } else if (this.#pingAt === undefined) {
      this.#pingAt = now;
      this.#write({ frame: "ping", token: ++this.#pings });
    } else this.close(now, CloseCode.Timeout, "no sign of life");
  }

  /** The smaller of what the two announced (§8), in ms. */
  get #idle(): number {
    const theirs = this.#handshake.hello?.idle;
    const ours = this.#host.config.idle;
    return theirs === undefined ? ours : Math.min(ours, Math.max(1, theirs) * 1_000);
  }

  /** When it ends for want of use, where we dialled it because it was needed. */
  get #restAt(): number {
    if (this.role === "server" || this.link?.dial !== "needed") return Infinity;
    return this.#lastUsed + this.#host.config.rest;
  }

  get #confirmLimit(): number {
    return this.#waitingSince === undefined
      ? Infinity
      : this.#waitingSince + this.#host.config.confirmTimeout;
  }

  #write(frame: Frame): void {
    this.#host.out(this.connection).put(encodeFrame(frame));
  }

  /** What follows the preface; `undefined` while it is not whole, or where it is wrong. */
  #takePreface(now: number, bytes: Uint8Array): Uint8Array | undefined {
    const missing = PREFACE.length - this.#preface.length;
    if (missing === 0) return bytes;
    this.#preface = concat([this.#preface, bytes.subarray(0, missing)]);
    const magic = this.#preface.subarray(0, MAGIC);
    if (!equalBytes(magic, PREFACE.subarray(0, magic.length))) {
      // Somebody who speaks another language would not understand a CLOSE.
      this.#end(now, CloseCode.Protocol, Infinity);
      this.#host.hangUp(this.connection);
      return undefined;
    }
    if (this.#preface.length < PREFACE.length) return undefined;
    if (equalBytes(this.#preface, PREFACE)) return bytes.subarray(missing);
    this.close(now, CloseCode.Version, `version ${this.#preface[MAGIC]} is not known here`);
    return undefined;
  }

  #frame(now: number, framed: Uint8Array): void {
    if (!this.isOpen) return;
    const bytes = framed.subarray(LENGTH_BYTES);
    const { step } = this.#handshake;
    if (step === "done") {
      const message = readMsg(bytes);
      if (message) return this.#message(now, message);
      const confirm = readConfirm(bytes);
      if (confirm) return this.#confirmed(now, confirm);
    }
    const frame = decodeFrame(bytes);
    if (!frame) return;
    if (frame.frame === "close") {
      this.#end(now, frame.code as CloseCode, Infinity);
      return this.#host.hangUp(this.connection);
    }
    const isLate = step === "resuming" || step === "done";
    if (isLate && frame.frame === "ping") return this.#write({ frame: "pong", token: frame.token });
    if (isLate && frame.frame === "pong") return;
    if (step !== "done") {
      if (this.#handshake.receive(now, frame)) return;
    } else if (frame.frame === "msg") return this.#message(now, frame);
    else if (frame.frame === "confirm") return this.#confirmed(now, frame);
    this.close(now, CloseCode.Protocol, `${frame.frame} in the wrong place (${step})`);
  }

  #message(now: number, message: FrameFields<"msg">): void {
    const { link } = this;
    if (!link) return;
    this.#lastUsed = now;
    const { inbox } = link;
    const { seq, id, header, body } = message;
    const arrival = inbox.arrival(seq);
    if (arrival === "gap") {
      return this.close(now, CloseCode.Gap, `${seq} where ${inbox.seq + 1} was due`);
    }
    let status = 1;
    let reason: string | undefined;
    if (arrival === "next") {
      const ordered = this.#handshake.hello?.features?.includes(ORDERED_IDS) ?? false;
      if (inbox.knows(id, ordered)) inbox.skip();
      else {
        reason = this.#host.accept(now, link, message, ordered);
        status = reason === undefined ? 0 : 2;
      }
    }
    const length = header.length + body.length;
    const confirm = { seq, id, length, hash: fnv1a(body, fnv1a(header)), status };
    if (reason === undefined) writeConfirm(this.#host.out(this.connection), confirm);
    else this.#write({ frame: "confirm", ...confirm, reason });
  }

  #confirmed(now: number, frame: FrameFields<"confirm">): void {
    const { link } = this;
    if (!link) return;
    const { result, id } = link.outbox.confirm(frame);
    if (result === "unknown") return;
    if (result === "mismatch" || result === "corrupt") {
      this.#host.left(now, link, id, result);
      return this.close(now, CloseCode.Mismatch, `message ${frame.seq} arrived changed`);
    }
    this.#waitingSince = link.outbox.isFlying ? now : undefined;
    if (result === "refused") this.#host.refused(now, link, id, frame.reason ?? "");
    else if (result === "confirmed") this.#host.left(now, link, id, "confirm");
    this.pump(now);
  }

  #end(now: number, code: CloseCode, closingAt: number): void {
    const wasActive = this.#isActive;
    this.#closingAt = closingAt;
    const { link } = this;
    if (link?.session === this) link.session = undefined;
    this.#host.ended(now, this, code, wasActive);
  }
}
