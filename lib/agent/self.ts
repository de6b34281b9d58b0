/**
 * How this program starts itself again: from a checkout, as a bundle, or as a single executable.
 *
 * @module
 */

/** Command and arguments that run this program with `args`. */
export function selfCommand(args: readonly string[]): { command: string; args: string[] } {
  if (Deno.build.standalone) return { command: Deno.execPath(), args: [...args] };
  const main = new URL(Deno.mainModule);
  const bundled = main.pathname.endsWith(".js");
  const flags = bundled
    ? ["--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--unstable-net"]
    : ["--quiet"];
  return { command: Deno.execPath(), args: ["run", ...flags, "-A", main.href, ...args] };
}

/**
 * The executable that a person started, and would replace to have another version; undefined where
 * the program runs from a checkout or as a bundle. A self-extracting file tells it by
 * `$AGENT_FILE`, because what runs then is the runtime that it has unpacked.
 */
export function selfFile(): string | undefined {
  return Deno.env.get("AGENT_FILE") || (Deno.build.standalone ? Deno.execPath() : undefined);
}
