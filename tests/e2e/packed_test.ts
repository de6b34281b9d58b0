/**
 * The single file of this computer's kind, as users have it: built from the source, and put through
 * the end-to-end tests of the source.
 */
import { match, ok, strictEqual } from "node:assert/strict";
import { ownTarget } from "../../tools/build/targets.ts";
import { build, ROOT } from "../packed.ts";
import { SKIP_LOG, skipReason } from "../skip.ts";

/** What runs on the file: the demo, leafy read and publish, run, kill and restart. */
const TESTS = ["demo", "leafy", "crash"];
/** In ms; a run of one of these files takes seconds. */
const LIMIT = 240_000;

const NAME = "the packed file passes the end-to-end tests";

Deno.test(NAME, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "agent-packed-" });
  try {
    const built = await build(folder, [ownTarget()]);
    if ("unavailable" in built) return void skipReason(NAME, built.unavailable);
    const file = `${folder}/agent-linux-${ownTarget()}`;
    const env = { AGENT_CACHE: `${folder}/cache`, AGENT_EXECUTABLE: file, NO_COLOR: "1" };

    await t.step("it starts, and says which version it is", async () => {
      for (const turn of ["first", "later"]) {
        const { code, stdout, stderr } = await new Deno.Command(file, {
          args: ["version"],
          env,
          stdin: "null",
        }).output();
        strictEqual(code, 0, `${turn}: ${new TextDecoder().decode(stderr)}`);
        match(new TextDecoder().decode(stdout), new RegExp(`^agent ${built.manifest.agent} `));
        strictEqual(new TextDecoder().decode(stderr), "");
      }
    });
    for (const name of TESTS) {
      await t.step(name, async () => {
        const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["test", "-A", "--no-check", "--quiet", `${ROOT}/tests/e2e/${name}_test.ts`],
          cwd: ROOT,
          // What is skipped there was skipped before, on the source.
          env: { ...env, [SKIP_LOG]: "" },
          stdin: "null",
          signal: AbortSignal.timeout(LIMIT),
        }).output();
        const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        ok(success, said);
        match(said, /\b[1-9]\d* passed/);
      });
    }
    await t.step("nothing but program and runtime is in the cache", () => {
      const names = [...Deno.readDirSync(`${folder}/cache`)].map(({ name }) => name);
      strictEqual(names.map((name) => name.replace(/-.*/, "")).sort().join(), "program,runtime");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
