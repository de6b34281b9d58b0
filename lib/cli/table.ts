/**
 * All commands and flags as one table: the parser, the help texts and the tests read it. A command's
 * code is only loaded when it is called.
 *
 * @module
 */
import type { Flag } from "./args.ts";
import type { CommandModule } from "./call.ts";

/** One command. */
export interface Command {
  /** As it is typed; two words where commands are grouped. */
  readonly name: string;
  /** Only together with `--leafy`. */
  readonly leafy?: true;
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Lines of `agent help NAME`, after usage and summary. */
  readonly details: readonly string[];
  readonly flags: readonly Flag[];
  /** How many arguments there must and may be, and what they are called. */
  readonly arguments: { readonly least: number; readonly most: number; readonly name: string };
  load(): Promise<CommandModule>;
}

/** Flags that stand before or after every command. */
export const globalFlags: readonly Flag[] = [
  {
    name: "config",
    value: "FILE",
    help: "config file (else $AGENT_CONFIG, ~/.config, /etc/agent)",
  },
  { name: "network", value: "NAME", help: "which network, where the agent is in several" },
  { name: "socket", value: "PATH", help: "socket of the local agent (else $AGENT_SOCKET, config)" },
  { name: "json", help: "JSON instead of text: one value, or one line a change" },
  { name: "leafy", help: "read or publish without being a node" },
  { name: "verbose", short: "v", help: "say more; with an error, its cause" },
  { name: "quiet", short: "q", help: "say less" },
  { name: "help", short: "h", help: "help for a command" },
  { name: "version", help: "as the command version" },
];

const none = { least: 0, most: 0, name: "" };
const entries = { least: 1, most: Infinity, name: "KEY=VALUE" };
const keys = { least: 0, most: Infinity, name: "[NODE:]KEY" };

const ABOUT_KEYS =
  "KEY is a key of any node, NODE:KEY of one (its name or id), NODE: everything of it. A KEY that ends" +
  " in / means all that begins so.";
const ABOUT_VALUES =
  "VALUE is JSON where it is valid JSON, else text: 21.5, true, [1,2], open. Durations are 250ms, 5s," +
  " 10m, 2h, or bare seconds.";

const keyFile: Flag = { name: "key-file", value: "FILE", help: "file of the network key" };

/** Whether what follows an optional duration flag is its value and not an entry. */
function looksLikeDuration(next: string): boolean {
  return /^\d/.test(next) && !next.includes("=");
}

