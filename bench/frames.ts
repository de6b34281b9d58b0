/**
 * Raw Ethernet frames: CPU of the receiving process a frame, and time to send one, against the same
 * loops in C (`frames.c`, built here). On a pair of virtual interfaces in namespaces of their own.
 *
 * @module
 */
import { Lab, netnsAvailable, type Node } from "../tests/netns/harness.ts";
import { type Bench, CannotMeasure, type Context, ROOT } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { usageOf } from "./harness/proc.ts";
import { interleave } from "./harness/rounds.ts";

const SIZE = 64;
const RATE = 50_000;
/** Of CPU a frame, against C. */
const LIMIT = 3;
/** Local experimental EtherTypes: one a receiver, so that only one of them has work. */
const ETHERTYPES = { c: 0x88b5, ours: 0x88b6, patient: 0x88b7, nobody: 0x88b8 };
/** What our wait between two reads comes to with Deno's timer, in ms. */
const GATHER = 2;
/** Until the last frames were read, in ms. */
const SETTLE = 30;

export const bench: Bench = {
  name: "frames",
  title: "raw Ethernet, frames of 64 bytes on a virtual cable, against recvmmsg and sendmmsg in C",
  about: `
Against the same loops in C, which the bench builds with gcc. Ours can cost less than the plain loop
because above 1 000 wakes a second it waits a moment and reads many frames at once; that delays a
frame by up to 2 ms. The last line of C waits as well.
`,
  run,
};

async function run(context: Context): Promise<void> {
  const can = netnsAvailable();
  if (!can.ok) throw new CannotMeasure(can.reason);
  const c = buildReference(context);
  if (c === undefined) return;
  const lab = new Lab();
  context.defer(() => lab.close());
  const [left, right] = [await lab.node("sender"), await lab.node("receiver")];
  const [from, to] = await lab.cable(left, right, { ipv6: false });
  const ours = [Deno.execPath(), "run", "-A", "--quiet", `${ROOT}bench/frames_program.ts`];
  const receiver = (command: string[], ethertype: number, gather = 0) =>
    Program.start(right, [...command, "receive", to, `${ethertype}`, `${gather}`]);
  const receivers = {
    c: await receiver([c], ETHERTYPES.c),
    patient: await receiver([c], ETHERTYPES.patient, GATHER),
    ours: await receiver(ours, ETHERTYPES.ours),
  };
  const sender = await Program.start(left, [c, "send", from]);
  const ourSender = await Program.start(left, [...ours, "send", from]);

  await receiving(context, sender, receivers);
  await flooding(context, sender, receivers);
  await sending(context, sender, ourSender);
}

interface Receivers {
  readonly c: Program;
  /** C that waits between two reads as we do at this rate. */
  readonly patient: Program;
  readonly ours: Program;
}

/** What a receiver made of frames that were sent to it. */
interface Received {
  readonly frames: number;
  /** Of the receiver, all its threads. */
  readonly cpuUs: number;
  readonly tookUs: number;
}

async function receive(
  sender: Program,
  receiver: Program,
  ethertype: number,
  count: number,
  rate: number,
): Promise<Received> {
  const framesBefore = await receiver.frames();
  const cpuBefore = usageOf(receiver.pid).cpuMs;
  const each = await sender.send(ethertype, rate > 0 ? 8 : 64, count, rate);
  await sleep(SETTLE);
  const cpuUs = (usageOf(receiver.pid).cpuMs - cpuBefore) * 1_000;
  return { frames: await receiver.frames() - framesBefore, cpuUs, tookUs: each * count };
}

