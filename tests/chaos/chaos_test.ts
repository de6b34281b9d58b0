/**
 * Twelve agents on two bridges, under fire: processes killed and stopped, links and bridges cut, disks
 * full, clocks off, and keys replaced in the middle, while messages, values and leafy guests flow.
 * When it is over, everybody agrees, and every promise was kept.
 *
 * - The schedule of faults comes from the seed alone (`plan.ts`); what was promised and whether it
 *   was kept stands in ledgers (`ledger.ts`). A failure names the seed and leaves a file.
 * - `AGENT_CHAOS_SEED`, and `AGENT_CHAOS_SECONDS`: about how long all of it takes, start and end
 *   included. 60 in CI; 600 for the long run. `AGENT_CHAOS_KEEP` leaves the file in any case.
 * - A clock jumps by a preloaded module (`clock.ts`): the kernel has no namespace for wall clocks. An
 *   executable in place of the source (`AGENT_EXECUTABLE`) keeps the clock of this computer.
 */
import { Place, until } from "../e2e/harness.ts";
import { netnsTest } from "../netns/harness.ts";
import type { NodeRow, OutboxView, StateTree } from "../../lib/http/api.ts";
import { unexplained } from "./explained.ts";
import { allRun, strike } from "./faults.ts";
import { Field } from "./field.ts";
import { Journal } from "./journal.ts";
import { NODES, plan } from "./plan.ts";
import { Station } from "./station.ts";
import { type Scene, takeApart, Traffic } from "./traffic.ts";

const SECONDS = Number(Deno.env.get("AGENT_CHAOS_SECONDS") ?? 60);
const SEED = Number(Deno.env.get("AGENT_CHAOS_SEED") ?? 1);
/** What starting and agreeing take, in s. */
const AROUND = 20;
/** After the last fault all agree within so long, in ms. */
const AGREEMENT = 40_000;
/** After that, all messages have arrived within so long, in ms. */
const DELIVERY = 60_000;
/** Of each agent, in bytes. */
const MEMORY = 256 * 1_048_576;

const OLD = "home.key";
const FRESH = "fresh.key";

netnsTest(`chaos: twelve agents for ${SECONDS} s, seed ${SEED}`, async (lab) => {
  const journal = new Journal();
  const place = new Place();
  place.makeKey(FRESH);
  const field = await Field.build(lab, place.dir).catch(async (error) => {
    await place[Symbol.asyncDispose]();
    throw error;
  });
  const ground = { place, field, journal };
  const stations = new Map(NODES.map((name) => [name, new Station(name, ground, [OLD])]));
  const traffic = new Traffic({ ...ground, stations }, SEED, [OLD]);
  const took = await fight({ ...ground, stations }, traffic).catch((error) => journal.fail(error));
  journal.over = true;
  const ended = Promise.all([traffic.endSending(), traffic.endWatching()]);
  // It looks for stack traces in all that was said.
  await place[Symbol.asyncDispose]().catch((error) => journal.complain(String(error)));
  await ended;
  const said = [...stations.values()].flatMap(({ name, children }) =>
    children.map((child) => ({ name, text: child.stderr }))
  );
  for (const { name, text } of said) {
    for (const line of unexplained(text)) journal.complain(`${name} says: ${line}`);
  }
  console.log(JSON.stringify({
    seed: SEED,
    took,
    messages: traffic.messages.counts(),
    state: traffic.state.counts(),
    brief: traffic.brief.counts(),
    lives: said.length,
    largestMB: Math.round(traffic.largest / 1_048_576),
  }));
  const { AGENT_CHAOS_KEEP: keep } = Deno.env.toObject();
  if (journal.complaints.length === 0 && keep === undefined) return;
  const file = `${Deno.env.get("TMPDIR") ?? "/tmp"}/agent-chaos-${SEED}-${Deno.pid}.log`;
  const logs = said.map(({ name, text }) => `--- ${name}\n${text}`).join("\n");
  Deno.writeTextFileSync(file, `${journal.text()}\n${logs}`);
  if (journal.complaints.length === 0) return;
  throw new Error(
    `seed ${SEED}: AGENT_CHAOS_SEED=${SEED} AGENT_CHAOS_SECONDS=${SECONDS}; all of it is in ` +
      `${file}\n${journal.summary()}`,
  );
});

/** From the first start to the last judgement. Answers how long each part took, in s. */
async function fight(
  scene: Scene,
  traffic: Traffic,
): Promise<Record<string, number>> {
  const { journal, stations } = scene;
  const all = [...stations.values()];
  const took: Record<string, number> = {};
  const timed = async (what: string, work: Promise<unknown>) => {
    const from = journal.now();
    await work;
    took[what] = Math.round(journal.now() - from) / 1_000;
    journal.note(`${what}: ${took[what]} s`);
  };
  await timed("start", Promise.all(all.map((station) => station.start())));
  await timed("first agreement", agree(all));
  traffic.start();
  const schedule = plan(SEED, Math.max(10, SECONDS - AROUND) * 1_000);
  await timed(
    "faults",
    strike(schedule, {
      ...scene,
      keys: [OLD, FRESH],
      onBothKeys: () => traffic.guestKeys = [FRESH],
    }),
  );
  await timed("all run", allRun(all));
  // While everything flows on.
  await timed("reunion", meet(all));
  await timed("last promises", traffic.endSending());
  await timed("agreement", agree(all));
  await timed("delivery", delivery(all, traffic));
  await traffic.endWatching();
  await judge(all, traffic, journal);
  return took;
}

