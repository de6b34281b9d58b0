/**
 * Computers on one bridge: a namespace each, made by the bench and gone when it ends, also where it is
 * stopped in the middle. What they send is counted by the kernel.
 *
 * @module
 */
import { Lab, netnsAvailable, type Node } from "../tests/netns/harness.ts";
import { CannotMeasure, type Context } from "./harness/context.ts";

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
  readonly nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
  }

  /** @throws {CannotMeasure} where there can be no namespaces. */
  static async make(context: Context, count: number): Promise<Bridge> {
    const can = netnsAvailable();
    if (!can.ok) throw new CannotMeasure(can.reason);
    const lab = new Lab();
    let over = false;
    const build = async () => {
      const nodes: Node[] = [];
      while (nodes.length < count && !over) nodes.push(await lab.node(`n${nodes.length}`));
      if (!over) await lab.switch(nodes, { ipv4: SUBNET });
      return new Bridge(nodes);
    };
    const built = build();
    context.defer(async () => {
      over = true;
      // What is being made cannot be removed yet; where it failed, the bench says so.
      await built.catch(() => {});
      await lab.close();
    });
    return await built;
  }

  /** The IPv4 address of a computer, counted from 0. */
  address(i: number): string {
    return `${SUBNET}.${i + 1}`;
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
