/**
 * What the agent hands to the local API about itself as a program: invitations to its networks, and
 * how it is started anew.
 *
 * @module
 */

/** An element of `GET /v1/invites`: everything but the secret. */
export interface InviteRow {
  /** 8 hexadecimal digits. */
  id: string;
  network: string;
  /** `taken`: the key was given out, and its receiver has not said yet that it is stored. */
  state: "open" | "taken" | "used" | "expired" | "withdrawn";
  /** When it ends or ended: ISO 8601, UTC. */
  expires: string;
  /** Who joined, or took the key: `pi-2 at 192.168.1.7`. */
  by?: string;
}

/** `POST /v1/invites`. */
export interface Invitation {
  id: string;
  network: string;
  /** ISO 8601, UTC. */
  expires: string;
  /** `ADDRESS[,ADDRESS…]/SECRET`: whoever has it can join. */
  code: string;
  /** The whole line for the next computer. */
  line: string;
}

/** `GET /v1/program`. */
export interface ProgramView {
  version: string;
  pid: number;
  /** The executable that was started; absent where it runs from a checkout. */
  file?: string;
  /** Its arguments. */
  args: string[];
  /** Another one after each start. */
  boot: string;
  /** Whether it takes part in all its networks by now. */
  ready: boolean;
}

/**
 * - `exec`: this process becomes the program that its file holds now. It keeps its PID.
 * - `stop`: the next SIGTERM, if it comes soon, ends it for a restart.
 *
 * Either way the other nodes are told to keep its place.
 */
export type RestartHow = "exec" | "stop";

/** The program part of `AgentApi`. Calls throw AgentError, as there. */
export interface ProgramApi {
  /** A new invitation. `addresses`: `HOST[:PORT]`, where the agent should not pick them itself. */
  invite(
    network: string | undefined,
    options: { ttlMs?: number; addresses?: readonly string[] },
  ): Invitation;
  invites(network: string | undefined): InviteRow[];
  /** Withdraws an open one; false where there is none with this id. */
  revokeInvite(id: string): boolean;
  view(): ProgramView;
  restart(how: RestartHow): void;
}
