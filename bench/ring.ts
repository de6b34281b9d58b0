/**
 * Messages through a ring of five on loopback: five processes, each writing its logs, and one client
 * at each of them. Beside it, in turns, the same messages to a single v0.1 server.
 *
 * @module
 */
import { Random } from "../lib/core/mod.ts";
import type { RingView } from "../lib/http/api.ts";
import { randomText } from "../lib/ring/mod.ts";
import { freePorts, LocalApi } from "./harness/agents.ts";
import { type Bench, CannotMeasure, type Context } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";
import { usageOf } from "./harness/proc.ts";

const MEMBERS = 5;
/** Messages that a client has under way. */
const WINDOW = 256;
/** Clients at each server that wait for each answer. */
const PATIENT = 12;
/** µs a message: 20 000 messages/s. */
const TARGET = 50;
/** Longest wait for anything, in ms. */
const PATIENCE = 60_000;

/** A server process. */
interface Server {
  readonly pid: number;
  readonly port: number;
  readonly api: LocalApi;
  readonly logs: string;
}

export const bench: Bench = {
  name: "ring",
  title: `a ring of five on loopback, all logs written; target at most ${TARGET} µs a message`,
  about: `
Five processes, each with its access.log and ring.log, checked afterwards to hold each message once.
The reference is one v0.1 server, which passes nothing on.
`,
  async run(context) {
    const count = context.choose(100_000, 30_000);
    const rounds = context.choose(8, 4);
    const ring = await startRing(context);
    const [logger] = [await startLogger(context)];
    const samples = { ring: [] as number[], logger: [] as number[] };
    const cpu = { ring: [] as number[], logger: [] as number[] };
    const patient = { ring: [] as number[], cpu: [] as number[] };
    const few = count / 5;
    let sent = 0;
    let handed = 0;
    for (let round = -1; round < rounds; round++) {
      const texts = makeTexts(count, round);
      sent += count;
      const one = await measure(ring, texts, { kind: "ring", sent: sent + handed });
      const other = await measure([logger], texts, { kind: "logger", sent });
      handed += few;
      const third = await measure(ring, makeTexts(few, round, "p"), {
        kind: "ring",
        sent: sent + handed,
        clients: PATIENT * MEMBERS,
        window: 1,
      });
      // The first round is for the compiler.
      if (round < 0) continue;
      samples.ring.push(one.micros);
      samples.logger.push(other.micros);
      cpu.ring.push(one.cpu);
      cpu.logger.push(other.cpu);
      patient.ring.push(third.micros);
      patient.cpu.push(third.cpu);
    }
    await checkLogs(ring, sent + handed);
    context.report.measured({
      what: `${count} messages, ${MEMBERS} clients: from the first to the last line in all logs`,
      unit: "µs",
      samples: samples.ring,
      reference: { what: "the same to one v0.1 server", samples: samples.logger },
      target: { limit: TARGET },
    });
    context.report.measured({
      what: "CPU a message, all five servers together",
      unit: "µs",
      samples: cpu.ring,
      reference: { what: "one v0.1 server", samples: cpu.logger },
    });
    context.report.measured({
      what: `${few} messages, ${PATIENT * MEMBERS} clients that wait for each answer`,
      unit: "µs",
      samples: patient.ring,
      target: { limit: TARGET },
    });
    context.report.measured({
      what: "  CPU a message, all five servers together",
      unit: "µs",
      samples: patient.cpu,
    });
    const median = [...samples.ring].sort((a, b) => a - b)[samples.ring.length >> 1] as number;
    context.report.figures("through the ring", {
      messages: { value: 1e6 / median, unit: "/s" },
      "lines in logs": { value: 1e6 / median * MEMBERS * 2, unit: "/s" },
    });
  },
};

function makeTexts(count: number, round: number, kind = "w"): string[] {
  const random = new Random(round + 2);
  return Array.from({ length: count }, (_, i) => {
    const text = `${kind}${round} ${i} `;
    return text + randomText(random, Math.max(1, 32 - text.length), 60 - text.length);
  });
}

async function startRing(context: Context): Promise<Server[]> {
  const ports = freePorts(MEMBERS);
  const members = ports.flatMap((port, i) => ["--member", `s${i}=127.0.0.1:${port}`]);
  const servers = await Promise.all(
    ports.map((port, index) => start(context, port, ["--index", String(index), ...members])),
  );
  for (const { api } of servers) {
    await until("the ring is whole", async () => {
      const { members } = await api.get("/v1/ring") as RingView;
      return members.every(({ state, incoming }) =>
        state === "self" || (state === "up" && incoming)
      );
    });
  }
  return servers;
}

