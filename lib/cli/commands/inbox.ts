/** `agent inbox [--take] [--follow]` */
import type { InboxRow, MessageEvent, MessageRow } from "../../http/api.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import type { Client } from "../client.ts";
import { followEvents } from "../events.ts";
import type { Cell } from "../output/output.ts";
import { untilSignal } from "../signals.ts";
import { localClient } from "../sockets.ts";

/** Messages that are printed and then taken together. */
const BATCH = 200;
/** The longest that the agent is asked to wait for one, and patience beyond, in s and ms. */
const POLL = 20;
const PATIENCE = 10_000;

export async function run(call: Call): Promise<number> {
  const client = await localClient(call.globals, POLL * 1_000 + PATIENCE);
  const topic = flagText(call, "name");
  if (hasFlag(call, "take")) return await take(call, client, topic);
  if (hasFlag(call, "follow")) {
    const path = "/v1/events?topic=messages&snapshot=1";
    return await followEvents<MessageEvent>(call, client, path, (event) => {
      if (event.event !== "present" && event.event !== "message") return;
      show(call, event as InboxRow, topic);
    });
  }
  const { body } = await client.request("GET", "/v1/messages");
  for (const row of JSON.parse(body) as InboxRow[]) show(call, row, topic);
  return 0;
}

/** At least once: what was printed is removed then. */
async function take(call: Call, client: Client, topic: string | undefined): Promise<number> {
  const follow = hasFlag(call, "follow");
  const stop = follow ? untilSignal() : undefined;
  const until = stop && new UntilSignal(stop);
  const wait = follow ? `&wait=${POLL}s` : "";
  // A topic that nobody takes must not hide what is behind it.
  const limit = topic === undefined ? BATCH : 1_000;
  do {
    const polling = client.request("GET", `/v1/messages?limit=${limit}${wait}`);
    const answer = await (until?.wait(polling) ?? polling);
    if (answer === undefined) break;
    const rows: InboxRow[] = JSON.parse(answer.body);
    const shown = rows.filter((row) => show(call, row, topic));
    for (let at = 0; at < shown.length; at += BATCH) {
      const keys = shown.slice(at, at + BATCH).map(({ key }) => `key=${encodeURIComponent(key)}`);
      await client.request("DELETE", `/v1/messages?${keys.join("&")}`);
    }
    if (shown.length === 0 && !follow) break;
    if (shown.length === 0 && rows.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  } while (stop === undefined || !stop.aborted);
  return 0;
}

/** Waits for one thing after the other, until a signal comes. */
class UntilSignal {
  readonly #stop: AbortSignal;
  #end: () => void = () => {};

  constructor(stop: AbortSignal) {
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** `undefined` where the signal comes first; what is waited for is then nobody's business. */
  wait<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#end = () => resolve(undefined);
      work.then(resolve, (error) => this.#stop.aborted ? resolve(undefined) : reject(error));
      if (this.#stop.aborted) this.#end();
    });
  }
}

/** Whether it was one of those that are wanted. */
function show(call: Call, row: InboxRow, topic: string | undefined): boolean {
  const { id, from, at, header, body } = row;
  if (topic !== undefined && header.name !== topic) return false;
  const message: MessageRow = { id, from, at, header, body };
  call.out.line(message, () => cells(message));
  return true;
}

function cells({ at, from, header, body }: MessageRow): Cell[] {
  return [
    { at },
    { text: from, tone: "strong" },
    ...(header.name === undefined ? [] : [{ text: header.name, tone: "dim" } as const]),
    header.type?.startsWith("text/") && typeof body === "string" ? body : { value: body },
  ];
}
