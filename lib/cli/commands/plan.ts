/** `agent plan FILE`, `agent plan --list`, `--follow ID`, `--cancel ID` */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import type { PlanStepView, PlanView } from "../../http/api.ts";
import { usage } from "../args.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { type Client, NotRunning } from "../client.ts";
import type { Cell } from "../output/output.ts";
import { pause, untilSignal } from "../signals.ts";
import { localClient } from "../sockets.ts";

/** Between two looks, in ms. */
const LOOK = 150;
/** An agent that went away is waited for so long, in ms: the plan goes on when it is back. */
const PATIENCE = 60_000;

export async function run(call: Call): Promise<number> {
  const { positionals: [file], globals, out } = call;
  const client = await localClient(globals);
  const [cancel, follow] = [flagText(call, "cancel"), flagText(call, "follow")];
  if (hasFlag(call, "list")) {
    const plans: PlanView[] = JSON.parse((await client.request("GET", "/v1/plans")).body);
    out.print(plans, () => ({
      columns: ["PLAN", "STATUS", "STEPS", "REASON"],
      rows: plans.map((plan) => [
        { text: plan.id, tone: "strong" },
        statusCell(plan.status),
        `${plan.steps.filter(({ ended }) => ended !== undefined).length} of ${plan.steps.length}`,
        plan.reason ?? "",
      ]),
    }));
    return 0;
  }
  if (cancel !== undefined) {
    await client.request("DELETE", `/v1/plans/${encodeURIComponent(cancel)}`);
    return await watch(call, client, cancel);
  }
  if (follow !== undefined) return await watch(call, client, follow);
  if (file === undefined) throw usage("plan needs FILE; see: agent help plan");
  const { body } = await client.request("POST", "/v1/plans", JSON.stringify(await read(file)));
  const { id }: PlanView = JSON.parse(body);
  if (hasFlag(call, "no-wait")) {
    out.print({ id }, () => ({ lines: [[id]] }));
    return 0;
  }
  return await watch(call, client, id);
}

async function read(file: string): Promise<unknown> {
  let text: string;
  try {
    text = file === "-"
      ? await new Response(Deno.stdin.readable).text()
      : Deno.readTextFileSync(file);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new AgentError(`${file}: there is no such file`, ExitCode.Usage, { cause });
    }
    throw new AgentError(`${file} cannot be read: ${messageOf(cause)}`, ExitCode.Refused, {
      cause,
    });
  }
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw usage(`${file} is not JSON: ${messageOf(error)}`);
    }
  }
  const { parse } = await import("smol-toml");
  try {
    return parse(text);
  } catch (error) {
    const place = error as { line?: number; column?: number };
    const [first = ""] = messageOf(error).split("\n");
    const at = place.line === undefined ? "" : `:${place.line}:${place.column}`;
    throw usage(`${file}${at}: ${first.replace(/^Invalid TOML document: /, "")}`);
  }
}

/** Shows what a plan does until it has ended; its exit code. */
async function watch(call: Call, client: Client, id: string): Promise<number> {
  const stop = untilSignal();
  const progress = new Progress(call);
  for (;;) {
    const plan = await look(client, id, stop);
    if (plan === undefined) {
      call.out.note(`the plan goes on; see: agent plan --follow ${id}`);
      return 0;
    }
    progress.show(plan);
    if (isEnded(plan)) return progress.end(plan);
    await pause(LOOK, stop);
  }
}

/** The plan as it is now; `undefined` after a signal. */
async function look(client: Client, id: string, stop: AbortSignal): Promise<PlanView | undefined> {
  for (let waited = 0;; waited += LOOK) {
    if (stop.aborted) return undefined;
    try {
      return JSON.parse((await client.request("GET", `/v1/plans/${encodeURIComponent(id)}`)).body);
    } catch (error) {
      const isAway = error instanceof NotRunning ||
        error instanceof AgentError && error.exitCode === ExitCode.Unreachable;
      if (!isAway || waited > PATIENCE) throw error;
    }
    await pause(LOOK, stop);
  }
}

function isEnded({ status }: PlanView): boolean {
  return !["running", "stopping", "rollingBack"].includes(status);
}

/** On a terminal the steps stand still and change; elsewhere each change is a line. */
class Progress {
  readonly #call: Call;
  readonly #terminal = Deno.stdout.isTerminal();
  readonly #told = new Map<string, string>();
  #lines = 0;

  constructor(call: Call) {
    this.#call = call;
  }

  show(plan: PlanView): void {
    const { out, globals } = this.#call;
    if (globals.json) return;
    const news = plan.steps.filter((step) => this.#isNews(step));
    if (!this.#terminal) {
      for (const step of news) if (step.status !== "pending") out.line(step, () => cells(step));
      return;
    }
    if (news.length === 0) return;
    // Up to where the first step stands, and clear from there.
    if (this.#lines > 0) Deno.stdout.writeSync(encoder.encode(`\x1b[${this.#lines}A\x1b[J`));
    out.print(plan, () => ({ lines: plan.steps.map(cells) }));
    this.#lines = plan.steps.length;
  }

  end(plan: PlanView): number {
    const { out, globals } = this.#call;
    const { status, reason } = plan;
    if (globals.json) out.print(plan, () => ({ lines: [] }));
    else out.line(plan, () => [statusCell(status), ...(reason === undefined ? [] : [reason])]);
    if (status === "done") return ExitCode.Done;
    return status === "rollbackIncomplete" ? ExitCode.Refused : ExitCode.NotThere;
  }

  #isNews({ id, status, undone = "" }: PlanStepView): boolean {
    const now = `${status} ${undone}`;
    if (this.#told.get(id) === now) return false;
    this.#told.set(id, now);
    return true;
  }
}

const encoder = new TextEncoder();

function cells({ id, status, value, error, started, ended, undone }: PlanStepView): Cell[] {
  const took = started !== undefined && ended !== undefined
    ? [`${((ended - started) / 1_000).toFixed(1)} s`]
    : [];
  return [
    { text: id, tone: "strong" },
    statusCell(status),
    ...took,
    ...(error === undefined ? [] : [error]),
    ...(value === undefined || value === null ? [] : [{ value } as const]),
    ...(undone === undefined ? [] : [`undone: ${undone}`]),
  ];
}

function statusCell(status: string): Cell {
  if (status === "ok" || status === "done") return { text: status, tone: "good" };
  if (status === "pending") return { text: status, tone: "dim" };
  if (["running", "stopping", "rollingBack"].includes(status)) return status;
  return { text: status, tone: "bad" };
}
