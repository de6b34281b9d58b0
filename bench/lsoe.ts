/**
 * LSOE between two agents from the bundle, each in a namespace, with a virtual cable between them. What
 * happens is timed by a third process that watches the frames on the cable, so nobody has to be asked.
 *
 * @module
 */
import { type Pdu, PduType } from "../lib/lsoe/mod.ts";
import { decodeDatagram } from "../lib/lsoe/datagram.ts";
import { decodePdu } from "../lib/lsoe/pdu_codec.ts";
import { Lab, netnsAvailable, type Node } from "../tests/netns/harness.ts";
import { Raw } from "../tests/netns/raw_client.ts";
import { type Bench, CannotMeasure, type Context, end } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { usageOf } from "./harness/proc.ts";
import { timed } from "./harness/rounds.ts";

/** From the HELLO of the second agent until both have acknowledged everything, in ms. */
const EXCHANGED = 50;
/** Percent of one core. */
const IDLE = 0.2;
/** Anything else means that it does not work, in ms. */
const PATIENCE = 20_000;
const HEADER = 14;

export const bench: Bench = {
  name: "lsoe",
  title: "LSOE of two agents on a virtual cable, by the frames on it",
  about: `
Two agents from the bundle on a virtual cable between namespaces, timed by the frames on the cable.
Each announces IPv4, IPv6 and labels for both; "done" is when both have acknowledged the OPEN and
all four lists. Most of the time from the start of a process passes before its HELLO: the start of
the runtime and of the agent. Figures of lsoed are from elsewhere, not from the same run.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const can = netnsAvailable();
  if (!can.ok) throw new CannotMeasure(can.reason);
  const lab = new Lab();
  context.defer(() => lab.close());
  const nodes = [await lab.node("a"), await lab.node("b")] as const;
  await lab.cable(...nodes, { ipv4: "192.0.2" });
  const cable = new Cable(await Raw.watch(nodes[0], "veth0"), await macOf(nodes[0]));
  const places = [new Place(context, await context.bundle(), nodes[0], 1)] as const;
  const second = new Place(context, places[0].launcher, nodes[1], 2);
  places[0].start(true);
  await sleep(1_000);
  await opening(context, cable, second);
  await changing(context, cable, second, nodes);
  await idle(context, lab, places[0], second);
}

/** The second agent starts, in order or again after it was killed. */
async function opening(context: Context, cable: Cable, second: Place): Promise<void> {
  const start: number[] = [];
  const exchanged: number[] = [];
  const inside: number[] = [];
  const again: number[] = [];
  const bare: number[] = [];
  for (let round = -1; round < context.choose(30, 10); round++) {
    const hello = `Deno.writeTextFileSync("${second.folder}/hello", "");`;
    const script = `${second.folder}/hello.js`;
    Deno.writeTextFileSync(script, hello);
    const bareStart = await timed(() =>
      second.node.spawn(Deno.execPath(), ["run", "-A", "--quiet", script]).status
    );
    // The first still waits for the one of the round before: so this is another station.
    const mac = `02:00:00:00:77:${(round + 16).toString(16)}`;
    await second.node.ip("link", "set", "veth0", "address", mac);
    const from = now();
    second.start(true);
    const first = await cable.exchange(from);
    await second.kill();
    const killed = now();
    second.start(true);
    const next = await cable.exchange(killed);
    await second.stop();
    await sleep(200);
    if (round < 0) continue;
    bare.push(bareStart);
    start.push(first.hello - from);
    exchanged.push(first.done - from);
    inside.push(first.done - first.hello);
    again.push(next.done - killed);
  }
  const { report } = context;
  report.measured({
    what: "first HELLO of the second agent → all acknowledged",
    unit: "ms",
    samples: inside,
    target: { limit: EXCHANGED },
  });
  const reference = { what: "bare deno run hello.js", samples: bare };
  report.measured({ what: "its process starts → HELLO", unit: "ms", samples: start, reference });
  report.measured({
    what: "its process starts → all acknowledged",
    unit: "ms",
    samples: exchanged,
    reference,
  });
  report.measured({
    what: "SIGKILL, start → all acknowledged",
    unit: "ms",
    samples: again,
    reference,
  });
  report.note("lsoed: both ready → exchanged 5 ms; start included 151; SIGKILL and start 486");
}

/** An address comes. */
async function changing(
  context: Context,
  cable: Cable,
  second: Place,
  nodes: readonly [Node, Node],
): Promise<void> {
  const from = now();
  second.start(true);
  await cable.exchange(from);
  await sleep(1_000);
  const seen: number[] = [];
  const command: number[] = [];
  for (let i = 0; i < context.choose(40, 15); i++) {
    // What the command costs alone: on the computer of nobody's peer.
    command.push(await timed(() => nodes[1].run("ip", "addr", "show", "dev", "lo")));
    const before = now();
    await nodes[1].ip("addr", "add", `10.9.0.${i + 1}/24`, "dev", "veth0");
    const at = await cable.acknowledged(before, PduType.Ipv4, true);
    seen.push(at - before);
    await sleep(50);
  }
  context.report.measured({
    what: "ip addr add begins → its peer has acknowledged it",
    unit: "ms",
    samples: seen,
    reference: { what: "an ip command alone", samples: command },
  });
  context.report.note("lsoed: a new address at the peer 3.4 ms");
}

/** One session and nothing else to do, beside the same agent without LSOE. */
async function idle(context: Context, lab: Lab, first: Place, second: Place): Promise<void> {
  const alone = new Place(context, first.launcher, await lab.node("c"), 3);
  alone.start(false);
  await sleep(context.choose(30_000, 10_000));
  const windows = context.choose(6, 3);
  const samples = { first: [] as number[], second: [] as number[], without: [] as number[] };
  const pids = { first: first.pid, second: second.pid, without: alone.pid };
  for (let i = 0; i < windows; i++) {
    const before = mapValues(pids, (pid) => usageOf(pid).cpuMs);
    const start = performance.now();
    await sleep(20_000);
    const took = performance.now() - start;
    for (const name of ["first", "second", "without"] as const) {
      samples[name].push(100 * (usageOf(pids[name]).cpuMs - before[name]) / took);
    }
  }
  for (const name of ["first", "second"] as const) {
    context.report.measured({
      what: `idle with one session, the ${name}: CPU, percent of a core`,
      unit: "%",
      samples: samples[name],
      target: { limit: IDLE },
    });
  }
  context.report.measured({
    what: "the same agent without LSOE",
    unit: "%",
    samples: samples.without,
  });
  context.report.figures("memory", {
    "with LSOE": { value: usageOf(first.pid).rssMb, unit: "MB" },
    without: { value: usageOf(alone.pid).rssMb, unit: "MB" },
  });
  context.report.note("lsoed: idle 0.05 %, 39.6 MB");
}

function mapValues<K extends string>(all: Readonly<Record<K, number>>, to: (n: number) => number) {
  return Object.fromEntries(
    Object.entries<number>(all).map(([key, value]) => [key, to(value)]),
  ) as Record<K, number>;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

async function macOf(node: Node): Promise<string> {
  const [row] = JSON.parse(await node.ip("-json", "link", "show", "veth0")) as {
    address: string;
  }[];
  return row!.address.replaceAll(":", "");
}

/** Where an agent lives. It has no peers but on the cable, and says four lists of addresses. */
class Place {
  readonly folder: string;
  readonly launcher: string;
  readonly node: Node;
  readonly #n: number;
  #child: Deno.ChildProcess | undefined;

  constructor(context: Context, launcher: string, node: Node, n: number) {
    this.folder = context.tempDir();
    this.launcher = launcher;
    this.node = node;
    this.#n = n;
    const key = new Uint8Array(32).fill(7).toBase64();
    Deno.writeTextFileSync(`${this.folder}/key`, `${key}\n`, { mode: 0o600 });
  }

  get pid(): number {
    return this.#child!.pid;
  }

  start(lsoe: boolean): void {
    const { folder } = this;
    const labels = [`192.0.2.${this.#n}/24`, `fe80::${this.#n}/64`]
      .map((prefix, i) => `{ prefix = "${prefix}", labels = [${16_000 + i}] }`);
    Deno.writeTextFileSync(
      `${folder}/toml`,
      `[[network]]\nkey_file = "${folder}/key"\ninterfaces = []\nlisten = "none"\n` +
        `[lsoe]\nenabled = ${lsoe}\nkeepalive-receive-timeout = "5s"\ninterfaces = ["veth*"]\nmpls-labels = [${
          labels.join(", ")
        }]\n`,
    );
    this.#child = this.node.spawn(this.launcher, [
      ...["--socket", `${folder}/sock`, "run", "--config", `${folder}/toml`, "-q"],
      ...["--name", `n${this.#n}`, "--state-dir", `${folder}/state`],
    ], { stdin: "null", stdout: "null", stderr: "null" });
  }

  async stop(): Promise<void> {
    if (this.#child) await end(this.#child);
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
  }
}

