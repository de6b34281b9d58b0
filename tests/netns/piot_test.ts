/** Messages on real interfaces: link-local addresses, a pulled cable, a node behind another. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { InboxRow, OutboxView, SendReceipt } from "../../lib/http/api.ts";
import { type AgentProcess, Place, until } from "../e2e/harness.ts";
import { netnsTest, type Node } from "./harness.ts";

const toml = (place: Place) =>
  `[[network]]\nkey_file = "${place.keyFile}"\ninterfaces = ["veth*"]\n` +
  'keep_alive = "500ms"\nkeep_alive_multiplier = 3\n[piot]\nidle = "1s"\n';

function start(place: Place, node: Node): Promise<AgentProcess> {
  return place.agent(node.label, {
    toml: toml(place),
    spawn: node.spawn,
  });
}

const send = (from: AgentProcess, to: string, text: string, wait = "10s") =>
  from.request<SendReceipt>("POST", `/v1/messages?wait=${wait}`, { to, text });

const bodies = async (agent: AgentProcess) =>
  (await agent.request<InboxRow[]>("GET", "/v1/messages")).map(({ body }) => body);

netnsTest("netns piot: over link-local addresses alone, and across a pulled cable", async (lab) => {
  await using place = new Place();
  const [one, two] = [await lab.node("a"), await lab.node("b")];
  const [end] = await lab.cable(one, two);
  const [a, b] = await Promise.all([start(place, one), start(place, two)]);
  await place.meet(a, b);
  strictEqual((await send(a, "b", "1")).state, "confirmed", a.stderr);
  strictEqual((await send(b, "a", "back")).state, "confirmed", b.stderr);
  await one.ip("link", "set", end, "down");
  await until("a is alone", async () => (await a.nodes()).length === 1);
  strictEqual((await send(a, "b", "2", "100ms")).state, "held");
  strictEqual((await send(a, "b", "3", "0")).state, "held");
  await one.ip("link", "set", end, "up");
  await one.ip("addr", "replace", "fe80::1/64", "dev", end, "nodad");
  await until(
    "all arrived",
    async () => (await bodies(b)).length === 3,
    () => `${a.stderr}\n${b.stderr}`,
  );
  deepStrictEqual(await bodies(b), ["1", "2", "3"]);
  await until(
    "all is confirmed",
    async () => (await a.request<OutboxView>("GET", "/v1/outbox")).messages === 0,
  );
});

netnsTest(
  "netns piot: a node without a link to us is reached where it can be, else held",
  async (lab) => {
    await using place = new Place();
    const [one, two, three] = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
    await lab.cable(one, two);
    const [, end] = await lab.cable(two, three);
    const all = await Promise.all([start(place, one), start(place, two), start(place, three)]);
    const [a, b, c] = all as [AgentProcess, AgentProcess, AgentProcess];
    await place.meet(a, b, c);
    // No route leads from a to c: the name is known, and the message waits.
    strictEqual((await send(a, "c", "patience", "1s")).state, "held");
    // Until there is one.
    await lab.cable(one, three);
    await until(
      "it arrives",
      async () => (await bodies(c)).length === 1,
      () => `${end}\n${a.stderr}\n${c.stderr}`,
    );
    deepStrictEqual(await bodies(c), ["patience"]);
  },
);
