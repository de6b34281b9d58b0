/**
 * Names of computers → IPv4 addresses.
 *
 * @module
 */

/**
 * All IPv4 addresses of a host, as the whole computer knows them: `/etc/hosts`, DNS, and names like
 * `pi.local`. None where nobody knows it.
 *
 * The runtime itself asks DNS only, and gives no access to the resolver that its `connect` uses;
 * `getent` comes with the C library.
 */
export async function resolveHost4(host: string): Promise<string[]> {
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(host)) return [];
  try {
    const { stdout } = await new Deno.Command("getent", {
      args: ["ahostsv4", host],
      stdin: "null",
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    // One line for each kind of socket.
    return [...new Set(lines.flatMap((line) => /^[\d.]+(?=\s)/.exec(line)?.[0] ?? []))];
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    return await Deno.resolveDns(host, "A");
  } catch {
    return [];
  }
}
