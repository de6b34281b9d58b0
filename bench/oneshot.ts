/**
 * The cron line: one value read or written by a process that starts, does it and ends. Beside it,
 * in turns, what people use for that: a retained message of mosquitto, serf, and a bare Deno that
 * does nothing.
 *
 * @module
 */
import { ownTarget } from "../tools/build/targets.ts";
import { Agents, freePorts } from "./harness/agents.ts";
import { type Bench, CannotMeasure, type Context, ROOT } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { findProgram, wholeProcess } from "./harness/program.ts";
import { interleave } from "./harness/rounds.ts";
import { Broker, brokerMissing } from "./piot_mqtt.ts";

const KEY = "heating/target";
/** Of the members of serf, in ms. */
const PATIENCE = 20_000;

export const bench: Bench = {
  name: "oneshot",
  title: "one value read or written by a whole process, beside mosquitto and serf (loopback)",
  about: `
From the start of a process to its end. Two agents, two members of serf and two brokers run all the
time.
A broker with its defaults holds a retained message back until the kernel of the reader has
acknowledged what went before, 40 ms later; with \`set_tcp_nodelay\` it does not. A bare Deno that
does nothing is the floor of what the agent's commands can reach; compiled programs are below it.
\`serf tags -set\` returns when the change was handed to the network, \`agent set\` when it is on the
disk and published, \`mosquitto_pub\` when it has sent it.
`,
  run,
};

/** A process to time: its program and its words, where `{n}` is a new number each time. */
type Command = readonly string[];

/** What does the same, by name. */
type Commands = Readonly<Record<string, Command>>;

async function run(context: Context): Promise<void> {
  const bare = await bareProcess(context);
  const ours = await agents(context);
  const others = [await mosquitto(context), await serf(context)];
  for (const what of ["read", "write"] as const) {
    const own = ours[what];
    const beside = { ...bare, ...Object.assign({}, ...others.map((one) => one[what])) as Commands };
    await compare(context, what, own, beside);
  }
}

async function compare(context: Context, what: string, ours: Commands, others: Commands) {
  // Where the single file unpacks itself.
  const env = { AGENT_CACHE: context.tempDir() };
  let over = false;
  let last: Promise<unknown> = Promise.resolve();
  context.defer(async () => {
    over = true;
    // It may be unpacking itself into a folder that is going to be removed.
    await last.catch(() => {});
  });
  let number = 0;
  const time = ([program = "", ...words]: Command) => () => {
    if (over) throw new CannotMeasure("the bench is over");
    const n = String(++number);
    const one = wholeProcess(program, words.map((word) => word.replace("{n}", n)), env);
    last = one;
    return one;
  };
  const all = { ...ours, ...others };
  const samples = await interleave(
    context.choose(100, 20),
    Object.fromEntries(Object.entries(all).map(([name, command]) => [name, time(command)])),
  );
  context.report.note(`${what}: each process from its start to its end, in turns`);
  for (const name of Object.keys(ours)) {
    for (const other of Object.keys(others)) {
      context.report.measured({
        what: name,
        unit: "ms",
        samples: samples[name] as number[],
        reference: { what: other, samples: samples[other] as number[] },
      });
    }
  }
}

async function bareProcess(context: Context): Promise<Commands> {
  const script = `${context.tempDir()}/hello.js`;
  await Deno.writeTextFile(script, 'console.log("hello");\n');
  return { "deno run hello.js": [Deno.execPath(), "run", script] };
}

/** Two that know each other, so that what is read is another node's. */
async function agents(context: Context): Promise<Record<"read" | "write", Commands>> {
  const agents = await Agents.prepare(context);
  const a = agents.start({ name: "a" });
  const b = agents.start({ name: "b", connect: [await a.address()] });
  await b.knows(2);
  await a.api.set(KEY, 21.5);
  const of = (program: string, ...words: string[]) => [program, "--socket", b.socket, ...words];
  const agent = (...words: string[]) => of(agents.launcher, ...words);
  const file = packedFile(context);
  return {
    read: {
      "agent --leafy read KEY": agent("--leafy", "read", `a:${KEY}`),
      ...(file && {
        "agent --leafy read KEY, the single file": of(file, "--leafy", "read", `a:${KEY}`),
      }),
      "agent get KEY": agent("get", `a:${KEY}`),
    },
    write: {
      "agent set KEY=VALUE": agent("set", "bench={n}"),
      "agent --leafy publish KEY=VALUE --ttl 60s": agent(
        ...["--leafy", "publish", "guest={n}", "--ttl", "60s"],
      ),
    },
  };
}

