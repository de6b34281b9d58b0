/**
 * mosquitto beside the agents: a broker of our own on loopback, and a small MQTT 3.1.1 client.
 *
 * @module
 */
import { freePorts } from "./harness/agents.ts";
import { CannotMeasure, type Context, messageOf } from "./harness/context.ts";
import { sleep } from "./harness/sleep.ts";

const PROGRAM = "/usr/sbin/mosquitto";
/** In ms. */
const PATIENCE = 20_000;
const TOPIC = "bench";
/** Messages that the publisher has under way without an acknowledgement. */
const WINDOW = 1_000;

/** How a broker keeps what it has. */
export interface Keeping {
  readonly what: string;
  readonly lines: readonly string[];
}

/** mosquitto's own ways; neither writes before it acknowledges. */
export const KEEPING = {
  defaults: { what: "autosave every 30 min", lines: [] },
  eager: {
    what: "autosave after each change",
    lines: ["autosave_on_changes true", "autosave_interval 1"],
  },
} as const satisfies Record<string, Keeping>;

/** Why there is none to compare with; `undefined` where there is. */
export function brokerMissing(): string | undefined {
  try {
    Deno.statSync(PROGRAM);
    return undefined;
  } catch (error) {
    return `${PROGRAM}: ${messageOf(error)}; install the package "mosquitto" to compare`;
  }
}

/** A running broker. */
export class Broker {
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(port: number, child: Deno.ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** With a persistent store. */
  static async durable(context: Context, keeping: Keeping): Promise<Broker> {
    return await Broker.start(context, [
      "persistence true",
      `persistence_location ${context.tempDir()}/`,
      // What its defaults would throw away, and delay.
      "max_queued_messages 0",
      "max_inflight_messages 0",
      "set_tcp_nodelay true",
      ...keeping.lines,
    ]);
  }

  /** With its defaults, but for these lines of its config file. */
  static async start(context: Context, further: readonly string[] = []): Promise<Broker> {
    const [port] = freePorts(1) as [number];
    const config = `${context.tempDir()}/mosquitto.conf`;
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "user root",
      "log_dest none",
      ...further,
    ];
    Deno.writeTextFileSync(config, `${lines.join("\n")}\n`);
    const child = context.spawn(PROGRAM, {
      args: ["-c", config],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    const broker = new Broker(port, child);
    for (const end = performance.now() + PATIENCE;;) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return broker;
      } catch (error) {
        if (performance.now() > end) throw new CannotMeasure(`mosquitto: ${messageOf(error)}`);
        await sleep(20);
      }
    }
  }

  get pid(): number {
    return this.#child.pid;
  }
}

const Packet = { Connect: 1, Publish: 3, PubAck: 4, Subscribe: 8, Disconnect: 14 } as const;

/** Quality of service: 0 is not acknowledged, 1 is. */
export type Qos = 0 | 1;

/** One client with a persistent session. */
export class MqttClient {
  readonly #connection: Deno.TcpConn;
  readonly #read: Promise<void>;
  #buffer: Uint8Array = new Uint8Array(0);
  /** Packets of each type that came. */
  readonly #counts = new Array<number>(16).fill(0);
  #wake: () => void = () => {};
  #failure: unknown;
  #nextId = 0;
  #closed = false;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.#read = this.#receive();
  }

  static async connect(context: Context, broker: Broker, id: string): Promise<MqttClient> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: broker.port });
    connection.setNoDelay(true);
    const client = new MqttClient(connection);
    context.defer(() => client.close());
    // Protocol level 4, no clean session, no keep-alive.
    const head = [0, 4, ...new TextEncoder().encode("MQTT"), 4, 0, 0, 0];
    await client.#send(packet(Packet.Connect << 4, [...head, ...text(id)]));
    await client.#until(() => client.#counts[2] === 1);
    return client;
  }

  /** What was published with a higher quality comes with this one. */
  async subscribe(qos: Qos = 1): Promise<void> {
    await this.#send(packet(Packet.Subscribe << 4 | 2, [0, 1, ...text(TOPIC), qos]));
    await this.#until(() => this.#counts[9] === 1);
  }

  /** Publications that came here and were acknowledged. */
  get received(): number {
    return this.#counts[Packet.Publish] as number;
  }

  /** Resolves when `count` came in all. */
  async gets(count: number): Promise<void> {
    await this.#until(() => this.received >= count);
  }

  /** Publishes with quality 0; resolves when it is sent. */
  async send(body: Uint8Array): Promise<void> {
    await this.#send(packet(Packet.Publish << 4, text(TOPIC), body));
  }

  /** Publishes with quality 1; resolves when the broker has acknowledged all. */
  async publish(bodies: readonly Uint8Array[]): Promise<void> {
    const before = this.#counts[Packet.PubAck] as number;
    const open = (sent: number) => before + sent - (this.#counts[Packet.PubAck] as number);
    for (let sent = 0; sent < bodies.length;) {
      await this.#until(() => open(sent) < WINDOW);
      const part = bodies.slice(sent, sent + WINDOW - open(sent));
      const packets = part.map((body) => {
        this.#nextId = this.#nextId % 65_535 + 1;
        return packet(Packet.Publish << 4 | 2, [
          ...text(TOPIC),
          this.#nextId >>> 8,
          this.#nextId & 0xff,
        ], body);
      });
      await this.#send(joined(packets));
      sent += part.length;
    }
    await this.#until(() => open(bodies.length) === 0);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    await this.#read;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new CannotMeasure("mosquitto keeps us waiting")),
          PATIENCE,
        );
        this.#wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
  }

  async #receive(): Promise<void> {
    const piece = new Uint8Array(262_144);
    try {
      for (;;) {
        const count = await this.#connection.read(piece);
        if (count === null) throw new CannotMeasure("mosquitto has closed the connection");
        await this.#take(piece.subarray(0, count));
        this.#wake();
      }
    } catch (error) {
      this.#failure = error;
      this.#wake();
    }
  }

  async #take(piece: Uint8Array): Promise<void> {
    const bytes = this.#buffer.length === 0 ? piece : joined([this.#buffer, piece]);
    const answers: number[] = [];
    let at = 0;
    for (;;) {
      let length = 0;
      let next = at + 1;
      let whole = false;
      for (let shift = 0; next < bytes.length && !whole; shift += 7) {
        const octet = bytes[next++] as number;
        length |= (octet & 127) << shift;
        whole = octet < 128;
      }
      if (!whole || next + length > bytes.length) break;
      const type = (bytes[at] as number) >>> 4;
      this.#counts[type] = (this.#counts[type] as number) + 1;
      if (type === Packet.Publish && ((bytes[at] as number) >>> 1 & 3) === 1) {
        const id = next + 2 + ((bytes[next] as number) << 8 | (bytes[next + 1] as number));
        answers.push(Packet.PubAck << 4, 2, bytes[id] as number, bytes[id + 1] as number);
      }
      at = next + length;
    }
    this.#buffer = bytes.slice(at);
    if (answers.length > 0) await this.#send(Uint8Array.from(answers));
  }
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [bytes.length >>> 8, bytes.length & 0xff, ...bytes];
}

function packet(first: number, head: readonly number[], body?: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = head.length + (body?.length ?? 0);
  do {
    length.push(rest & 127 | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  const start = [first, ...length, ...head];
  return body ? joined([Uint8Array.from(start), body]) : Uint8Array.from(start);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
