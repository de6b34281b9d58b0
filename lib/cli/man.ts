/**
 * The manual page agent(1), made from the command table, in the macros of man(7).
 *
 * @module
 */
import { VERSION } from "../agent/version.ts";
import type { Flag } from "./args.ts";
import type { Command } from "./call.ts";
import { COMMON_EXITS, jsonLines, manualOf, sentence, typed } from "./manual.ts";

/** When the page was last read through as a whole; `man` shows it at the foot, mandoc insists on it. */
const DATE = "2026-11-21";

const FILES: readonly (readonly [string, string])[] = [
  [
    "~/.config/agent/config.toml, /etc/agent/config.toml",
    "The config, the first that is there. All of it with comments: agent config show --defaults",
  ],
  ["/var/lib/agent, ~/.local/state/agent", "What must survive a restart."],
  [
    "/run/agent/agent.sock, $XDG_RUNTIME_DIR/agent.sock",
    "The local API: HTTP on a Unix socket.",
  ],
  ["/etc/systemd/system/agent.service", "The unit that agent service install writes."],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["AGENT_CONFIG", "The config file, where --config names none."],
  ["AGENT_SOCKET", "The socket of the local agent, where --socket names none."],
  ["NO_COLOR", "If it is not empty, no colours."],
];

/** The page, as roff. */
export function manPage(commands: readonly Command[], globalFlags: readonly Flag[]): string {
  return [
    `.\\" Made by: agent man`,
    `.TH AGENT 1 "${DATE}" "agent ${VERSION}" "Edge agent"`,
    ".SH NAME",
    "agent \\- shared state for Raspberry Pis, without a server",
    ".SH SYNOPSIS",
    ".B agent",
    "[\\fIFLAGS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
    ".SH DESCRIPTION",
    line(
      "The agent runs on each Pi. They find each other, share state, and see within milliseconds what" +
        " changes anywhere. There is no server, no cloud and no broker; one shared key makes a network" +
        " private. Every Pi publishes its own small dictionary, and reads everybody's.",
    ),
    ".SH OPTIONS",
    "These flags stand before or after every command.",
    ...globalFlags.flatMap(flagEntry),
    ".SH COMMANDS",
    ...commands.flatMap(commandEntry),
    ".SH EXIT STATUS",
    ...COMMON_EXITS.flatMap(([code, text]) => entry([String(code), text])),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(entry),
    ".SH FILES",
    ...FILES.flatMap(entry),
    ".SH SEE ALSO",
    ".BR systemctl (1),",
    ".BR journalctl (1)",
    "",
  ].join("\n");
}

function commandEntry(command: Command): string[] {
  const { name, usage, summary, details, flags } = command;
  return [
    `.SS "${roff(typed(command))}"`,
    `.B agent ${roff(typed(command))}`,
    ...(usage === "" ? [] : [line(usage)]),
    ".PP",
    line(sentence(summary)),
    ...details.flatMap((text) => [".PP", line(text)]),
    ...flags.flatMap(flagEntry),
    ...manualEntry(name),
  ];
}

function manualEntry(name: string): string[] {
  const { exits, examples, json } = manualOf(name);
  return [
    ...(exits.length === 0 ? [] : [".PP", "Exit status besides that of every command:"]),
    ...exits.flatMap(([code, meaning]) => entry([String(code), meaning])),
    ...(json === undefined ? [] : [
      ".PP",
      json.each === "line" ? "With \\fB\\-\\-json\\fR, a line each:" : "With \\fB\\-\\-json\\fR:",
      ...literal(jsonLines(json.example, 72)),
      ...(json.note === undefined ? [] : [".PP", line(json.note)]),
    ]),
    ".PP",
    examples.length === 1 ? "Example:" : "Examples:",
    ...literal(examples.flatMap((example) => [`# ${example.about}`, example.line])),
  ];
}

/** Lines that stay as they are. */
function literal(lines: readonly string[]): string[] {
  return [".PP", ".in +4n", ".nf", ...lines.map(line), ".fi", ".in"];
}

function flagEntry({ name, short, value, help }: Flag): string[] {
  const typed = `\\fB${roff(`--${name}`)}\\fR${value ? ` \\fI${roff(value)}\\fR` : ""}`;
  const both = short === undefined ? typed : `\\fB${roff(`-${short}`)}\\fR, ${typed}`;
  return [".TP", both, line(sentence(help))];
}

function entry([term, text]: readonly [string, string]): string[] {
  return [".TP", `\\fB${roff(term)}\\fR`, line(text)];
}

/** A line of text that no macro begins. */
function line(text: string): string {
  const escaped = roff(text);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Text as roff: hyphens that can be copied, and plain ASCII whatever it is. */
function roff(text: string): string {
  return [...text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll('"', "\\(dq")]
    .map((c) => c === "…" ? "..." : c <= "~" ? c : unicode(c)).join("");
}

function unicode(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `\\[u${hex}]`;
}
