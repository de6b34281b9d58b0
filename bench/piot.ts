/**
 * Messages between two agents, beside mosquitto with QoS 1, persistence and a persistent session:
 * how many a second, how soon one is confirmed, and what it costs the disk.
 *
 * @module
 */
import { Agents, type RunningAgent } from "./harness/agents.ts";
import { type Bench, CannotMeasure, type Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { usageOf } from "./harness/proc.ts";
import { interleave, timed } from "./harness/rounds.ts";
import { quantile } from "./harness/stats.ts";
import { machineAlone } from "./piot_machine.ts";
import { Broker, brokerMissing, KEEPING, MqttClient } from "./piot_mqtt.ts";

/** Octets of a body. */
const SIZES = [100, 1_024] as const;
/** Messages of one request to the API. */
const BATCH = 500;
/** Requests that are open at a time: of batches, and of single messages. */
const BATCHES_OPEN = 2;
const SINGLES_OPEN = 32;
/** Median from sending to confirmed, in ms. */
const LATENCY_LIMIT = 3;
const HELD = 10_000;
/** Room for all that is sent while nobody takes it. */
const CONFIG = "[piot]\nhold_entries = 20000\nhold_bytes = 67108864\ninbox_entries = 100000\n";

export const bench: Bench = {
  name: "piot",
  title: "messages between two agents, beside mosquitto with QoS 1 (real processes, loopback)",
  about: `
Two agents beside mosquitto with QoS 1, persistent session, persistence on and no limit to its queue.
They do not promise the same. An agent says \`accepted\` when a message is on its disk with fsync, and
\`confirmed\` when it is on both. mosquitto acknowledges from memory: with its defaults it writes its
file every 30 minutes and at its end, with \`autosave_on_changes\` and \`autosave_interval 1\` the
whole file after each change, without fsync. None of that was tested here by pulling the plug. A
confirmed message takes two fsyncs in a row, and its median follows them; 3 ms are reached only
where an fsync takes about 1 ms.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const { report } = context;
  await machineAlone(context);
  const agents = await Agents.prepare(context);
  const b = agents.start({ name: "b", config: CONFIG });
  const a = agents.start({ name: "a", connect: [await b.address()], config: CONFIG });
  await a.knows(2);
  await b.knows(2);
  const pair = new Pair(a, b);
  await pair.sendOne("warm");
  const missing = brokerMissing();
  if (missing !== undefined) report.note(`nothing to compare with: ${missing}`);
  const brokers = missing === undefined ? await Brokers.start(context) : undefined;
  report.note(
    "agent: what is accepted is on the sender's disk, what is confirmed on both. " +
      "mosquitto: acknowledges from memory; its file is written by autosave, without fsync.",
  );
  for (const size of SIZES) {
    await throughput(context, pair, brokers, size);
    await latency(context, pair, brokers, size);
  }
  await held(context, agents, pair);
}

/** Two agents with a session. */
class Pair {
  readonly a: RunningAgent;
  readonly b: RunningAgent;

  constructor(a: RunningAgent, b: RunningAgent) {
    this.a = a;
    this.b = b;
  }

  get pids(): number[] {
    return [this.a.pid, this.b.pid];
  }

  /** Sends one; resolves when it is confirmed. */
  async sendOne(text: string): Promise<void> {
    const answer = JSON.parse(
      await this.a.api.text(
        "/v1/messages?wait=30s",
        "POST",
        JSON.stringify({ to: "b", text }),
        "application/json",
      ),
    ) as { state: string };
    if (answer.state !== "confirmed") throw new CannotMeasure("a message was not confirmed");
  }

  async sendMany(texts: readonly string[]): Promise<void> {
    const lines = texts.map((text) => JSON.stringify({ to: "b", text })).join("\n");
    await this.a.api.text("/v1/messages", "POST", lines, "application/x-ndjson");
  }

  async send(text: string): Promise<void> {
    await this.a.api.text(
      "/v1/messages",
      "POST",
      JSON.stringify({ to: "b", text }),
      "application/json",
    );
  }

  /** Takes all out of the inbox of `b`. How many there were. */
  async drain(): Promise<number> {
    for (let taken = 0;;) {
      const rows = await this.b.api.get("/v1/messages?limit=200") as { key: string }[];
      if (rows.length === 0) return taken;
      const keys = rows.map(({ key }) => `key=${encodeURIComponent(key)}`).join("&");
      await this.b.api.text(`/v1/messages?${keys}`, "DELETE");
      taken += rows.length;
    }
  }
}

/** Both ways of mosquitto, each with a publisher and a subscriber. */
class Brokers {
  private constructor(
    readonly defaults: BrokerPair,
    readonly eager: BrokerPair,
  ) {}

  static async start(context: Context): Promise<Brokers> {
    const pair = async (keeping: typeof KEEPING[keyof typeof KEEPING]): Promise<BrokerPair> => {
      const broker = await Broker.durable(context, keeping);
      const subscriber = await MqttClient.connect(context, broker, "to");
      await subscriber.subscribe();
      const publisher = await MqttClient.connect(context, broker, "from");
      return { broker, publisher, subscriber };
    };
    return new Brokers(await pair(KEEPING.defaults), await pair(KEEPING.eager));
  }
}

interface BrokerPair {
  readonly broker: Broker;
  readonly publisher: MqttClient;
  readonly subscriber: MqttClient;
}

/** ms from the first publication until all were acknowledged and delivered. */
async function through(
  { publisher, subscriber }: BrokerPair,
  bodies: readonly Uint8Array[],
): Promise<number> {
  return await timed(async () => {
    const all = subscriber.received + bodies.length;
    await Promise.all([publisher.publish(bodies), subscriber.gets(all)]);
  });
}

/** What one way of sending took, in µs a message. */
interface Costs {
  accepted: number[];
  delivered: number[];
}

async function throughput(
  context: Context,
  pair: Pair,
  brokers: Brokers | undefined,
  size: number,
): Promise<void> {
  const { report } = context;
  const many = context.choose(10_000, 5_000);
  /** Of what waits for a write of its own. */
  const few = context.choose(2_000, 500);
  const rounds = context.choose(7, 4);
  const texts = Array.from({ length: many }, (_, i) => String(i).padEnd(size, "."));
  const bodies = texts.map((text) => new TextEncoder().encode(text));
  const ours = {
    batch: { accepted: [], delivered: [] } as Costs,
    single: { accepted: [], delivered: [] } as Costs,
  };
  const disk: Record<string, number[]> = {};
  const counted = async (
    what: string,
    count: number,
    pids: readonly number[],
    work: () => Promise<number>,
  ) => {
    const written = () => pids.reduce((sum, pid) => sum + usageOf(pid).diskBytes, 0);
    const before = written();
    const result = await work();
    // What is tidied up later belongs to it.
    await sleep(1_500);
    (disk[what] ??= []).push((written() - before) / count);
    return result;
  };
  const agents = (into: Costs, what: string, count: number, send: () => Promise<void>) => () =>
    counted(what, count, pair.pids, async () => {
      const start = performance.now();
      await send();
      const accepted = performance.now();
      // In order: when the last one is confirmed, all are.
      await pair.sendOne("last");
      const delivered = performance.now();
      into.accepted.push(1_000 * (accepted - start) / count);
      into.delivered.push(1_000 * (delivered - start) / count);
      const taken = await pair.drain();
      if (taken < count) throw new CannotMeasure(`${count} sent, ${taken} arrived`);
      return 1_000 * (delivered - start) / count;
    });
  const broker = (one: BrokerPair, what: string, count: number) => () =>
    counted(
      what,
      count,
      [one.broker.pid],
      async () => 1_000 * await through(one, bodies.slice(0, count)) / count,
    );
  const samples = await interleave(rounds, {
    batch: agents(
      ours.batch,
      "agent, batches",
      many,
      () => inTurns(slices(texts, BATCH), BATCHES_OPEN, (part) => pair.sendMany(part)),
    ),
    single: agents(
      ours.single,
      "agent, one a request",
      few,
      () => inTurns(texts.slice(0, few), SINGLES_OPEN, (text) => pair.send(text)),
    ),
    ...(brokers && { defaults: broker(brokers.defaults, "mosquitto, its defaults", many) }),
  } as Record<string, () => Promise<number>>);
  if (brokers) {
    // Not in turns with the others: it keeps the disk busy for as long as it writes.
    const name = `mosquitto, ${KEEPING.eager.what}`;
    const { eager } = await interleave(2, { eager: broker(brokers.eager, name, few) });
    samples.eager = eager;
    await new Deno.Command("sync").output();
  }
  const reference = (name: "defaults" | "eager") =>
    brokers &&
    { what: `mosquitto, ${KEEPING[name].what}`, samples: samples[name] as number[] };
  const row = (what: string, values: number[], name: "defaults" | "eager", target = false) => {
    const beside = reference(name);
    report.measured({
      what: `${what}, ${size} bytes: one message`,
      unit: "µs",
      samples: values,
      ...(beside && { reference: beside }),
      ...(target && beside && { target: { limit: 1, of: "ratio" as const } }),
    });
  };
  // The first round is not counted.
  const rest = (values: number[]) => values.slice(1);
  row("batches, accepted", rest(ours.batch.accepted), "defaults");
  row("batches, confirmed", rest(ours.batch.delivered), "defaults", true);
  row("batches, confirmed", rest(ours.batch.delivered), "eager", true);
  row("one a request, accepted", rest(ours.single.accepted), "defaults");
  row("one a request, confirmed", rest(ours.single.delivered), "defaults");
  const perSecond = (values: number[]) =>
    Math.round(1e6 / quantile(values.toSorted((x, y) => x - y), 0.5));
  report.figures(`messages a second, ${size} bytes`, {
    "batches, accepted": { value: perSecond(rest(ours.batch.accepted)) },
    "batches, confirmed": { value: perSecond(rest(ours.batch.delivered)) },
    "one a request, accepted": { value: perSecond(rest(ours.single.accepted)) },
    "one a request, confirmed": { value: perSecond(rest(ours.single.delivered)) },
    ...(brokers && {
      "mosquitto, its defaults": { value: perSecond(samples.defaults as number[]) },
      [`mosquitto, ${KEEPING.eager.what}`]: { value: perSecond(samples.eager as number[]) },
    }),
  });
  report.figures(
    `bytes to the disk a message of ${size}, all processes, taking it included`,
    Object.fromEntries(
      Object.entries(disk).map(([what, values]) => [
        what,
        { value: quantile(values.slice(1).toSorted((x, y) => x - y), 0.5) },
      ]),
    ),
  );
}

async function latency(
  context: Context,
  pair: Pair,
  brokers: Brokers | undefined,
  size: number,
): Promise<void> {
  const { report } = context;
  const rounds = context.choose(500, 150);
  const text = "x".repeat(size);
  const body = [new TextEncoder().encode(text)];
  using page = Deno.openSync(`${context.tempDir()}/page`, { write: true, create: true });
  const written = () => pair.pids.reduce((sum, pid) => sum + usageOf(pid).diskBytes, 0);
  let bytes = 0;
  const samples = await interleave(rounds, {
    ours: async () => {
      const before = written();
      const time = await timed(() => pair.sendOne(text));
      bytes += written() - before;
      return time;
    },
    disk: () => timed(() => page.writeSync(new Uint8Array(4_096)) && page.syncSync()),
    ...(brokers && {
      defaults: () => through(brokers.defaults, body),
    }),
  } as Record<string, () => Promise<number>>, { pause: () => 2 });
  const ours = samples.ours as number[];
  const beside = (what: string, samples: number[] | undefined) => {
    if (!samples) return;
    report.measured({
      what: `one message of ${size} bytes: API request to confirmed`,
      unit: "ms",
      samples: ours,
      reference: { what, samples },
      target: { limit: LATENCY_LIMIT },
    });
  };
  beside("4 KiB written to the disk, with fsync; a message takes two in a row", samples.disk);
  beside("mosquitto: publish to delivered", samples.defaults);
  const sorted = ours.toSorted((x, y) => x - y);
  report.figures(`one message of ${size} bytes`, {
    "p99 of that": { value: quantile(sorted, 0.99), unit: "ms" },
    "to the disk, both agents": { value: bytes / (rounds + 1), unit: "bytes" },
  });
  await pair.drain();
}

/** Messages wait for an agent that is away. */
async function held(context: Context, agents: Agents, pair: Pair): Promise<void> {
  const address = await pair.b.address();
  await pair.b.stop();
  const texts = Array.from({ length: HELD }, (_, i) => String(i).padEnd(100, "."));
  const accepting = await timed(async () => {
    for (const part of slices(texts, BATCH)) await pair.sendMany(part);
  });
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const started = performance.now();
  const b = agents.start({ name: "b", config: CONFIG, port });
  await b.ready();
  const up = performance.now();
  let first = 0;
  for (;;) {
    const waits = (await pair.a.api.metrics()).get("agent_piot_outbox") ?? 0;
    if (first === 0 && waits < HELD) first = performance.now();
    if (waits === 0) break;
    if (performance.now() - up > 60_000) throw new CannotMeasure("what was held is not delivered");
    await sleep(20);
  }
  const end = performance.now();
  context.report.figures(`${HELD} messages held for an agent that is away`, {
    "accepting them": { value: accepting / 1e3, unit: "s" },
    "start until it answers": { value: up - started, unit: "ms" },
    "until the first is confirmed": { value: first - started, unit: "ms" },
    "from there until all are": { value: end - first, unit: "ms" },
    "start until all are delivered": { value: (end - started) / 1e3, unit: "s" },
  });
}

function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(all.length / size) },
    (_, i) => all.slice(i * size, (i + 1) * size),
  );
}

/** `open` of them at a time. */
async function inTurns<T>(
  all: readonly T[],
  open: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < all.length) await work(all[next++] as T);
  };
  await Promise.all(Array.from({ length: open }, worker));
}
