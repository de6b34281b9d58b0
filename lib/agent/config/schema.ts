/**
 * Every key of the config: its type, its default, its unit and what it trades. `config.toml` in the
 * repository is rendered from these tables (`render.ts`), and a test compares the two.
 *
 * Names are taken with `-` and `_` alike; the table gives the spelling that is shown.
 *
 * @module
 */
import { ringRows } from "./ring.ts";
import { atStart, glob, key, open, ownName, port, type Section } from "./row.ts";
import { actionRows, lsoeRows, nearbyRows, piotRows, routeRows } from "./schema_protocols.ts";
import {
  choice,
  duration,
  hostPort,
  integer,
  listenAddress,
  listOf,
  number,
  path,
  text,
} from "./types.ts";

const networkName = text(
  "a name of 1 to 32 letters, digits, dots, hyphens or underscores",
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/,
);

const sharePattern = text(
  'a key or "BEGINNING*", perhaps with "NODE:" in front',
  /^[^\p{Cc}]{1,320}$/u,
);

export const agentRows = {
  name: atStart(open(
    ownName,
    "the host name",
    "pi-kitchen",
    "How people and other nodes address this one, as in `agent get pi-kitchen:temperature`. Nodes" +
      " of one name are shown as NAME~ab12, with the beginning of their id. No blank, no : / ~ *," +
      " and nothing that looks like a node id.",
  )),
  state_dir: atStart(open(
    path,
    "$STATE_DIRECTORY, else $XDG_STATE_HOME/agent, else ~/.local/state/agent, else /var/lib/agent",
    "/var/lib/agent",
    "Folder of the node id and of all that must survive a restart. A few hundred KB; an idle agent" +
      " writes nothing to it.",
  )),
  socket: atStart(open(
    path,
    "$AGENT_SOCKET, else $XDG_RUNTIME_DIR/agent.sock, else /run/agent/agent.sock",
    "/run/agent/agent.sock",
    "Unix socket of the local API. Its mode is 0660: whoever is in its group may read and change" +
      " the state of this node.",
  )),
  log_level: key(
    choice("debug", "info", "notice", "warning", "error"),
    "info",
    "What is logged to stderr. `debug` is one line for each peer and stream that comes or goes.",
  ),
};

