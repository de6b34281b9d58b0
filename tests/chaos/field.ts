/**
 * Where it happens: a namespace for each node with its own small disk, two bridges, and cables
 * between them. Everything is the test's own, and gone when its lab closes.
 *
 * ```text
 * a1 … a5, a guest ── bridge A ── r1, r2 ── bridge B ── b1 … b5, a guest
 * ```
 *
 * The routers forward IPv4, so that messages find their way from A to B; r1 is everybody's gateway.
 *
 * @module
 */
import { until } from "../e2e/harness.ts";
import type { Lab, Node } from "../netns/harness.ts";
import { type Bridge, BRIDGES, legsOn, NODES, ROUTERS } from "./plan.ts";

/** Bytes of a node's disk. */
const DISK = 8 * 1_048_576;
/** First three numbers of the subnet of a bridge. */
const SUBNET: Readonly<Record<Bridge, string>> = { A: "192.0.2", B: "198.51.100" };
/** Which interface of a node stands on a bridge; routers have both. */
const LEG: Readonly<Record<Bridge, string>> = { A: "vetha", B: "vethb" };

/** A computer: its namespace, and the process that holds its disk. */
interface Site {
  readonly node: Node;
  /** A process that sleeps in its mount namespace. */
  readonly holder: number;
  /** Its own folder, on its own disk. */
  readonly folder: string;
}

/** All computers, bridges and cables. */
export class Field {
  readonly #sites = new Map<string, Site>();
  readonly #boxes = new Map<Bridge, Node>();

  /** `dir`: a folder for the places at which disks are mounted. */
  static async build(lab: Lab, dir: string): Promise<Field> {
    const field = new Field();
    for (const name of NODES) field.#sites.set(name, await site(lab, name, `${dir}/${name}`));
    for (const bridge of BRIDGES) {
      const guest = await lab.node(guestOn(bridge));
      const nowhere = { node: guest, holder: 0, folder: "" };
      field.#sites.set(guestOn(bridge), nowhere);
      const box = await lab.node(`bridge ${bridge}`);
      field.#boxes.set(bridge, box);
      await box.batch(["br0", "br1"].flatMap((name) => [
        `link add ${name} type bridge`,
        `link set ${name} up`,
      ]));
      await field.#plug(bridge, box);
    }
    for (const name of NODES) await field.#address(name);
    return field;
  }

  /** Where a node keeps its state. */
  folder(name: string): string {
    return this.#site(name).folder;
  }

  /** Starts a program on a computer, on its disk. */
  spawn(
    name: string,
    command: string,
    args: readonly string[],
    options: Omit<Deno.CommandOptions, "args">,
  ): Deno.ChildProcess {
    const { node, holder } = this.#site(name);
    if (holder === 0) return node.spawn(command, args, options);
    return new Deno.Command("nsenter", {
      ...options,
      args: [`--target=${holder}`, "--net", "--mount", command, ...args],
    }).spawn();
  }

  /** Writes until nothing more goes onto a disk. */
  fill(name: string): void {
    const { holder, folder } = this.#site(name);
    using file = Deno.openSync(`/proc/${holder}/root${folder}/ballast`, {
      write: true,
      create: true,
    });
    for (const size of [65_536, 4_096, 512]) {
      const zeros = new Uint8Array(size);
      try {
        while (file.writeSync(zeros) > 0);
      } catch (error) {
        if (!String(error).includes("No space left")) throw error;
      }
    }
  }

  /** Gives back what {@linkcode Field.fill} took. */
  free(name: string): void {
    const { holder, folder } = this.#site(name);
    Deno.removeSync(`/proc/${holder}/root${folder}/ballast`);
  }

  /** Takes a leg down at its node, or up again with all that the kernel forgot meanwhile. */
  async link(name: string, bridge: Bridge, up: boolean): Promise<void> {
    await this.#site(name).node.ip("link", "set", LEG[bridge], up ? "up" : "down");
    if (up) await this.#address(name);
  }

  /** Pulls cables at the bridge, or plugs them in again. */
  async carrier(names: readonly string[], bridge: Bridge, up: boolean): Promise<void> {
    await this.#box(bridge).batch(
      names.map((name) => `link set ${name} ${up ? "up" : "down"}`),
    );
  }

  /** Moves ports of a bridge to the other switch in its box, or back. */
  async split(names: readonly string[], bridge: Bridge, away: boolean): Promise<void> {
    await this.#box(bridge).batch(
      names.map((name) => `link set ${name} master ${away ? "br1" : "br0"}`),
    );
  }

  #site(name: string): Site {
    return this.#sites.get(name) as Site;
  }

  #box(bridge: Bridge): Node {
    return this.#boxes.get(bridge) as Node;
  }

  /** Cables from a bridge to all that stand on it. A port is called as its node. */
  async #plug(bridge: Bridge, box: Node): Promise<void> {
    const names = [...legsOn(bridge), guestOn(bridge)];
    await box.batch(names.flatMap((name) => {
      const { node } = this.#site(name);
      return [
        `link add ${LEG[bridge]} netns ${node.netns} type veth peer name ${name}`,
        `link set ${name} master br0 up`,
      ];
    }));
    const { node } = this.#site(guestOn(bridge));
    await node.batch([
      `link set ${LEG[bridge]} addrgenmode none up`,
      `addr add fe80::99/64 dev ${LEG[bridge]} nodad`,
    ]);
    for (const name of legsOn(bridge)) {
      await this.#site(name).node.ip("link", "set", LEG[bridge], "addrgenmode", "none", "up");
    }
  }

  /** Addresses and routes of a node, on those of its legs that are up. */
  async #address(name: string): Promise<void> {
    const { node } = this.#site(name);
    const n = NODES.indexOf(name) + 1;
    const up = await node.ip("-o", "link", "show", "up");
    const lines: string[] = [];
    for (const bridge of BRIDGES) {
      if (!up.includes(`${LEG[bridge]}@`)) continue;
      lines.push(
        `addr replace fe80::${n.toString(16)}/64 dev ${LEG[bridge]} nodad`,
        `addr replace ${SUBNET[bridge]}.${n}/24 dev ${LEG[bridge]}`,
      );
      const gateway = NODES.indexOf(ROUTERS[0]) + 1;
      if (n < gateway) lines.push(`route replace default via ${SUBNET[bridge]}.${gateway}`);
    }
    if (lines.length > 0) await node.batch(lines);
  }
}

/** The name of the computer on a bridge that runs no agent. */
export function guestOn(bridge: Bridge): string {
  return `guest${bridge}`;
}

/** A namespace, and in it a process that keeps a small disk mounted at `folder` until it is killed. */
async function site(lab: Lab, name: string, folder: string): Promise<Site> {
  const node = await lab.node(name);
  Deno.mkdirSync(folder);
  // `ip netns exec` gives it a mount namespace of its own, of which ours hears nothing.
  const script = `mount --make-rprivate / && mount -t tmpfs -o size=${DISK} chaos "$1" && ` +
    'echo 1 >/proc/sys/net/ipv4/ip_forward && touch "$1"/mounted && exec sleep infinity';
  const { pid: holder } = node.spawn("sh", ["-ec", script, "sh", folder], { stdin: "null" });
  await until(`${name} has its disk`, () => {
    try {
      return Deno.statSync(`/proc/${holder}/root${folder}/mounted`).isFile;
    } catch {
      return false;
    }
  });
  return { node, holder, folder };
}
