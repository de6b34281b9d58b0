// Agents on real interfaces: a service is found two subnets away, and by computers without an agent.
import assert from "node:assert/strict";
import type { FoundService, ServiceRow } from "../../lib/http/api.ts";
import { type AgentProcess, Place, until } from "../e2e/harness.ts";
import { netnsTest, type Node } from "./harness.ts";

function start(place: Place, node: Node): Promise<AgentProcess> {
  return place.agent(node.label, {
    toml: `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = ["veth*"]\n`,
    spawn: node.spawn,
  });
}

netnsTest(
  "netns nearby: found across subnets, each address told, the near one first",
  async (lab) => {
    await using place = new Place();
    const [one, two, three] = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
    const [a1, b1] = await lab.cable(one, two);
    const [b2, c2] = await lab.cable(two, three);
    await one.ip("addr", "add", "192.168.1.1/24", "dev", a1);
    await two.ip("addr", "add", "192.168.1.2/24", "dev", b1);
    await two.ip("addr", "add", "10.2.0.2/16", "dev", b2);
    await three.ip("addr", "add", "10.2.0.3/16", "dev", c2);
    const all = await Promise.all([start(place, one), start(place, two), start(place, three)]);
    const [a, b, c] = all as [AgentProcess, AgentProcess, AgentProcess];
    await place.meet(a, b, c);

    const waiting = c.request<FoundService>("GET", "/v1/services/robot?wait=30s");
    await a.request("PUT", "/v1/services/robot", { address: 5000 });
    assert.equal((await waiting).address, "192.168.1.1:5000");

    await b.request("PUT", "/v1/services/relay", { address: 6000 });
    for (const [agent, best] of [[a, "192.168.1.2:6000"], [c, "10.2.0.2:6000"]] as const) {
      let found: FoundService | undefined;
      await until(`${agent.name} has both addresses`, async () => {
        found = await agent.request<FoundService>("GET", "/v1/services/relay?wait=30s");
        return found.addresses.length === 2;
      });
      assert.equal(found?.address, best, agent.name);
    }
    const rows = await c.request<ServiceRow[]>("GET", "/v1/services");
    assert.deepEqual(rows.map(({ name, node }) => [name, node]).sort(), [["relay", "b"], [
      "robot",
      "a",
    ]]);
    for (const agent of all) assert.deepEqual((await agent.status()).problems, []);

    // The node goes, and with it what it told.
    a.child.kill("SIGTERM");
    await a.child.result();
    await until(
      "the robot is gone",
      async () =>
        (await c.request<ServiceRow[]>("GET", "/v1/services")).every(({ name }) =>
          name !== "robot"
        ),
    );
  },
);
