/**
 * A stream over TCP as it is, for protocols that have their own idea of who is at the other end. It
 * looks like a {@linkcode SecureStream}, so that who carries bytes need not care.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { formatHostPort, type HostPort, plainAddress } from "./address.ts";
import { setNoDelay } from "./conn_reader.ts";
import { listenTcp } from "./listen_tcp.ts";
import { newStreamCounters } from "./stream_counters.ts";
import { STALL_MS, TcpStream } from "./tcp_stream.ts";

/** Wait before the next accept after one that failed, in ms. */
const ACCEPT_PAUSE = 200;

/** TCP without anything around it. */
export class PlainStream extends TcpStream {
  constructor(conn: Deno.TcpConn, remote: string) {
    // Who writes to one counts what waits, and has a limit of its own.
    super({ conn, remote, counters: newStreamCounters(), stallMs: STALL_MS, hardCap: Infinity });
    setNoDelay(conn);
  }

  protected override outgoing(bytes: Uint8Array): Uint8Array {
    return bytes;
  }

  protected override incoming(bytes: Uint8Array): void {
    this.hand(bytes);
  }
}

/**
 * Opens a stream.
 * @throws {AgentError} with exit code 3 where there is none in time.
 */
export async function dialPlain(
  { host, port }: HostPort,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PlainStream> {
  const address = formatHostPort(host, port);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const conn = await Deno.connect({ hostname: host, port, signal: deadline });
    return new PlainStream(conn, address);
  } catch (cause) {
    const why = deadline.aborted ? `no answer within ${timeoutMs} ms` : messageOf(cause);
    throw new AgentError(
      `cannot reach ${address}: ${why}; check the address`,
      ExitCode.Unreachable,
      { cause },
    );
  }
}

/** Takes connections on a TCP port. */
export class PlainListener {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<PlainStream>();
  readonly #accepting: Promise<void>;
  #closed = false;

  /**
   * `most`: connections at a time; further ones are closed at once.
   * @throws {AgentError} with exit code 4 where the port cannot be had.
   */
  constructor(
    { host, port }: HostPort,
    most: number,
    onStream: (stream: PlainStream) => void,
    onProblem: (message: string) => void,
  ) {
    this.#listener = listenTcp(host, port);
    this.#accepting = this.#accept(most, onStream, onProblem);
  }

  /** The port listened on. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Stops listening. Open streams stay with their owner, who is to call `gone`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    await this.#accepting;
  }

  /** A stream that was taken here has closed. */
  gone(stream: PlainStream): void {
    this.#open.delete(stream);
  }

  async #accept(
    most: number,
    onStream: (stream: PlainStream) => void,
    onProblem: (message: string) => void,
  ): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        if (this.#open.size >= most) {
          conn.close();
          continue;
        }
        const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
        const stream = new PlainStream(conn, formatHostPort(plainAddress(hostname), port));
        this.#open.add(stream);
        onStream(stream);
      } catch (error) {
        if (this.#closed) return;
        onProblem(`port ${this.port}: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
  }
}
