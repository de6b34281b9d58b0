/** What outlives a crash, and what does not; and that who has nothing to do writes nothing. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { type AgentProcess, Place, until } from "./harness.ts";
import { Watch } from "./watch.ts";

const KILLS = 6;

/** Sets numbered keys until the agent dies. Returns how many were acknowledged, and how many begun. */
async function writeUntilDead(agent: AgentProcess, round: number) {
  let acknowledged = 0;
  let begun = 0;
  try {
    for (;; acknowledged++) {
      begun++;
      // Two keys at once, which must come back together.
      await agent.set({ [`r${round}/${begun}`]: begun, [`twin${round}/${begun}`]: begun });
    }
  } catch {
    return { acknowledged, begun };
  }
}

Deno.test("e2e: SIGKILL at any moment: what was acknowledged is back, and others see it again", async () => {
  const random = new Random(8331);
  await using place = new Place();
  const b = await place.agent("b");
  let a = await place.agent("a", { connect: [b] });
  await place.meet(a, b);
  const { id } = await a.status();
  const expected = new Map<string, number>();
  for (let round = 1; round <= KILLS; round++) {
    const target = random.below(40);
    const writing = writeUntilDead(a, round);
    const delay = random.between(0, 60);
    await until("some are there", async () => (await a.nodes())[0]!.keys >= 2 + target);
    await new Promise((resolve) => setTimeout(resolve, delay));
    await a.kill();
    const { acknowledged, begun } = await writing;
    // Others see at once that it has gone: its sockets are closed.
    await until("b sees it go", async () => (await b.nodes()).length === 1);
    a = await a.again();
    strictEqual((await a.status()).id, id, "the identity is kept");
    const own = await a.values();
    for (let n = 1; n <= acknowledged; n++) expected.set(`a:r${round}/${n}`, n);
    for (const [key, value] of expected) strictEqual(own[key], value, `${key} is lost`);
    // The one that was on its way when the plug was pulled is there whole, or not at all.
    strictEqual(own[`a:r${round}/${begun}`], own[`a:twin${round}/${begun}`]);
    if (own[`a:r${round}/${begun}`] !== undefined) expected.set(`a:r${round}/${begun}`, begun);
    strictEqual(Object.keys(own).length, 2 * expected.size);
    // Only a higher sequence number than all before makes b take it.
    await until("b sees all of it again", async () => {
      const seen = await b.values();
      return [...expected].every(([key, value]) => seen[key] === value);
    }, () => b.stderr);
  }
  ok(expected.size >= KILLS, `${expected.size} writes in ${KILLS} rounds`);
});

Deno.test("e2e: a crashed script's values are gone everywhere; those of others stay", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const b = await place.agent("b", { connect: [a] });
  await place.meet(a, b);
  await a.set({ kept: 1 });
  const held = a.start("--leafy", "publish", "script=1", "robot=ready", "--json");
  const other = a.start("--leafy", "publish", "other=2");
  await until("both show at b", async () => Object.keys(await b.values()).length === 4);
  await until("it says so", () => held.lines.length > 0);
  deepStrictEqual(JSON.parse(held.lines[0]!).node, "a");
  held.kill("SIGKILL");
  await until("what it held is gone", async () => !("a:script" in await b.values()));
  for (const agent of [a, b]) {
    deepStrictEqual(await agent.values(), { "a:kept": 1, "a:other": 2 });
  }
  other.kill("SIGTERM");
  strictEqual((await other.result()).code, 0);
  await until("the other is gone", async () => !("a:other" in await b.values()));
  deepStrictEqual(await a.values(), { "a:kept": 1 });
});

Deno.test("e2e: a lease hides a set value of the same key while it lasts", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  await a.set({ mode: "day" });
  const held = a.start("--leafy", "publish", "mode=night");
  await until("the lease shows", async () => (await a.values())["a:mode"] === "night");
  held.kill("SIGKILL");
  await until("the set value is back", async () => (await a.values())["a:mode"] === "day");
  await a.kill();
  deepStrictEqual(await (await a.again()).values(), { "a:mode": "day" });
});

Deno.test("e2e: a continual publisher is there again after its agent was restarted", async () => {
  await using place = new Place();
  const first = await place.agent("a");
  const held = first.start("--leafy", "publish", "script=1");
  await until("it shows", async () => "a:script" in await first.values());
  await first.kill();
  const second = await first.again();
  await until("it is back", async () => "a:script" in await second.values());
  held.kill("SIGKILL");
  await until("it is gone", async () => !("a:script" in await second.values()));
});

Deno.test("e2e: an idle agent writes nothing to the disk", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  const b = await place.agent("b", { connect: [a] });
  await place.meet(a, b);
  await a.set({ x: 1 });
  await until("b has it", async () => "a:x" in await b.values());
  const look = (agent: AgentProcess) => ({
    written: agent.written(),
    files: [...Deno.readDirSync(agent.stateDir)].map(({ name }) => {
      const { size, mtime } = Deno.statSync(`${agent.stateDir}/${name}`);
      return [name, size, mtime?.getTime()];
    }).sort(),
  });
  // What the meeting was worth a note is written by then, too.
  let before = [a, b].map(look);
  await until("both have written what there was", async () => {
    const last = before;
    await new Promise((resolve) => setTimeout(resolve, 500));
    before = [a, b].map(look);
    return JSON.stringify(last) === JSON.stringify(before);
  });
  // Trickle has its busiest time right after a change; leafy reads and guests are no reason to write.
  await using watch = await Watch.on(b);
  const read = await b.cli("--leafy", "read", "x", "--json");
  strictEqual(read.code, 0, read.stderr);
  await a.set({ brief: 1 }, "500ms");
  await watch.saw("the brief entry goes", ({ key, event }) => key === "brief" && event === "unset");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  deepStrictEqual([a, b].map(look), before);
});

Deno.test("e2e: a copied SD card: one of the two takes a new id, and both are seen", async (t) => {
  for (const [how, direct] of [["by each other", true], ["through a third", false]] as const) {
    await t.step(how, async () => {
      await using place = new Place();
      const c = await place.agent("c");
      const first = await place.agent("a", { connect: [c] });
      await first.set({ from: "the card" });
      const { id } = await first.status();
      await first.stop();
      Deno.mkdirSync(`${place.dir}/copy`);
      for (const { name } of Deno.readDirSync(first.stateDir)) {
        Deno.copyFileSync(`${first.stateDir}/${name}`, `${place.dir}/copy/${name}`);
      }
      const a = await first.again();
      const copy = await place.agent("copy", { connect: direct ? [c, a] : [c] });
      await place.meet(a, copy, c);
      const ids = [(await a.status()).id, (await copy.status()).id];
      strictEqual(ids.filter((one) => one === id).length, 1, `${id} of ${ids}`);
      deepStrictEqual(
        [...a.logged(/another node has our id/), ...copy.logged(/another node has our id/)].length,
        1,
      );
      for (const agent of [a, copy, c]) {
        await until("both show", async () => Object.keys(await agent.values()).length === 2);
        deepStrictEqual(await agent.values(), {
          "a:from": "the card",
          "copy:from": "the card",
        });
      }
      // For good: it is the new id that comes back.
      const [renamed, other] = ids[0] === id ? [copy, a] : [a, copy];
      const kept = (await renamed.status()).id;
      await renamed.stop();
      const again = await renamed.again();
      await place.meet(again, other, c);
      strictEqual((await again.status()).id, kept);
    });
  }
});