export const networkRows = {
  name: key(
    networkName,
    "home",
    "For `--network` and for file names. Only this computer sees it: who belongs together is" +
      " decided by the key.",
  ),
  profile: atStart(key(
    choice("native", "hncp"),
    "native",
    '"native": our own nodes, always sealed. "hncp": to talk with hnetd, shncpd and pysyma; as' +
      " there, nothing is secret.",
  )),
  key_file: atStart(
    open(
      path,
      "$CREDENTIALS_DIRECTORY/NAME.key or network.key (systemd), else NAME.key in the state folder",
      "/etc/agent/home.key",
      "File of the network key, of mode 0600 (`agent key generate --output FILE`). All nodes of a" +
        " network hold the same. In an hncp network: the key of SHSP, any bytes; without it, entries" +
        " are not authenticated.",
    ),
    "hncp",
  ),
  keys: atStart(
    open(
      listOf(path),
      "the one of key_file",
      ["/etc/agent/new.key", "/etc/agent/old.key"],
      "Instead of key_file, while a key is being replaced: the first seals, all of them open. Give" +
        " every node [new, old] or [old, new] first, and take the old one away when all have both.",
    ),
    "hncp",
  ),
  interfaces: key(
    listOf(glob),
    ["*"],
    'Interfaces on which other nodes are looked for. "*" stands for all but loopback and the' +
      ' bridges of containers and virtual machines; name those ("lo", "docker0") to have them.' +
      " [] = none: only `connect` and whoever dials us.",
  ),
  listen: atStart(open(
    listenAddress,
    '"[::]:8331" (native), "none" (hncp)',
    "[::]:8331",
    'TCP address that other nodes dial. "127.0.0.1:8331" for this computer only, port 0 for any' +
      ' free one, "none" to dial only.',
  )),
  connect: key(
    listOf(hostPort),
    [],
    "Addresses to hold a stream to, HOST[:PORT], across routers and where multicast does not pass." +
      " Tried again with growing pauses until they answer.",
  ),
  port: atStart(open(
    port,
    "8331 (native), 8231 (hncp)",
    8331,
    "UDP port of the multicast by which nodes find each other. All nodes of a link use the same.",
  )),
  share: key(
    listOf(sharePattern),
    [],
    'Entries of other nodes that are copied into this agent\'s other networks, as NODE/KEY: "door",' +
      ' "heating/*", "pi-kitchen:*". So an old network and a sealed one can live side by side.' +
      " More takes more of this node's state there.",
  ),
  publish_ttl: key(
    duration(1_000),
    "60s",
    "How long entries live that are published with `--ttl` and no figure. Longer survives longer" +
      " silence of their script; shorter shows sooner that it died.",
  ),
  trickle_imin: atStart(open(
    duration(1),
    "50ms (native), 200ms (hncp)",
    "50ms",
    "Shortest multicast interval, right after a change (RFC 6206 Imin). Shorter finds a neighbour" +
      " sooner and sends more.",
  )),
  trickle_imax: atStart(open(
    duration(1),
    "6.4s (native), 25.6s (hncp)",
    "6.4s",
    "Longest multicast interval, in a quiet network (RFC 6206 Imax). Longer is quieter; a lost" +
      " message is then noticed later.",
  )),
  trickle_k: atStart(open(
    integer(1, 64),
    "1",
    1,
    "Messages of others in one interval that make our own unnecessary (RFC 6206 k). More is more" +
      " traffic and survives more loss.",
  )),
  keep_alive: atStart(open(
    duration(100),
    "10s (native), 20s (hncp)",
    "10s",
    "Interval of the sign of life to a peer. Shorter notices a dead peer sooner and wakes a" +
      " sleeping radio more often.",
  )),
  keep_alive_multiplier: atStart(open(
    number(1, 100),
    "3 (native), 2.1 (hncp)",
    3,
    "Times keep_alive of silence until a peer counts as gone. More survives more loss; a dead peer" +
      " is noticed later.",
  )),
  grace: atStart(open(
    duration(0),
    "60s",
    "60s",
    "How long the state of an unreachable node is kept in memory, so that its return is cheap." +
      " It is not shown meanwhile.",
  )),
};

export const httpRows = {
  listen: atStart(key(
    listenAddress,
    "none",
    'Serves the local API on TCP too: "127.0.0.1:8380" for a browser on this computer. On any' +
      " other address every request needs the token.",
  )),
  token_file: atStart(open(
    path,
    "over TCP nothing can be changed",
    "/etc/agent/token",
    "File of mode 0600 with the token (16 characters at the least), sent as `Authorization: Bearer" +
      " TOKEN` or as the password of HTTP Basic. Over TCP it is needed for whatever changes" +
      " something.",
  )),
};

/** All tables, in the order of the file. */
export const sections: readonly Section[] = [
  { name: "agent", repeated: false, doc: "The process on this computer.", rows: agentRows },
  {
    name: "network",
    repeated: true,
    doc:
      "A network that this node is in. The table may stand several times; with none, one network" +
      " with these defaults runs.",
    rows: networkRows,
  },
  { name: "http", repeated: false, doc: "The local API on TCP.", rows: httpRows },
  {
    name: "lsoe",
    repeated: false,
    doc: "Which cable leads where (LSOE). Durations may be bare seconds.",
    rows: lsoeRows,
  },
  { name: "piot", repeated: false, doc: "Messages that survive outages (PIoT).", rows: piotRows },
  {
    name: "piot.route",
    repeated: true,
    doc:
      "What becomes of received messages: the first route that matches has it. The table may stand" +
      " several times; messages that no route matches wait in the inbox.",
    rows: routeRows,
  },
  {
    name: "piot.action",
    repeated: true,
    doc: "An action that other nodes can call: `agent call`. The table may stand several times.",
    rows: actionRows,
  },
  { name: "nearby", repeated: false, doc: "networkzero for everyone.", rows: nearbyRows },
  { name: "ring", repeated: false, doc: "The pzog ring.", rows: ringRows },
];