interface Seen {
  readonly at: number;
  /** By the first agent; else by the second. */
  readonly first: boolean;
  readonly pdu: Pdu;
}

/** What goes over the cable. */
class Cable {
  readonly #raw: Raw;
  readonly #mac: string;

  /** `mac`: of the first agent. */
  constructor(raw: Raw, mac: string) {
    this.#raw = raw;
    this.#mac = mac;
  }

  /** Until both have acknowledged the OPEN and all lists; when that was, and the second's HELLO. */
  async exchange(since: number): Promise<{ hello: number; done: number }> {
    const types = [PduType.Open, PduType.Ipv4, PduType.Ipv6, PduType.MplsIpv4, PduType.MplsIpv6];
    let done = 0;
    for (const first of [true, false]) {
      for (const type of types) done = Math.max(done, await this.acknowledged(since, type, first));
    }
    const hello = this.#since(since).find(({ first, pdu }) => !first && pdu.type === PduType.Hello);
    if (!hello) throw new CannotMeasure("the second agent said no HELLO");
    return { hello: hello.at, done };
  }

  /** When the first, or else the second, acknowledged a PDU of this type. */
  async acknowledged(since: number, type: number, first: boolean): Promise<number> {
    const giveUp = performance.now() + PATIENCE;
    for (;;) {
      const found = this.#since(since).find((seen) =>
        seen.first === first && seen.pdu.type === PduType.Ack && seen.pdu.acknowledged === type
      );
      if (found) return found.at;
      if (performance.now() > giveUp) throw new CannotMeasure("no acknowledgement on the cable");
      await sleep(5);
    }
  }

  #since(time: number): Seen[] {
    return this.#raw.told.flatMap(({ heard, at = 0 }) => {
      if (heard === undefined || at < time) return [];
      const datagram = decodeDatagram(Uint8Array.fromHex(heard).subarray(HEADER));
      if (typeof datagram === "string") return [];
      const first = heard.slice(12, 24) === this.#mac;
      return [{ at, first, pdu: decodePdu(datagram.payload) }];
    });
  }
}
