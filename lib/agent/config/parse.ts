/**
 * TOML text → values of the schema, or for each mistake one line that says what is wrong, where, and
 * which known word is near.
 *
 * @module
 */
import { parse } from "smol-toml";
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { type KeyPath, locate, type Position } from "./locate.ts";
import { didYouMean } from "./nearest.ts";
import type { Row, Section, Values } from "./row.ts";
import { agentRows, httpRows, networkRows, sections } from "./schema.ts";
import { ringRows } from "./ring.ts";
import { actionRows, lsoeRows, nearbyRows, piotRows, routeRows } from "./schema_protocols.ts";
import { formatHostPort, isTable, WrongValue } from "./types.ts";

/** All tables of a config file, defaults filled in, paths and names as they were written. */
export interface ParsedConfig {
  readonly agent: Values<typeof agentRows>;
  /** Empty where the file has no `[[network]]`. */
  readonly network: readonly Values<typeof networkRows>[];
  readonly http: Values<typeof httpRows>;
  readonly lsoe: Values<typeof lsoeRows>;
  readonly piot: Values<typeof piotRows>;
  readonly routes: readonly Values<typeof routeRows>[];
  readonly actions: readonly Values<typeof actionRows>[];
  readonly nearby: Values<typeof nearbyRows>;
  readonly ring: Values<typeof ringRows>;
}

/** Something wrong, and the key that it is about. */
interface Problem {
  readonly path: KeyPath;
  readonly message: string;
}

/** A config file with mistakes. As an error it is its first mistake, and says how many follow. */
export class ConfigMistakes extends AgentError {
  /** In the order of the file, `FILE:LINE:COLUMN: what`. */
  readonly mistakes: readonly AgentError[];

  constructor(mistakes: readonly [AgentError, ...AgentError[]]) {
    const [first, ...others] = mistakes;
    const more = others.length === 0 ? "" : ` (and ${others.length} more: agent config check)`;
    super(`${first.message}${more}`, first.exitCode, { cause: first.cause });
    this.mistakes = mistakes;
  }
}

/** TCP port of native networks. */
export const STREAM_PORT = 8_331;
/** UDP and, for `connect`, TCP or UDP port of a profile. */
export const PORTS = { native: STREAM_PORT, hncp: 8_231 } as const;

/** Values nested deeper than this are nobody's config. */
const MAX_DEPTH = 16;

/**
 * Parses a config file. `file` is its name for the error.
 *
 * @throws {ConfigMistakes} exit code 78; of broken TOML only the first mistake is known
 */
export function parseConfig(toml: string, file: string): ParsedConfig {
  let document: Record<string, unknown>;
  try {
    document = parse(toml, { maxDepth: MAX_DEPTH });
  } catch (error) {
    throw new ConfigMistakes([configError(file, syntaxProblem(error), positionOf(error), error)]);
  }
  const problems: Problem[] = [];
  checkTopLevel(document, problems);
  const networks = document["network"];
  const config: ParsedConfig = {
    agent: table("agent", agentRows, document["agent"], ["agent"], problems),
    network: Array.isArray(networks)
      ? networks.map((raw, i) => table("network", networkRows, raw, ["network", i], problems))
      : [],
    http: table("http", httpRows, document["http"], ["http"], problems),
    lsoe: table("lsoe", lsoeRows, document["lsoe"], ["lsoe"], problems),
    piot: table("piot", piotRows, withoutTables(document["piot"]), ["piot"], problems),
    routes: tablesIn(document["piot"], "route", routeRows, problems),
    actions: tablesIn(document["piot"], "action", actionRows, problems),
    nearby: table("nearby", nearbyRows, document["nearby"], ["nearby"], problems),
    ring: table("ring", ringRows, document["ring"], ["ring"], problems),
  };
  crossCheck(config, problems);
  const located = problems.map(({ path, message }) => ({ at: locate(toml, path), message }));
  located.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  const [first, ...others] = located.map(({ message, at }) => configError(file, message, at));
  if (first !== undefined) throw new ConfigMistakes([first, ...others]);
  return config;
}

/** The defaults of a table. */
export function defaultsOf<Rows extends Section["rows"]>(rows: Rows): Values<Rows> {
  return table("", rows, {}, [], []);
}

function configError(file: string, message: string, at: Position | undefined, cause?: unknown) {
  const place = at === undefined ? file : `${file}:${at.line}:${at.column}`;
  return new AgentError(`${place}: ${message}`, ExitCode.Config, { cause });
}

/** The first line of what the TOML parser says, without its preface and its picture of the code. */
function syntaxProblem(error: unknown): string {
  const line = messageOf(error).split("\n")[0] ?? "";
  return `not TOML: ${line.replace(/^Invalid TOML document: /, "")}`;
}

