/**
 * One `poll(2)` for all descriptors. It waits on another thread, exactly one for everything; what is
 * ready is then read synchronously on this thread. An eventfd among the descriptors ends the waiting
 * when others are added or removed.
 *
 * It waits as long as there is a descriptor: that keeps the process alive, costs no CPU, and ends
 * with the last {@linkcode Watch.remove} or with {@linkcode Poller.close}.
 *
 * @module
 */
import { AgentError, ExitCode } from "../lib/core/errors.ts";
import { errnoName } from "./errno.ts";
import { Layouts, Sys } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";
import { Pace } from "./pace.ts";

/**
 * Called when a descriptor has something to tell; `events` as poll gives them (POLLIN, POLLERR, …).
 * It reads without waiting, a bounded amount: what it leaves is told again. The answer: whether there
 * was anything, or "more" where it left some on purpose. Where there was nothing (or it threw) it is
 * asked again later, and later yet (up to 1 s), so that a descriptor that is always ready but never
 * gives anything cannot keep a core busy.
 * With POLLNVAL (closed behind our back) it is called once and then forgotten.
 */
export type Ready = (events: number) => boolean | "more";

/** A descriptor that is looked at. */
export interface Watch {
  /** Look no more. The callback is not called again. The descriptor stays open. */
  remove(): void;
}

const POLLFD = Layouts.pollfd.size;
const EVENTS = Layouts.pollfd.fields.events[0];
const REVENTS = Layouts.pollfd.fields.revents[0];
const EIGHT = 8n;
/** For ever, in ms. */
const NO_TIMEOUT = -1;
/** How long a descriptor that gave nothing is left out, in ms: doubled each time, to at most 1 s. */
const SHORTEST_REST = 1;
const LONGEST_REST = 1_000;

interface Entry {
  readonly fd: number;
  readonly events: number;
  readonly ready: Ready;
  /** Ms; 0 while it behaves. */
  rest: number;
  /** `performance.now()` until which it is left out. */
  restsUntil: number;
}