function startLogger(context: Context): Promise<Server> {
  return start(context, freePorts(1)[0] as number, ["--v0.1"]);
}

async function start(context: Context, port: number, args: readonly string[]): Promise<Server> {
  const dir = context.tempDir();
  const config = `${dir}/config.toml`;
  Deno.writeTextFileSync(config, "[ring]\nlog_bytes = 0\n");
  const child = context.spawn(await context.bundle(), {
    args: [
      ...["--config", config, "--socket", `${dir}/a.sock`, "-q", "ring", "serve"],
      ...["--listen", `127.0.0.1:${port}`, "--log-dir", `${dir}/logs`, ...args],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  const api = new LocalApi(`${dir}/a-ring.sock`);
  context.defer(() => api.close());
  await until("a server answers", async () => {
    try {
      return (await api.get("/v1/ring")) !== undefined;
    } catch {
      return false;
    }
  });
  return { pid: child.pid, port, api, logs: `${dir}/logs` };
}

/** Time and CPU a message, in µs, until all servers have logged `sent` messages since their start. */
async function measure(
  servers: readonly Server[],
  texts: readonly string[],
  how: { kind: "ring" | "logger"; sent: number; clients?: number; window?: number },
): Promise<{ micros: number; cpu: number }> {
  const { kind, sent, clients: many = MEMBERS, window = WINDOW } = how;
  const before = servers.map(({ pid }) => usageOf(pid).cpuMs);
  const share = Math.ceil(texts.length / many);
  const clients = await Promise.all(
    Array.from({ length: many }, (_, i) => {
      const part = texts.slice(i * share, (i + 1) * share);
      return Client.open(servers[i % servers.length] as Server, kind, part, window);
    }),
  );
  const start = performance.now();
  await Promise.all(clients.map((client) => client.run()));
  for (const { api } of servers) {
    await until(
      "all is logged",
      async () => (await api.get("/v1/ring") as RingView).logged === sent,
    );
  }
  const ms = performance.now() - start;
  const used = servers.map(({ pid }, i) => usageOf(pid).cpuMs - (before[i] as number));
  const cpu = used.reduce((a, b) => a + b, 0);
  return { micros: ms * 1_000 / texts.length, cpu: cpu * 1_000 / texts.length };
}

/** Keeps a window of messages under way. */
class Client {
  readonly #conn: Deno.TcpConn;
  /** Ready to be written, a quarter of a window each. */
  readonly #batches: { bytes: Uint8Array; count: number }[] = [];
  /** Octets of one answer. */
  readonly #answer: number;

  readonly #window: number;

  private constructor(
    conn: Deno.TcpConn,
    kind: "ring" | "logger",
    texts: readonly string[],
    window: number,
  ) {
    this.#conn = conn;
    this.#window = window;
    this.#answer = kind === "ring" ? 3 : 4;
    const encoder = new TextEncoder();
    const size = Math.max(1, window / 4);
    for (let i = 0; i < texts.length; i += size) {
      const batch = texts.slice(i, i + size);
      const lines = batch.map((text) => kind === "ring" ? `MSG ${text}\n` : `${text}\r\n`);
      this.#batches.push({ bytes: encoder.encode(lines.join("")), count: batch.length });
    }
  }

  static async open(
    { port }: Server,
    kind: "ring" | "logger",
    texts: readonly string[],
    window: number,
  ): Promise<Client> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new Client(conn, kind, texts, window);
  }

  async run(): Promise<void> {
    const buffer = new Uint8Array(4_096);
    let open = 0;
    let octets = 0;
    for (let next = 0; next < this.#batches.length || open > 0;) {
      while (next < this.#batches.length && open <= this.#window * 3 / 4) {
        const { bytes, count } = this.#batches[next++]!;
        for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
        open += count;
      }
      const n = await this.#conn.read(buffer);
      if (n === null) throw new CannotMeasure("a server closed the connection");
      octets += n;
      const answers = Math.floor(octets / this.#answer);
      octets -= answers * this.#answer;
      open -= answers;
    }
    this.#conn.close();
  }
}

/** Each message once in each ring.log: what is measured must be right, too. */
async function checkLogs(servers: readonly Server[], sent: number): Promise<void> {
  for (const { logs } of servers) {
    const lines = (await Deno.readTextFile(`${logs}/ring.log`)).split("\n").slice(0, -1);
    if (lines.length !== sent || new Set(lines.map((line) => line.slice(20))).size !== sent) {
      throw new CannotMeasure(`${logs}/ring.log has not each message once`);
    }
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!await holds()) {
    if (performance.now() > end) throw new CannotMeasure(`waited in vain: ${what}`);
    await sleep(5);
  }
}
