/** Profile `hncp` in the composition root: config, limits, and two agents of one computer. */
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { AgentError, ExitCode, monotonicClock } from "../../../lib/core/mod.ts";
import type { Network } from "../../../lib/agent/network/network.ts";
import { Place, until, valuesIn } from "../in_process.ts";
import { freePort } from "../../ports.ts";

const toml = (port: number, more = "") =>
  `[[network]]\nname = "old"\nprofile = "hncp"\ninterfaces = []\nport = ${port}\n${more}`;
const set = (network: Network, key: string, value: string | number) =>
  network.own.set(monotonicClock.now(), monotonicClock.wall(), [[key, value]]);

Deno.test("hncp: what does not go with the profile is an error of the config", async () => {
  await using place = new Place();
  for (
    const [more, message] of [
      ['listen = "[::]:1"\n', /listen does not go with profile "hncp"/],
      ['connect = ["a:1"]\n', /connect does not go with profile "hncp"/],
      ['keys = ["a", "b"]\n', /SHSP knows one key/],
      ['[[network]]\nname = "b"\nprofile = "hncp"\nport = 9\n', /would be one/],
    ] as const
  ) {
    throws(() => place.config("a", { toml: toml(9, more) }), (error: unknown) => {
      ok(error instanceof AgentError);
      match(error.message, message);
      return error.exitCode === ExitCode.Config;
    });
  }
  await rejects(place.start("a", { toml: toml(9), connect: ["b:1"] }), /do not go with profile/);
});

Deno.test("hncp: node data stay below what every HNCP node takes, and the figure is told", async () => {
  await using place = new Place();
  const { network, agent } = await place.start("a", { toml: toml(freePort()) });
  throws(() => set(network, "big", "x".repeat(3_000)), /this node's state .* bytes.* are allowed/);
  throws(() => set(network, "huge", "x".repeat(70_000)), /are allowed/);
  for (let i = 0; i < 200; i++) {
    try {
      set(network, `k${i}`, "y".repeat(40));
    } catch {
      break;
    }
  }
  agent.scheduler.touch();
  await until(
    "it is published",
    () => (network.machine.node(network.machine.nodeId)?.data.length ?? 0) > 2_500,
  );
  ok((network.machine.node(network.machine.nodeId)?.data.length ?? 0) <= 3_960 - 640 - 256);
  strictEqual(network.machine.nodeId.length, 8);
});

Deno.test("hncp: two agents of one computer, and one takes the other's place", async () => {
  await using place = new Place();
  const port = freePort();
  const a = await place.start("a", { toml: toml(port) });
  const b = await place.start("b", { toml: toml(port) });
  set(b.network, "x", 1);
  b.agent.scheduler.touch();
  await until("they meet", () => "b:x" in valuesIn(a.network) && b.network.view.size === 2);
  deepStrictEqual(b.network.machine.peers().map(({ address }) => address), [`[::1]:${port}`]);
  strictEqual(b.network.transport.usesLinks, false);
  await place.stop(a);
  await until("a is gone at once", () => b.network.view.size === 1);
  await until("b takes its place", () => b.network.transport.usesLinks);
  const c = await place.start("c", { toml: toml(port) });
  await until("c is its client", () => c.network.view.size === 2 && "b:x" in valuesIn(c.network));
  deepStrictEqual([b, c].flatMap(({ agent }) => agent.problems.current()), []);
});
