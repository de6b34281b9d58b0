/** `agent send NODE TEXT|- [--name TOPIC] [--json-body] [--ttl 24h] [--wait 1s]` */
import { parseDuration } from "../../core/duration.ts";
import type { SendReceipt } from "../../http/api.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { durationTextOf } from "../durations.ts";
import { localClient } from "../sockets.ts";
import { jsonBody } from "../values.ts";

const WAIT = "1s";
/** From this length on it matters how text is written, in characters. */
const LONG_TEXT = 65_536;
/** What the agent may take besides the wait, in ms. */
const PATIENCE = 40_000;

export async function run(call: Call): Promise<number> {
  const [to = "", text = ""] = call.positionals;
  const wait = flagText(call, "wait") ?? WAIT;
  const waitMs = parseDuration(wait);
  const ttl = durationTextOf(call, "ttl");
  const message = {
    to,
    ...bodyOf(
      call,
      text === "-"
        ? await new Response(Deno.stdin.readable).bytes()
        : new TextEncoder().encode(text),
    ),
    name: flagText(call, "name"),
    ttl,
    ...(hasFlag(call, "no-hold") && { hold: false }),
  };
  const client = await localClient(call.globals, waitMs + PATIENCE);
  const { body } = await client.request(
    "POST",
    `/v1/messages?wait=${encodeURIComponent(wait)}`,
    JSON.stringify(message),
  );
  const receipt: SendReceipt = JSON.parse(body);
  call.out.print({ id: receipt.id, state: receipt.state }, () => ({
    lines: [[
      receipt.state === "confirmed"
        ? { text: "confirmed", tone: "good" }
        : { text: "held", tone: "strong" },
      receipt.state === "confirmed" ? `by ${to}` : `until ${to} takes it; see: agent outbox`,
    ]],
  }));
  return 0;
}

function bodyOf(call: Call, bytes: Uint8Array): Record<string, unknown> {
  const type = flagText(call, "type");
  const typed = type === undefined ? {} : { type };
  const text = decode(bytes);
  if (hasFlag(call, "json-body")) return { body: jsonBody(text ?? ""), ...typed };
  if (text === undefined) return { base64: bytes.toBase64(), ...typed };
  // Control characters take six bytes each in JSON.
  const isLong = text.length > LONG_TEXT && JSON.stringify(text).length > 2 * text.length;
  return isLong ? { base64: bytes.toBase64(), type: "text/plain", ...typed } : { text, ...typed };
}

/** `undefined` where it is not text. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
