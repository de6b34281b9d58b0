/**
 * Takes streams from others. Whoever does not hold the network key costs little: few connections
 * are in their handshake at once, each for a short time, and the oldest makes room for the newest.
 * Who plays back a recorded handshake gets a stream, but can say nothing on it: there are few of
 * those, too.
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import { concat, equalBytes, toHex, WireError } from "../wire/bytes.ts";
import type { NetworkKey, StreamKey } from "../wire/key.ts";
import { HANDSHAKE_OVERHEAD, NoiseHandshake } from "../wire/noise.ts";
import {
  decodePreface,
  encodeFrame,
  encodeNoInvitation,
  encodePrefaceReply,
  encodeUnknownKey,
  type InviteState,
  type Preface,
  PREFACE_BYTES,
  type Purpose,
} from "../wire/preface.ts";
import { formatHostPort, plainAddress } from "./address.ts";
import { Complaints } from "./complaints.ts";
import { ConnReader, EndOfStream, setNoDelay, writeAll } from "./conn_reader.ts";
import { tellAndLinger } from "./linger.ts";
import { listenTcp } from "./listen_tcp.ts";
import { SecureStream } from "./secure_stream.ts";
import { SilentStreams } from "./silent_streams.ts";
import { newStreamCounters, type StreamCounters } from "./stream_counters.ts";
import { STALL_MS } from "./tcp_stream.ts";

/** What a connection did that led to no stream. */
export type ListenerProblem =
  | "wrong-key"
  | "no-invitation"
  | "not-an-agent"
  | "bad-handshake"
  | "handshake-timeout"
  | "half-open-dropped"
  | "busy"
  | "accept-failed"
  | "answer-failed";

/** Who knows the invitations that are out (docs/join.md). */
export interface Invitations {
  /** The key of the invitation with this id, 8 hexadecimal digits, or why it cannot be used now. */
  find(id: string): StreamKey | InviteState;
  /** Somebody named the invitation and did not hold its secret. */
  wrongProof(id: string, remote: string): void;
}

/** What {@linkcode SecureListener.listen} wants to know. */
export interface ListenOptions {
  /** An address of this computer; `::` for all, of IPv4 too. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Newest first. Not empty. */
  readonly keys: readonly NetworkKey[];
  /** Streams at once. More holders of the key are told that there is no room. */
  readonly maxStreams: number;
  /** Connections in their handshake at once. Default: 64. */
  readonly maxHalfOpen?: number;
  /** Streams at once on which the other side has said nothing yet. Default: 128. */
  readonly maxSilent?: number;
  /** How long a handshake may take, in milliseconds. Default: 5000. */
  readonly handshakeTimeoutMs?: number;
  /** See {@linkcode STALL_MS}. */
  readonly stallMs?: number;
  /** Default: counters of its own. */
  readonly counters?: StreamCounters;
  /**
   * Answers what came with the handshake; the answer goes with ours. What came may be a recording
   * of an earlier one: answer questions, obey no orders. Throwing closes the connection.
   */
  readonly onFirst?: (
    firstPayload: Uint8Array,
    purpose: Purpose,
    remote: string,
  ) => Uint8Array | Promise<Uint8Array>;
  /** A stream is open. It reads once `onData` was called. */
  readonly onStream: (stream: SecureStream) => void;
  /** Without them, streams of purpose "join" are refused. */
  readonly invitations?: Invitations;
  /** For people; not more than one a minute of each kind. `remote`: `HOST:PORT`, or our own. */
  readonly onProblem: (kind: ListenerProblem, remote: string, message: string) => void;
}

const MAX_HALF_OPEN = 64;
const HANDSHAKE_MS = 5_000;
/** Wait before the next accept after one that failed: the reason will not be gone at once. */
const ACCEPT_PAUSE_MS = 200;
/** How long a refused client is given to close, in milliseconds. */
const LINGER_MS = 1_000;
const NOTHING = new Uint8Array(0);

/** A connection that is no stream yet. */
interface HalfOpen {
  readonly conn: Deno.TcpConn;
  readonly remote: string;
  timer: ReturnType<typeof setTimeout> | undefined;
  closed: boolean;
}

/** Ends a handshake that led to no stream, in an expected way. */
class Refused extends Error {
  readonly kind: ListenerProblem;
  /** What the client is told before the connection closes. */
  readonly answer: Uint8Array | undefined;

  constructor(kind: ListenerProblem, message: string, answer?: Uint8Array) {
    super(message);
    this.kind = kind;
    this.answer = answer;
  }
}

