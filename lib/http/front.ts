/**
 * What stands before the server on TCP, because `Deno.serve` (Deno 2.9) waits for a request for ever and
 * takes any number of connections. The front takes few ({@linkcode Gate}), reads the head of the
 * request, and only then connects to the server, on a Unix socket that nobody else can open; from
 * there on it passes bytes.
 *
 * A connection has one request: the front asks the server to close behind the answer, so none waits
 * for a next one. It also numbers them, and the server tells when it has begun with one, and when the
 * answer is there.
 *
 * @module
 */
import { ExitCode, type Machine, messageOf, type Scheduler } from "../core/mod.ts";
import { setNoDelay, writeAll } from "../net/conn_write.ts";
import { type DropReason, Gate } from "./gate.ts";
import { MAX_HEAD, RequestHead } from "./request_head.ts";

/** Carries the number of the connection to the server. A client's own stands behind it. */
const NUMBER = "agent-connection";
/** Bytes that are passed on at once. */
const PIECE = 16_384;
/** Where a connection cannot be accepted (no more descriptors), it is tried again after this, in ms. */
const ACCEPT_PAUSE = 1_000;

/** What a {@linkcode Front} stands on. */
export interface FrontOptions {
  readonly listener: Deno.TcpListener;
  /** The Unix socket of the server. */
  readonly path: string;
  readonly scheduler: Pick<Scheduler, "add" | "remove" | "touch" | "now">;
  /** Told when the limits are met, in one line. */
  readonly onProblem: (message: string) => void;
}

interface Connection {
  readonly id: number;
  readonly conn: Deno.TcpConn;
  /** To the server. */
  inner?: Deno.UnixConn;
}

/** The front of one TCP port. */
export class Front implements Machine {
  /** Connections that were not taken, or went before their end, by why. */
  readonly dropped: Record<DropReason | "full", number> = {
    full: 0,
    oldest: 0,
    late: 0,
    stalled: 0,
    "left-open": 0,
  };
  readonly #options: FrontOptions;
  readonly #gate = new Gate({ drop: (id, why) => this.#drop(id, why) });
  readonly #connections = new Map<number, Connection>();
  readonly #working = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #last = 0;
  #closed = false;
  /** Ends the pause after a failed accept. */
  #resume: (() => void) | undefined;
  #resumeAt = Infinity;

  constructor(options: FrontOptions) {
    this.#options = options;
    options.scheduler.add(this);
    this.#accepting = this.#accept();
  }

  /** The port listened on. */
  get port(): number {
    return (this.#options.listener.addr as Deno.NetAddr).port;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#connections.size;
  }

  /** The connection of a request that came through here. */
  static numberOf(request: Request): number {
    return parseInt(request.headers.get(NUMBER) ?? "", 10);
  }

  /** The server has begun with the request of a connection. */
  served(id: number): void {
    this.#gate.served(id);
    this.#options.scheduler.touch();
  }

  /** The server has an answer. */
  answered(id: number): void {
    this.#gate.answered(this.#options.scheduler.now(), id);
    this.#options.scheduler.touch();
  }

  /** Takes no more. Answers that are on their way go on. */
  stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.listener.close();
    this.#resume?.();
    this.#gate.dropAsking();
  }

