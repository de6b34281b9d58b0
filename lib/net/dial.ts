/**
 * Opens a stream to a node: TCP, preface, Noise handshake, in one round trip after the connect.
 *
 * A link-local address is dialled as `fe80::1%eth0`: the runtime's connect resolves the scope.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { concat, WireError } from "../wire/bytes.ts";
import type { StreamKey } from "../wire/key.ts";
import { HANDSHAKE_OVERHEAD, NoiseHandshake } from "../wire/noise.ts";
import {
  decodePrefaceReply,
  encodeFrame,
  encodePreface,
  type InviteState,
  type PrefaceReply,
  type Purpose,
} from "../wire/preface.ts";
import { formatHostPort } from "./address.ts";
import { ConnReader, EndOfStream, setNoDelay, writeAll } from "./conn_reader.ts";
import { SecureStream } from "./secure_stream.ts";
import { newStreamCounters, type StreamCounters } from "./stream_counters.ts";
import { STALL_MS } from "./tcp_stream.ts";

/** What {@linkcode dialSecure} wants to know. */
export interface DialOptions {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Not empty. With purpose "join": the key of the invitation, alone. */
  readonly keys: readonly StreamKey[];
  /** The key to try first. Default: 0. */
  readonly keyIndex?: number;
  readonly purpose: Purpose;
  /**
   * Goes with the handshake, and saves a round trip. Encrypted, but whoever recorded it can send
   * it again: put questions into it, never orders.
   */
  readonly firstPayload?: Uint8Array;
  /** For all together, in milliseconds. Default: 5000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Default: counters of its own. */
  readonly counters?: StreamCounters;
  /** See {@linkcode STALL_MS}. */
  readonly stallMs?: number;
}

const DIAL_MS = 5_000;
const NOTHING = new Uint8Array(0);

/** The node that was dialled holds other keys than we do. */
export class WrongKeyError extends AgentError {
  /** `HOST:PORT`. */
  readonly address: string;
  /** The ids of its keys, as it says, newest first. */
  readonly theirs: readonly string[];

  constructor(address: string, theirs: readonly string[], ours: readonly string[]) {
    super(
      `${address} answers, but with another key (theirs ${theirs.join(", ") || "unknown"}, ` +
        `ours ${ours.join(", ")}); copy that network's key file here or use --key-file`,
      ExitCode.Refused,
    );
    this.address = address;
    this.theirs = theirs;
  }
}

/** The node that was dialled does not take the invitation. Exit code 4. */
export class InvitationError extends AgentError {
  readonly why: InviteState;

  constructor(address: string, why: InviteState) {
    const told = {
      unknown: "does not know this code; it may be from another node, or from before a restart",
      used: "says that this code has been used already",
      expired: "says that the time of this code is over",
      withdrawn: "says that this code is no longer valid",
    }[why];
    super(`${address} ${told}; ask there for a new one: agent invite`, ExitCode.Refused);
    this.why = why;
  }
}

/**
 * Opens a stream. If the other side does not know the key, but holds another one of ours, that is
 * tried next, once.
 *
 * @throws {WrongKeyError} (exit code 4) where no key is shared.
 * @throws {AgentError} with exit code 3 where there is no stream for another reason.
 */
export async function dialSecure(options: DialOptions): Promise<SecureStream> {
  const counters = options.counters ?? newStreamCounters();
  const deadline = new Deadline(options.timeoutMs ?? DIAL_MS, options.signal);
  try {
    const stream = await dialWithKeys(options, counters, deadline);
    counters.dialled++;
    return stream;
  } catch (error) {
    counters.dialsFailed++;
    if (error instanceof WrongKeyError) counters.wrongKey++;
    throw error;
  }
}

async function dialWithKeys(
  options: DialOptions,
  counters: StreamCounters,
  deadline: Deadline,
): Promise<SecureStream> {
  const { keys } = options;
  const first = options.keyIndex ?? 0;
  const outcome = await dialOnce(options, first, counters, deadline);
  if (outcome instanceof SecureStream) return outcome;
  const address = formatHostPort(options.host, options.port);
  const second = keys.findIndex((key, i) => i !== first && outcome.includes(key.id));
  if (second >= 0) {
    const again = await dialOnce(options, second, counters, deadline);
    if (again instanceof SecureStream) return again;
  }
  throw new WrongKeyError(address, outcome, keys.map((key) => key.id));
}

