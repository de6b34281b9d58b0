/** Packet sockets on a cable, in a namespace of their own: `veth_cases.ts` has what is tested. */
import { ok } from "node:assert/strict";
import { netnsTest } from "../netns/harness.ts";

const CASES = new URL("veth_cases.ts", import.meta.url).pathname;

/** Each `test("…")` of the cases, so that each counts as one here. */
const names = [...Deno.readTextFileSync(CASES).matchAll(/^test\("(.*?)",/gm)].map(([, name]) =>
  name!
);

for (const name of names) {
  netnsTest(`packets on a cable: ${name}`, async (lab) => {
    const node = await lab.node("both ends");
    await lab.cable(node, node, { ipv6: false });
    const child = node.spawn(Deno.execPath(), [
      ...["test", "-A", "--no-check", "--quiet", `--filter=${name}`, CASES],
    ], { stdin: "null", stdout: "piped", stderr: "piped", env: { NO_COLOR: "1" } });
    const { success, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    const said = `${text.decode(stdout)}${text.decode(stderr)}`;
    ok(success, said);
    ok(said.includes("1 passed | 0 failed"), said);
  });
}
