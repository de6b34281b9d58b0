/**
 * Computers on one bridge: a namespace each, made by the bench and gone when it ends, also where it
 * is stopped in the middle. What they send is counted by the kernel.
 *
 * @module
 */
import { Lab, netnsAvailable, type Node } from "../tests/netns/harness.ts";
import { CannotMeasure, type Context, end } from "./harness/context.ts";

/** The n-th computer has n as its last number. */
const SUBNET = "10.77.0";
/** The only interface of each besides loopback. */
export const INTERFACE = "veth0";

/** What an interface has received and sent so far, Ethernet headers included. */
export interface Traffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
}

/** Namespaces with a cable each to one bridge. */
export class Bridge {
  readonly #context: Context;
  readonly #lab = new Lab();
  #nodes: readonly Node[] = [];
  #over = false;

  private constructor(context: Context) {
    this.#context = context;
  }

  /** @throws {CannotMeasure} where there can be no namespaces. */
  static async make(context: Context, count: number): Promise<Bridge> {
    const can = netnsAvailable();
    if (!can.ok) throw new CannotMeasure(can.reason);
    const bridge = new Bridge(context);
    const built = bridge.#build(count);
    context.defer(async () => {
      bridge.#over = true;
      // What is being made cannot be removed yet; where it fails, the bench says so.
      await built.catch(() => {});
      await bridge.#lab.close();
    });
    await built;
    return bridge;
  }

  /**
   * A process on a computer, counted from 0. It lives until it ends, or the bench; then it is gone
   * before any folder that was made earlier.
   */
  spawn(
    i: number,
    command: string,
    args: readonly string[],
    options: Omit<Deno.CommandOptions, "args"> = {},
  ): Deno.ChildProcess {
    if (this.#over) throw new CannotMeasure("the bench is over");
    const child = (this.#nodes[i] as Node).spawn(command, args, options);
    this.#context.defer(() => end(child));
    return child;
  }

  /** Runs a command there to its end. */
  async run(i: number, command: string, ...args: string[]): Promise<void> {
    await (this.#nodes[i] as Node).run(command, ...args);
  }

  /** The IPv4 address of a computer, counted from 0. */
  address(i: number): string {
    return `${SUBNET}.${i + 1}`;
  }

  async #build(count: number): Promise<void> {
    const nodes: Node[] = [];
    while (nodes.length < count && !this.#over) {
      nodes.push(await this.#lab.node(`n${nodes.length}`));
    }
    if (!this.#over) await this.#lab.switch(nodes, { ipv4: SUBNET });
    this.#nodes = nodes;
  }
}

/** What the computer has sent in which this process lives. */
export function trafficOf(pid: number): Traffic {
  const found = parseNetDev(Deno.readTextFileSync(`/proc/${pid}/net/dev`)).get(INTERFACE);
  if (!found) throw new CannotMeasure(`process ${pid} has no ${INTERFACE}`);
  return found;
}

/** `/proc/PID/net/dev` → interface → its counters. */
export function parseNetDev(text: string): Map<string, Traffic> {
  const interfaces = new Map<string, Traffic>();
  for (const line of text.split("\n")) {
    const [, name, rest] = /^\s*(\S+?):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    const fields = rest.trim().split(/\s+/).map(Number);
    if (fields.length < 10) continue;
    const [bytesIn, packetsIn] = fields as [number, number];
    const [bytesOut, packetsOut] = fields.slice(8) as [number, number];
    interfaces.set(name, { bytesIn, bytesOut, packetsIn, packetsOut });
  }
  return interfaces;
}
