/** Sending on a real machine: what waits for a name is in front of what is sent to its node. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Clock } from "../../../lib/core/mod.ts";
import type { Directory } from "../../../lib/agent/piot/directory.ts";
import type { MailboxHost } from "../../../lib/agent/piot/host.ts";
import { Again } from "../../../lib/agent/piot/again.ts";
import { Sending } from "../../../lib/agent/piot/sending.ts";
import { World } from "../../piot/world.ts";

Deno.test("sending: messages that wait for a name are not overtaken by those to its node", async () => {
  const world = new World(1);
  const a = world.node("a");
  const peer = "0b".repeat(16);
  await a.send("b", "1");
  await a.send("b", "2");
  const machine = a.piot!;
  const clock: Clock = { now: () => world.now, wall: () => world.wall() };
  // Its node is there, but the machine has forgotten: the turn in which it heard was not stored.
  const directory: Pick<Directory, "resolve"> = { resolve: () => ({ peer }) };
  const host: MailboxHost = {
    machine,
    directory: directory as Directory,
    input: (step) => {
      step(machine, world.now);
      machine.flush(world.now);
    },
    limits: () => a.config,
    isRouted: () => false,
    noticed: () => {},
    wanted: () => machine.learn(world.now, { peer, name: "b", addresses: ["b"] }),
  };
  const sending = new Sending(clock, () => host);
  await sending.send([{ to: "b", text: "3" }, { to: "b", text: "4" }], 0);
  const [link, ...others] = machine.links();
  deepStrictEqual([link?.peer, link?.addresses, others], [peer, ["b"], []]);
  const text = new TextDecoder();
  const bodies = machine.outbox(link!.link).map(({ body }) => text.decode(body));
  deepStrictEqual(bodies, ["1", "2", "3", "4"]);
});

Deno.test("again: once for all that ask, ten seconds after the first", () => {
  let count = 0;
  const again = new Again(() => count++);
  strictEqual(again.nextWake(), Infinity);
  again.after(5);
  again.after(5_000);
  strictEqual(again.nextWake(), 10_005);
  again.wake();
  deepStrictEqual([count, again.nextWake()], [1, Infinity]);
});