async function receiving(context: Context, sender: Program, { c, patient, ours }: Receivers) {
  const count = RATE * context.choose(1, 0.4);
  let sent = 0;
  let received = 0;
  let took = 0;
  const turn = (receiver: Program, ethertype: number) => async () => {
    const got = await receive(sender, receiver, ethertype, count, RATE);
    if (receiver === ours) {
      sent += count;
      received += got.frames;
      took += got.tookUs;
    }
    return got.cpuUs / got.frames;
  };
  const samples = await interleave(context.choose(15, 5), {
    c: turn(c, ETHERTYPES.c),
    patient: turn(patient, ETHERTYPES.patient),
    ours: turn(ours, ETHERTYPES.ours),
  });
  const row = (reference: string, beside: number[]) =>
    context.report.measured({
      what: `receiving at ${RATE} frames/s: CPU a frame`,
      unit: "µs",
      samples: samples.ours,
      reference: { what: reference, samples: beside },
      target: { limit: LIMIT, of: "ratio" },
    });
  row("recvmmsg in C", samples.c);
  row(`recvmmsg in C every ${GATHER} ms`, samples.patient);
  context.report.figures(`the frames to us`, {
    "sent at": { value: Math.round(sent / took * 1e6), unit: "frames/s" },
    lost: { value: 100 * (sent - received) / sent, unit: "%" },
    "our memory": { value: usageOf(ours.pid).rssMb, unit: "MB" },
  });
}

async function flooding(context: Context, sender: Program, { c, ours }: Receivers) {
  const count = context.choose(500_000, 100_000);
  const lost: Record<"c" | "ours", number[]> = { c: [], ours: [] };
  const rates: number[] = [];
  const turn = (receiver: Program, name: "c" | "ours") => async () => {
    const got = await receive(sender, receiver, ETHERTYPES[name], count, 0);
    lost[name].push(100 * (count - got.frames) / count);
    rates.push(count / got.tookUs * 1e6);
    return got.cpuUs / got.frames;
  };
  const samples = await interleave(context.choose(9, 3), {
    c: turn(c, "c"),
    ours: turn(ours, "ours"),
  });
  context.report.measured({
    what: "receiving a flood: CPU a frame",
    unit: "µs",
    samples: samples.ours,
    reference: { what: "recvmmsg in C", samples: samples.c },
  });
  context.report.figures("the flood, means", {
    "sent at": { value: Math.round(mean(rates)), unit: "frames/s" },
    "lost by us": { value: mean(lost.ours), unit: "%" },
    "lost by C": { value: mean(lost.c), unit: "%" },
  });
}

async function sending(context: Context, c: Program, ours: Program) {
  const count = context.choose(64_000, 16_000);
  for (const batch of [1, 64]) {
    const samples = await interleave(context.choose(15, 5), {
      c: () => c.send(ETHERTYPES.nobody, batch, count, 0),
      ours: () => ours.send(ETHERTYPES.nobody, batch, count, 0),
    });
    context.report.measured({
      what: `sending, ${batch} a call: time a frame`,
      unit: "µs",
      samples: samples.ours,
      reference: { what: "sendmmsg in C", samples: samples.c },
    });
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The C program; `undefined`, and a note, where there is no compiler. */
function buildReference(context: Context): string | undefined {
  const file = `${context.tempDir()}/frames`;
  const args = ["-O2", "-o", file, `${ROOT}bench/frames.c`];
  try {
    const { success, stderr } = new Deno.Command("gcc", { args }).outputSync();
    if (success) return file;
    throw new CannotMeasure(`frames.c: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    context.report.note("not measured: there is no gcc to build the reference with");
    return undefined;
  }
}

/** One of the two programs at work. It ends with the lab. */
class Program {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";

  static async start(node: Node, [command, ...args]: string[]): Promise<Program> {
    const program = new Program(
      node.spawn(command!, args, { stdin: "piped", stdout: "piped", stderr: "inherit" }),
    );
    await program.#line();
    return program;
  }

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#writer = child.stdin.getWriter();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Of a receiver: frames so far. */
  async frames(): Promise<number> {
    this.#child.kill("SIGUSR1");
    return Number((await this.#line()).split(" ")[0]);
  }

  /** Of a sender: µs a frame. */
  async send(ethertype: number, batch: number, count: number, rate: number): Promise<number> {
    const line = `${ethertype} ${SIZE} ${batch} ${count} ${rate}\n`;
    await this.#writer.write(new TextEncoder().encode(line));
    return Number(await this.#line());
  }

  async #line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new CannotMeasure("a program that sends or receives frames has ended");
      this.#rest += value;
    }
    const [line = "", ...rest] = this.#rest.split("\n");
    this.#rest = rest.join("\n");
    return line;
  }
}
