/** `agent call GROUP ACTION [ARGS] [--timeout 5s] [--mode all|any|settled|quorum:N]` */
import { parseDuration } from "../../core/duration.ts";
import { ExitCode } from "../../core/errors.ts";
import type { CallAnswer, CallResult } from "../../http/api.ts";
import { usage } from "../args.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import type { Cell } from "../output/output.ts";
import { localClient } from "../sockets.ts";
import { jsonOrText } from "../values.ts";

const TIMEOUT = "30s";
/** What the agent may take beyond, in ms. */
const PATIENCE = 10_000;

export async function run(call: Call): Promise<number> {
  const [group = "", action = "", args] = call.positionals;
  const targets = group.split(",").map((one) => one.trim()).filter((one) => one !== "");
  if (targets.length === 0) throw usage(`"${group}" names nobody`);
  const timeout = flagText(call, "timeout") ?? TIMEOUT;
  const timeoutMs = parseDuration(timeout);
  const client = await localClient(call.globals, timeoutMs + PATIENCE);
  const { body } = await client.request(
    "POST",
    "/v1/calls",
    JSON.stringify({
      targets,
      action,
      args: args === undefined ? null : jsonOrText(args),
      timeout,
      mode: modeOf(flagText(call, "mode") ?? "all"),
      ...(hasFlag(call, "hold") && { hold: true }),
    }),
  );
  const result: CallResult = JSON.parse(body);
  call.out.print(result, () => ({
    columns: ["NODE", "STATUS", "MS", "ANSWER"],
    rows: result.answers.map(rowOf),
  }));
  if (result.status === "complete") return ExitCode.Done;
  const failed = result.answers.filter(({ status }) => status !== "ok");
  call.out.note(
    `${result.status}: ${failed.length} of ${result.answers.length} did not answer with ok: ` +
      failed.slice(0, 8).map(({ name }) => name).join(", ") + (failed.length > 8 ? ", …" : ""),
  );
  return failed.every(({ status }) => AWAY.includes(status))
    ? ExitCode.Unreachable
    : ExitCode.NotThere;
}

/** Statuses of those that could not be reached in time. */
const AWAY = ["timeout", "unreachable", "lost", "dropped", "cancelled"];

function rowOf({ name, status, ms, value, error }: CallAnswer): Cell[] {
  return [
    { text: name, tone: "strong" },
    { text: status, tone: status === "ok" ? "good" : "bad" },
    ms,
    error === undefined ? (value === undefined || value === null ? "" : { value }) : error,
  ];
}

function modeOf(text: string): unknown {
  if (text === "all" || text === "any" || text === "settled") return text;
  const [, count] = /^quorum:(\d{1,4})$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return { quorum: Number(count) };
  throw usage(`--mode is all, any, settled or quorum:N, not "${text}"`);
}
