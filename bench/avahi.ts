/**
 * Finding a service on the link: `agent discover` and `agent services` beside avahi. Two computers
 * on a bridge, a namespace each, and on each an agent and an avahi-daemon with a message bus of its
 * own.
 *
 * @module
 */
import { AvahiHost, hasAvahi } from "./avahi_host.ts";
import { AgentCluster } from "./bridge_agents.ts";
import { Bridge } from "./bridge_lab.ts";
import type { RunningAgent } from "./harness/agents.ts";
import { type Bench, CannotMeasure, type Context, end } from "./harness/context.ts";
import { eachLine } from "./harness/lines.ts";
import { sleep } from "./harness/sleep.ts";
import { wholeProcess } from "./harness/program.ts";
import { interleave } from "./harness/rounds.ts";
import { summarise } from "./harness/stats.ts";

const ADDRESS = "10.77.0.1:5000";
const TYPE = "_bench._tcp";
const PORT = "5000";
/** In ms. */
const PATIENCE = 20_000;

export const bench: Bench = {
  name: "avahi",
  title: "a service found by its name, beside avahi (namespaces, real processes)",
  about: `
Two computers on a bridge, an agent and an avahi-daemon on each. The service is on one, who looks for
it on the other. \`avahi-browse -rt\` waits a second for answers that may still come;
\`avahi-resolve\` asks for a host's address, which is less than finding a service. avahi asks around
whether a new name is free before it tells of it, as mDNS demands; an agent does not.
`,
  run,
};

/** Two computers: `here` a service is, `there` it is looked for. */
interface Pair<T> {
  readonly here: T;
  readonly there: T;
}

async function run(context: Context): Promise<void> {
  const bridge = await Bridge.make(context, 2);
  const cluster = await AgentCluster.prepare(context, bridge, 2);
  await cluster.start();
  const [here, there] = cluster.running as [RunningAgent, RunningAgent];
  const agents = { here, there };
  await here.api.text("/v1/services/lamp", "PUT", JSON.stringify({ address: ADDRESS }));
  await there.api.get("/v1/services/lamp?wait=10s");
  let hosts: Pair<AvahiHost> | undefined;
  if (hasAvahi(context)) {
    hosts = {
      here: await AvahiHost.start(context, bridge, 0, "pi1"),
      there: await AvahiHost.start(context, bridge, 1, "pi2"),
    };
    hosts.here.spawn(["avahi-publish", "-s", "lamp", TYPE, PORT], "null");
    const seen = new Browser(hosts.there);
    await seen.finds("lamp");
    await seen.close();
  }
  await looking(context, cluster.launcher, agents, hosts);
  await arriving(context, cluster.launcher, agents, hosts);
}

/** What is known already: whole processes, all of them in the same namespace of mounts. */
async function looking(
  context: Context,
  launcher: string,
  agents: Pair<RunningAgent>,
  hosts: Pair<AvahiHost> | undefined,
): Promise<void> {
  const whole = (...words: string[]) => () => {
    const [program = "", ...args] = hosts?.there.command(...words) ?? words;
    return wholeProcess(program, args);
  };
  const agent = (...words: string[]) => whole(launcher, "--socket", agents.there.socket, ...words);
  const samples = await interleave(context.choose(60, 10), {
    hello: whole("true"),
    services: agent("services"),
    discover: agent("discover", "lamp"),
    ...(hosts && {
      browse: whole("avahi-browse", "-rtp", TYPE),
      resolve: whole("avahi-resolve", "-n", "pi1.local"),
    }),
  } as Record<"hello" | "services" | "discover" | "browse" | "resolve", () => Promise<number>>);
  const row = (what: string, ours: number[], reference: string, samples: number[] | undefined) =>
    context.report.measured({
      what,
      unit: "ms",
      samples: ours,
      ...(samples && { reference: { what: reference, samples } }),
    });
  row("agent services, all of them", samples.services, `avahi-browse -rtp ${TYPE}`, samples.browse);
  row("agent discover NAME", samples.discover, `avahi-browse -rtp ${TYPE}`, samples.browse);
  if (hosts) {
    row("agent discover NAME", samples.discover, "avahi-resolve -n HOST.local", samples.resolve);
  }
  context.report.figures("in each of these figures", {
    "to enter the namespace and run true": { value: median(samples.hello), unit: "ms" },
  });
}

/** What comes while somebody waits for it. */
async function arriving(
  context: Context,
  launcher: string,
  agents: Pair<RunningAgent>,
  hosts: Pair<AvahiHost> | undefined,
): Promise<void> {
  const browser = hosts && new Browser(hosts.there);
  let number = 0;
  const ours = async () => {
    const name = `new-${++number}`;
    const found = agents.there.api.get(`/v1/services/${name}?wait=20s`);
    // It waits there before the service is.
    await agents.there.api.get("/v1/status");
    const start = performance.now();
    const at = found.then(() => performance.now());
    const socket = ["--socket", agents.here.socket];
    await wholeProcess(launcher, [...socket, "advertise", name, ADDRESS]);
    const took = await at - start;
    await agents.here.api.text(`/v1/services/${name}`, "DELETE");
    return took;
  };
  const theirs = async (browser: Browser, { here }: Pair<AvahiHost>) => {
    const name = `new-${++number}`;
    const found = browser.finds(name);
    const start = performance.now();
    const publisher = here.spawn(["avahi-publish", "-s", name, TYPE, PORT], "null");
    const took = await found - start;
    await end(publisher);
    return took;
  };
  const samples = await interleave(context.choose(30, 6), {
    ours,
    ...(browser && hosts && { theirs: () => theirs(browser, hosts) }),
  } as Record<"ours" | "theirs", () => Promise<number>>, { pause: () => 50 });
  await browser?.close();
  context.report.measured({
    what: "a new service: `agent advertise` starts → who waits has it",
    unit: "ms",
    samples: samples.ours,
    ...(browser && {
      reference: {
        what: "`avahi-publish` starts → a running avahi-browse has it",
        samples: samples.theirs,
      },
    }),
  });
}

/** An `avahi-browse` that runs on. */
class Browser {
  readonly #child: Deno.ChildProcess;
  readonly #found = new Map<string, number>();
  readonly #read: Promise<void>;

  constructor(host: AvahiHost) {
    this.#child = host.spawn(["avahi-browse", "-rp", TYPE], "piped");
    this.#read = this.#readLines();
  }

  /** When it has told where this service is. */
  async finds(name: string): Promise<number> {
    for (const giveUp = performance.now() + PATIENCE;;) {
      const at = this.#found.get(name);
      if (at !== undefined) return at;
      if (performance.now() > giveUp) throw new CannotMeasure(`avahi-browse finds no ${name}`);
      await sleep(10);
    }
  }

  async close(): Promise<void> {
    await end(this.#child);
    await this.#read;
  }

  #readLines(): Promise<void> {
    return eachLine(this.#child.stdout, (line, at) => {
      const name = parseBrowseLine(line);
      if (name !== undefined && !this.#found.has(name)) this.#found.set(name, at);
    });
  }
}

/** The service's name in a line of `avahi-browse -rp` that tells its address. */
export function parseBrowseLine(line: string): string | undefined {
  const [what, , , name] = line.split(";");
  return what === "=" ? name : undefined;
}

function median(samples: readonly number[]): number {
  return summarise(samples).median;
}
