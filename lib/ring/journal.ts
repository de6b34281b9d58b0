/**
 * Lines for the logs, gathered while one piece of input is worked on and then handed over together:
 * behind what was forwarded, before what is answered (`spec/pzog.md` §3).
 *
 * @module
 */
import type { LogName, RingOutput } from "./api.ts";

const encoder = new TextEncoder();
const NAMES: readonly LogName[] = ["ring", "access", "error"];

/** What waits for its log. */
export class Journal {
  readonly #output: Pick<RingOutput, "log">;
  readonly #lines: Record<LogName, Uint8Array[]> = { access: [], error: [], ring: [] };

  constructor(output: Pick<RingOutput, "log">) {
    this.#output = output;
  }

  add(log: LogName, line: Uint8Array | string): void {
    this.#lines[log].push(typeof line === "string" ? encoder.encode(line) : line);
  }

  flush(): void {
    for (const name of NAMES) {
      const lines = this.#lines[name];
      if (lines.length === 0) continue;
      this.#output.log(name, lines);
      this.#lines[name] = [];
    }
  }
}
