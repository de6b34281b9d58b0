/**
 * Programs that use networkzero on loopback only, with ports of their own.
 *
 * @module
 */
import { Nearby, type NearbyOptions } from "../../lib/learn/mod.ts";
import { freePort } from "../ports.ts";

/** `127.0.0.1` and a free port. */
export const freeAddress = (): string => `127.0.0.1:${freePort()}`;

/** One computer: programs on it share its beacon. */
export class Computer {
  readonly options: NearbyOptions;
  readonly problems: string[] = [];
  readonly #programs: Nearby[] = [];

  constructor(options: NearbyOptions = {}) {
    this.options = {
      beaconHost: "127.0.0.1",
      beaconPort: freePort(),
      rpcPort: freePort(),
      interfaces: () => [],
      local: () => ["127.0.0.1"],
      onProblem: (message) => this.problems.push(message),
      ...options,
    };
  }

  program(options: NearbyOptions = {}): Nearby {
    const program = new Nearby({ ...this.options, ...options });
    this.#programs.push(program);
    return program;
  }

  async close(): Promise<void> {
    // Those that ask before the one that answers.
    for (const program of this.#programs.reverse()) await program.close();
  }
}

/** A test with programs of one computer; all are closed at its end. */
export function computerTest(
  name: string,
  fn: (computer: Computer) => Promise<void>,
  options: NearbyOptions = {},
): void {
  Deno.test(name, async () => {
    const computer = new Computer(options);
    try {
      await fn(computer);
    } finally {
      await computer.close();
    }
  });
}
