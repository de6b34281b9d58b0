/**
 * A cold start: five agents at once, until every one of them shows all five and agrees with its
 * peers. Beside the start of five bare Deno processes at once.
 *
 * @module
 */
import type { StatusView } from "../lib/http/api.ts";
import { Agents, freePorts, type RunningAgent } from "./harness/agents.ts";
import type { Bench, Context } from "./harness/context.ts";
import { interleave, timed } from "./harness/rounds.ts";

const AGENTS = 5;
/** Pause between two questions, in ms; the figures are that coarse. */
const EVERY = 10;

export const bench: Bench = {
  name: "start",
  title: `cold start of ${AGENTS} agents at once until all agree (real processes, loopback)`,
  run,
};

async function run(context: Context): Promise<void> {
  const agents = await Agents.prepare(context);
  const hello = `${agents.folder}/hello.js`;
  Deno.writeTextFileSync(hello, 'console.log("hello");\n');
  let round = 0;
  const names = () => {
    round++;
    return Array.from({ length: AGENTS }, (_, i) => `r${round}n${i}`);
  };
  const untilAllAgree = (make: () => RunningAgent[]) => async () => {
    let running: RunningAgent[] = [];
    const ms = await timed(async () => {
      running = make();
      await allAgree(running);
    });
    await Promise.all(running.map((agent) => agent.stop()));
    return ms;
  };
  const bare = (count: number) => () => {
    const one = () =>
      new Deno.Command(Deno.execPath(), { args: ["run", hello], stdout: "null" }).output();
    return timed(() => Promise.all(Array.from({ length: count }, one)));
  };
  const samples = await interleave(context.choose(12, 3), {
    hello: bare(1),
    hellos: bare(AGENTS),
    one: untilAllAgree(() => [agents.start({ name: `r${++round}` })]),
    streams: untilAllAgree(() => {
      const [port] = freePorts(1) as [number];
      return names().map((name, i) =>
        agents.start(i === 0 ? { name, port } : { name, connect: [`127.0.0.1:${port}`] })
      );
    }),
    multicast: untilAllAgree(() => {
      // A port of its own, so that agents of other runs on this computer are not heard.
      const [multicastPort] = freePorts(1) as [number];
      return names().map((name) => agents.start({ name, multicastPort }));
    }),
  });
  const row = (what: string, samples: number[], reference: string, references: number[]) =>
    context.report.measured({
      what,
      unit: "ms",
      samples,
      reference: { what: reference, samples: references },
    });
  const atOnce = `${AGENTS} × deno run hello.js at once`;
  row("one agent alone, until its API answers", samples.one, "deno run hello.js", samples.hello);
  row(`${AGENTS} agents, four dial the first`, samples.streams, atOnce, samples.hellos);
  row(`${AGENTS} agents, by multicast on lo`, samples.multicast, atOnce, samples.hellos);
}

/**
 * Asks one agent after the other, so that the questions cost the agents little, until a whole round
 * finds that all know all and agree.
 */
async function allAgree(agents: readonly RunningAgent[]): Promise<void> {
  for (;;) {
    for (const agent of agents) await agent.knows(agents.length, EVERY);
    const all = await Promise.all(agents.map((agent) => agent.api.get("/v1/status")));
    const hashes = new Set((all as StatusView[]).map(({ networks }) => networks[0]?.networkHash));
    if (hashes.size === 1) return;
  }
}
