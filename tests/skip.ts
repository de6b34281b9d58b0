/**
 * Why a test was skipped. A test that cannot run here says so, with the reason, at the end of
 * `./denow task test`; nothing is left out in silence.
 *
 * ```ts ignore
 * const name = "two nodes on a real link";
 * Deno.test({ name, ignore: !isRoot && skipReason(name, "needs root"), fn() {} });
 * ```
 *
 * @module
 */

/** The variable that names the file which collects the reasons; `tools/check.ts` sets it. */
export const SKIP_LOG = "AGENT_SKIP_LOG";

/**
 * Prints `SKIP name: reason` and keeps it for the summary. Always true, so that it can stand in
 * `ignore`. A test that finds out while it runs may call this and return: it then counts as
 * skipped, not as passed. `name` is the name of the test.
 */
export function skipReason(name: string, reason: string): true {
  console.log(`SKIP ${name}: ${reason}`);
  const log = Deno.env.get(SKIP_LOG);
  // One write call a line: test files that run side by side append to the same file.
  if (log) Deno.writeTextFileSync(log, `${JSON.stringify({ name, reason })}\n`, { append: true });
  return true;
}
