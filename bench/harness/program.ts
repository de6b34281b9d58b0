/**
 * Whole processes: those of the agent, and programs of others that benches compare with where they
 * are installed.
 *
 * @module
 */
import { CannotMeasure, type Context } from "./context.ts";
import { timed } from "./rounds.ts";

/** Where Debian puts programs, also those that are not on every user's path. */
const FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

/** The path of a program; without it `undefined`, and a note that names the Debian package. */
export function findProgram(
  context: Context,
  name: string,
  debianPackage: string,
): string | undefined {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  for (const folder of [...path, ...FOLDERS]) {
    const file = `${folder}/${name}`;
    if (folder !== "" && isFile(file)) return file;
  }
  context.report.note(`not compared: no ${name} here (Debian: ${debianPackage})`);
  return undefined;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** From the start of a process to its end, in ms; with its output read, as a script would. */
export async function wholeProcess(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  return await timed(async () => {
    const { code, stderr } = await new Deno.Command(command, {
      args: [...args],
      // A config file of this computer's own agent has no say here.
      env: { AGENT_CONFIG: "/dev/null", DENO_NO_UPDATE_CHECK: "1", ...env },
      cwd: "/",
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (code === 0) return;
    const said = new TextDecoder().decode(stderr).trim();
    throw new CannotMeasure(`${command} ${args.join(" ")} ended with ${code}: ${said}`);
  });
}
