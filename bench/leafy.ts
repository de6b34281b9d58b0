/**
 * Light commands as whole processes, from the bundle, beside a bare `deno run hello.js`: what the
 * cron line pays. From the start of the process to its end, so the launcher is in it too.
 *
 * @module
 */
import { Agents } from "./harness/agents.ts";
import type { Bench, Context } from "./harness/context.ts";
import { wholeProcess } from "./harness/program.ts";
import { interleave } from "./harness/rounds.ts";

/** Times a bare process. */
const LIMIT = 2;

export const bench: Bench = {
  name: "leafy",
  title: "light commands as whole processes, beside a bare deno run",
  about: `
From the start of the process to its end, with the bundle. A read over the network pays several milliseconds
for cold cryptography: hashing, X25519 and ChaCha20 before the engine has compiled them.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const agents = await Agents.prepare(context);
  const a = agents.start({ name: "a" });
  const b = agents.start({ name: "b", connect: [await a.address()] });
  await b.knows(2);
  await a.api.set("heating/target", 21.5);
  const from = await b.address();
  const hello = `${agents.folder}/hello.js`;
  Deno.writeTextFileSync(hello, 'console.log("hello");\n');

  const whole = (command: string, args: string[]) => () => wholeProcess(command, args);
  const agent = (...args: string[]) => whole(agents.launcher, ["--socket", b.socket, ...args]);
  const remote = ["--from", from, "--key-file", agents.keyFile];
  let value = 0;
  const cases = {
    hello: whole(Deno.execPath(), ["run", hello]),
    "hello.js with the flags of the launcher": whole(Deno.execPath(), [
      "run",
      ...agents.runtimeFlags(),
      hello,
    ]),
    "agent version": agent("version"),
    "agent get KEY": agent("get", "a:heating/target"),
    "agent set KEY=VALUE": () => agent("set", `bench=${++value}`)(),
    "agent --leafy read KEY": agent("--leafy", "read", "a:heating/target"),
    "agent --leafy read KEY --json": agent("--leafy", "read", "a:heating/target", "--json"),
    "agent --leafy read KEY --from HOST": agent("--leafy", "read", "a:heating/target", ...remote),
    "agent --leafy publish KEY=VALUE --ttl 60s": () =>
      agent("--leafy", "publish", `guest=${++value}`, "--ttl", "60s")(),
  };
  const samples = await interleave(context.choose(100, 20), cases);
  const reference = { what: "deno run hello.js", samples: samples.hello };
  for (const name of Object.keys(cases) as (keyof typeof cases)[]) {
    if (name === "hello") continue;
    const isOurs = name.startsWith("agent");
    context.report.measured({
      what: name,
      unit: "ms",
      samples: samples[name],
      reference,
      ...(isOurs && { target: { limit: LIMIT, of: "ratio" as const } }),
    });
  }
}
