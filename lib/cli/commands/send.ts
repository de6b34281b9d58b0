/** `agent send NODE TEXT|- [--name TOPIC] [--json-body] [--ttl 24h] [--wait 1s]` */
import { parseDuration } from "../../core/duration.ts";
import { messageOf } from "../../core/errors.ts";
import type { SendReceipt } from "../../http/api.ts";
import { usage } from "../args.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { localClient } from "../sockets.ts";

const WAIT = "1s";
/** From this length on it matters how text is written, in characters. */
const LONG_TEXT = 65_536;
/** What the agent may take besides the wait, in ms. */
const PATIENCE = 40_000;

export async function run(call: Call): Promise<number> {
  const [to = "", text = ""] = call.positionals;
  const wait = flagText(call, "wait") ?? WAIT;
  const waitMs = parseDuration(wait);
  const ttl = flagText(call, "ttl");
  if (ttl !== undefined && parseDuration(ttl) <= 0) {
    throw usage("--ttl must be longer than nothing");
  }
  const message = {
    to,
    ...bodyOf(call, text === "-" ? await readStdin() : new TextEncoder().encode(text)),
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
  if (hasFlag(call, "json-body")) {
    try {
      return { body: JSON.parse(text ?? ""), ...typed };
    } catch (error) {
      throw usage(`the message is not JSON (${messageOf(error)}); text needs quotes: '"on"'`);
    }
  }
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

async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Deno.stdin.readable) {
    chunks.push(chunk);
    length += chunk.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
