/**
 * networkzero: how fast a service is found, and how fast programs talk with each other, each end a
 * process of its own, on loopback. Beside it, in turns, the same with pyzmq (libzmq).
 *
 * @module
 */
import type { FoundService } from "../lib/http/api.ts";
import { Agents, freePorts } from "./harness/agents.ts";
import { type Bench, CannotMeasure, type Context, end, ROOT } from "./harness/context.ts";
import { interleave, timed } from "./harness/rounds.ts";

/** A known name, process start to its end, and a service that starts now, in ms. */
const KNOWN_TARGET = 60;
const NEW_TARGET = 100;
/** Ours beside pyzmq: at least twice the round trips. */
const RATIO_TARGET = 0.5;
/** µs a message: 100 000 messages/s. */
const NEWS_TARGET = 10;

export const bench: Bench = {
  name: "nearby",
  title: "networkzero: discover, questions and news on loopback, beside pyzmq",
  about: `
Each end is a process of its own. "As networkzero does" is pyzmq with what networkzero does at each call:
it logs, checks the address, makes a poller. The references vary much with the load of the computer.
`,
  async run(context) {
    await discovery(context);
    await talk(context);
  },
};

async function discovery(context: Context): Promise<void> {
  const agents = await Agents.prepare(context);
  const a = agents.start({ name: "a" });
  const b = agents.start({ name: "b", connect: [await a.address()] });
  await Promise.all([a.knows(2), b.knows(2)]);
  await a.api.text("/v1/services/known", "PUT", '{"address": "10.1.2.3:5000"}');
  await b.api.get("/v1/services/known?wait=10s");
  const hello = `${agents.folder}/hello.js`;
  Deno.writeTextFileSync(hello, 'console.log("hello");\n');
  const runs = async (command: string, ...args: string[]) => {
    const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" })
      .output();
    if (!success) throw new CannotMeasure(`${args.join(" ")} failed`);
  };
  let n = 0;
  const samples = await interleave(context.choose(60, 15), {
    hello: () => timed(() => runs(Deno.execPath(), "run", hello)),
    known: () => timed(() => runs(agents.launcher, "--socket", b.socket, "discover", "known")),
    fresh: async () => {
      const name = `new-${++n}`;
      const waiting = b.api.get(`/v1/services/${name}?wait=20s`) as Promise<FoundService>;
      // It waits there before the service is.
      await b.api.get("/v1/status");
      const took = await timed(async () => {
        await a.api.text(`/v1/services/${name}`, "PUT", '{"address": "10.1.2.3:5000"}');
        await waiting;
      });
      await a.api.text(`/v1/services/${name}`, "DELETE");
      return took;
    },
  });
  await Promise.all([a.stop(), b.stop()]);
  context.report.measured({
    what: "agent discover NAME, known: the whole process",
    unit: "ms",
    samples: samples.known,
    reference: { what: "deno run hello.js", samples: samples.hello },
    target: { limit: KNOWN_TARGET },
  });
  context.report.measured({
    what: "a service that starts now: advertise on one node to discover on another",
    unit: "ms",
    samples: samples.fresh,
    target: { limit: NEW_TARGET },
  });
}

async function talk(context: Context): Promise<void> {
  const questions = context.choose(20_000, 3_000);
  const news = context.choose(500_000, 100_000);
  const ours = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "--unstable-net",
    `${ROOT}bench/nearby_program.ts`,
  ];
  const python = [findPython(), `${ROOT}bench/nearby_program.py`];
  const driven = [...python, "driven"];
  const bare = [...python, "bare"];
  const lost = { ours: [] as number[], python: [] as number[] };
  const conversation = async (
    program: readonly string[],
    [server, client]: readonly [string, string],
    count: number,
    lost: number[] = [],
  ) => {
    const [port] = freePorts(1) as [number];
    const start = (role: string, stdout: "null" | "piped") => {
      const [command = "", ...first] = program;
      const args = [...first, role, `${port}`, `${count}`];
      return context.spawn(command, { args, stdin: "null", stdout, stderr: "null" });
    };
    const serving = start(server, "null");
    const asking = start(client, "piped");
    const { stdout } = await asking.output();
    await end(serving);
    const [micros, missing = 0] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
    if (!(micros! > 0)) throw new CannotMeasure(`${client} of ${program.at(-1)} failed`);
    lost.push(missing / (missing + count));
    return micros as number;
  };
  const asks = ["answer", "ask"] as const;
  const follows = ["publish", "follow"] as const;
  const samples = await interleave(context.choose(10, 4), {
    ask: () => conversation(ours, asks, questions),
    pythonAsk: () => conversation(driven, asks, questions),
    bareAsk: () => conversation(bare, asks, questions),
    news: () => conversation(ours, follows, news, lost.ours),
    pythonNews: () => conversation(driven, follows, news, lost.python),
  });
  context.report.measured({
    what: "a question and its reply",
    unit: "µs",
    samples: samples.ask,
    reference: { what: "pyzmq, driven as networkzero does", samples: samples.pythonAsk },
    target: { limit: RATIO_TARGET, of: "ratio" },
  });
  context.report.measured({
    what: "the same",
    unit: "µs",
    samples: samples.ask,
    reference: { what: "pyzmq, nothing around it", samples: samples.bareAsk },
  });
  context.report.measured({
    what: "news, a message that arrives, published without a pause",
    unit: "µs",
    samples: samples.news,
    reference: { what: "pyzmq, driven as networkzero does", samples: samples.pythonNews },
    target: { limit: NEWS_TARGET },
  });
  const percent = (all: number[]) => 100 * all.reduce((sum, one) => sum + one, 0) / all.length;
  context.report.figures("news that were dropped because the follower is slower", {
    ours: { value: percent(lost.ours), unit: "%" },
    pyzmq: { value: percent(lost.python), unit: "%" },
  });
}

function findPython(): string {
  for (const command of ["python3", "/usr/bin/python3"]) {
    try {
      const { success } = new Deno.Command(command, { args: ["-c", "import zmq"], stderr: "null" })
        .outputSync();
      if (success) return command;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new CannotMeasure("needs pyzmq for the reference (Debian: python3-zmq)");
}
