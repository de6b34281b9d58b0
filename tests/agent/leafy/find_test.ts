/** Finding a node by multicast, on the loopback of this computer. */
import { match, rejects, strictEqual } from "node:assert/strict";
import { findNode } from "../../../lib/agent/leafy/find.ts";
import { type AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { NetworkKey } from "../../../lib/wire/mod.ts";
import { generateKey } from "../../../lib/agent/config/keys.ts";
import { freePort } from "../../ports.ts";
import { loopback, Place, TestInterfaces } from "../in_process.ts";

Deno.test("find: who has another key is told so, though no node says anything of itself", async () => {
  await using place = new Place();
  const port = freePort();
  // So quiet that nothing but an answer can be heard in the time of the test.
  const toml = `[[network]]\nkey_file = "home.key"\ninterfaces = ["lo"]\nlisten = "127.0.0.1:0"\n` +
    `port = ${port}\ntrickle_imin = "60s"\ntrickle_imax = "120s"\n`;
  const a = await place.start("a", { toml, interfaceSource: new TestInterfaces(loopback()) });
  const network = { ...place.leafy(a), interfaces: ["lo"], port };
  const find = (key: Uint8Array, ms: number) =>
    findNode(network, [NetworkKey.fromBytes(key)], AbortSignal.timeout(ms));
  const node = await find(place.key, 5_000);
  strictEqual(`${node.host}:${node.port}`, a.address);
  await rejects(find(generateKey(), 2_000), (error) => {
    strictEqual((error as AgentError).exitCode, ExitCode.Refused);
    match(
      (error as AgentError).message,
      new RegExp(
        `^127\\.0\\.0\\.1 answers, but with another key \\(theirs ${a.network.keys[0]!.id}, `,
      ),
    );
    return true;
  });
  await place.stop(a);
  await rejects(find(place.key, 300), (error) => {
    strictEqual((error as AgentError).exitCode, ExitCode.Unreachable);
    match((error as AgentError).message, /^no node answered on lo/);
    return true;
  });
});
