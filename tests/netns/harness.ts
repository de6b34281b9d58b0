/**
 * Real interfaces without a real network: namespaces of the kernel, with cables and switches between
 * them. All of it is made by the test and gone when the test ends; nothing leaves the computer.
 *
 * ```ts ignore
 * netnsTest("two nodes on a cable", async (lab) => {
 *   const [a, b] = [await lab.node("a"), await lab.node("b")];
 *   await lab.cable(a, b);
 *   await a.run("ping", "-c1", `fe80::2%${a.interfaces[0]}`);
 * });
 * ```
 *
 * @module
 */
import { skipReason } from "../skip.ts";

/** Every namespace is called `agenttest-PID-NUMBER`, so that leftovers are known as such. */
const PREFIX = "agenttest-";

/** Whether namespaces can be made here. */
export type Available = { readonly ok: true } | { readonly ok: false; readonly reason: string };

let available: Available | undefined;

/** Whether this computer and this user can make namespaces; tried once. */
export function netnsAvailable(): Available {
  return available ??= tryNetns();
}

function tryNetns(): Available {
  const no = (reason: string): Available => ({ ok: false, reason });
  if (Deno.build.os !== "linux") return no("network namespaces are a thing of Linux");
  if (Deno.uid() !== 0) return no("needs root, for network namespaces");
  const name = `${PREFIX}${Deno.pid}-probe`;
  try {
    for (const args of [["add", name], ["exec", name, "true"], ["del", name]]) {
      const { success, stderr } = new Deno.Command("ip", { args: ["netns", ...args] }).outputSync();
      if (success) continue;
      const why = new TextDecoder().decode(stderr).split("\n")[0] ?? "";
      if (args[0] !== "add") new Deno.Command("ip", { args: ["netns", "del", name] }).outputSync();
      return no(`ip netns ${args[0]} failed: ${why}`);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return no("needs the ip command (iproute2)");
    throw error;
  }
  removeLeftovers();
  return { ok: true };
}

/** Namespaces of test runs that ended without tidying up: their process is gone. */
function removeLeftovers(): void {
  const { stdout } = new Deno.Command("ip", { args: ["netns", "list"] }).outputSync();
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const [, name, pid] = new RegExp(`^(${PREFIX}(\\d+)-\\S+)`).exec(line) ?? [];
    if (name === undefined || isAlive(Number(pid))) continue;
    new Deno.Command("ip", { args: ["netns", "del", name] }).outputSync();
  }
}

function isAlive(pid: number): boolean {
  try {
    return Deno.statSync(`/proc/${pid}`).isDirectory;
  } catch {
    return false;
  }
}

/** Registers a test that gets a lab; it is skipped, with the reason, where there can be none. */
export function netnsTest(name: string, fn: (lab: Lab) => Promise<void>): void {
  const can = netnsAvailable();
  Deno.test({
    name,
    ignore: !can.ok && skipReason(name, can.reason),
    async fn() {
      const lab = new Lab();
      try {
        await fn(lab);
      } finally {
        await lab.close();
      }
    },
  });
}

/** Which addresses the ends of a cable get. The n-th end has n as its last number. */
export interface CableOptions {
  /** `fe80::N/64`. Default: true. */
  readonly ipv6?: boolean;
  /** The first three numbers of a /24, for instance `192.0.2`. Default: no IPv4. */
  readonly ipv4?: string;
  /** Let the kernel look for duplicates of the IPv6 address, which takes 1 to 2 s. Default: false. */
  readonly dad?: boolean;
}

/** What a switch is like. */
export interface SwitchOptions extends CableOptions {
  /** Bit n lets 01-80-C2-00-00-0n through. Default: none. */
  readonly groupForwardMask?: number;
}

let made = 0;

/** Namespaces, what connects them, and the processes in them. */
export class Lab {
  readonly #nodes: Node[] = [];
  readonly #children: Deno.ChildProcess[] = [];
  #switches = 0;