  /** Ends all that is open. */
  async close(): Promise<void> {
    this.stop();
    for (const connection of [...this.#connections.values()]) this.#end(connection);
    this.#options.scheduler.remove(this);
    await Promise.all([this.#accepting, ...this.#working]);
  }

  nextWake(): number {
    return Math.min(this.#gate.nextWake(), this.#resumeAt);
  }

  wake(now: number): void {
    this.#gate.wake(now);
    if (now >= this.#resumeAt) this.#resume?.();
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#take(await this.#options.listener.accept());
      } catch (error) {
        if (this.#closed) return;
        const why = messageOf(error);
        this.#options.onProblem(`connections to [http] listen cannot be taken (${why})`);
        await this.#pause();
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const { scheduler } = this.#options;
      this.#resumeAt = scheduler.now() + ACCEPT_PAUSE;
      this.#resume = () => {
        this.#resumeAt = Infinity;
        this.#resume = undefined;
        resolve();
      };
      scheduler.touch();
    });
  }

  #take(conn: Deno.TcpConn): void {
    if (this.#closed) return conn.close();
    const id = ++this.#last;
    if (this.#gate.enter(this.#options.scheduler.now(), id)) {
      const connection = { id, conn };
      this.#connections.set(id, connection);
      this.#options.scheduler.touch();
      this.#work(this.#pass(connection), () => this.#end(connection));
      return;
    }
    this.dropped.full++;
    const most = `${this.#gate.most} connections to [http] listen`;
    this.#options.onProblem(`${most} are being answered; another one was refused`);
    // It fits into the socket's buffer, so nobody can make us wait.
    this.#work(writeAll(conn, FULL), () => conn.close());
  }

  #work(work: Promise<void>, end: () => void): void {
    // Where it fails, one of both sides went away, or had to: nobody is left to be told.
    const working = work.catch(() => {}).finally(() => {
      end();
      this.#working.delete(working);
    });
    this.#working.add(working);
  }

  async #pass(connection: Connection): Promise<void> {
    const { conn, id } = connection;
    setNoDelay(conn);
    const head = await readHead(conn, `Connection: close\r\n${NUMBER}: ${id}\r\n`);
    if (head === "ended") return;
    if (head === "large") return await this.#tooLarge(connection);
    const inner = await Deno.connect({ transport: "unix", path: this.#options.path });
    if (!this.#connections.has(id)) return inner.close();
    connection.inner = inner;
    this.#gate.asked(this.#options.scheduler.now(), id);
    await writeAll(inner, head);
    await Promise.all([this.#up(conn, inner), this.#down(connection, inner)]);
  }

  async #tooLarge(connection: Connection): Promise<void> {
    await writeAll(connection.conn, TOO_LARGE);
    await this.#leave(connection);
    await this.#up(connection.conn);
  }

  /** The body of the request. Where the server takes no more of it, the rest goes nowhere. */
  async #up(conn: Deno.Conn, inner?: Deno.UnixConn): Promise<void> {
    const piece = new Uint8Array(PIECE);
    let taken = inner !== undefined;
    for (let count = await conn.read(piece); count !== null; count = await conn.read(piece)) {
      const bytes = piece.subarray(0, count);
      if (taken) taken = await writeAll(inner!, bytes).then(() => true, () => false);
    }
    // Refused where the server has closed already: then this side goes on with its answer.
    await inner?.closeWrite().catch(() => {});
  }

  async #down(connection: Connection, inner: Deno.UnixConn): Promise<void> {
    const { id, conn } = connection;
    const piece = new Uint8Array(PIECE);
    for (let count = await inner.read(piece); count !== null; count = await inner.read(piece)) {
      await writeAll(conn, piece.subarray(0, count));
      this.#gate.moved(this.#options.scheduler.now(), id);
    }
    await this.#leave(connection);
  }

  /** Closing with bytes of theirs unread would take the answer back; so the other side goes first. */
  async #leave({ id, conn }: Connection): Promise<void> {
    await conn.closeWrite();
    this.#gate.leaving(this.#options.scheduler.now(), id);
    this.#options.scheduler.touch();
  }

  #drop(id: number, why: DropReason): void {
    this.dropped[why]++;
    if (why === "oldest") {
      const most = `${this.#gate.most} connections to [http] listen`;
      this.#options.onProblem(`${most} are open; the oldest without a request was closed`);
    }
    const connection = this.#connections.get(id);
    if (connection !== undefined) this.#end(connection);
  }

  #end({ id, conn, inner }: Connection): void {
    if (!this.#connections.delete(id)) return;
    this.#gate.left(id);
    conn.close();
    inner?.close();
  }
}

/** The head of a request with lines put in, and what came with it. */
async function readHead(conn: Deno.Conn, lines: string): Promise<Uint8Array | "ended" | "large"> {
  const head = new RequestHead();
  for (let state = "more"; state !== "whole";) {
    const count = await conn.read(head.room);
    if (count === null) return "ended";
    state = head.feed(count);
    if (state === "large") return "large";
  }
  return head.withLines(lines);
}

/** An answer without the server, in the form of `errors.ts`. */
function answer(status: string, error: string, code: ExitCode): Uint8Array {
  const body = `${JSON.stringify({ error, code })}\n`;
  return new TextEncoder().encode(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
}

const FULL = answer(
  "503 Service Unavailable",
  "too many connections are open here; close one, or use the socket",
  ExitCode.Refused,
);

const TOO_LARGE = answer(
  "431 Request Header Fields Too Large",
  `the head of the request is above the limit of ${MAX_HEAD} bytes`,
  ExitCode.Refused,
);
