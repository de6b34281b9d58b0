/**
 * The client end of the local API: HTTP/1.0 over the Unix socket, by hand. `fetch` with a client of
 * its own takes 5 ms longer to start, of a command that takes 14. HTTP/1.0, because its answers end
 * with the connection and need no chunk decoder; streams are read as they come.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";

/** The agent is not running: commands that can do without it catch this. */
export class NotRunning extends AgentError {}

/** An answer that is no error. */
export interface Answer {
  readonly body: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A whole answer is waited for this long, in ms. */
const PATIENCE = 10_000;
/** Status and headers of an answer end within so many bytes. */
const MAX_HEAD = 65_536;

const encoder = new TextEncoder();

/** Asks the first socket at which an agent answers. */
export class Client {
  readonly #sockets: readonly string[];
  readonly #patience: number;

  /** `patience`: how long a whole answer is waited for, in ms; streams come when they come. */
  constructor(sockets: readonly string[], patience = PATIENCE) {
    this.#sockets = sockets;
    this.#patience = patience;
  }

  /** One request, one answer. Throws AgentError, with the exit code that the agent told. */
  async request(method: string, path: string, body?: string): Promise<Answer> {
    const { connection, socket } = await this.#connect();
    // Not setTimeout: its first use costs 3 ms, this a tenth of that.
    const deadline = AbortSignal.timeout(this.#patience);
    const close = () => connection.close();
    deadline.addEventListener("abort", close);
    try {
      await send(connection, method, path, body);
      const { status, headers, rest } = await readHead(connection);
      const decoder = new TextDecoder();
      let text = decoder.decode(rest, { stream: true });
      let length = rest.length;
      for await (const part of read(connection)) {
        text += decoder.decode(part, { stream: true });
        length += part.length;
      }
      if (length !== Number(headers.get("content-length") ?? length)) throw brokenOff(socket);
      if (status >= 400) throw refusal(text, socket);
      return { body: text, headers };
    } catch (cause) {
      if (deadline.aborted) {
        throw new AgentError(
          `the agent on ${socket} does not answer; look at its log, or restart it`,
          ExitCode.Unreachable,
          { cause },
        );
      }
      throw connectionError(cause, socket);
    } finally {
      deadline.removeEventListener("abort", close);
      if (!deadline.aborted) connection.close();
    }
  }

  /** The lines of an answer that stays open. Ends when the agent ends it, or `stop` is aborted. */
  async *lines(
    method: string,
    path: string,
    stop: AbortSignal,
    body?: string,
  ): AsyncGenerator<string, void> {
    const { connection, socket } = await this.#connect();
    const close = () => connection.close();
    stop.addEventListener("abort", close, { once: true });
    try {
      if (stop.aborted) return;
      await send(connection, method, path, body);
      const { status, rest } = await readHead(connection);
      const decoder = new TextDecoder();
      let text = decoder.decode(rest, { stream: true });
      if (status >= 400) {
        for await (const part of read(connection)) text += decoder.decode(part, { stream: true });
        throw refusal(text, socket);
      }
      for (;;) {
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        yield* lines;
        const part = await readPart(connection);
        if (part === null) return;
        text += decoder.decode(part, { stream: true });
      }
    } catch (cause) {
      if (!stop.aborted) throw connectionError(cause, socket);
    } finally {
      stop.removeEventListener("abort", close);
      if (!stop.aborted) connection.close();
    }
  }

  async #connect(): Promise<{ connection: Deno.UnixConn; socket: string }> {
    for (const socket of this.#sockets) {
      try {
        return { connection: await Deno.connect({ transport: "unix", path: socket }), socket };
      } catch (cause) {
        if (cause instanceof Deno.errors.PermissionDenied) {
          throw new AgentError(
            `no permission for ${socket}; use sudo, or join the group that owns it`,
            ExitCode.Refused,
            { cause },
          );
        }
        if (
          !(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory ||
            cause instanceof Deno.errors.ConnectionRefused)
        ) {
          throw new AgentError(
            `cannot connect to ${socket}: ${messageOf(cause)}`,
            ExitCode.Unreachable,
            { cause },
          );
        }
      }
    }
    throw new NotRunning(
      `no agent answers on ${this.#sockets[0]}; start it with: agent run`,
      ExitCode.Unreachable,
    );
  }
}

async function send(
  connection: Deno.UnixConn,
  method: string,
  path: string,
  body: string | undefined,
): Promise<void> {
  const bytes = encoder.encode(body ?? "");
  const length = body === undefined ? "" : `Content-Length: ${bytes.length}\r\n`;
  const head = encoder.encode(`${method} ${path} HTTP/1.0\r\nHost: localhost\r\n${length}\r\n`);
  const message = new Uint8Array(head.length + bytes.length);
  message.set(head);
  message.set(bytes, head.length);
  for (let at = 0; at < message.length;) at += await connection.write(message.subarray(at));
}

/** Status, headers, and those bytes of the body that came with them. */
async function readHead(connection: Deno.UnixConn) {
  let bytes = new Uint8Array(0);
  for (;;) {
    const part = await readPart(connection);
    if (part === null || bytes.length > MAX_HEAD) throw new Deno.errors.UnexpectedEof("no answer");
    const more = new Uint8Array(bytes.length + part.length);
    more.set(bytes);
    more.set(part, bytes.length);
    bytes = more;
    const end = endOfHead(bytes);
    if (end < 0) continue;
    const [first = "", ...fields] = decode(bytes.subarray(0, end)).split("\r\n");
    const headers = new Map(fields.map((field) => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
    }));
    return { status: Number(first.split(" ")[1]), headers, rest: bytes.subarray(end + 4) };
  }
}

/** Where the empty line begins that ends the head, or -1. */
function endOfHead(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(0x0d); at >= 0; at = bytes.indexOf(0x0d, at + 1)) {
    if (bytes[at + 1] === 0x0a && bytes[at + 2] === 0x0d && bytes[at + 3] === 0x0a) return at;
  }
  return -1;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function readPart(connection: Deno.UnixConn): Promise<Uint8Array | null> {
  const buffer = new Uint8Array(16_384);
  const n = await connection.read(buffer);
  return n === null ? null : buffer.subarray(0, n);
}

async function* read(connection: Deno.UnixConn): AsyncGenerator<Uint8Array, void> {
  for (let part = await readPart(connection); part !== null; part = await readPart(connection)) {
    yield part;
  }
}

const EXIT_CODES: readonly number[] = Object.values(ExitCode);

/** The error that the agent told as JSON. */
function refusal(text: string, socket: string): Error {
  try {
    const { error, code } = JSON.parse(text) as { error: unknown; code: unknown };
    if (typeof error === "string" && typeof code === "number") {
      return EXIT_CODES.includes(code) ? new AgentError(error, code as ExitCode) : new Error(error);
    }
  } catch {
    // Not from an agent: said below.
  }
  return new AgentError(`what answers on ${socket} is no agent`, ExitCode.Unreachable);
}

function brokenOff(socket: string): AgentError {
  return new AgentError(
    `the agent on ${socket} went away while it answered; try again`,
    ExitCode.Unreachable,
  );
}

function connectionError(cause: unknown, socket: string): unknown {
  const broken = cause instanceof Deno.errors.ConnectionReset ||
    cause instanceof Deno.errors.BrokenPipe || cause instanceof Deno.errors.UnexpectedEof ||
    cause instanceof Deno.errors.BadResource || cause instanceof Deno.errors.Interrupted;
  return broken ? brokenOff(socket) : cause;
}
