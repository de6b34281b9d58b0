/**
 * What flows while faults strike: messages and those who take them, values, entries with an end, and
 * leafy guests. Each promise goes into a ledger when it is given.
 *
 * @module
 */
import { match } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import type { InboxRow, SendReceipt, StateTree } from "../../lib/http/api.ts";
import type { AgentProcess, Place } from "../e2e/harness.ts";
import { pause } from "./faults.ts";
import { type Field, guestOn } from "./field.ts";
import type { Journal } from "./journal.ts";
import { BriefLedger, MessageLedger, StateLedger } from "./ledger.ts";
import { type Bridge, BRIDGES, KEEP_ALIVE_LIMIT, NODES } from "./plan.ts";
import { type Station, toml } from "./station.ts";

/** An answer that took longer is no picture of a moment, in ms. */
const PROMPT = 400;
/** What a request says whose agent was killed, or is not there yet. */
const DIED = /connection|closed|error sending|reset|broken|client|TypeError|BadResource/i;
/** Exit codes of a command that reached nobody, and of one that is done. */
const UNREACHABLE = 3;
const DONE = 0;

/** What flows where. */
export interface Scene {
  readonly place: Place;
  readonly field: Field;
  readonly journal: Journal;
  readonly stations: ReadonlyMap<string, Station>;
}

/** All traffic of a test. */
export class Traffic {
  readonly messages = new MessageLedger();
  readonly state = new StateLedger();
  readonly brief = new BriefLedger({ slack: KEEP_ALIVE_LIMIT + 2_500, glimpse: 2_500 });
  /** Keys that guests hold. */
  guestKeys: readonly string[];
  /** The largest resident memory that an agent had, in bytes. */
  largest = 0;
  readonly #scene: Scene;
  readonly #random: Random;
  #sending = true;
  #watching = true;
  #numbers = 0;
  readonly #senders: Promise<void>[] = [];
  readonly #watchers: Promise<void>[] = [];

  constructor(scene: Scene, seed: number, guestKeys: readonly string[]) {
    this.#scene = scene;
    this.#random = new Random(seed);
    this.guestKeys = guestKeys;
  }

