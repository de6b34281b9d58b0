/** Speaks with an actor (`actor.ts`) in a namespace. */
import type { InterfaceInfo } from "../../lib/net/mod.ts";
import type { Node } from "./harness.ts";

/** What an actor can be told. */
export type Command =
  & { id: number }
  & (
    | { do: "interfaces" }
    | { do: "watch" }
    | { do: "watched" }
    | { do: "open"; link: string; addresses?: string[] }
    | { do: "follow"; links: string[] }
    | { do: "families"; link: string }
    | { do: "send"; link: string; text: string }
    | { do: "sendTo"; link: string; to: string; text: string }
    | { do: "close"; link: string }
    | { do: "listen" }
    | { do: "dial"; host: string; port: number; timeoutMs?: number }
    | { do: "write"; text: string }
  );

/** What it answers to `watched`. */
export interface Watched {
  readonly dumps: number;
  /** As the kernel told them. */
  readonly followed: InterfaceInfo[];
  /** As `/proc` and `/sys` have them now. */
  readonly read: InterfaceInfo[];
}

/** What it answers. */
export type Reply = { reply: number; result: unknown } | { reply: number; error: string };

/** What it tells unasked. */
export type Happening =
  | { event: "ready" }
  | { event: "heard"; link: string; text: string; from: string; multicast: boolean }
  | { event: "opened"; link: string }
  | { event: "changed"; names: string[] }
  | { event: "problem"; message: string }
  | { event: "data"; from: string; text: string }
  | { event: "closed"; reason: string };

type Without<T> = T extends unknown ? Omit<T, "id"> : never;

/** How long anything may take before the test gives up. */
const PATIENCE_MS = 40_000;

/** An actor at work. It ends with the lab. */
export class Actor {
  readonly pid: number;
  /** All that it told, in order. */
  readonly told: Happening[] = [];
  readonly #label: string;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  #watchers: (() => void)[] = [];
  #id = 0;
  readonly #reading: Promise<void>;

  static async start(node: Node): Promise<Actor> {
    const child = node.spawn(Deno.execPath(), [
      ...["run", "-A", "--no-check", "--quiet"],
      new URL("actor.ts", import.meta.url).pathname,
    ], { stdin: "piped", stdout: "piped", stderr: "inherit" });
    const actor = new Actor(node.label, child);
    await actor.until((told) => told.some(({ event }) => event === "ready"));
    return actor;
  }

  private constructor(label: string, child: Deno.ChildProcess) {
    this.#label = label;
    this.pid = child.pid;
    this.#writer = child.stdin.getWriter();
    this.#reading = this.#read(child.stdout);
  }

  /** Tells it to do something; its answer, or a throw. */
  async call(command: Without<Command>): Promise<unknown> {
    const id = this.#id++;
    const reply = new Promise<Reply>((resolve) => this.#replies.set(id, resolve));
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify({ ...command, id })}\n`));
    const answer = await this.#patiently(reply, JSON.stringify(command));
    if ("error" in answer) throw new Error(`${this.#label}: ${answer.error}`);
    return answer.result;
  }

  /** Until what it told fulfils a condition. */
  async until(condition: (told: Happening[]) => boolean): Promise<void> {
    const fulfilled = new Promise<void>((resolve) => {
      const look = () => {
        if (condition(this.told)) resolve();
        else this.#watchers.push(look);
      };
      look();
    });
    await this.#patiently(fulfilled, condition.toString());
  }

  /** The first datagram with this text. */
  async hears(text: string): Promise<Happening & { event: "heard" }> {
    const find = () =>
      this.told.find((told) => told.event === "heard" && told.text === text) as
        | Happening & { event: "heard" }
        | undefined;
    await this.until(() => find() !== undefined);
    return find()!;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#writer.close();
    await this.#reading;
  }

  async #patiently<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(new Error(`${this.#label}: in vain: ${what}; told ${JSON.stringify(this.told)}`)),
        PATIENCE_MS,
      );
    });
    try {
      return await Promise.race([promise, limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(stdout: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of stdout.pipeThrough(new TextDecoderStream() as TransformStream)) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const value = JSON.parse(line) as Reply | Happening;
        if ("reply" in value) {
          this.#replies.get(value.reply)?.(value);
          this.#replies.delete(value.reply);
        } else {
          this.told.push(value);
          for (const look of this.#watchers.splice(0)) look();
        }
      }
    }
  }
}
