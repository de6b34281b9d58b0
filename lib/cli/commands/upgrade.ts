/** `agent upgrade FILE` */
// Loaded now: once the file is replaced, the parts of the program that are not may be gone.
import "../fail.ts";
import { selfFile } from "../../agent/self.ts";
import { type AgentLink, upgrade, type Upgraded } from "../../agent/upgrade/upgrade.ts";
import { realPath } from "../../agent/upgrade/file.ts";
import { onTrial } from "../../agent/upgrade/trial.ts";
import { AgentError, ExitCode } from "../../core/errors.ts";
import type { ProgramView } from "../../http/program_api.ts";
import { usage } from "../args.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import type { Client } from "../client.ts";
import { durationOf } from "../durations.ts";
import { localClient } from "../sockets.ts";

/** What a running agent may take to answer one question, in ms: it may be about to start. */
const PATIENCE = 2_000;

export async function run(call: Call): Promise<number> {
  const { out } = call;
  const timeoutMs = durationOf(call, "timeout") ?? 30_000;
  const link = linkTo(await localClient(call.globals, PATIENCE));
  const running = await link.program().catch(orNone);
  const target = flagText(call, "install-path") ?? installed(running?.file) ?? selfFile();
  if (target === undefined) {
    throw usage(
      "this agent runs from a checkout or a bundle, which is upgraded by git or by building it; " +
        "for an installed file: --install-path FILE",
    );
  }
  const runs = installed(running?.file);
  const same = runs !== undefined && realPath(runs) === realPath(target);
  const result = await upgrade({
    file: call.positionals[0] as string,
    target,
    agent: same ? link : undefined,
    sha256: flagText(call, "sha256"),
    force: hasFlag(call, "force"),
    timeoutMs,
    onStep: (step) => call.globals.verbose > 0 && out.note(step),
  });
  out.print(result, () => ({ lines: [[line(result, running)]] }));
  if (!result.compared) {
    out.note(
      "no checksum was compared: there was neither --sha256 nor a SHA256SUMS beside the file",
    );
  }
  return ExitCode.Done;
}

/** Where the file belongs that an agent runs from, also where a trial was given up (`trial.ts`). */
function installed(file: string | undefined): string | undefined {
  const place = file?.endsWith(".previous") ? file.slice(0, -".previous".length) : undefined;
  return place !== undefined && onTrial(place) !== undefined ? place : file;
}

function line(result: Upgraded, running: ProgramView | undefined): string {
  const { before, version, file, previous, restarted } = result;
  const done = `${file} is version ${version} now${before ? `, it was ${before}` : ""}; the old ` +
    `one is ${previous}`;
  if (restarted !== undefined) return `${done}; ${restarted} runs the new one`;
  return running
    ? `${done}; the running agent is another file (${running.file ?? "a checkout"}) and goes on`
    : `${done}; no agent runs here, so the next start takes it`;
}

function linkTo(client: Client): AgentLink {
  return {
    async program() {
      return JSON.parse((await client.request("GET", "/v1/program")).body) as ProgramView;
    },
    async restart(how) {
      await client.request("POST", "/v1/restart", JSON.stringify({ how }));
    },
  };
}

/** No agent runs; anything else is a reason not to begin. */
function orNone(error: unknown): undefined {
  if (error instanceof AgentError && error.exitCode === ExitCode.Unreachable) return undefined;
  throw error;
}
