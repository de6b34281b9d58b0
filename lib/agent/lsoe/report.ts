/**
 * Northbound reports by HTTP POST (`spec/lsoe.md` §8.1): in order and one at a time for each peer on an
 * interface, tried again with growing pauses, and dropped when they are five seconds old. Sessions
 * with one peer that follow each other write to the same place of the receiver (`unique`), so the
 * goodbye of the one must not overtake the lists of the next.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { Report } from "../../lsoe/mod.ts";
import { atMost, sleep } from "../patience.ts";
import type { Problems } from "../problems.ts";

/** A report that was not taken by then is dropped, in ms. */
const TOO_OLD = 5_000;
/** Pauses between attempts, in ms: the first, and the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 1_600;
/** Reports that wait, of all sessions together. */
const MOST_WAITING = 1_024;
/** Requests at a time. */
const MOST_AT_ONCE = 8;
const PROBLEM = "lsoe:report";

/** What a {@linkcode Reporter} stands on. */
export interface ReporterOptions {
  readonly url: string;
  readonly problems: Problems;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Counts since the start. */
export interface ReportCounters {
  sent: number;
  retried: number;
  dropped: number;
}

interface Waiting {
  readonly body: string;
  readonly since: number;
}

/** Why an attempt failed, and whether another one may do better. */
interface Failure {
  readonly why: string;
  readonly again: boolean;
}

/** Sends reports to one URL. */
export class Reporter {
  readonly #options: ReporterOptions;
  /** By interface and peer. */
  readonly #queues = new Map<string, Waiting[]>();
  /** Peers whose turn it is not yet. */
  readonly #line: string[] = [];
  readonly #stop = new AbortController();
  #waiting = 0;
  #busy = 0;
  #client: Deno.HttpClient | undefined;
  #idle: (() => void) | undefined;
  #lastFailure = "it is too slow";
  readonly counters: ReportCounters = { sent: 0, retried: 0, dropped: 0 };

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Takes a report on its way. Returns at once. */
  report(report: Report): void {
    if (this.#stop.signal.aborted) return;
    if (this.#waiting >= MOST_WAITING) {
      this.#drop("too many reports wait");
      return;
    }
    const id = `${report.peer_macaddr} ${report.ifname}`;
    const waiting = { body: JSON.stringify(report), since: this.#options.now() };
    this.#waiting++;
    const queue = this.#queues.get(id);
    if (queue !== undefined) {
      queue.push(waiting);
      return;
    }
    this.#queues.set(id, [waiting]);
    this.#line.push(id);
    this.#next();
  }

  /** Sends what waits, for so many ms at the most, and then no more. */
  async close(patience: number): Promise<void> {
    if (this.#waiting > 0) {
      await atMost(patience, new Promise<void>((resolve) => this.#idle = resolve));
    }
    this.#stop.abort();
    this.#client?.close();
    this.#client = undefined;
  }

  #next(): void {
    while (this.#busy < MOST_AT_ONCE) {
      const id = this.#line.shift();
      if (id === undefined) return;
      this.#busy++;
      void this.#serve(id);
    }
  }

  /** All that waits of one peer, in order. */
  async #serve(id: string): Promise<void> {
    const queue = this.#queues.get(id) ?? [];
    for (;;) {
      const waiting = queue[0];
      if (waiting === undefined || this.#stop.signal.aborted) break;
      await this.#deliver(waiting);
      queue.shift();
      this.#waiting--;
    }
    this.#queues.delete(id);
    this.#busy--;
    if (this.#waiting === 0) this.#idle?.();
    this.#next();
  }

  async #deliver({ body, since }: Waiting): Promise<void> {
    const { now, problems } = this.#options;
    let pause = FIRST_PAUSE;
    for (let left = TOO_OLD - (now() - since); left > 0; left = TOO_OLD - (now() - since)) {
      const failure = await this.#attempt(body, left);
      if (this.#stop.signal.aborted) return;
      if (failure === undefined) {
        this.counters.sent++;
        problems.clear(PROBLEM);
        return;
      }
      this.#lastFailure = failure.why;
      if (!failure.again || now() - since + pause >= TOO_OLD) break;
      this.counters.retried++;
      await sleep(pause, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
    this.#drop(this.#lastFailure);
  }

  async #attempt(body: string, patience: number): Promise<Failure | undefined> {
    const { url } = this.#options;
    this.#client ??= Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        client: this.#client,
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(Math.max(1, patience))]),
      });
      await response.body?.cancel();
      const { status, ok } = response;
      if (ok) return undefined;
      return { why: `it answers ${status}`, again: status >= 500 || status === 429 };
    } catch (error) {
      return { why: reasonOf(error), again: true };
    }
  }

  #drop(why: string): void {
    this.counters.dropped++;
    this.#options.problems.note(
      PROBLEM,
      `LSOE reports to ${this.#options.url} are lost: ${why}; look there, or change` +
        " report-rfc7752-url in [lsoe]",
    );
  }
}

/** The innermost cause in one line; fetch wraps it several times. */
function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return "no answer within 5 s";
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) {
    innermost = innermost.cause;
  }
  return messageOf(innermost).replace(/\s+/g, " ").slice(0, 160);
}
