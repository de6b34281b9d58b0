/**
 * What an agent tells, as it comes: for what may be gone again before anybody asks.
 *
 * @module
 */
import type { StateEvent } from "../../lib/http/api.ts";
import { type AgentProcess, until } from "./harness.ts";

/** Changes that an agent tells, as they come. */
export class Watch implements AsyncDisposable {
  readonly events: StateEvent[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #reading: Promise<void>;

  private constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    this.#reading = this.#read();
  }

  /** Watching, from now on. */
  static async on(agent: AgentProcess): Promise<Watch> {
    const { body } = await agent.open("GET", "/v1/events");
    return new Watch(body!);
  }

  /** The first event that fits, also among those that came already. */
  async saw(what: string, fits: (event: StateEvent) => boolean): Promise<StateEvent> {
    await until(what, () => this.events.some(fits), () => JSON.stringify(this.events));
    return this.events.find(fits)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not by an AbortSignal: the runtime forgets it when the response is collected as garbage.
    await this.#reader.cancel().catch(() => {});
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) return;
        const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (line.startsWith("data: ")) this.events.push(JSON.parse(line.slice(6)));
        }
      }
    } catch {
      // The agent has ended.
    }
  }
}