/** In the order in which `agent help` lists them. */
export const commands: readonly Command[] = [
  {
    name: "run",
    usage: "[FLAGS]",
    summary: "be a node: share state with the other Pis, in the foreground",
    details: [
      "With neither config nor key it starts a new network, with a fresh key in its state folder, and" +
      " says how the next Pi joins. Ends in order on SIGINT and SIGTERM; SIGHUP reloads the config.",
    ],
    flags: [
      { name: "name", value: "NAME", help: "name of this node (else the host name)" },
      keyFile,
      { name: "listen", value: "HOST:PORT", help: 'TCP address for other nodes, or "none"' },
      {
        name: "connect",
        value: "HOST[:PORT]",
        repeated: true,
        help: "hold a stream to this node; may be repeated",
      },
      {
        name: "interfaces",
        value: "GLOBS",
        help: 'where to look for nodes: "eth*,wlan0"; "" for nowhere',
      },
      { name: "state-dir", value: "DIR", help: "folder of what must survive a restart" },
    ],
    arguments: none,
    load: () => import("./commands/run.ts"),
  },
  {
    name: "status",
    usage: "",
    summary: "this node, its networks, and what needs attention",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("./commands/status.ts"),
  },
  {
    name: "nodes",
    usage: "",
    summary: "all nodes that can be reached",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("./commands/nodes.ts"),
  },
  {
    name: "peers",
    usage: "",
    summary: "nodes that this one talks to directly",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("./commands/peers.ts"),
  },
  {
    name: "interfaces",
    usage: "[--watch]",
    summary: "network interfaces as the agent sees them",
    details: [],
    flags: [{ name: "watch", help: "stay, and show each change" }],
    arguments: none,
    load: () => import("./commands/interfaces.ts"),
  },
  {
    name: "get",
    usage: "[[NODE:]KEY…]",
    summary: "show shared state",
    details: [ABOUT_KEYS, "Exit code 1 where something that was asked for is not there."],
    flags: [],
    arguments: keys,
    load: () => import("./commands/get.ts"),
  },
  {
    name: "set",
    usage: "KEY=VALUE… [--ttl 5m]",
    summary: "set entries of this node; they survive a restart",
    details: [ABOUT_VALUES, "Several entries change at once, so no other node sees half of it."],
    flags: [{ name: "ttl", value: "DURATION", help: "remove them after this long" }],
    arguments: entries,
    load: () => import("./commands/set.ts"),
  },
  {
    name: "unset",
    usage: "KEY…",
    summary: "remove entries of this node",
    details: ["Exit code 1 where one of them was not set."],
    flags: [],
    arguments: { least: 1, most: Infinity, name: "KEY" },
    load: () => import("./commands/unset.ts"),
  },
  {
    name: "watch",
    usage: "[PREFIX] [--snapshot]",
    summary: "show each change as it happens",
    details: [
      "PREFIX is what the key begins with. Runs until Ctrl-C, and then ends with exit code 0. A" +
      ' change is "set", "unset", or "lost" when its node can no longer be reached.',
    ],
    flags: [{ name: "snapshot", help: "begin with what is there now" }],
    arguments: { least: 0, most: 1, name: "PREFIX" },
    load: () => import("./commands/watch.ts"),
  },
  {
    name: "read",
    leafy: true,
    usage: "[[NODE:]KEY…] [--from HOST[:PORT]] [--timeout 3s]",
    summary: "read shared state once, without being a node",
    details: [
      ABOUT_KEYS,
      "Asks --from, else the local agent if one runs, else the first node that answers on the network.",
    ],
    flags: [
      { name: "from", value: "HOST[:PORT]", help: "ask this node" },
      { name: "timeout", value: "DURATION", help: "give up after this long (3s)" },
      keyFile,
    ],
    arguments: keys,
    load: () => import("./commands/leafy_read.ts"),
  },
  {
    name: "publish",
    leafy: true,
    usage: "KEY=VALUE… [--ttl [60s]] [--via HOST[:PORT]]",
    summary: "publish entries without being a node",
    details: [
      "With --ttl it hands them over, tells through which node and until when, and ends. Without, it" +
      " stays, and they vanish when it ends (Ctrl-C).",
      ABOUT_VALUES,
    ],
    flags: [
      {
        name: "ttl",
        value: "[DURATION]",
        isValue: looksLikeDuration,
        help: "vanish after this long; without a figure, publish_ttl of the config (60s)",
      },
      { name: "via", value: "HOST[:PORT]", help: "publish through this node" },
      { name: "timeout", value: "DURATION", help: "give up after this long (3s)" },
      keyFile,
    ],
    arguments: entries,
    load: () => import("./commands/leafy_publish.ts"),
  },
  {
    name: "key generate",
    usage: "[--output FILE]",
    summary: "make a network key",
    details: [
      "Without --output it goes to stdout. A file gets mode 0600 and is never overwritten.",
    ],
    flags: [{ name: "output", value: "FILE", help: "write it to this new file" }],
    arguments: none,
    load: () => import("./commands/key_generate.ts"),
  },
  {
    name: "config check",
    usage: "[FILE]",
    summary: "tell what is wrong in the config",
    details: ["Exit code 78 with file, line and column where the config is wrong."],
    flags: [],
    arguments: { least: 0, most: 1, name: "FILE" },
    load: () => import("./commands/config_check.ts"),
  },
  {
    name: "config show",
    usage: "[--defaults]",
    summary: "show the config that holds",
    details: [],
    flags: [{ name: "defaults", help: "the commented default file instead" }],
    arguments: none,
    load: () => import("./commands/config_show.ts"),
  },
  {
    name: "demo",
    usage: "",
    summary: "three agents on this computer that share state, in seconds",
    details: ["Uses loopback and a temporary folder only, and cleans up."],
    flags: [],
    arguments: none,
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "help",
    usage: "[COMMAND]",
    summary: "this, or help for a command",
    details: [],
    flags: [],
    arguments: { least: 0, most: 2, name: "COMMAND" },
    load: () => import("./commands/help.ts"),
  },
  {
    name: "version",
    usage: "",
    summary: "the version of this program",
    details: [],
    flags: [],
    arguments: none,
    load: () => import("./commands/version.ts"),
  },
];

/** The command that positionals begin with, and how many of them its name takes. */
export function findCommand(
  positionals: readonly string[],
): { command: Command; words: number } | undefined {
  for (const words of [2, 1]) {
    if (positionals.length < words) continue;
    const typed = positionals.slice(0, words).join(" ");
    const command = commands.find(({ name }) => name === typed);
    if (command !== undefined) return { command, words };
  }
  return undefined;
}
