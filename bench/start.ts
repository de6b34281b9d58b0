/**
 * A cold start: five agents at once, until every one of them shows all five and agrees with its
 * peers. Beside the start of five bare Deno processes at once.
 *
 * @module
 */
import { Agents, freePorts, type RunningAgent } from "./harness/agents.ts";
import type { Bench, Context } from "./harness/context.ts";
import { interleave, timed } from "./harness/rounds.ts";

const AGENTS = 5;
/** How often each agent is asked, in ms; the figures are that coarse. */
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
  const untilAllKnow = (make: () => RunningAgent[]) => async () => {
    let running: RunningAgent[] = [];
    const ms = await timed(async () => {
      running = make();
      await Promise.all(running.map((agent) => agent.knows(running.length, EVERY)));
    });
    await Promise.all(running.map((agent) => agent.stop()));
    return ms;
  };
  const samples = await interleave(context.choose(12, 3), {
    bare: () =>
      timed(() =>
        Promise.all(
          Array.from(
            { length: AGENTS },
            () =>
              new Deno.Command(Deno.execPath(), { args: ["run", hello], stdout: "null" }).output(),
          ),
        )
      ),
    one: untilAllKnow(() => [agents.start({ name: `r${++round}` })]),
    streams: untilAllKnow(() => {
      const [port] = freePorts(1) as [number];
      return names().map((name, i) =>
        agents.start(i === 0 ? { name, port } : { name, connect: [`127.0.0.1:${port}`] })
      );
    }),
    multicast: untilAllKnow(() => {
      // A port of its own, so that agents of other runs on this computer are not heard.
      const [multicastPort] = freePorts(1) as [number];
      return names().map((name) => agents.start({ name, multicastPort }));
    }),
  });
  const reference = { what: `${AGENTS} × deno run hello.js at once`, samples: samples.bare };
  const row = (what: string, samples: number[]) =>
    context.report.measured({ what, unit: "ms", samples, reference });
  row("one agent alone, until its API answers", samples.one);
  row(`${AGENTS} agents, four dial the first`, samples.streams);
  row(`${AGENTS} agents that find each other by multicast on lo`, samples.multicast);
}
