/**
 * The config tables of LSOE, PIoT and nearby. The names of `[lsoe]` are the ones of its
 * specification (`spec/lsoe.md` §9).
 *
 * @module
 */
import { glob, key, nodeName, open, port } from "./row.ts";
import {
  boolean,
  choice,
  duration,
  hostPort,
  integer,
  listenAddress,
  listOf,
  path,
  records,
  text,
} from "./types.ts";

/** Where HELLOs go: bit 0 of the first octet tells a group. */
const groupMac = text(
  'the MAC address of a group, such as "01-80-C2-00-00-0E"',
  /^[0-9A-Fa-f][13579BbDdFf]([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}$/,
);
const url = text("a URL that begins with http:// or https://", /^https?:\/\/[^\s\p{Cc}]+$/u);

/** Labels that the config gives to one of our addresses. */
export type MplsLabels = { prefix: string; labels: readonly number[] };

export const lsoeRows = {
  enabled: key(
    boolean,
    false,
    "Find out which cable leads where. Needs CAP_NET_RAW: root, or AmbientCapabilities=CAP_NET_RAW" +
      " in the unit. All of this table can change while the agent runs; sessions are then set up" +
      " anew.",
  ),
  interfaces: key(
    listOf(glob),
    ["*"],
    "Interfaces that speak LSOE; `*` as in [[network]]. Only Ethernet, and what looks like it" +
      " (Wi-Fi, VLANs, bridges); never loopback.",
  ),
  "exclude-interfaces": key(listOf(glob), [], "Less these."),
  ethertype: open(
    integer(0x0600, 0xffff),
    '0x88B5 (34997), with compat = "lsoed" 0x8885 (34949)',
    0x88b5,
    "EtherType of its frames, the same on both ends of a cable.",
  ),
  compat: key(
    choice("none", "lsoed"),
    "none",
    '"lsoed": what an unpatched lsoed can bear. Ethertype 0x8885 and announce-scope "all" where they' +
      " are not set, no VENDOR PDUs, and no labels.",
  ),
  "hello-interval": key(
    duration(100),
    "60s",
    "Between two HELLOs on an interface; one goes out at once when it comes up. Shorter finds a" +
      " neighbour sooner whose first HELLO was lost.",
  ),
  "hello-multicast-macaddr": key(
    groupMac,
    "01-80-C2-00-00-0E",
    "Destination of HELLO. 01-80-C2-00-00-0E stops at every bridge, so it finds what is at the other" +
      " end of the cable; 01-80-C2-00-00-03 crosses two-port relays; FF-FF-FF-FF-FF-FF crosses" +
      " bridges, and everybody behind them becomes a neighbour.",
  ),
  "retransmit-initial-interval": key(
    duration(10),
    "1s",
    "Wait before the first repetition. Shorter recovers sooner from loss, and floods a slow peer.",
  ),
  "retransmit-max-drop": key(
    integer(1, 32),
    3,
    "Transmissions without an answer until the session counts as dead. More survives more loss.",
  ),
  "retransmit-exponential-backoff": key(
    boolean,
    true,
    "Doubles the wait with every repetition: with 1s and 3, a session is dead after 7 s, else 3 s.",
  ),
  "keepalive-send-interval": key(
    duration(10),
    "1s",
    "Between two KEEPALIVEs of an open session. By them a peer that restarted is noticed.",
  ),
  "keepalive-receive-timeout": key(
    duration(0),
    "60s",
    "Silence after which a session is closed; 0 = never. Shorter notices a dead peer sooner, and" +
      " takes a busy one for dead.",
  ),
  "local-id": open(
    text(
      'ten octets in hexadecimal, such as "00:00:00:00:00:00:c0:00:02:01"',
      /^(?:[0-9A-Fa-f]{2}[:-]?){0,9}[0-9A-Fa-f]{2}$/,
    ),
    "made from the node id and the hardware, so that copied SD cards differ",
    "00:00:00:00:00:00:c0:00:02:01",
    "Our id on the wire, ten octets; a shorter one is padded with zeros on the left.",
  ),
  "export-loopbacks": key(
    listOf(glob),
    [],
    'Loopback interfaces whose addresses are announced too, such as "lo".',
  ),
  "primary-address": key(
    listOf(text("an IP address", /^[0-9A-Fa-f.:]{2,45}$/)),
    [],
    "Addresses that are flagged as primary on their interface; without, the only one of its kind.",
  ),
  "mpls-labels": key(
    records<MplsLabels>({
      prefix: text(
        'an address of this computer with its prefix, such as "192.0.2.1/24"',
        /^[0-9A-Fa-f.:]{2,45}\/\d{1,3}$/,
      ),
      labels: listOf(integer(0, 0xf_ffff)),
    }),
    [],
    'MPLS labels of our addresses, outermost first: {prefix = "192.0.2.1/24", labels = [16001]}.' +
      " They come on top of those that the kernel knows, and win over them.",
  ),
  attributes: key(
    listOf(integer(0, 255)),
    [],
    "Attribute octets of OPEN, whose meaning is yours.",
  ),
  "announce-scope": open(
    choice("interface", "all"),
    '"interface", with compat = "lsoed" "all"',
    "interface",
    '"interface": the addresses of the session\'s interface. "all": those of every interface.',
  ),
  "keep-state-on-timeout": key(
    boolean,
    false,
    "Keep what was learned from a peer that fell silent, until it says something new.",
  ),
  "close-on-carrier-loss": key(
    boolean,
    false,
    "Close sessions at once when the link loses its carrier, instead of by time-out. Notices a" +
      " pulled cable at once; a link that blinks costs its sessions.",
  ),
  "reassembly-timeout": key(
    duration(10),
    "1s",
    "How long pieces of a PDU wait for the rest. Longer takes more memory.",
  ),
  "reorder-window": key(
    duration(0, 60_000),
    "100ms",
    "Pieces older than this are dropped when a new first piece comes: its sender started over.",
  ),
  "mac-address-cache-timeout": key(
    duration(1_000),
    "300s",
    "How long a MAC address without a session is remembered, to notice that it moved.",
  ),
  "hopeless-hold": key(
    duration(0),
    "60s",
    "How long a peer is left alone after it refused us for good.",
  ),
  "max-datagram": key(
    integer(64, 65_535),
    1_500,
    "Largest LSOE datagram, in bytes, where the interface's MTU allows it.",
  ),
  "report-rfc7752-url": open(
    url,
    "nothing is reported",
    "http://192.0.2.1:8080/mutate",
    "Where what peers announce is reported by HTTP POST, in the JSON of lsoed. A report that is not" +
      " taken within 5 s is dropped.",
    ["report-url"],
  ),
};

export const piotRows = {
  enabled: key(boolean, true, "Messages between nodes, with links that survive outages."),
  listen: key(
    listenAddress,
    "none",
    'TCP address for links from outside our network, such as "[::]:55580". Nodes of one network' +
      " need none: their messages go down its sealed streams.",
  ),
  connect: key(
    listOf(hostPort),
    [],
    "Addresses of plain TCP to hold a link to, HOST[:PORT], outside our networks. Tried again with" +
      " growing pauses until they answer.",
  ),
  key_file: open(
    path,
    "plain links are not authenticated",
    "/etc/agent/piot.key",
    "File of mode 0600 with the key (32 bytes as base64, `agent key generate`) that both ends of a" +
      " plain link prove to hold. What goes over it is not encrypted.",
  ),
  policy: key(
    choice("accept", "ask", "closed"),
    "accept",
    'Nodes that we do not know: "accept" links them, "ask" holds them for a decision, "closed"' +
      " turns them away.",
  ),
  inherit_state: key(
    boolean,
    true,
    "A new session goes on where the last one ended. false: a clean slate each time, and what was" +
      " held is dropped.",
  ),
  idle: key(
    duration(1_000),
    "15s",
    "Silence after which a peer is asked for a sign of life; gone after twice as long again.",
  ),
  confirm_timeout: key(duration(100), "10s", "Wait for a confirmation until the session is reset."),
  max_frame: key(
    integer(4_096, 64 * 1_048_576),
    1_048_576,
    "Largest frame, in bytes. Larger messages take that much memory on both sides.",
  ),
  hold_ttl: key(
    duration(0),
    "24h",
    "How long a message is held for a peer that is away, where its sender says nothing else.",
  ),
  hold_entries: key(
    integer(1, 1_000_000),
    1_000,
    "Messages held for one link. More survives a longer outage and takes more of the SD card.",
  ),
  hold_bytes: key(integer(1_024, 1_073_741_824), 8_388_608, "The same, in bytes."),
  hold_total_bytes: key(
    integer(1_024, 17_179_869_184),
    67_108_864,
    "Bytes held for all links together.",
  ),
  overflow: key(
    choice("oldest", "reject"),
    "oldest",
    'When one of these is full: "oldest" drops the oldest held message of the link and tells its' +
      ' sender, "reject" refuses the new one.',
  ),
  inbox_entries: key(
    integer(1, 10_000_000),
    10_000,
    "Received messages that nobody has taken yet; further ones are refused, and their senders told.",
  ),
  inbox_bytes: key(integer(1_024, 17_179_869_184), 67_108_864, "The same, in bytes."),
  max_links: key(
    integer(1, 65_536),
    1_024,
    "Links at the most: nodes that messages were exchanged with, or wait for.",
  ),
  rest: key(
    duration(1_000),
    "5m",
    "A session that was opened because it was needed is closed after so long without a message.",
  ),
};

/** A pattern over names and types: `*` any characters, `?` one. */
const messageGlob = text('text, perhaps with * or ?, such as "door/*"', /^[^\p{Cc}]{1,255}$/u);
const argv = listOf(text("text", /^[^\0]*$/u));

export const routeRows = {
  name: open(
    messageGlob,
    "any, also none",
    "door/*",
    "Messages of this topic (`agent send --name`).",
  ),
  type: open(messageGlob, "any", "text/*", "Messages whose body is of this type."),
  from: open(messageGlob, "any", "pi-*", "Messages of nodes with this name or id."),
  run: open(
    argv,
    "nothing is run",
    ["/usr/local/bin/on-door", "--verbose"],
    "Program and arguments; no shell. The body is on its stdin, MESSAGE_FROM, MESSAGE_NAME," +
      " MESSAGE_TYPE, MESSAGE_ID and MESSAGE_AT in its environment. The message is done with when it" +
      " ends with exit code 0.",
  ),
  forward: open(
    nodeName,
    "nothing is forwarded",
    "pi-attic",
    "Instead of run: the node that it is passed on to.",
  ),
  publish: open(
    text("a key of the shared state", /^[^\p{Cc}]{1,255}$/u),
    "nothing is published",
    "last/{name}",
    "Instead of run: the key of this node's state that its body becomes the value of; {name} and" +
      " {from} stand for those of the message.",
  ),
  parallel: key(
    integer(1, 64),
    1,
    "Messages of this route that are worked on at a time. With 1 they are dealt with in order.",
  ),
  timeout: key(duration(10), "30s", "After this the program, and all that it started, is killed."),
  retries: key(
    integer(0, 1_000_000),
    10,
    "Times that a message is tried again. Then it stays in the inbox, and a notice says so.",
  ),
  retry_delay: key(
    duration(10),
    "1s",
    "Pause before the first repetition; it doubles with each, up to five minutes.",
  ),
};

export const actionRows = {
  name: open(
    text("a name of 1 to 64 characters", /^[^\s\p{Cc}]{1,64}$/u),
    "an error",
    "lamp.set",
    "What `agent call` names. Names that begin with piot. are taken.",
  ),
  run: open(
    argv,
    "an error",
    ["/usr/local/bin/lamp"],
    "Program and arguments; no shell. The arguments of the call are on its stdin as JSON, its stdout" +
      " is the result: JSON, or else text. An exit code that is not 0 is an error, with the end of" +
      " stderr for text.",
  ),
  timeout: key(
    duration(10),
    "30s",
    "Longest time that it may take, also where a caller would wait longer. Then it, and all that it" +
      " started, is killed.",
  ),
  parallel: key(integer(1, 64), 4, "Calls that run at a time; further ones wait for their turn."),
};

export const nearbyRows = {
  enabled: key(
    boolean,
    true,
    "Beacon for networkzero: advertise, discover, ask, news. All of this table can change while it runs.",
  ),
  beacon_port: key(port, 9_999, "UDP port of the adverts; the same on all computers."),
  rpc_port: key(port, 9_998, "TCP port on 127.0.0.1 at which local programs find the beacon."),
  interfaces: open(
    listOf(glob),
    "those of the networks; where these are none, or lo alone, no port is opened and services are" +
      " told in the shared state only",
    ["*"],
    "Interfaces on which adverts go out; `*` as in [[network]], but without loopback.",
  ),
  prefer: key(
    listOf(text("an IPv4 address, perhaps with *", /^[\d.*]{1,15}$/)),
    ["192.168.*"],
    "Which address of a service comes first, among those that are equally well in reach; and which" +
      " of its own addresses a computer tells first.",
  ),
};
