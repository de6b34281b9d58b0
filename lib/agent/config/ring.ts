/**
 * The config table of the ring.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { key, nodeName, open, port, type Values } from "./row.ts";
import {
  boolean,
  duration,
  integer,
  isTable,
  listenAddress,
  listOf,
  path,
  text,
  type ValueType,
  within,
  WrongValue,
} from "./types.ts";

/** `lib/ring` says why; not imported, so that reading a config loads no machine. */
const MOST_MEMBERS = 71;
/** Of v0.2 of the protocol. */
export const RING_PORT = 55_552;

/** One server of a ring. */
export interface RingMember {
  readonly name: string;
  /** Undefined: the node with this name, wherever it is. */
  readonly host: string | undefined;
  readonly port: number;
}

const host = text("a host name or address", /^[\p{L}\p{N}_.:%-]{1,253}$/u);

const ringMember: ValueType<RingMember> = {
  name: "a node's name, or a table {name, host, port}",
  parse(value) {
    if (typeof value === "string") {
      return { name: nodeName.parse(value), host: undefined, port: RING_PORT };
    }
    if (!isTable(value)) throw new WrongValue(`must be ${this.name}`);
    for (const key of Object.keys(value)) {
      if (!["name", "host", "port"].includes(key)) {
        throw new WrongValue(`has no key "${key}"; it is ${this.name}`, [key]);
      }
    }
    if (value.name === undefined) throw new WrongValue(`lacks name; it is ${this.name}`);
    return {
      name: within("name", () => nodeName.parse(value.name)),
      host: value.host === undefined ? undefined : within("host", () => host.parse(value.host)),
      port: value.port === undefined ? RING_PORT : within("port", () => port.parse(value.port)),
    };
  },
  write: ({ name, host, port }) =>
    host === undefined && port === RING_PORT
      ? name
      : { name, ...(host !== undefined && { host }), port },
};

const list = listOf(ringMember);

/** All members: each name once, and not too many. */
export const ringMembers: ValueType<readonly RingMember[]> = {
  ...list,
  parse(value) {
    const members = list.parse(value);
    if (members.length > MOST_MEMBERS) {
      throw new WrongValue(`has ${members.length} members; a ring has at most ${MOST_MEMBERS}`);
    }
    members.forEach(({ name }, i) => {
      if (members.findIndex((other) => other.name === name) < i) {
        throw new WrongValue(`is called "${name}", and another one, too`, [i]);
      }
    });
    return members;
  },
};

export const ringRows = {
  enabled: key(boolean, false, "Serve the pzog ring. All of this table can change while it runs."),
  members: key(
    ringMembers,
    [],
    'All servers in ring order, the same list on each: {name = "a", host = "192.0.2.1", port = 55552},' +
      ' or just "pi-1", the name of a node of our network: its address is then followed.',
  ),
  index: open(
    integer(0, MOST_MEMBERS - 1),
    "the member whose name is this node's",
    0,
    "Which of the members this node is, from 0.",
  ),
  listen: open(
    listenAddress,
    "all addresses, at the port of this member",
    "192.0.2.1:55552",
    "Where clients and the other servers connect. Nothing there is sealed or asks for a key.",
  ),
  peer_port: open(
    port,
    "the port of each member",
    55_553,
    "TCP port on which the servers meet each other, the same on all.",
  ),
  log_dir: open(
    path,
    "ring/ in the state folder",
    "/var/log/agent",
    "Folder of access.log and error.log, in 80 columns, and of ring.log, where each message is one" +
      " line and nothing else stands. SIGHUP opens them anew, for logrotate.",
  ),
  log_bytes: key(
    integer(0, 1_000_000_000_000),
    67_108_864,
    "Most that the logs take on the disk together, in bytes: 35 % each for access.log and ring.log, 20 %" +
      " for error.log, 10 % for sprog.log of clients. A log that has half of its share goes on as a new one, and the one before it is" +
      " kept as .1. 0: no limit and no rotation, which is then the business of logrotate.",
  ),
  reroute: key(
    boolean,
    true,
    "Pass a message on for a member that is missing, so that only that one lacks it.",
  ),
  check_peers: key(
    boolean,
    false,
    "Let only the addresses of the members speak as servers. false suits servers behind NAT, and lets" +
      " anybody speak as one.",
  ),
  allow_shutdown: key(
    boolean,
    false,
    "Let SHUTDOWN end this server also from other computers.",
  ),
  max_clients: key(
    integer(1, 4_096),
    64,
    "Clients that may be connected at a time. Each takes about 30 KB.",
  ),
  max_message: key(
    integer(64, 65_535),
    511,
    "Longest line, in bytes with its ending; the same on all members.",
  ),
  keep_alive: key(
    duration(1_000),
    "300s",
    "A sign of life is sent when nothing else was for this long.",
  ),
  answer_timeout: key(duration(100), "30s", "Wait for ACK or OK, then reconnect."),
  idle_timeout: key(duration(1_000), "660s", "A connection that is silent for longer is closed."),
  reconnect: key(
    duration(100),
    "60s",
    "Between two tries to reach a missing member, give or take a twelfth, at most 5 s.",
  ),
  connect_timeout: key(duration(100), "10s", "Limit of one such try."),
};

/** What a config says of the ring. */
export type RingTable = Values<typeof ringRows>;

/** The index of this server. @throws {AgentError} exit code 78 where the table does not tell. */
export function ownIndex({ members, index }: RingTable, name: string): number {
  if (members.length === 0) {
    throw new AgentError(
      'the ring has no members; write members = ["pi-1", "pi-2", …] below [ring] in the config, the' +
        " same on each of them, or give --member NAME=HOST:PORT for each",
      ExitCode.Config,
    );
  }
  const names = members.map((member) => member.name);
  if (index !== undefined) {
    if (index < members.length) return index;
    throw new AgentError(
      `index = ${index}, but the members are ${names.join(", ")}, and they are counted from 0`,
      ExitCode.Config,
    );
  }
  const found = names.indexOf(name);
  if (found >= 0) return found;
  throw new AgentError(
    `"${name}" is none of the ring's members (${names.join(", ")}); set index below [ring], or` +
      " --index",
    ExitCode.Config,
  );
}
