/**
 * How soon a change is seen elsewhere: set at the local API of one agent, read from the event
 * stream of another, beside a bare round trip between two processes, and beside a publication that
 * mosquitto hands on.
 *
 * @module
 */
import { Agents, type RunningAgent } from "./harness/agents.ts";
import type { Bench, Context } from "./harness/context.ts";
import { Echo } from "./harness/echo.ts";
import { interleave, timed } from "./harness/rounds.ts";
import { Broker, brokerMissing, MqttClient, type Qos } from "./piot_mqtt.ts";

/** Of a bare message, in bytes. */
const MESSAGE = 100;
/** Own changes are collected for 20 ms after a publication; so there is more between two, in ms. */
const PAUSE = 25;
const JITTER = 15;
/** One hop, median, in ms. */
const LIMIT = 5;

export const bench: Bench = {
  name: "hop",
  title: "a change on one agent until another one shows it (real processes, loopback)",
  about: `
From the request to the local API of one agent until the event stream of another one shows it. With
its commit to the disk a change waits for an fsync. mosquitto, beside it, writes nothing to the disk.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const { report } = context;
  const agents = await Agents.prepare(context);
  const a = agents.start({ name: "a" });
  const b = agents.start({ name: "b", connect: [await a.address()] });
  const c = agents.start({ name: "c", connect: [await b.address()] });
  const line = [a, b, c];
  for (const agent of line) await agent.knows(line.length);
  const echo = await Echo.start(context, MESSAGE);
  const streams = await Promise.all(line.map((agent) => agent.api.events()));
  await a.ready();

  let value = 0;
  const seenAt = (hops: number, ttl?: string) => async () => {
    const number = ++value;
    const seen = streams[hops]!.when(({ key, value }) => key === "bench" && value === number);
    const start = performance.now();
    const [at] = await Promise.all([seen, a.api.set("bench", number, ttl)]);
    return at - start;
  };
  const missing = brokerMissing();
  if (missing !== undefined) report.note(`not compared: ${missing}`);
  const none = () => NaN;
  const published = (qos: Qos) => missing === undefined ? publishing(context, qos) : none;
  const samples = await interleave(context.choose(300, 60), {
    echo: () => timed(() => echo.roundTrip()),
    api: () => timed(() => a.api.get("/v1/interfaces")),
    own: seenAt(0),
    one: seenAt(1),
    two: seenAt(2),
    ownTtl: seenAt(0, "60s"),
    oneTtl: seenAt(1, "60s"),
    twoTtl: seenAt(2, "60s"),
    qos0: await published(0),
    qos1: await published(1),
  }, { pause: () => PAUSE + Math.random() * JITTER });

  const echoed = { what: `TCP round trip, ${MESSAGE} bytes`, samples: samples.echo };
  const row = (what: string, samples: number[], limit?: number, reference = echoed) =>
    report.measured({
      what,
      unit: "ms",
      samples,
      reference,
      ...(limit !== undefined && { target: { limit } }),
    });
  report.note("set: with its commit to the disk. set --ttl: without.");
  row("local API: one GET", samples.api);
  row("set, seen on the same agent", samples.own);
  row("set, seen one hop away", samples.one, LIMIT);
  row("set, seen two hops away", samples.two);
  row("set --ttl, seen on the same agent", samples.ownTtl);
  row("set --ttl, seen one hop away", samples.oneTtl, LIMIT);
  row("set --ttl, seen two hops away", samples.twoTtl);
  const besideMqtt = (what: string, ours: number[], qos: Qos, theirs: number[]) => {
    if (missing !== undefined) return;
    const reference = { what: `mosquitto, QoS ${qos}: publish to receive`, samples: theirs };
    row(what, ours, undefined, reference);
  };
  besideMqtt("set --ttl, seen one hop away", samples.oneTtl, 0, samples.qos0);
  besideMqtt("set, seen one hop away", samples.one, 1, samples.qos1);
  await bytesOfOneChange(context, line, seenAt(2, "60s"));
}

/** Publishes over a broker with `set_tcp_nodelay`; ms until it is received. */
async function publishing(context: Context, qos: Qos): Promise<() => Promise<number>> {
  const broker = await Broker.start(context, ["set_tcp_nodelay true"]);
  const subscriber = await MqttClient.connect(context, broker, "to");
  await subscriber.subscribe(qos);
  const publisher = await MqttClient.connect(context, broker, "from");
  const body = new Uint8Array(MESSAGE).fill(0x55);
  return () =>
    timed(async () => {
      const received = subscriber.gets(subscriber.received + 1);
      await (qos === 0 ? publisher.send(body) : publisher.publish([body]));
      await received;
    });
}

/** What one change sends between the agents, by their own counters. */
async function bytesOfOneChange(
  context: Context,
  agents: readonly RunningAgent[],
  change: () => Promise<number>,
): Promise<void> {
  const count = async () => {
    const all = await Promise.all(agents.map((agent) => agent.api.metrics()));
    const sum = (name: string) => all.reduce((total, each) => total + (each.get(name) ?? 0), 0);
    return [sum("agent_dncp_stream_tlvs_sent_total"), sum("agent_dncp_bytes_sent_total")] as const;
  };
  const rounds = 20;
  const [tlvsBefore, bytesBefore] = await count();
  for (let i = 0; i < rounds; i++) {
    await change();
    await new Promise((resolve) => setTimeout(resolve, PAUSE + JITTER));
  }
  const [tlvsAfter, bytesAfter] = await count();
  context.report.figures(`one change in a line of ${agents.length} agents`, {
    TLVs: { value: (tlvsAfter - tlvsBefore) / rounds },
    bytes: { value: (bytesAfter - bytesBefore) / rounds },
    rounds: { value: rounds },
  });
}
