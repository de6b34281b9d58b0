/** Speaks with `raw_actor.ts` in a namespace: frames from a station that is no agent. */
import { encodeDatagrams } from "../../lib/lsoe/fragment.ts";
import { until } from "../e2e/harness.ts";
import type { Node } from "./harness.ts";

const ACTOR = new URL("raw_actor.ts", import.meta.url).pathname;

interface Line {
  readonly ready?: true;
  /** A whole frame in hexadecimal. */
  readonly heard?: string;
  /** Of a watcher: when, in ms since 1970. */
  readonly at?: number;
  readonly taken?: number;
  readonly carried?: number;
  readonly lost?: number;
}

/** An actor at work. It ends with the lab. */
export class Raw {
  /** What it told, in order. */
  readonly told: Line[] = [];
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;

  private constructor(child: Deno.ChildProcess) {
    this.#writer = child.stdin.getWriter();
    this.#reading = this.#read(child.stdout);
  }

  /** A station on this interface, which may take any address for its own. */
  static speak(node: Node, name: string, ethertype = 0x88b5): Promise<Raw> {
    return Raw.#start(node, ["speak", name, String(ethertype)]);
  }

  /** Tells what goes over an interface either way. */
  static watch(node: Node, name: string, ethertype = 0x88b5): Promise<Raw> {
    return Raw.#start(node, ["watch", name, String(ethertype)]);
  }

  /** Joins two interfaces into one cable that loses frames. */
  static relay(node: Node, a: string, b: string, loss: number, seed = 1): Promise<Raw> {
    return Raw.#start(node, ["relay", a, b, String(loss), String(seed)]);
  }

  static async #start(node: Node, args: readonly string[]): Promise<Raw> {
    const child = node.spawn(
      Deno.execPath(),
      ["run", "-A", "--no-check", "--quiet", ACTOR, ...args],
      { stdin: "piped", stdout: "piped", stderr: "inherit" },
    );
    const raw = new Raw(child);
    await until("the actor is ready", () => raw.told.some(({ ready }) => ready));
    return raw;
  }

  /** Whole frames that came, in hexadecimal. */
  get heard(): string[] {
    return this.told.flatMap(({ heard }) => heard ?? []);
  }

  /** Sends frames; done once the kernel has taken all of them. */
  async send(frames: readonly string[]): Promise<void> {
    const before = this.#count("taken");
    await this.#say(frames);
    await until("the frames are sent", () => this.#count("taken") > before);
  }

  /** What a relay has done so far. */
  async relayed(): Promise<{ carried: number; lost: number }> {
    const before = this.#count("carried");
    await this.#say("?");
    await until("the relay answers", () => this.#count("carried") > before);
    const { carried = 0, lost = 0 } = this.told.findLast((line) => line.carried !== undefined)!;
    return { carried, lost };
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#writer.close();
    await this.#reading;
  }

  #count(key: keyof Line): number {
    return this.told.filter((line) => line[key] !== undefined).length;
  }

  #say(value: unknown): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  }

  async #read(stdout: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of stdout.pipeThrough(new TextDecoderStream() as TransformStream)) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.told.push(JSON.parse(line) as Line);
    }
  }
}

/** Who writes to whom, MAC addresses as `02:00:00:00:00:01`. */
export interface Route {
  readonly to: string;
  readonly from: string;
  /** Default: 0x88B5. */
  readonly ethertype?: number;
}

/** A frame with any payload (hexadecimal). */
export function frameOf({ to, from, ethertype = 0x88b5 }: Route, payload: string): string {
  const plain = (mac: string) => mac.replaceAll(/[:-]/g, "").toLowerCase();
  return `${plain(to)}${plain(from)}${ethertype.toString(16).padStart(4, "0")}${payload}`;
}

/** The frames of a PDU (hexadecimal) with the right checksums. */
export function pduFrames(route: Route, pdu: string, maxDatagram = 1_500): string[] {
  return encodeDatagrams(Uint8Array.fromHex(pdu), maxDatagram)
    .map((datagram) => frameOf(route, datagram.toHex()));
}
