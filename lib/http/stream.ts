/**
 * A response that stays open: bytes go out as the client reads them, and what it has not read yet is
 * bounded. Whoever reads too slowly is dropped; the agent never waits for a reader.
 *
 * @module
 */

/** Unsent bytes of one stream at the most. */
const MAX_QUEUED = 262_144;
/** Chunks handed on at once are filled up to about this. */
const CHUNK = 16_384;

const encoder = new TextEncoder();

export interface OutletOptions {
  /** Sent before everything that is pushed; made only as fast as the client reads. */
  readonly first?: Iterator<string>;
  /** The last text for a reader that was too slow. */
  readonly onSlow?: string;
  /** Called once, when the stream has ended for whatever reason. */
  readonly onEnd: (why: "client" | "slow" | "server") => void;
}

/** The sending end of one open response. */
export class Outlet {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #options: OutletOptions;
  #first: Iterator<string> | undefined;
  #queue: string[] = [];
  #queuedBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: OutletOptions) {
    this.#options = options;
    this.#first = options.first;
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#end("client"),
    }, { highWaterMark: 0 });
  }

  /** Send a text. After the end it goes nowhere. */
  push(text: string): void {
    if (this.#ended) return;
    this.#queue.push(text);
    this.#queuedBytes += text.length;
    if (this.#queuedBytes > MAX_QUEUED) {
      this.#queue = [this.#options.onSlow ?? ""];
      this.#first = undefined;
      this.#end("slow");
    } else this.#wakeUp();
  }

  /** End the stream in order; what is queued still goes out. */
  close(): void {
    this.#end("server");
  }

  #end(why: "client" | "slow" | "server"): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wakeUp();
    this.#options.onEnd(why);
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): Promise<void> {
    const chunk = this.#next();
    if (chunk !== "") {
      controller.enqueue(encoder.encode(chunk));
      return;
    }
    if (!this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      return await this.#pull(controller);
    }
    controller.close();
  }

  #next(): string {
    let chunk = "";
    while (this.#first !== undefined && chunk.length < CHUNK) {
      const { done, value } = this.#first.next();
      if (done === true) this.#first = undefined;
      else chunk += value;
    }
    if (this.#first === undefined) {
      chunk += this.#queue.join("");
      this.#queue = [];
      this.#queuedBytes = 0;
    }
    return chunk;
  }
}
