/** `agent news follow NAME|ADDRESS [PREFIX] [--count N]` */
import { AgentError, ExitCode } from "../../core/errors.ts";
import type { JsonValue } from "../../http/api.ts";
import { Nearby } from "../../learn/nearby.ts";
import { SocketInterruptedError } from "../../nearby/errors.ts";
import type { Call } from "../call.ts";
import { asAgentError, countOf, find, isAddress } from "../nearby.ts";
import { untilSignal } from "../signals.ts";

/** After such a silence it is looked whether the publisher has moved, in s. */
const SILENCE = 3;
/** How long it is waited for at a time, in ms. */
const WAIT = 5_000;

export async function run(call: Call): Promise<number> {
  const [where = "", prefix = ""] = call.positionals;
  const count = countOf(call);
  const stop = untilSignal();
  const nearby = new Nearby();
  stop.addEventListener("abort", () => void nearby.close());
  try {
    let address: string | undefined = isAddress(where) ? where : undefined;
    for (let heard = 0; heard < count;) {
      // Without the agent there is nobody to ask; who has an address goes on with it.
      if (address === undefined) address = await whereIs(call, where, stop);
      if (address === undefined) break;
      const [topic, data] = await nearby.waitForNewsFrom(address, prefix, SILENCE);
      if (topic === null) {
        if (!isAddress(where)) address = await whereNow(call, where) ?? address;
        continue;
      }
      heard++;
      const value = data as JsonValue;
      call.out.line({ topic, data: value }, () => [
        { text: topic, tone: "strong" },
        typeof value === "string" ? value : { value },
      ]);
    }
  } catch (error) {
    if (!stop.aborted || !(error instanceof SocketInterruptedError)) throw asAgentError(error);
  } finally {
    await nearby.close();
  }
  return 0;
}

/** Waits until somebody advertises it; undefined where it was told to stop. */
async function whereIs(call: Call, name: string, stop: AbortSignal): Promise<string | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    stop.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  while (!stop.aborted) {
    const looked = find(call, name, WAIT).then(({ address }) => address, (error) => {
      if (error instanceof AgentError && error.exitCode === ExitCode.NotThere) return "";
      throw error;
    });
    const address = await Promise.race([looked, stopped]);
    if (address !== "") return address;
  }
  return undefined;
}

/** Where it is now, where anybody knows. */
async function whereNow(call: Call, name: string): Promise<string | undefined> {
  try {
    return (await find(call, name, 0)).address;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return undefined;
  }
}
