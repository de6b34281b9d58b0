/**
 * Rings of real processes: servers, clients, and what the logs say.
 *
 * @module
 */
import { strictEqual } from "node:assert/strict";
import type { RingView } from "../../lib/http/api.ts";
import { freePort } from "../ports.ts";
import { type Child, type Place, type Spawn, until } from "./harness.ts";

/** Where a server runs. */
export interface Site {
  readonly host: string;
  readonly port: number;
  readonly spawn?: Spawn;
}

/** Servers of one ring, each a process. */
export class RingServers {
  readonly place: Place;
  readonly sites: readonly Site[];
  readonly servers: (Child | undefined)[] = [];
  readonly #args: readonly string[];

  /** `args`: further ones for every server. */
  constructor(place: Place, sites: readonly Site[], args: readonly string[] = []) {
    this.place = place;
    this.sites = sites;
    this.#args = args;
    Deno.writeTextFileSync(`${place.dir}/ring.toml`, '[ring]\nreconnect = "2s"\n');
  }

  get members(): string[] {
    return this.sites.flatMap(({ host, port }, i) => ["--member", `s${i}=${host}:${port}`]);
  }

  start(index: number): Child {
    const { host, port, spawn } = this.sites[index] as Site;
    const child = this.place.start([
      ...["--socket", this.#socket(index), "--config", `${this.place.dir}/ring.toml`],
      ...["ring", "serve", "--index", String(index), "--listen", `${host}:${port}`],
      ...["--log-dir", this.logDir(index), ...this.members, ...this.#args],
    ], { label: `server ${index}`, ...(spawn && { spawn }) });
    return this.servers[index] = child;
  }

  /** Starts all, and waits until each holds connections to and from all others. */
  async startAll(): Promise<void> {
    this.sites.forEach((_, index) => this.start(index));
    await this.whole();
  }

  async whole(): Promise<void> {
    for (const index of this.sites.keys()) {
      await until(
        `server ${index} is connected to all`,
        async () =>
          (await this.view(index))?.members.every(({ state, incoming }) =>
            state === "self" || (state === "up" && incoming)
          ) ?? false,
        () => this.servers[index]?.stderr ?? "",
      );
    }
  }

  /** Undefined while it does not answer. */
  async view(index: number): Promise<RingView | undefined> {
    const path = this.#socket(index).replace(".sock", "-ring.sock");
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    try {
      const response = await fetch("http://127.0.0.1/v1/ring", { client });
      return await response.json() as RingView;
    } catch {
      return undefined;
    } finally {
      client.close();
    }
  }

  /** Starts `agent ring send`. Its log is in the folder `client-NAME`. */
  send(name: string, args: readonly string[], spawn?: Spawn): Child {
    return this.place.start([
      ...["ring", "send", ...this.members, "--log-dir", this.#clientDir(name), ...args],
    ], { label: `client ${name}`, ...(spawn && { spawn }) });
  }

  /** What a client's servers have said OK to. */
  sent(name: string): string[] {
    const texts = textsOf(`${this.#clientDir(name)}/sprog.log`);
    return texts.filter((text) => !/^(?:start|end) sprog run$|^FAILED /.test(text));
  }

  logDir(index: number): string {
    return `${this.place.dir}/logs-${index}`;
  }

  /** Lines of a log, without their times. */
  log(index: number, name: "access" | "error" | "ring"): string[] {
    return textsOf(`${this.logDir(index)}/${name}.log`);
  }

  /** How often each text stands in a server's ring.log. */
  counts(index: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const text of this.log(index, "ring")) counts.set(text, (counts.get(text) ?? 0) + 1);
    return counts;
  }

  /** Waits until nobody owes an answer to anybody. */
  async quiet(indices: readonly number[]): Promise<void> {
    await until("nothing is under way", async () => {
      const views = await Promise.all(indices.map((index) => this.view(index)));
      return views.every((view) => view?.members.every(({ unanswered }) => unanswered === 0));
    });
  }

  async stop(): Promise<void> {
    for (const server of this.servers) server?.kill("SIGTERM");
    for (const server of this.servers) if (server) strictEqual((await server.result()).code, 0);
  }

  #socket(index: number): string {
    return `${this.place.dir}/s${index}.sock`;
  }

  #clientDir(name: string): string {
    return `${this.place.dir}/client-${name}`;
  }
}

function textsOf(path: string): string[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  // Lines of 80 columns, put together again.
  return text.replaceAll(`\n${" ".repeat(20)}`, "").split("\n").slice(0, -1).map((line) => {
    if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /.test(line)) throw new Error(`${path}: ${line}`);
    return line.slice(20);
  });
}

/** As many places on this computer. */
export function freeSites(count: number): Site[] {
  return Array.from({ length: count }, () => ({ host: "127.0.0.1", port: freePort() }));
}

/**
 * What must hold of a ring of five of which one was killed and started again while clients sent to
 * the others: nothing twice; the others lack no more than was reported as LOST; the killed one lacks
 * what was reported as NO LINK to it, and no more than that and LOST. Once it is started again, it may
 * get something to pass on before it has reached those behind it: those then lack what it reports.
 */
export function checkKilled(ring: RingServers, killed: number, sent: readonly string[]): void {
  const indices = [...ring.sites.keys()];
  const errors = indices.flatMap((by) => ring.log(by, "error").map((line) => ({ by, line })));
  const lost = errors.map(({ line }) => Number(/^LOST to s\d (\d+)$/.exec(line)?.[1] ?? 0))
    .reduce((a, b) => a + b, 0);
  const noLink = errors.flatMap(({ by, line }) => {
    const [, to] = /^NO LINK to (s\d) /.exec(line) ?? [];
    return to === undefined ? [] : [{ by, to }];
  });
  const toKilled = noLink.filter(({ to }) => to === `s${killed}`).length;
  const toOthers = noLink.filter(({ to }) => to !== `s${killed}`);
  strictEqual(toOthers.filter(({ by }) => by !== killed).length, 0, "all others were there");
  let missing = 0;
  for (const index of indices) {
    const counts = ring.counts(index);
    for (const [text, count] of counts) strictEqual(count, 1, `s${index} has twice: ${text}`);
    if (index !== killed) missing += sent.filter((text) => !counts.has(text)).length;
  }
  if (missing > lost + toOthers.length) {
    throw new Error(`${missing} are missing; LOST ${lost}, NO LINK to others ${toOthers.length}`);
  }
  const ofKilled = ring.counts(killed);
  const gap = sent.filter((text) => !ofKilled.has(text)).length;
  if (toKilled === 0) throw new Error("nothing was sent while it was gone");
  if (gap < toKilled || gap > toKilled + lost) {
    throw new Error(`s${killed} lacks ${gap}; NO LINK ${toKilled}, LOST ${lost}`);
  }
}
