/**
 * How this program starts itself again: from a checkout, as a bundle, or as a single executable.
 *
 * @module
 */

/** The program within the single file's cache; only there does `AGENT_FILE` speak of this process. */
const UNPACKED = /\/program-[0-9a-f]{64}\/main\.js$/;

/**
 * The absolute path of the single file that this program was started from, or `undefined` where it is
 * none (a checkout, a bundle). An upgrade may have put another version there since.
 */
export function selfFile(): string | undefined {
  return fileOf({
    standalone: Deno.build.standalone,
    execPath: Deno.execPath(),
    mainModule: Deno.mainModule,
    agentFile: Deno.env.get("AGENT_FILE"),
  });
}

/** What {@linkcode selfFile} goes by. `AGENT_FILE` may be left over from another agent. */
export function fileOf(process: {
  readonly standalone: boolean;
  readonly execPath: string;
  readonly mainModule: string;
  readonly agentFile: string | undefined;
}): string | undefined {
  if (process.standalone) return process.execPath;
  if (!UNPACKED.test(process.mainModule)) return undefined;
  return process.agentFile?.startsWith("/") ? process.agentFile : undefined;
}

/** Command and arguments that run this program with `args`. */
export function selfCommand(args: readonly string[]): { command: string; args: string[] } {
  const file = selfFile();
  if (file !== undefined) return { command: file, args: [...args] };
  const main = new URL(Deno.mainModule);
  const bundled = main.pathname.endsWith(".js");
  const flags = bundled
    ? ["--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--unstable-net"]
    : ["--quiet"];
  return { command: Deno.execPath(), args: ["run", ...flags, "-A", main.href, ...args] };
}
