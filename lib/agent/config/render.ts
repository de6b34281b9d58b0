/**
 * The schema and a config as text: the commented default file (`config.toml` of the repository, and
 * `agent config show --defaults`), and the config that holds (`agent config show`).
 *
 * @module
 */
import type { Config, NetworkConfig } from "./config.ts";
import { ringRows } from "./ring.ts";
import type { Row, Section } from "./row.ts";
import { agentRows, httpRows, networkRows, sections } from "./schema.ts";
import { actionRows, lsoeRows, nearbyRows, piotRows, routeRows } from "./schema_protocols.ts";
import { formatHostPort, writeValue, type Written } from "./types.ts";

const WIDTH = 100;

const HEAD = [
  "The commented default of the agent's config. It is looked for at --config FILE, $AGENT_CONFIG," +
  " $XDG_CONFIG_HOME/agent/config.toml and /etc/agent/config.toml, in this order; with none of them" +
  " the defaults hold. `agent config check` tells what is wrong in it, `agent config show` what holds.",
  'A line "#key = value" shows the default, or an example where the comment says "Without it:".' +
  ' Durations are "250ms", "5s", "10m", "2h", or bare seconds. Relative paths start at this file\'s' +
  ' folder, "~/" at the home folder. SIGHUP (systemctl reload agent) takes over what can change live.',
];

/** The text of `config.toml`. */
export function renderDefaults(): string {
  const head = HEAD.map(comment).join("\n#\n");
  return `${[head, ...sections.map(renderSection)].join("\n\n")}\n`;
}

function renderSection(section: Section): string {
  const title = section.repeated ? `[[${section.name}]]` : `[${section.name}]`;
  const rows = Object.entries(section.rows).map(([name, row]) => renderRow(name, row));
  return [`${comment(section.doc)}\n${title}`, ...rows].join("\n\n");
}

const START: Record<string, string> = {
  true: "A change takes a restart.",
  hncp: "In an hncp network a change takes a restart.",
};

function renderRow(name: string, row: Row<unknown>): string {
  const parts = [
    row.doc,
    ...(row.absent === undefined ? [] : [`Without it: ${row.absent}.`]),
    ...(row.atStart === undefined ? [] : [START[`${row.atStart}`]]),
  ];
  const doc = parts.join(" ");
  return `${comment(doc)}\n#${name} = ${toml(row.fallback ?? row.example ?? "")}`;
}

/** Prose as comment lines of at most {@linkcode WIDTH} characters. */
function comment(prose: string): string {
  const lines: string[] = [];
  let line = "#";
  for (const word of prose.split(" ")) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** A value in TOML. */
export function toml(value: Written): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  if (isList(value)) return `[${value.map(toml).join(", ")}]`;
  const pairs = Object.entries(value).map(([key, inner]) => `${key} = ${toml(inner)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

function isList(value: Written): value is readonly Written[] {
  return Array.isArray(value);
}

/** Keys and values of one table as they would stand in a file; what does not hold is left out. */
export type EffectiveTable = Record<string, Written>;

/** The config that holds, in the terms of the file: `config show --json`. */
export interface EffectiveConfig {
  /** The file that it came from, or null. */
  readonly file: string | null;
  readonly agent: EffectiveTable;
  readonly network: readonly EffectiveTable[];
  readonly http: EffectiveTable;
  readonly lsoe: EffectiveTable;
  readonly piot: EffectiveTable;
  readonly routes: readonly EffectiveTable[];
  readonly actions: readonly EffectiveTable[];
  readonly nearby: EffectiveTable;
  readonly ring: EffectiveTable;
}

export function effective(config: Config): EffectiveConfig {
  const { name, stateDir, sockets, logLevel } = config.agent;
  return {
    file: config.path ?? null,
    agent: written(agentRows, {
      name,
      state_dir: stateDir,
      socket: sockets[0],
      log_level: logLevel,
    }),
    network: config.networks.map(effectiveNetwork),
    http: written(httpRows, {
      listen: config.http.listen ?? "none",
      token_file: config.http.tokenFile,
    }),
    lsoe: written(lsoeRows, config.lsoe),
    piot: written(piotRows, config.piot),
    routes: config.routes.map((route) => written(routeRows, route)),
    actions: config.actions.map((action) => written(actionRows, action)),
    nearby: written(nearbyRows, config.nearby),
    ring: written(ringRows, config.ring),
  };
}

function effectiveNetwork(network: NetworkConfig): EffectiveTable {
  const paths = network.keyFiles.map(({ path }) => path);
  const { timers } = network;
  return written(networkRows, {
    name: network.name,
    profile: network.profile,
    key_file: paths.length === 1 ? paths[0] : undefined,
    keys: paths.length > 1 ? paths : undefined,
    interfaces: network.interfaces,
    listen: network.listen ?? "none",
    connect: network.connect.map(formatHostPort),
    port: network.port,
    share: network.share,
    publish_ttl: network.publishTtl,
    trickle_imin: timers.trickleImin,
    trickle_imax: timers.trickleImax,
    trickle_k: timers.trickleK,
    keep_alive: timers.keepAlive,
    keep_alive_multiplier: timers.keepAliveMultiplier,
    grace: timers.grace,
  });
}

function written(rows: Section["rows"], values: Record<string, unknown>): EffectiveTable {
  const table: EffectiveTable = {};
  for (const [name, row] of Object.entries(rows)) {
    const value = values[name];
    if (value === undefined) continue;
    // What is text already was written by the caller; everything else came out of this row's type.
    table[name] = typeof value === "string" || (Array.isArray(value) && isTexts(value))
      ? value as Written
      : writeValue(row.type, value);
  }
  return table;
}

function isTexts(list: readonly unknown[]): boolean {
  return list.every((element) => typeof element === "string");
}

/** The config that holds, as a file that would say the same. */
export function renderEffective(config: Config): string {
  const { file, network, routes, actions, ...tables } = effective(config);
  const blocks = [
    `# ${file === null ? "No config file: the defaults hold." : `From ${file}.`}`,
    renderTable("[agent]", tables.agent),
    ...network.map((table) => renderTable("[[network]]", table)),
    ...(["http", "lsoe", "piot"] as const).map((name) => renderTable(`[${name}]`, tables[name])),
    ...routes.map((table) => renderTable("[[piot.route]]", table)),
    ...actions.map((table) => renderTable("[[piot.action]]", table)),
    ...(["nearby", "ring"] as const).map((name) => renderTable(`[${name}]`, tables[name])),
  ];
  return `${blocks.join("\n\n")}\n`;
}

function renderTable(title: string, table: EffectiveTable): string {
  return [title, ...Object.entries(table).map(([key, value]) => `${key} = ${toml(value)}`)].join(
    "\n",
  );
}