  /** Begins everything. */
  start(): void {
    const { stations } = this.#scene;
    const random = () => this.#random.fork();
    const told = (error: unknown) => this.#scene.journal.fail(error);
    const sends = (work: Promise<void>) => this.#senders.push(work.catch(told));
    const watches = (work: Promise<void>) => this.#watchers.push(work.catch(told));
    for (const station of stations.values()) {
      for (const to of this.#receivers(station.name)) sends(this.#send(station, to, random()));
      sends(this.#write(station, random()));
      watches(this.#receive(station, random()));
      watches(this.#look(station));
    }
    sends(this.#sendByCommand(random()));
    for (const bridge of BRIDGES) sends(this.#guest(bridge, random()));
  }

  /** No more is promised. */
  async endSending(): Promise<void> {
    this.#sending = false;
    await Promise.all(this.#senders);
  }

  /** No more is taken, nor looked at. */
  async endWatching(): Promise<void> {
    this.#watching = false;
    await Promise.all(this.#watchers);
  }

  /** Two each, so that everybody sends and receives. */
  #receivers(name: string): string[] {
    const next = NODES[(NODES.indexOf(name) + 1) % NODES.length] as string;
    const others = NODES.filter((one) => one !== name && one !== next);
    return [next, this.#random.pick(others)];
  }

  async #send(station: Station, to: string, random: Random): Promise<void> {
    const lane = `${station.name}>${to}`;
    let n = 0;
    while (this.#sending) {
      await pause(random.between(200, 2_600));
      const { agent } = station;
      if (!agent) continue;
      // Some do not wait for long.
      const ttl = random.chance(0.1) ? "2s" : undefined;
      const numbers = Array.from({ length: 1 + random.below(3) }, () => n++);
      for (const number of numbers) this.messages.sent(lane, number, ttl !== undefined);
      const batch = numbers.map((n) => ({
        to,
        body: { lane, n, padding: "x".repeat(n % 97) },
        ...(ttl !== undefined && { ttl }),
      }));
      const answer = await this.#ask(agent, "POST", "/v1/messages", batch);
      if (answer === undefined) continue;
      if (answer.ok) {
        const receipts = answer.json as SendReceipt[];
        receipts.forEach(({ id }, i) => this.messages.accepted(lane, numbers[i] as number, id));
      } else {
        this.#explain(station, answer.text);
        for (const number of numbers) this.messages.refused(lane, number);
      }
    }
  }

  /** `agent send`, from anywhere to anywhere. */
  async #sendByCommand(random: Random): Promise<void> {
    let n = 0;
    while (this.#sending) {
      await pause(random.between(1_500, 3_500));
      const [from, to] = [random.pick(NODES), random.pick(NODES)];
      const station = this.#scene.stations.get(from) as Station;
      if (from === to || !station.agent || station.stopped) continue;
      const lane = `${from}>${to} by command`;
      const body = JSON.stringify({ lane, n });
      this.messages.sent(lane, n);
      const { code, stdout, stderr } = await station.agent.cli(
        ...["send", to, body, "--json-body", "--json", "--wait", "200ms"],
      );
      if (code === DONE) this.messages.accepted(lane, n, (JSON.parse(stdout) as SendReceipt).id);
      else this.#scene.journal.note(`${lane} ${n}: exit code ${code}: ${stderr.trim()}`);
      n++;
    }
  }

  /** Takes what arrives, at times at once and at times after a while. */
  async #receive(station: Station, random: Random): Promise<void> {
    /** Read, and not known to be taken: those may be read again. */
    let uncertain = new Set<string>();
    while (this.#watching) {
      if (this.#sending && random.chance(0.2)) await pause(random.between(1_000, 6_000));
      const { agent } = station;
      const answer = agent &&
        await this.#ask(agent, "GET", "/v1/messages?limit=200&wait=500ms");
      if (!answer?.ok) {
        await pause(20);
        continue;
      }
      const rows = answer.json as InboxRow[];
      for (const { id, body } of rows) {
        if (uncertain.has(id)) continue;
        const { lane, n } = body as { lane: string; n: number };
        this.messages.arrived(lane, n);
      }
      if (rows.length === 0) continue;
      uncertain = new Set(rows.map(({ id }) => id));
      const keys = rows.map(({ key }) => `key=${encodeURIComponent(key)}`).join("&");
      const taken = await this.#ask(agent as AgentProcess, "DELETE", `/v1/messages?${keys}`);
      if (taken?.ok) uncertain = new Set();
      else {
        if (taken) this.#explain(station, taken.text);
        await pause(50);
      }
    }
  }

  /** A value that grows, one that comes and goes, and some with an end. */
  async #write(station: Station, random: Random): Promise<void> {
    while (this.#sending) {
      await pause(random.between(300, 2_500));
      const { agent, name } = station;
      if (!agent) continue;
      const n = ++this.#numbers;
      if (random.chance(0.15)) {
        const key = `brief/${n}`;
        this.brief.publishing(key);
        const ttl = 1 + random.below(4);
        const answer = await this.#ask(agent, "PUT", `/v1/state?ttl=${ttl}s`, { [key]: n });
        this.brief.ends(key, this.#scene.journal.now() + 1_000 * ttl, answer?.ok ?? false);
        continue;
      }
      const [key, value] = random.chance(0.7) ? ["n", n] : ["flag", random.pick([n, undefined])];
      const outcome = this.state.writing(`${name}:${key}`, value);
      const answer = value === undefined
        ? await this.#ask(agent, "DELETE", `/v1/state/${key}`)
        : await this.#ask(agent, "PUT", "/v1/state", { [key as string]: value });
      if (answer === undefined) continue;
      // 404: it was not there, which is what was wanted.
      const done = answer.ok || value === undefined && answer.status === 404;
      if (!done) this.#explain(station, answer.text);
      outcome(done ? "accepted" : "refused");
    }
  }

  /** What a node shows, every second. */
  async #look(station: Station): Promise<void> {
    const { journal } = this.#scene;
    while (this.#watching) {
      await pause(1_000);
      const { agent, life, name } = station;
      if (!agent) continue;
      const at = journal.now();
      const answer = await this.#ask(agent, "GET", "/v1/state");
      if (!answer?.ok || journal.now() - at > PROMPT || station.agent !== agent) continue;
      // Who says that the picture may be partial knows that something is new elsewhere.
      this.#shown(`${name}/${life}`, answer.json as StateTree, answer.partial ? -Infinity : at);
      this.largest = Math.max(this.largest, agent.rss());
    }
  }

  #shown(observer: string, tree: StateTree, at: number): void {
    const { values, briefs } = takeApart(tree);
    for (const [key, value] of Object.entries(values)) {
      this.state.seen(observer, key, value as number);
    }
    this.brief.seen(observer, briefs, at);
  }

  /** Somebody without an agent, who publishes and reads. */
  async #guest(bridge: Bridge, random: Random): Promise<void> {
    const { place, field, journal } = this.#scene;
    const config = `${place.dir}/${guestOn(bridge)}.toml`;
    const leafy = (...words: string[]) => {
      Deno.writeTextFileSync(config, toml(this.guestKeys));
      return place.start(["--config", config, "--leafy", ...words, "--json"], {
        spawn: (...all) => field.spawn(guestOn(bridge), ...all),
        label: `guest on ${bridge}: ${words.join(" ")}`,
      }).result();
    };
    for (let n = 0; this.#sending; n++) {
      await pause(random.between(1_000, 3_000));
      if (n % 3 === 2) {
        const { code, stdout, stderr } = await leafy("read");
        if (code === DONE) {
          this.#shown(`guest on ${bridge}, read ${n}`, JSON.parse(stdout), -Infinity);
        } else this.#unreached(`read by the guest on ${bridge}`, code, stderr);
        continue;
      }
      const key = `guest/${bridge}${n}`;
      const ttl = 2 + random.below(4);
      this.brief.publishing(key);
      const { code, stderr } = await leafy("publish", `${key}=${n}`, "--ttl", `${ttl}s`);
      this.brief.ends(key, journal.now() + 1_000 * ttl, code === DONE);
      if (code !== DONE) this.#unreached(`${key}`, code, stderr);
    }
  }

  #unreached(what: string, code: number, stderr: string): void {
    const { journal } = this.#scene;
    const line = `${what}: exit code ${code}: ${stderr.trim()}`;
    if (code === UNREACHABLE) journal.note(line);
    else journal.complain(line);
  }

  /** A request; `undefined` where no answer came, because the agent died. */
  async #ask(agent: AgentProcess, method: string, path: string, body?: unknown) {
    try {
      const response = await agent.open(method, path, body);
      const text = await response.text();
      const { ok, status } = response;
      const partial = response.headers.has("agent-partial");
      return { ok, status, partial, text, json: ok ? JSON.parse(text) as unknown : undefined };
    } catch (error) {
      match(String(error), DIED);
      await pause(20);
      return undefined;
    }
  }

  /** Only a full disk is a reason to refuse anything here. */
  #explain({ name, full }: Station, text: string): void {
    const { journal } = this.#scene;
    const line = `${name} refuses: ${text.trim()}`;
    if (/disk is full/.test(text)) journal.note(`${line}${full ? "" : " (it was)"}`);
    else journal.complain(line);
  }
}

/** Entries that stay, as `NODE:KEY`, and keys of those that end. */
export function takeApart(tree: StateTree): { values: Record<string, unknown>; briefs: string[] } {
  const values: Record<string, unknown> = {};
  const briefs: string[] = [];
  for (const [node, entries] of Object.entries(tree)) {
    for (const [key, { value }] of Object.entries(entries)) {
      if (key.startsWith("agent/")) continue;
      if (/^(?:brief|guest)\//.test(key)) briefs.push(key);
      else values[`${node}:${key}`] = value;
    }
  }
  return { values, briefs };
}
