/** What `docs/dncp.md` says about values is what the code does. */
import { ok } from "node:assert/strict";
import { nativeProfile as profile } from "../../lib/dncp/mod.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/dncp.md", import.meta.url));
Deno.test("docs: the values of the native profile", () => {
  const { trickle, keepAlive, dense } = profile;
  for (
    const text of [
      `${profile.nodeIdBytes} bytes, 4 bytes`,
      `the first ${profile.hashBytes} bytes`,
      `${trickle.imin} ms, ${trickle.imax / 1_000} s, ${trickle.k}`,
      `${keepAlive.interval / 1_000} s × ${keepAlive.multiplier}`,
      `from ${(dense?.bound ?? 0) + 2} nodes on, ${dense?.hubs} hubs`,
      `${profile.maxNodeData.toLocaleString("en").replace(",", " ")} bytes`,
      `${profile.maxAllData.toLocaleString("en").replaceAll(",", " ")} bytes`,
      profile.maxNodes.toLocaleString("en").replace(",", " "),
      `| ${profile.maxStreams} `,
      `${profile.publishInterval} ms × (1 + n / 2048)`,
    ]
  ) ok(PAGE.includes(text), text);
});
