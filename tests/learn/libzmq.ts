/**
 * Real libzmq, driven through python3-zmq by a script of ours that knows no networkzero: the tests
 * say, step by step, what its sockets do.
 *
 * @module
 */
import type { Json } from "../../lib/nearby/json.ts";
import { skipReason } from "../skip.ts";

const SCRIPT = new URL("libzmq.py", import.meta.url).pathname;

/** A Python that has zmq; `undefined` where there is none. */
function findPython(): string | undefined {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const args = ["-c", "import zmq"];
      const { success } = new Deno.Command(python, { args, stdin: "null", stderr: "null" })
        .outputSync();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

const python = findPython();

/** A test with a libzmq peer; skipped, with the reason, where there is none. */
export function libzmqTest(name: string, fn: (peer: Libzmq) => Promise<void>): void {
  Deno.test({
    name,
    ignore: python === undefined && skipReason(name, "needs python3-zmq"),
    async fn() {
      const peer = new Libzmq(python!);
      try {
        await fn(peer);
      } finally {
        await peer.close();
      }
    },
  });
}

/** The script, running. Each call is one function of it. */
export class Libzmq {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  #queue: Promise<unknown> = Promise.resolve();

  constructor(command: string, prefix: readonly string[] = []) {
    this.#child = new Deno.Command(prefix[0] ?? command, {
      args: prefix.length > 0 ? [...prefix.slice(1), command, SCRIPT] : [SCRIPT],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Calls a function of the script; calls are run one after the other. */
  call<T extends Json | void = void>(action: string, ...params: Json[]): Promise<T> {
    const answer = this.#queue.then(async () => {
      const line = `${JSON.stringify([action, ...params])}\n`;
      await this.#writer.write(new TextEncoder().encode(line));
      while (!this.#text.includes("\n")) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error("the peer has ended");
        this.#text += value;
      }
      const end = this.#text.indexOf("\n");
      const { value, error } = JSON.parse(this.#text.slice(0, end));
      this.#text = this.#text.slice(end + 1);
      if (error) throw new Error(`${action}: ${error}`);
      return value as T;
    });
    this.#queue = answer.catch(() => {});
    return answer;
  }

  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // Ended by itself.
    }
    await this.#child.status;
  }
}

export { python };
