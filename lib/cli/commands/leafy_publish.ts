/** `agent --leafy publish KEY=VALUE… [--ttl [60s]] [--via HOST[:PORT]]` */
import { AgentError, ExitCode } from "../../core/errors.ts";
import type { Entries, SetReceipt } from "../../http/api.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { type Client, NotRunning } from "../client.ts";
import { durationOf } from "../durations.ts";
import { parseEntries } from "../entries.ts";
import { timeoutOf } from "../leafy.ts";
import { acknowledgement } from "../receipt.ts";
import { pause, untilSignal } from "../signals.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const entries = parseEntries(call.positionals);
  const timeoutMs = timeoutOf(call);
  const typed = flagText(call, "ttl");
  const ttlMs = durationOf(call, "ttl");
  const continual = !hasFlag(call, "ttl");
  if (flagText(call, "via") === undefined) {
    const client = await localClient(call.globals, timeoutMs);
    try {
      return continual
        ? await holdLocal(call, client, entries)
        : await handOver(call, client, entries, typed ?? "default");
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
    }
  }
  return continual
    ? await holdRemote(call, entries, timeoutMs)
    : await handOverRemote(call, entries, ttlMs, timeoutMs);
}

/** With a TTL, through the local agent. */
async function handOver(call: Call, client: Client, entries: Entries, ttl: string) {
  const query = queryOf(call.globals, [["ttl", ttl]]);
  const { body } = await client.request("PUT", `/v1/state${query}`, JSON.stringify(entries));
  return acknowledge(call, JSON.parse(body));
}

/** With a TTL, through another node. */
async function handOverRemote(
  call: Call,
  entries: Entries,
  typedTtl: number | undefined,
  timeoutMs: number,
): Promise<number> {
  const { remoteNetwork } = await import("../leafy_network.ts");
  const { network, publishTtl } = remoteNetwork(call, "--via", flagText(call, "via"));
  const { remotePublish } = await import("../../agent/leafy/remote.ts");
  const ttlMs = typedTtl ?? publishTtl;
  const ack = await remotePublish({ network, entries, ttlMs, timeoutMs });
  const { node, id, until } = ack;
  return acknowledge(call, { node, id, until, ttlSeconds: ack.ttlMs / 1_000 });
}

function acknowledge(call: Call, receipt: SetReceipt): number {
  call.out.print(receipt, () => ({ lines: [[acknowledgement("published", receipt)]] }));
  return ExitCode.Done;
}

/** Pauses between tries to find the local agent again, in ms. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/** Without a TTL: a lease of the local agent, taken again whenever the agent comes back. */
async function holdLocal(call: Call, client: Client, entries: Entries): Promise<number> {
  const stop = untilSignal();
  const path = `/v1/lease${queryOf(call.globals)}`;
  const body = JSON.stringify({ entries });
  let held = false;
  let wait = FIRST_PAUSE;
  for (;;) {
    try {
      for await (const line of client.lines("POST", path, stop, body)) {
        if (line === "") continue;
        const { node, id }: SetReceipt = JSON.parse(line);
        held = true;
        wait = FIRST_PAUSE;
        tell(call, { node, id, connected: true });
      }
    } catch (error) {
      const away = error instanceof AgentError && error.exitCode === ExitCode.Unreachable;
      if (!held || !away) throw error;
    }
    if (!stop.aborted) call.out.note("the agent went away; trying again");
    if (!await pause(wait, stop)) return ExitCode.Done;
    wait = Math.min(wait * 2, LONGEST_PAUSE);
  }
}

/** Without a TTL, through another node. */
async function holdRemote(call: Call, entries: Entries, timeoutMs: number): Promise<number> {
  const { remoteNetwork } = await import("../leafy_network.ts");
  const { network } = remoteNetwork(call, "--via", flagText(call, "via"));
  const { remoteMirror } = await import("../../agent/leafy/remote.ts");
  await remoteMirror({
    network,
    entries,
    timeoutMs,
    stop: untilSignal(),
    onChange: ({ node, connected, why }) => {
      if (connected) tell(call, { node, connected });
      else call.out.note(`no longer published through ${node}${why ? `: ${why}` : ""}`);
    },
  });
  return ExitCode.Done;
}

function tell(call: Call, { node, ...data }: { node: string; id?: string; connected: boolean }) {
  call.out.line({ node, ...data }, () => [
    `published through ${node} until this command ends (Ctrl-C)`,
  ]);
}
