/**
 * The connection that we open to another server (`spec/pzog.md` §4.2, §4.3): copies and keep-alives go
 * out on it, their answers come back.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { ConnectionId, LinkState, RingConfig } from "./api.ts";
import { Awaited } from "./awaited.ts";
import { LineReader } from "./lines.ts";
import { equals, excerpt, startsWith } from "./text.ts";

/** Octets of copies that are put together before they are handed on. */
const FIRST_STAGE = 1_024;
/** The reconnect interval varies by so much at the most, in ms. */
const JITTER = 5_000;

/** What a link asks of its ring. */
export interface LinkHost {
  readonly config: RingConfig;
  readonly random: Random;
  dial(link: Link): ConnectionId;
  write(connection: ConnectionId, bytes: Uint8Array): void;
  close(connection: ConnectionId): void;
  /** A line for error.log. */
  complain(text: string): void;
}

const encoder = new TextEncoder();

/** One link. */
export class Link {
  readonly index: number;
  readonly name: string;
  readonly #host: LinkHost;
  readonly #awaited = new Awaited();
  state: LinkState = "down";
  since: number;
  connection: ConnectionId | undefined;
  sent = 0;
  lost = 0;
  noLink = 0;
  trouble = "";
  #retryAt: number;
  #lastSent = 0;
  #reader: LineReader;
  #stage = new Uint8Array(FIRST_STAGE);
  #staged = 0;
  #quitting = false;

  constructor(now: number, index: number, host: LinkHost) {
    this.index = index;
    this.name = host.config.members[index] as string;
    this.#host = host;
    this.since = now;
    this.#retryAt = now;
    this.#reader = new LineReader("lf", host.config.maxMessage);
  }

  get unanswered(): number {
    return this.#awaited.copies;
  }

  nextWake(): number {
    const { keepAlive, answerTimeout, connectTimeout } = this.#host.config;
    if (this.state === "down") return this.#retryAt;
    if (this.state === "connecting") return this.since + connectTimeout;
    const answer = (this.#awaited.since ?? Infinity) + answerTimeout;
    return this.state === "up" ? Math.min(answer, this.#lastSent + keepAlive) : answer;
  }

  wake(now: number): void {
    if (now < this.nextWake()) return;
    const { answerTimeout, connectTimeout } = this.#host.config;
    if (this.state === "down") this.#dial(now);
    else if (this.state === "connecting") {
      this.drop(now, `no connection within ${connectTimeout} ms`);
    } else if (now >= (this.#awaited.since ?? Infinity) + answerTimeout) {
      this.drop(now, `no answer within ${answerTimeout} ms`);
    } else this.#ask(now, "keepAlive", "KEEPALIVE\n");
  }

  /** A reason to try now: it has just connected to us, or has another address. */
  tryNow(now: number): void {
    if (this.state === "down") this.#retryAt = Math.min(this.#retryAt, now);
  }

  /** Its address is another one: what there was goes elsewhere. */
  moved(now: number): void {
    if (this.state !== "down") this.drop(now, "its address changed");
    this.tryNow(now);
  }

  connected(now: number): void {
    const { index, members } = this.#host.config;
    this.#enter(now, "hello");
    this.#ask(now, "command", `HELLO ${index} ${members.length}\n`);
  }

  /** Its answers. */
  receive(now: number, piece: Uint8Array): void {
    const long = this.#reader.feed(piece, (line) => this.#answer(now, line));
    if (long !== undefined) this.#wrongAnswer(now, long);
  }

  /** A copy for it, to be handed over by {@linkcode flush}. Only while it is up. */
  copy(now: number, octet: number, content: Uint8Array): void {
    const needed = this.#staged + content.length + 2;
    if (needed > this.#stage.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#stage.length));
      larger.set(this.#stage.subarray(0, this.#staged));
      this.#stage = larger;
    }
    this.#stage[this.#staged] = octet;
    this.#stage.set(content, this.#staged + 1);
    this.#stage[needed - 1] = 0x0a;
    this.#staged = needed;
    this.sent++;
    this.#lastSent = now;
    this.#awaited.push(now, "copy");
  }

  flush(): void {
    if (this.#staged === 0 || this.connection === undefined) return;
    this.#host.write(this.connection, this.#stage.slice(0, this.#staged));
    this.#staged = 0;
    if (this.#stage.length > 64 * FIRST_STAGE) this.#stage = new Uint8Array(FIRST_STAGE);
  }

  /** An orderly end: it is closed when its answers have come. */
  quit(now: number): void {
    if (this.state === "up") {
      this.#quitting = true;
      this.#ask(now, "command", "QUIT\n");
    } else if (this.connection !== undefined) {
      this.#host.close(this.connection);
      this.#end(now, Infinity);
    }
    this.#retryAt = Infinity;
  }

  /** The connection ended, or there was none to be had. */
  ended(now: number, reason: string): void {
    this.#fail(now, reason);
  }

  /** Give the connection up. */
  drop(now: number, reason: string): void {
    const { connection } = this;
    if (connection !== undefined) this.#host.close(connection);
    this.#fail(now, reason);
  }

  #dial(now: number): void {
    this.#enter(now, "connecting");
    this.connection = this.#host.dial(this);
  }

  #ask(now: number, asked: "command" | "keepAlive", line: string): void {
    if (this.connection === undefined) return;
    this.#awaited.push(now, asked);
    this.#lastSent = now;
    this.#host.write(this.connection, encoder.encode(line));
  }

  /** Whether there is more to read. */
  #answer(now: number, line: Uint8Array): boolean {
    const asked = this.#awaited.shift();
    const right = asked !== undefined && equals(line, asked === "keepAlive" ? "ACK" : "OK");
    if (!right) {
      // It counts as one without OK.
      if (asked === "copy") this.#awaited.copies++;
      this.#wrongAnswer(now, line);
      return false;
    }
    if (asked !== "command") return true;
    if (this.state === "hello") {
      this.trouble = "";
      this.#enter(now, "up");
    } else if (this.#quitting) {
      if (this.connection !== undefined) this.#host.close(this.connection);
      this.#end(now, Infinity);
      return false;
    }
    return true;
  }

  #wrongAnswer(now: number, line: Uint8Array): void {
    const refusal = startsWith(line, "ERR ");
    const text = excerpt(line, refusal ? "its answer" : "no such answer");
    this.#host.complain(`${this.name}: ${text}`);
    this.drop(now, refusal ? `it says ${new TextDecoder().decode(line)}` : "a wrong answer");
  }

  #fail(now: number, reason: string): void {
    const { reconnect } = this.#host.config;
    const wasUp = this.state === "up";
    const jitter = Math.min(JITTER, reconnect / 12);
    const later = now + reconnect + this.#host.random.between(-jitter, jitter);
    // At once where it was up (§4.3), unless that did not last: then something is wrong with it.
    const again = wasUp && now - this.since >= reconnect / 12 ? now : later;
    this.trouble = reason;
    if (this.unanswered > 0) {
      this.lost += this.unanswered;
      this.#host.complain(`LOST to ${this.name} ${this.unanswered}`);
    }
    this.#end(now, this.#quitting ? Infinity : again);
  }

  #end(now: number, retryAt: number): void {
    this.#awaited.clear();
    this.#staged = 0;
    this.connection = undefined;
    this.#reader = new LineReader("lf", this.#host.config.maxMessage);
    this.#enter(now, "down");
    this.#retryAt = retryAt;
  }

  #enter(now: number, state: LinkState): void {
    this.state = state;
    this.since = now;
  }
}