/** Listens on one TCP port. */
export class SecureListener {
  readonly counters: StreamCounters;
  readonly #listener: Deno.TcpListener;
  readonly #options: ListenOptions;
  readonly #complaints: Complaints<ListenerProblem>;
  #keys: readonly NetworkKey[];
  /** The oldest first. */
  readonly #halfOpen = new Set<HalfOpen>();
  readonly #silent: SilentStreams;
  readonly #working = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #streams = 0;
  #closed = false;
  #endPause: (() => void) | undefined;

  /**
   * Begins to listen.
   * @throws {AgentError} with exit code 4 where the port cannot be had.
   */
  static listen(options: ListenOptions): SecureListener {
    return new SecureListener(options, listenTcp(options.host, options.port));
  }

  private constructor(options: ListenOptions, listener: Deno.TcpListener) {
    this.#options = options;
    this.#listener = listener;
    this.#keys = options.keys;
    this.counters = options.counters ?? newStreamCounters();
    this.#complaints = new Complaints(options.onProblem);
    this.#silent = new SilentStreams(options.maxSilent, ({ remote }, why) => {
      this.counters.silentDropped++;
      this.#complaints.about("half-open-dropped", remote, why);
    });
    this.#accepting = this.#accept();
  }

  /** The port listened on. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Connections in their handshake now. */
  get halfOpen(): number {
    return this.#halfOpen.size;
  }

  /** Streams taken here that are open now. */
  get streams(): number {
    return this.#streams;
  }

  /** Other keys for the handshakes to come (rotation). Open streams stay. */
  updateKeys(keys: readonly NetworkKey[]): void {
    this.#keys = keys;
  }

  /** Stops listening and drops handshakes. Open streams stay with their owner. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener.close();
      this.#endPause?.();
      for (const half of [...this.#halfOpen]) this.#drop(half);
    }
    await Promise.all([this.#accepting, ...this.#working]);
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        this.counters.acceptFailures++;
        this.#complaints.about("accept-failed", `port ${this.port}`, messageOf(error));
        await this.#pause();
        continue;
      }
      if (this.#closed) conn.close();
      else this.#take(conn);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACCEPT_PAUSE_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(conn: Deno.TcpConn): void {
    const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
    const remote = formatHostPort(plainAddress(hostname), port);
    const half: HalfOpen = { conn, remote, timer: undefined, closed: false };
    const limit = this.#options.maxHalfOpen ?? MAX_HALF_OPEN;
    for (const oldest of this.#halfOpen) {
      if (this.#halfOpen.size < limit) break;
      this.counters.halfOpenDropped++;
      this.#complaints.about(
        "half-open-dropped",
        oldest.remote,
        `${limit} connections are in their handshake at once; the oldest was closed`,
      );
      this.#drop(oldest);
    }
    const { handshakeTimeoutMs = HANDSHAKE_MS } = this.#options;
    half.timer = setTimeout(() => {
      this.counters.handshakeTimeouts++;
      this.#complaints.about("handshake-timeout", remote, "connected, but said too little in time");
      this.#drop(half);
    }, handshakeTimeoutMs);
    this.#halfOpen.add(half);
    const work = this.#handshake(half).finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  /** Forgets a half-open connection, and closes it unless it became a stream. */
  #drop(half: HalfOpen, keep = false): void {
    this.#halfOpen.delete(half);
    clearTimeout(half.timer);
    if (half.closed || keep) return;
    half.closed = true;
    try {
      half.conn.close();
    } catch {
      // The runtime has closed it already, after an error.
    }
  }

  /** Leads to a stream, or tells why not. Never rejects. */
  async #handshake(half: HalfOpen): Promise<void> {
    const { conn, remote } = half;
    try {
      setNoDelay(conn);
      const stream = await this.#shake(half);
      this.#drop(half, true);
      this.counters.accepted++;
      this.#hand(stream);
    } catch (error) {
      if (half.closed) return;
      if (error instanceof Refused) {
        this.#count(error.kind);
        this.#complaints.about(error.kind, remote, error.message);
        if (error.answer) {
          clearTimeout(half.timer);
          half.timer = setTimeout(() => this.#drop(half), LINGER_MS);
          await tellAndLinger(conn, error.answer);
        }
      } else if (error instanceof EndOfStream || isConnectionError(error)) {
        this.counters.brokenOff++;
      } else {
        this.#complaints.about("answer-failed", remote, messageOf(error));
      }
    } finally {
      if (this.#halfOpen.has(half)) this.#drop(half);
    }
  }

  #hand(stream: SecureStream): void {
    try {
      this.#options.onStream(stream);
    } catch (error) {
      this.#complaints.about("answer-failed", stream.remote, messageOf(error));
      stream.close(messageOf(error));
    }
  }

  async #shake(half: HalfOpen): Promise<SecureStream> {
    const { conn, remote } = half;
    const { onFirst, stallMs = STALL_MS } = this.#options;
    const reader = new ConnReader(conn);
    // A rotation may come while we wait for bytes.
    const keys = this.#keys;
    const prologue = await reader.take(PREFACE_BYTES);
    const { purpose, keyId } = readPreface(prologue);
    const invited = purpose === "join" ? this.#invitation(keyId) : undefined;
    if (!invited) checkKnown(keyId, keys);
    let hello: Uint8Array;
    try {
      hello = await reader.takeFrame(HANDSHAKE_OVERHEAD);
    } catch (error) {
      if (error instanceof WireError) throw new Refused("bad-handshake", error.message);
      throw error;
    }
    const candidates = invited ? [invited] : keys;
    const answered = await readHello(hello, prologue, keyId, candidates);
    if (!answered) {
      if (!invited) throw new Refused("bad-handshake", "named our key, but does not hold it");
      this.#options.invitations?.wrongProof(invited.id, remote);
      throw new Refused("bad-handshake", "named an invitation, but does not hold its code");
    }
    const { noise, firstPayload, keyIndex } = answered;
    if (this.#streams >= this.#options.maxStreams) {
      throw new Refused(
        "busy",
        `all ${this.#options.maxStreams} streams are taken`,
        encodePrefaceReply("busy"),
      );
    }
    this.#streams++;
    let stream: SecureStream | undefined;
    try {
      const answer = await onFirst?.(firstPayload, purpose, remote) ?? NOTHING;
      const message = encodeFrame(await noise.writeMessage(answer));
      await writeAll(conn, concat([encodePrefaceReply("go-on"), message]));
      if (half.closed) throw new EndOfStream("too late");
      stream = new SecureStream({
        conn,
        session: noise.finish(),
        rest: reader.rest(),
        purpose,
        dialled: false,
        remote,
        keyIndex,
        keyId: toHex(keyId),
        ...(invited && { invitation: invited.id }),
        firstPayload,
        counters: this.counters,
        stallMs,
        onProven: () => stream && this.#silent.delete(stream),
        onGone: () => {
          this.#streams--;
          if (stream) this.#silent.delete(stream);
        },
      });
      this.#silent.add(stream);
      return stream;
    } finally {
      if (!stream) this.#streams--;
    }
  }

  #invitation(keyId: Uint8Array): StreamKey {
    const found = this.#options.invitations?.find(toHex(keyId)) ?? "unknown";
    if (typeof found !== "string") return found;
    throw new Refused(
      "no-invitation",
      {
        unknown: "tried to join with a code that this node did not give out",
        used: "tried to join with a code that has been used already",
        expired: "tried to join with a code whose time is over",
        withdrawn: "tried to join with a code that is no longer valid",
      }[found],
      encodeNoInvitation(found),
    );
  }

  #count(kind: ListenerProblem): void {
    const { counters } = this;
    if (kind === "wrong-key") counters.wrongKey++;
    if (kind === "not-an-agent") counters.notAnAgent++;
    if (kind === "bad-handshake") counters.badHandshakes++;
    if (kind === "busy") counters.busy++;
  }
}

