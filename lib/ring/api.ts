/**
 * What surrounds the machines of the ring: what they are told, and what they hand out.
 *
 * @module
 */

/** A connection, in either direction. Counts up, never used again. */
export type ConnectionId = number;

/** The other end of a connection that was accepted. */
export interface Remote {
  /** An IP address, without brackets. */
  readonly address: string;
  readonly port: number;
}

/** The three logs (§5). `ring`: messages and nothing else. */
export type LogName = "access" | "error" | "ring";

/** What the machines do. Calls must not call back into the machine. */
export interface RingOutput {
  /**
   * Open a connection to this member. `connected` or `ended` answers, unless it is closed before.
   */
  dial(connection: ConnectionId, member: number): void;
  /** In order, as far as the other end reads. The bytes are not used again. */
  write(connection: ConnectionId, bytes: Uint8Array): void;
  /** Close it once all is written; nothing that comes from it is of interest any more. */
  close(connection: ConnectionId): void;
  /** Take nothing from this connection for now; or go on. */
  pause(connection: ConnectionId, paused: boolean): void;
  /** Lines without time and ending. They are views, good until the call returns. */
  log(log: LogName, lines: readonly Uint8Array[]): void;
  /** Somebody who may has asked this server to end. */
  shutdown(): void;
}

/** Who may do what, and how much. */
export interface LoggerConfig {
  /** Octets of a message or a line, its ending included. */
  readonly maxMessage: number;
  /** Connections of clients. */
  readonly maxClients: number;
  /** Silence after which a client's connection is closed (v0.1: where there is no room), in ms. */
  readonly idleTimeout: number;
  /** `shutdown` also from other computers. */
  readonly allowShutdown: boolean;
}

/** Everything that can be set (§4). Times in ms. */
export interface RingConfig extends LoggerConfig {
  /** Names of all servers in ring order. */
  readonly members: readonly string[];
  /** Which of them we are. */
  readonly index: number;
  /** Pass a copy on for a member that is missing (§3.3). */
  readonly reroute: boolean;
  /** A server's HELLO has to come from an address of that member. */
  readonly checkPeers: boolean;
  /** Nothing sent for so long: KEEPALIVE. */
  readonly keepAlive: number;
  readonly answerTimeout: number;
  readonly reconnect: number;
  readonly connectTimeout: number;
}

/** §4.3; `up`: copies are sent. */
export type LinkState = "down" | "connecting" | "hello" | "up";

/** Another server, as seen from here. */
export interface MemberView {
  readonly index: number;
  readonly name: string;
  /** Of the connection that we opened. */
  readonly state: LinkState;
  /** Monotonic ms: when it came into this state. */
  readonly since: number;
  /** Whether it holds a connection to us. */
  readonly incoming: boolean;
  /** Copies that were handed to the connection. */
  readonly sent: number;
  /** Of these: without OK so far, on the connection that is there now. */
  readonly unanswered: number;
  /** Of these: without OK when their connection ended. They may be lost. */
  readonly lost: number;
  /** Copies that were due while there was no connection. */
  readonly noLink: number;
  /** Why the last connection ended or did not come about; empty where it never did. */
  readonly trouble: string;
}

/** Counts since the start. */
export interface RingCounters {
  /** Messages of clients. */
  fromClients: number;
  /** Copies from other servers. */
  fromServers: number;
  /** Messages handed to the logs. */
  logged: number;
  /** Copies that went round a missing member. */
  rerouted: number;
  /** Bad lines, refused HELLOs, connections without room. */
  refused: number;
}

/** A message came in: for tests, before anything was done with it. */
export type DataHook = (from: number | "client", wrapping: number, content: Uint8Array) => void;