function positionOf(error: unknown): Position | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if (!("line" in error) || !("column" in error)) return undefined;
  const { line, column } = error;
  return typeof line === "number" && typeof column === "number" ? { line, column } : undefined;
}

function written(section: Section): string {
  return section.repeated ? `[[${section.name}]]` : `[${section.name}]`;
}

/** Tables that are none of ours, keys outside every table, and wrong brackets. */
function checkTopLevel(document: Record<string, unknown>, problems: Problem[]): void {
  for (const [name, value] of Object.entries(document)) {
    const section = sections.find((candidate) => candidate.name === name);
    if (section === undefined) {
      problems.push({ path: [name], message: unknownTopLevel(name, value) });
    } else if (section.repeated !== Array.isArray(value) || !isTableOrTables(value)) {
      problems.push({
        path: [name],
        message: `${name} is a table; write it as ${written(section)} on a line of its own`,
      });
    }
  }
}

function isTableOrTables(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isTable) : isTable(value);
}

function unknownTopLevel(name: string, value: unknown): string {
  if (isTable(value) || (Array.isArray(value) && value.some(isTable))) {
    return `unknown table [${name}]${didYouMean(name, sections.map(({ name }) => name))}`;
  }
  const home = sections.find(({ rows }) => findKey(rows, name) !== undefined);
  return home === undefined
    ? `unknown key "${name}", outside every table`
    : `the key "${name}" stands outside every table; put it below ${written(home)}`;
}

/** Where a key belongs that stands in the wrong table; nothing where that may be many places. */
function belonging(key: string): string {
  const homes = sections.filter(({ rows }) => findKey(rows, key) !== undefined).map(written);
  return homes.length === 0 || homes.length > 2 ? "" : `; it belongs below ${homes.join(" or ")}`;
}

/** The name in the schema that a written key means; `-` and `_` are the same. */
function findKey(rows: Section["rows"], name: string): string | undefined {
  const folded = name.replaceAll("_", "-");
  return Object.keys(rows).find((key) =>
    [key, ...(rows[key]?.aliases ?? [])].some((known) => known.replaceAll("_", "-") === folded)
  );
}

function table<Rows extends Section["rows"]>(
  section: string,
  rows: Rows,
  raw: unknown,
  path: KeyPath,
  problems: Problem[],
): Values<Rows> {
  const given = new Map<string, { key: string; value: unknown }>();
  for (const [key, value] of isTable(raw) ? Object.entries(raw) : []) {
    const name = findKey(rows, key);
    if (name === undefined) {
      const hint = didYouMean(key, Object.keys(rows)) || belonging(key);
      problems.push({
        path: [...path, key],
        message: `unknown key "${key}" in ${inBrackets(section)}${hint}`,
      });
    } else if (given.has(name)) {
      problems.push({ path: [...path, key], message: `${key} is given twice` });
    } else given.set(name, { key, value });
  }
  const values: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(rows)) {
    const found = given.get(name);
    values[name] = found === undefined
      ? fallbackOf(row)
      : valueOf(row, found.value, [...path, found.key], problems);
  }
  return values as Values<Rows>;
}

/** Tables that stand several times below `[piot]`. */
const INNER_TABLES = ["route", "action"];

function withoutTables(raw: unknown): unknown {
  if (!isTable(raw)) return raw;
  return Object.fromEntries(Object.entries(raw).filter(([name]) => !INNER_TABLES.includes(name)));
}

/** The tables `[[piot.NAME]]`; those that say nothing do not count. */
function tablesIn<Rows extends Section["rows"]>(
  piot: unknown,
  name: string,
  rows: Rows,
  problems: Problem[],
): Values<Rows>[] {
  const raw = isTable(piot) ? piot[name] : undefined;
  if (raw === undefined) return [];
  if (!Array.isArray(raw) || !raw.every(isTable)) {
    const message = `${name} is a table; write it as [[piot.${name}]] on a line of its own`;
    problems.push({ path: ["piot", name], message });
    return [];
  }
  return raw.flatMap((one, i) =>
    Object.keys(one).length === 0
      ? []
      : [table(`piot.${name}`, rows, one, ["piot", name, i], problems)]
  );
}

function inBrackets(name: string): string {
  const section = sections.find((candidate) => candidate.name === name);
  return section === undefined ? name : written(section);
}

function fallbackOf(row: Row<unknown>): unknown {
  return row.fallback === undefined ? undefined : row.type.parse(row.fallback);
}

function valueOf(row: Row<unknown>, value: unknown, path: KeyPath, problems: Problem[]): unknown {
  try {
    return row.type.parse(value);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    for (const mistake of [error, ...error.others]) {
      const inside = mistake.path.map((step) =>
        typeof step === "number" ? `[${step}]` : `.${step}`
      );
      problems.push({
        path: [...path, ...mistake.path],
        message: `${path.at(-1)}${inside.join("")} ${mistake.message}`,
      });
    }
    return undefined;
  }
}