/** Purpose and key of a client. */
function readPreface(bytes: Uint8Array): { purpose: Purpose; keyId: Uint8Array } {
  let preface: Preface;
  try {
    preface = decodePreface(bytes);
  } catch (error) {
    throw new Refused("not-an-agent", `connected, but is no agent (${messageOf(error)})`);
  }
  if (preface.kind === "unknown-version") {
    throw new Refused(
      "not-an-agent",
      `speaks version ${preface.version} of the protocol, which this agent does not know`,
      encodePrefaceReply("unknown-version"),
    );
  }
  return preface;
}

function checkKnown(keyId: Uint8Array, keys: readonly NetworkKey[]): void {
  if (keys.some((key) => equalBytes(key.idBytes, keyId))) return;
  throw new Refused(
    "wrong-key",
    `has another key (${toHex(keyId)}, ours ${keys.map((key) => key.id).join(", ")})`,
    encodeUnknownKey(keys.map((key) => key.idBytes)),
  );
}

/**
 * The handshake after its first message. Keys may share an id, so each that has it is tried.
 * `undefined`: the other side holds none of them.
 */
async function readHello(
  hello: Uint8Array,
  prologue: Uint8Array,
  keyId: Uint8Array,
  keys: readonly StreamKey[],
) {
  for (const [keyIndex, key] of keys.entries()) {
    if (!equalBytes(key.idBytes, keyId)) continue;
    const noise = new NoiseHandshake({ role: "responder", psk: key.streamPsk, prologue });
    try {
      return { noise, firstPayload: await noise.readMessage(hello), keyIndex };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  return undefined;
}

/** The connection broke, as connections do. */
function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}