/** The self-extracting file that `./denow task build` has left. */
function packedFile(context: Context): string | undefined {
  const file = `${ROOT}dist/agent-linux-${ownTarget()}`;
  try {
    const { mtime } = Deno.statSync(file);
    context.report.note(`the single file: ${file} of ${mtime?.toISOString() ?? "unknown age"}`);
    return file;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    context.report.note("the single file is not measured: ./denow task build makes it");
    return undefined;
  }
}

/** A retained message, at a broker with its defaults and at one with `set_tcp_nodelay`. */
async function mosquitto(context: Context): Promise<Record<"read" | "write", Commands>> {
  const missing = brokerMissing();
  const subscribe = findProgram(context, "mosquitto_sub", "mosquitto-clients");
  const publish = findProgram(context, "mosquitto_pub", "mosquitto-clients");
  if (missing !== undefined || subscribe === undefined || publish === undefined) {
    if (missing !== undefined) context.report.note(`not compared: ${missing}`);
    return { read: {}, write: {} };
  }
  const read: Record<string, Command> = {};
  const write: Record<string, Command> = {};
  for (
    const [what, lines] of [["", []], [", broker with set_tcp_nodelay", ["set_tcp_nodelay true"]]]
  ) {
    const { port } = await Broker.start(context, lines as string[]);
    const at = ["-h", "127.0.0.1", "-p", `${port}`, "-t", KEY];
    await wholeProcess(publish, [...at, "-r", "-m", "21.5"]);
    read[`mosquitto_sub -C 1, retained${what}`] = [subscribe, ...at, "-C", "1"];
    // What it publishes is not delayed, whatever the broker does.
    write["mosquitto_pub -r"] ??= [publish, ...at, "-r", "-m", "{n}"];
  }
  return { read, write };
}

/** Two members on loopback. */
async function serf(context: Context): Promise<Record<"read" | "write", Commands>> {
  const program = findProgram(context, "serf", "serf");
  if (program === undefined) return { read: {}, write: {} };
  const [gossipA, gossipB, rpcA, rpcB] = freePorts(4) as [number, number, number, number];
  const start = (name: string, gossip: number, rpc: number, ...further: string[]) =>
    context.spawn(program, {
      args: [
        ...["agent", "-node", name, "-tag", "bench=0", ...further],
        ...["-bind", `127.0.0.1:${gossip}`, "-rpc-addr", `127.0.0.1:${rpc}`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  start("a", gossipA, rpcA);
  const rpc = `-rpc-addr=127.0.0.1:${rpcA}`;
  await until(() => wholeProcess(program, ["members", rpc]));
  start("b", gossipB, rpcB, "-join", `127.0.0.1:${gossipA}`);
  const both = ["members", rpc, "-status=alive", "-format=json"];
  await until(async () => {
    const { stdout } = await new Deno.Command(program, { args: both }).output();
    const { members } = JSON.parse(new TextDecoder().decode(stdout)) as { members: unknown[] };
    if (members.length < 2) throw new CannotMeasure("the agents of serf do not find each other");
  });
  return {
    read: { "serf members": [program, "members", rpc] },
    write: { "serf tags -set": [program, "tags", rpc, "-set", "bench={n}"] },
  };
}

/** Tries until it succeeds. */
async function until(attempt: () => Promise<unknown>): Promise<void> {
  for (const giveUp = performance.now() + PATIENCE;;) {
    try {
      return void await attempt();
    } catch (error) {
      if (performance.now() > giveUp) throw error;
      await sleep(50);
    }
  }
}