/** Where a network listens after defaults, or undefined where it does not. */
export function listenOf(
  network: Values<typeof networkRows>,
): { host: string; port: number } | undefined {
  const { listen, profile } = network;
  if (listen === "none" || (listen === undefined && profile === "hncp")) return undefined;
  return { host: listen?.host ?? "::", port: listen?.port ?? STREAM_PORT };
}

/** What does not go with the profile `hncp`, which has neither streams nor sealing. */
function crossCheckHncp(
  { profile, listen, connect, keys }: Values<typeof networkRows>,
  at: (key: string) => KeyPath,
  problems: Problem[],
): void {
  if (profile !== "hncp") return;
  const refuse = (key: string, why: string) =>
    problems.push({ path: at(key), message: `${key} does not go with profile "hncp": ${why}` });
  if (listen !== undefined && listen !== "none") refuse("listen", "it has no streams");
  if (connect.length > 0) refuse("connect", "it speaks with its own links only");
  if ((keys?.length ?? 0) > 1) refuse("keys", "SHSP knows one key a network; use key_file");
}

/** What a route or an action must have. */
function crossCheckPiot({ routes, actions }: ParsedConfig, problems: Problem[]): void {
  routes.forEach(({ run, forward, publish }, i) => {
    const given = [run, forward, publish].filter((one) => one !== undefined).length;
    if (given !== 1) {
      const message = `a route has one of run, forward and publish; this one has ${
        given || "none"
      }`;
      problems.push({ path: ["piot", "route", i], message });
    } else if (run?.length === 0) {
      problems.push({ path: ["piot", "route", i], message: "run is empty; name a program" });
    }
  });
  const names = new Set<string>();
  actions.forEach(({ name, run }, i) => {
    const path = ["piot", "action", i];
    if (name === undefined) problems.push({ path, message: "an action needs a name" });
    else if (name.startsWith("piot.")) {
      problems.push({
        path,
        message: `names that begin with "piot." are taken; this is "${name}"`,
      });
    } else if (names.has(name)) {
      problems.push({ path, message: `two actions are called "${name}"; give each its own name` });
    } else if (run === undefined || run.length === 0) {
      problems.push({ path, message: "an action needs run: a program and its arguments" });
    }
    names.add(name ?? "");
  });
}

/** What no single key can be blamed for; in tables whose keys are right, each for itself. */
function crossCheck(config: ParsedConfig, problems: Problem[]): void {
  const wrong = new Set(problems.map(({ path }) => path[0]));
  if (!wrong.has("piot")) crossCheckPiot(config, problems);
  if (!wrong.has("network")) crossCheckNetworks(config, problems);
  if (!wrong.has("ring")) crossCheckRing(config, problems);
}

function crossCheckNetworks(config: ParsedConfig, problems: Problem[]): void {
  const names = new Set<string>();
  const listening = new Set<string>();
  const hncpPorts = new Set<number>();
  config.network.forEach((network, i) => {
    const at = (key: string) => ["network", i, key];
    const listen = listenOf(network);
    if (listen !== undefined && listen.port !== 0) {
      const shown = formatHostPort(listen);
      if (listening.has(shown)) {
        problems.push({
          path: at("listen"),
          message: `two networks listen on ${shown}; give one of them another listen, or "none"`,
        });
      }
      listening.add(shown);
    }
    if (names.has(network.name)) {
      problems.push({
        path: at("name"),
        message: `two networks are called "${network.name}"; give each its own name`,
      });
    }
    names.add(network.name);
    crossCheckHncp(network, at, problems);
    if (network.profile === "hncp") {
      const port = network.port ?? PORTS.hncp;
      if (hncpPorts.has(port)) {
        problems.push({
          path: at("port"),
          message: `two networks of profile "hncp" use UDP port ${port}, and would be one; ` +
            "give one of them another port",
        });
      }
      hncpPorts.add(port);
    }
    if (network.key_file !== undefined && network.keys !== undefined) {
      problems.push({ path: at("keys"), message: "give either key_file or keys, not both" });
    }
    if (network.keys?.length === 0) {
      problems.push({ path: at("keys"), message: "keys is empty; name one file at the least" });
    }
    const { trickle_imin: imin, trickle_imax: imax } = network;
    if (imin !== undefined && imax !== undefined && imin > imax) {
      problems.push({ path: at("trickle_imin"), message: "trickle_imin is above trickle_imax" });
    }
  });
}

function crossCheckRing({ ring: { index, members } }: ParsedConfig, problems: Problem[]): void {
  if (index !== undefined && members !== undefined && index >= members.length) {
    problems.push({
      path: ["ring", "index"],
      message: `index ${index} is none of the ${members.length} members; they count from 0`,
    });
  }
}