/** A stream with this key, or the ids of the keys that the other side holds instead. */
async function dialOnce(
  options: DialOptions,
  keyIndex: number,
  counters: StreamCounters,
  deadline: Deadline,
): Promise<SecureStream | readonly string[]> {
  const { host, port, purpose } = options;
  const address = formatHostPort(host, port);
  const key = options.keys[keyIndex];
  if (!key) throw new RangeError(`no key number ${keyIndex}`);

  let conn: Deno.TcpConn;
  try {
    conn = await deadline.race(Deno.connect({ hostname: host, port, signal: deadline.signal }));
  } catch (error) {
    throw connectError(error, address, deadline);
  }
  const abort = () => close(conn);
  deadline.signal.addEventListener("abort", abort);
  try {
    setNoDelay(conn);
    const prologue = encodePreface(purpose, key.idBytes);
    const noise = new NoiseHandshake({ role: "initiator", psk: key.streamPsk, prologue });
    const hello = await noise.writeMessage(options.firstPayload ?? NOTHING);
    await writeAll(conn, concat([prologue, encodeFrame(hello)]));

    const reader = new ConnReader(conn);
    const reply = await readReply(reader);
    if (reply.status === "unknown-key") {
      close(conn);
      return reply.keyIds;
    }
    if (reply.status === "no-invitation") throw new InvitationError(address, reply.why);
    if (reply.status !== "go-on") throw refusal(reply.status, address);
    const firstPayload = await noise.readMessage(await reader.takeFrame(HANDSHAKE_OVERHEAD));
    if (deadline.signal.aborted) throw new EndOfStream("too late");
    return new SecureStream({
      conn,
      session: noise.finish(),
      rest: reader.rest(),
      purpose,
      dialled: true,
      remote: address,
      keyIndex,
      keyId: key.id,
      firstPayload,
      counters,
      stallMs: options.stallMs ?? STALL_MS,
    });
  } catch (error) {
    close(conn);
    throw handshakeError(error, address, deadline);
  } finally {
    deadline.signal.removeEventListener("abort", abort);
  }
}

async function readReply(reader: ConnReader): Promise<PrefaceReply> {
  for (;;) {
    const decoded = decodePrefaceReply(reader.held);
    if (decoded) {
      await reader.take(decoded.length);
      return decoded.reply;
    }
    await reader.more();
  }
}

/**
 * One limit for connect and handshake together. By `AbortSignal.timeout`, because the first use of
 * `setTimeout` costs a short-lived command 3 ms.
 */
class Deadline {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly #timeout: AbortSignal;

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.timeoutMs = timeoutMs;
    this.#timeout = AbortSignal.timeout(timeoutMs);
    this.signal = outer ? AbortSignal.any([this.#timeout, outer]) : this.#timeout;
  }

  get timedOut(): boolean {
    return this.#timeout.aborted;
  }

  /** The connection, or a rejection once time is up, also while the name is still being resolved. */
  race(connecting: Promise<Deno.TcpConn>): Promise<Deno.TcpConn> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(new Error("aborted"));
      if (this.signal.aborted) abort();
      this.signal.addEventListener("abort", abort, { once: true });
      connecting.then((conn) => {
        this.signal.removeEventListener("abort", abort);
        if (this.signal.aborted) close(conn);
        resolve(conn);
      }, (error) => {
        this.signal.removeEventListener("abort", abort);
        reject(error);
      });
    });
  }
}

function unreachable(message: string, cause: unknown): AgentError {
  return new AgentError(message, ExitCode.Unreachable, { cause });
}

/** Why there is no stream although nobody was at fault: time, or the caller, ended it. */
function ended(address: string, deadline: Deadline, cause: unknown): AgentError | undefined {
  if (deadline.timedOut) {
    return unreachable(
      `${address} did not answer within ${deadline.timeoutMs} ms; ` +
        "is that computer on, and its TCP port open in the firewall?",
      cause,
    );
  }
  if (deadline.signal.aborted) return unreachable(`dialling ${address} was given up`, cause);
  return undefined;
}

function connectError(error: unknown, address: string, deadline: Deadline): AgentError {
  const over = ended(address, deadline, error);
  if (over) return over;
  const message = messageOf(error);
  if (error instanceof Deno.errors.ConnectionRefused) {
    return unreachable(`nothing listens at ${address}; is the agent running there?`, error);
  }
  if (error instanceof Deno.errors.TimedOut) {
    return unreachable(`${address} does not answer; is that computer on?`, error);
  }
  if (message.includes("failed to lookup address")) {
    return unreachable(`no computer is called ${address}; check the name or use its IP`, error);
  }
  if (error instanceof TypeError && message.includes("Invalid argument")) {
    return unreachable(
      `${address} cannot be dialled; a link-local address needs its interface, like fe80::1%eth0`,
      error,
    );
  }
  return unreachable(`cannot reach ${address}: ${message}; check the network`, error);
}

function refusal(status: "busy" | "unknown-version", address: string): AgentError {
  return unreachable(
    status === "busy"
      ? `${address} has no room for another stream; try later, or another node`
      : `the agent at ${address} does not speak our version; bring both to the same version`,
    undefined,
  );
}

function handshakeError(error: unknown, address: string, deadline: Deadline): AgentError {
  if (error instanceof AgentError) return error;
  const over = ended(address, deadline, error);
  if (over) return over;
  if (error instanceof WireError) {
    return unreachable(
      `what answers at ${address} is no agent of this network (${error.message}); ` +
        "check the address",
      error,
    );
  }
  return unreachable(
    `${address} broke off the handshake (${messageOf(error)}); check that an agent runs there`,
    error,
  );
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
