/** The harness leaves nothing behind, whatever happens. */
import { ok, rejects, strictEqual } from "node:assert/strict";
import { Lab, netnsTest } from "./harness.ts";

async function output(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(stdout);
}

netnsTest("netns: a lab that fails half-way is gone afterwards, processes too", async () => {
  const before = await output("ip", "-br", "link");
  const lab = new Lab();
  const a = await lab.node("a");
  const b = await lab.node("b");
  await lab.cable(a, b);
  strictEqual(await output("ip", "-br", "link"), before, "no interface of ours");
  const child = a.spawn("sleep", ["1000"]);
  await rejects(a.run("false"), /^Error: ip netns exec/);
  await rejects(lab.cable(a, { ...b, netns: "agenttest-nowhere" } as unknown as typeof b));
  await b.ip("link", "del", "veth0");
  await lab.close();
  ok(!(await child.status).success);
  const left = await output("ip", "netns", "list");
  ok(!left.includes(a.netns) && !left.includes(b.netns), left);
});

netnsTest("netns: leftovers of a run that was killed are removed by the next one", async () => {
  // No process has a number that high.
  const leftover = "agenttest-4194999-0";
  await output("ip", "netns", "add", leftover);
  const harness = new URL("harness.ts", import.meta.url);
  const code = `import { netnsAvailable } from "${harness}"; console.log(netnsAvailable().ok)`;
  strictEqual(await output(Deno.execPath(), "eval", "--no-check", code), "true\n");
  ok(!(await output("ip", "netns", "list")).includes(leftover));
});