/** Until all see all. */
async function meet(stations: readonly Station[]): Promise<void> {
  for (const { name, agent } of stations) {
    let seen = "";
    await until(
      `${name} sees all`,
      async () => (seen = names(await agent!.nodes())) === EVERYBODY,
      () => seen,
      AGREEMENT,
    );
  }
}

/** Until all have the same picture of everything. */
async function agree(stations: readonly Station[]): Promise<void> {
  let apart = "";
  await until(
    "all agree",
    async () => {
      const pictures = await Promise.all(stations.map(async ({ name, agent }) => {
        const [status, nodes, tree] = await Promise.all([
          agent!.status(),
          agent!.nodes(),
          agent!.request<StateTree>("GET", "/v1/state"),
        ]);
        return { name, network: status.networks[0]!, nodes: names(nodes), tree: shape(tree) };
      }));
      const [first] = pictures;
      const wrong = pictures.filter(({ network, nodes, tree }) =>
        nodes !== EVERYBODY || !network.consistent || tree !== first!.tree ||
        network.networkHash !== first!.network.networkHash
      );
      apart = wrong.map(({ name, network, nodes }) =>
        `${name}: ${network.networkHash} ${network.consistent} ${nodes}`
      ).join("\n");
      return wrong.length === 0;
    },
    () => apart,
    AGREEMENT,
  );
}

const EVERYBODY = [...NODES].sort().join(" ");
const names = (rows: readonly NodeRow[]) => rows.map(({ name }) => name).sort().join(" ");

/** A picture as a text that is the same for the same entries. */
function shape(tree: StateTree): string {
  return Object.entries(tree).flatMap(([node, entries]) =>
    Object.entries(entries).map(([key, { value, at }]) => JSON.stringify([node, key, value, at]))
  ).sort().join("\n");
}

/** Until everything that was accepted has arrived, or its sender knows. */
async function delivery(stations: readonly Station[], traffic: Traffic): Promise<void> {
  let waiting = "";
  await until(
    "all messages have arrived",
    async () => {
      const outboxes = await Promise.all(stations.map(async ({ name, agent }) => {
        const view = await agent!.request<OutboxView>("GET", "/v1/outbox");
        for (const { id, reason } of view.undelivered) traffic.messages.told(id, reason);
        return { name, ...view };
      }));
      waiting = outboxes.flatMap(({ name, waiting }) =>
        waiting.slice(0, 3).map(({ to, id, state, since }) =>
          `${name} to ${to}: ${id} ${state} ${since}`
        )
      ).join("\n");
      return outboxes.every(({ messages }) => messages === 0) &&
        traffic.messages.missing().length === 0;
    },
    () => `${waiting}\n${traffic.messages.missing().slice(0, 20).join("\n")}`,
    DELIVERY,
  );
}

/** All ledgers, when it is quiet. */
async function judge(
  stations: readonly Station[],
  traffic: Traffic,
  journal: Journal,
): Promise<void> {
  const { brief, messages, state } = traffic;
  // The longest entry that ends by itself has 5 s.
  let trees: [string, StateTree][] = [];
  const shown = () => trees.flatMap(([, tree]) => takeApart(tree).briefs);
  await until(
    "what ends has ended",
    async () => {
      trees = await Promise.all(
        stations.map(async ({ name, agent }) =>
          [name, await agent!.request<StateTree>("GET", "/v1/state")] as [string, StateTree]
        ),
      );
      return shown().length === 0;
    },
    () => shown().join(" "),
    10_000,
  ).catch(() => {});
  for (const [name, tree] of trees) {
    const { values, briefs } = takeApart(tree);
    state.final(name, values);
    brief.final(name, briefs);
  }
  for (const glimpse of brief.glimpses()) journal.note(`a glimpse of ${glimpse}`);
  for (const ledger of [messages, state, brief]) {
    for (const complaint of ledger.complaints()) journal.complain(complaint);
  }
  if (traffic.largest > MEMORY) journal.complain(`an agent took ${traffic.largest} bytes`);
  // A test in which nothing happened proves nothing.
  const { accepted, arrived } = messages.counts();
  if (arrived < accepted / 2) journal.complain(`only ${arrived} of ${accepted} messages arrived`);
  if (state.counts().accepted === 0) journal.complain("no value was accepted");
  if (brief.counts().sightings === 0) journal.complain("nothing was published for a while");
}
