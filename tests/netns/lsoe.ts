/** Agents that speak LSOE in namespaces: how tests start them, and what they ask. */
import type { LinkRow, LsoeEventRow, LsoeSessionRow } from "../../lib/http/api.ts";
import { type AgentProcess, type Child, type Place, until } from "../e2e/harness.ts";
import type { Node } from "./harness.ts";

/** Lines of the config of an agent. */
export interface LsoeConfigLines {
  /** Below `[lsoe]`. */
  readonly lsoe?: string;
  /** Patterns of the interfaces of the network and of LSOE. Default: `["veth*"]`. */
  readonly interfaces?: string;
}

/** A config: a network on all cables, where a dead peer is noticed after 1.5 s, and LSOE. */
export function lsoeToml(
  place: Place,
  { lsoe = "", interfaces = '["veth*"]' }: LsoeConfigLines = {},
): string {
  return `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = ${interfaces}\n` +
    'keep_alive = "500ms"\nkeep_alive_multiplier = 3\n' +
    `[lsoe]\nenabled = true\ninterfaces = ${interfaces}\n${lsoe}\n`;
}

/** Starts an agent in a namespace, named like it. */
export function startLsoe(
  place: Place,
  node: Node,
  lines: LsoeConfigLines = {},
): Promise<AgentProcess> {
  return place.agent(node.label, {
    toml: lsoeToml(place, lines),
    spawn: node.spawn,
  });
}

export function sessionsOf(agent: AgentProcess): Promise<LsoeSessionRow[]> {
  return agent.request("GET", "/v1/lsoe/sessions");
}

export function linksOf(agent: AgentProcess): Promise<LinkRow[]> {
  return agent.request("GET", "/v1/links");
}

/** Until a session that fits is there; it. */
export async function session(
  agent: AgentProcess,
  what: string,
  fits: (row: LsoeSessionRow) => boolean,
): Promise<LsoeSessionRow> {
  let all: LsoeSessionRow[] = [];
  await until(
    `${agent.name}: ${what}`,
    async () => (all = await sessionsOf(agent)).some(fits),
    () => `${JSON.stringify(all, null, 1)}\n${agent.stderr}`,
  );
  return all.find(fits)!;
}

/** Until all these have open sessions on this interface, so many, and nothing else there. */
export async function opened(agents: readonly AgentProcess[], name: string, count = 1) {
  for (const agent of agents) {
    let all: LsoeSessionRow[] = [];
    await until(
      `${agent.name} has ${count} open sessions on ${name}`,
      async () => {
        all = (await sessionsOf(agent)).filter((row) => row.interface === name);
        return all.length === count && all.every(({ state }) => state === "open");
      },
      () => `${JSON.stringify(all, null, 1)}\n${agents.map(({ stderr }) => stderr).join("\n")}`,
    );
  }
}

/** Until an agent sees so many cables, all of which both ends report. */
export async function cables(agent: AgentProcess, count: number): Promise<LinkRow[]> {
  let all: LinkRow[] = [];
  await until(
    `${agent.name} sees ${count} cables`,
    async () => {
      all = await linksOf(agent);
      return all.length === count && all.every(({ state }) => state === "open");
    },
    () => `${JSON.stringify(all, null, 1)}\n${agent.stderr}`,
  );
  return all;
}

/** The two ends of a cable, as `NODE INTERFACE ADDRESSES`, sorted. */
export function endsOf({ a, b }: LinkRow): string[] {
  return [a, b].map(({ node, interface: name, addresses }) =>
    `${node} ${name} ${addresses.toSorted().join(" ")}`
  ).sort();
}

/** What an agent tells of LSOE, from now on. */
export class LsoeWatch {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async on(agent: AgentProcess): Promise<LsoeWatch> {
    const child = agent.start("lsoe", "watch", "--json");
    const watch = new LsoeWatch(child);
    if ((await sessionsOf(agent)).length > 0) {
      await watch.saw("what is there", ({ event }) => event === "present");
    }
    return watch;
  }

  get events(): LsoeEventRow[] {
    return this.#child.lines.map((line) => JSON.parse(line) as LsoeEventRow);
  }

  async saw(what: string, fits: (event: LsoeEventRow) => boolean): Promise<LsoeEventRow> {
    await until(what, () => this.events.some(fits), () => this.#child.stdout + this.#child.stderr);
    return this.events.find(fits)!;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#child.exited;
  }
}

/** The MAC address of an interface. */
export async function macOf(node: Node, name: string): Promise<string> {
  const [row] = JSON.parse(await node.ip("-json", "link", "show", name)) as { address: string }[];
  return row!.address;
}