/** The one place of a thread where descriptors are waited for. */
export class Poller {
  readonly #libc: Libc;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Set<Entry>();
  readonly #pace = new Pace();
  /** What the kernel looks at, in the order of `#polled`; the first is the eventfd. */
  #table: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(8 * POLLFD));
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(this.#table.buffer);
  #count = 0n;
  #polled: Entry[] = [];
  /** Entries came, went or rest: the table is to be written again. */
  #changed = false;
  #eventfd = -1;
  readonly #eight = new Uint8Array(new ArrayBuffer(8));
  /** The kernel looks at the table: it may not be touched. */
  #waiting = false;
  #woken = false;
  #running: Promise<void> | undefined;
  #closed = false;

  /**
   * @param onError is told what a callback threw, and of a descriptor that was closed behind our back.
   * @throws {AgentError} where libc cannot be called.
   */
  constructor(onError: (error: unknown) => void) {
    this.#libc = libc();
    this.#onError = onError;
  }

  /**
   * Looks at a descriptor from now on. It must be non-blocking, or be read with MSG_DONTWAIT, and be
   * closed only after {@linkcode Watch.remove}.
   * @throws {AgentError} where the poller is closed, or the system has no descriptor left.
   */
  add(fd: number, ready: Ready, events: number = Sys.POLLIN): Watch {
    if (this.#closed) throw new AgentError("the poller is closed", ExitCode.Refused);
    if (this.#running === undefined) this.#start();
    const entry: Entry = { fd, events, ready, rest: 0, restsUntil: 0 };
    this.#entries.add(entry);
    this.#change();
    return {
      remove: () => {
        if (this.#entries.delete(entry)) this.#change();
      },
    };
  }

  /** Removes all descriptors. Done once nothing of ours runs on another thread any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
    this.#change();
    await this.#running;
  }

  #start(): void {
    const fd = this.#libc.eventfd(0, Sys.EFD_CLOEXEC | Sys.EFD_NONBLOCK);
    if (fd < 0) {
      throw new AgentError(`cannot make an eventfd: ${errnoName(-fd)}`, ExitCode.Refused);
    }
    this.#eventfd = fd;
    this.#woken = false;
    this.#running = this.#run();
  }

  /** Something about the entries is new: the waiting has to begin anew. */
  #change(): void {
    this.#changed = true;
    this.#pace.interrupt();
    if (!this.#waiting || this.#woken) return;
    this.#woken = true;
    this.#eight.fill(0);
    this.#eight[0] = 1;
    // It cannot fail: the counter is 0 or 1, the descriptor ours.
    this.#libc.write(this.#eventfd, this.#eight, EIGHT);
  }

  async #run(): Promise<void> {
    // Whoever adds the first descriptor often adds the next in the same turn.
    await undefined;
    let failures = 0;
    while (this.#entries.size > 0) {
      const timeout = this.#changed ? this.#writeTable() : NO_TIMEOUT;
      this.#waiting = true;
      const ready = await this.#libc.poll(this.#bytes, this.#count, timeout);
      this.#waiting = false;
      if (ready < 0) {
        // A signal (EINTR), or no memory; what it was cannot be known.
        if (++failures > 3) await this.#pace.sleep(Math.min(2 ** failures, LONGEST_REST));
        continue;
      }
      failures = 0;
      const more = this.#drain();
      const rest = this.#pace.afterDrain(performance.now());
      if (rest > 0 && !more && this.#entries.size > 0) await this.#pace.sleep(rest);
    }
    this.#libc.close(this.#eventfd);
    this.#eventfd = -1;
    this.#running = undefined;
  }

  /** Calls whoever is ready. Whether one of them has more to read. */
  #drain(): boolean {
    const table = this.#table;
    let more = false;
    if (table.getUint16(REVENTS, true) !== 0) {
      this.#libc.read(this.#eventfd, this.#eight, EIGHT);
      this.#woken = false;
    }
    const polled = this.#polled;
    for (let i = 0; i < polled.length; i++) {
      const events = table.getUint16((i + 1) * POLLFD + REVENTS, true);
      if (events === 0) continue;
      const entry = polled[i]!;
      // Removed while we waited, or by a callback just now.
      if (!this.#entries.has(entry)) continue;
      if (events & Sys.POLLNVAL) this.#forget(entry);
      let gave: boolean | "more" = false;
      try {
        gave = entry.ready(events);
      } catch (error) {
        this.#onError(error);
      }
      if (gave === false) this.#letRest(entry);
      else if (entry.rest > 0) entry.rest = 0;
      if (gave === "more") more = true;
    }
    return more;
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry);
    this.#changed = true;
    this.#onError(new Error(`descriptor ${entry.fd} was closed while it was polled`));
  }

  #letRest(entry: Entry): void {
    entry.rest = Math.min(Math.max(entry.rest * 2, SHORTEST_REST), LONGEST_REST);
    entry.restsUntil = performance.now() + entry.rest;
    this.#changed = true;
  }

  /** Writes what to wait for. How long to wait, in ms. */
  #writeTable(): number {
    const now = performance.now();
    const polled: Entry[] = [];
    let next = Infinity;
    for (const entry of this.#entries) {
      if (entry.restsUntil <= now) polled.push(entry);
      else next = Math.min(next, entry.restsUntil);
    }
    const length = (polled.length + 1) * POLLFD;
    if (this.#bytes.length < length) {
      this.#table = new DataView(new ArrayBuffer(length * 2));
      this.#bytes = new Uint8Array(this.#table.buffer);
    }
    this.#writeRow(0, this.#eventfd, Sys.POLLIN);
    for (const [i, { fd, events }] of polled.entries()) this.#writeRow(i + 1, fd, events);
    this.#count = BigInt(polled.length + 1);
    this.#polled = polled;
    // As long as one rests, the table is written anew each time.
    this.#changed = next < Infinity;
    return next < Infinity ? Math.max(1, Math.ceil(next - now)) : NO_TIMEOUT;
  }

  #writeRow(row: number, fd: number, events: number): void {
    this.#table.setInt32(row * POLLFD, fd, true);
    this.#table.setUint16(row * POLLFD + EVENTS, events, true);
    this.#table.setUint16(row * POLLFD + REVENTS, 0, true);
  }
}
