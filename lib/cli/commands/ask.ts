/** `agent ask NAME|ADDRESS TEXT [--timeout 10s] [--json-body]` */
import type { JsonValue } from "../../http/api.ts";
import { type Call, hasFlag } from "../call.ts";
import { asAgentError, find, isAddress, waitOf } from "../nearby.ts";
import { jsonBody } from "../values.ts";

export async function run(call: Call): Promise<number> {
  const [where = "", text = ""] = call.positionals;
  const message = hasFlag(call, "json-body") ? jsonBody(text) : text;
  const waitMs = waitOf(call, "timeout", "10s");
  const end = performance.now() + waitMs;
  const address = isAddress(where) ? where : (await find(call, where, waitMs)).address;
  const { Nearby } = await import("../../learn/nearby.ts");
  const nearby = new Nearby();
  let reply: JsonValue;
  try {
    const left = Math.max(1, end - performance.now()) / 1_000;
    reply = await nearby.sendMessageTo(address, message, Math.ceil(left * 10) / 10) as JsonValue;
  } catch (error) {
    throw asAgentError(error);
  } finally {
    await nearby.close();
  }
  call.out.print({ address, reply }, () => ({
    lines: typeof reply === "string" ? reply.split("\n").map((line) => [line]) : [[{
      value: reply,
    }]],
  }));
  return 0;
}