  /** A computer without interfaces but loopback. `label` is for error messages. */
  async node(label: string): Promise<Node> {
    const name = `${PREFIX}${Deno.pid}-${made++}`;
    await ip("netns", "add", name);
    const node = new Node(name, label, (child) => this.#children.push(child));
    this.#nodes.push(node);
    await ip("-n", name, "link", "set", "lo", "up");
    return node;
  }

  /** A node for each label. */
  async nodes<const Labels extends readonly string[]>(
    ...labels: Labels
  ): Promise<{ [Index in keyof Labels]: Node }> {
    const made: Node[] = [];
    for (const label of labels) made.push(await this.node(label));
    return made as { [Index in keyof Labels]: Node };
  }

  /** A cable between two nodes; their new interfaces' names are returned, and are up. */
  async cable(a: Node, b: Node, options: CableOptions = {}): Promise<[string, string]> {
    const ends: [string, string] = [a.nextInterface(), b.nextInterface()];
    await pair(a, ends[0], b, ends[1]);
    await configure(a, ends[0], 1, options);
    await configure(b, ends[1], 2, options);
    return ends;
  }

  /** A switch with a cable to each node; their new interfaces' names are returned, and are up. */
  async switch(nodes: readonly Node[], options: SwitchOptions = {}): Promise<string[]> {
    const box = await this.node(`switch ${++this.#switches}`);
    await box.ip("link", "add", "br0", "type", "bridge");
    const { groupForwardMask } = options;
    if (groupForwardMask !== undefined) {
      await box.ip(
        ...["link", "set", "br0", "type", "bridge", "group_fwd_mask", String(groupForwardMask)],
      );
    }
    await box.ip("link", "set", "br0", "up");
    const ends: string[] = [];
    for (const [i, node] of nodes.entries()) {
      const end = node.nextInterface();
      await pair(node, end, box, `port${i}`);
      await box.ip("link", "set", `port${i}`, "master", "br0", "up");
      await configure(node, end, i + 1, options);
      ends.push(end);
    }
    return ends;
  }

  /** Kills what runs and removes all namespaces, with their interfaces. */
  async close(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    }
    const problems: unknown[] = [];
    for (const node of this.#nodes.splice(0)) {
      await ip("netns", "del", node.netns).catch((error) => problems.push(error));
    }
    if (problems.length > 0) throw new AggregateError(problems, "namespaces stay behind");
  }
}

/** One namespace. */
export class Node {
  /** The namespace's name, for `ip netns exec`. */
  readonly netns: string;
  readonly label: string;
  /** Interfaces that cables were plugged into, in that order. */
  readonly interfaces: string[] = [];
  readonly #track: (child: Deno.ChildProcess) => void;

  constructor(netns: string, label: string, track: (child: Deno.ChildProcess) => void) {
    this.netns = netns;
    this.label = label;
    this.#track = track;
  }

  nextInterface(): string {
    const name = `veth${this.interfaces.length}`;
    this.interfaces.push(name);
    return name;
  }

  /** `ip` in this namespace. */
  ip(...args: string[]): Promise<string> {
    return ip("-n", this.netns, ...args);
  }

  /** Many commands of `ip` at once, a line each. */
  async batch(lines: readonly string[]): Promise<void> {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, `${lines.join("\n")}\n`);
      await this.ip("-batch", file);
    } finally {
      await Deno.remove(file);
    }
  }

  /** Runs a command here to its end. Returns what it printed; throws where it failed. */
  run(command: string, ...args: string[]): Promise<string> {
    return ip("netns", "exec", this.netns, command, ...args);
  }

  /** Starts a command here. It is killed when the lab closes, at the latest. */
  readonly spawn = (
    command: string,
    args: readonly string[],
    options: Omit<Deno.CommandOptions, "args"> = {},
  ): Deno.ChildProcess => {
    const child = new Deno.Command("ip", {
      ...options,
      args: ["netns", "exec", this.netns, command, ...args],
    }).spawn();
    this.#track(child);
    return child;
  };

  /** Unplugs an interface for good; the other end goes too. */
  async unplug(name: string): Promise<void> {
    await this.ip("link", "del", name);
  }
}

/** A pair of interfaces, each born in its namespace: never one in ours. */
async function pair(a: Node, nameA: string, b: Node, nameB: string): Promise<void> {
  await ip(
    ...["link", "add", nameA, "netns", a.netns, "type", "veth"],
    ...["peer", "name", nameB, "netns", b.netns],
  );
}

/** Plugs a cable in again between interfaces that were unplugged. */
export async function plugAgain(
  a: Node,
  nameA: string,
  b: Node,
  nameB: string,
  options: CableOptions = {},
): Promise<void> {
  await pair(a, nameA, b, nameB);
  await configure(a, nameA, 1, options);
  await configure(b, nameB, 2, options);
}

async function configure(node: Node, name: string, n: number, options: CableOptions) {
  const { ipv6 = true, ipv4, dad = false } = options;
  // No address but those that we give.
  await node.ip("link", "set", name, "addrgenmode", "none", "up");
  if (ipv6) {
    await node.ip("addr", "add", `fe80::${n}/64`, "dev", name, ...(dad ? [] : ["nodad"]));
  }
  if (ipv4 !== undefined) await node.ip("addr", "add", `${ipv4}.${n}/24`, "dev", name);
}

async function ip(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args, stdin: "null" })
    .output();
  const text = new TextDecoder();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${text.decode(stderr).trim()}`);
  return text.decode(stdout);
}
