/**
 * Which network interfaces this computer has, and when that changes.
 *
 * @module
 */
import { formatIp6 } from "../wire/ip.ts";

/** A network interface. Of two lists of the same interfaces in the same state, all fields are equal. */
export interface InterfaceInfo {
  readonly name: string;
  /** The kernel's number for it; another one after it was deleted and made again. 0: not known. */
  readonly index: number;
  /** Six bytes as `02:00:00:00:00:01`; empty where it has none. */
  readonly mac: string;
  /** Switched on by the administrator. */
  readonly up: boolean;
  /** Up, and the cable (or radio) carries. */
  readonly running: boolean;
  /** In bytes; 0: not known. */
  readonly mtu: number;
  /** `192.0.2.1/24`, `fe80::1/64`; only those that can be used already, in the kernel's order. */
  readonly addresses: readonly string[];
  readonly loopback: boolean;
  /** Its frames are Ethernet's, and it has a MAC address. */
  readonly ethernet: boolean;
  /** The VLAN that it is of; 0: none. Of a VLAN on a VLAN: outer id × 4096 + inner id. */
  readonly vlan: number;
}

/** Watches the interfaces. The list is sorted by index and then name. */
export interface InterfaceSource {
  current(): InterfaceInfo[];
  /** `listener` is called with the whole list after a change. Returns how to stop that. */
  subscribe(listener: (all: InterfaceInfo[]) => void): () => void;
  close(): void;
}

/** An address of an interface, as the runtime tells it. */
type SystemAddress = Pick<Deno.NetworkInterfaceInfo, "name" | "address" | "cidr"> & {
  readonly mac?: string;
  readonly scopeid?: number | null;
};

/** Where {@linkcode readInterfaces} looks. Tests bring their own. */
export interface SystemView {
  /** Throws where the runtime cannot ask. */
  addresses(): Deno.NetworkInterfaceInfo[];
  /** The text of a file below `/proc` or `/sys`; throws where there is none. */
  read(path: string): string;
}

const thisSystem: SystemView = {
  addresses: () => Deno.networkInterfaces(),
  read: (path) => Deno.readTextFileSync(path),
};

/** Kernel flags (`linux/if.h`), and the kind of Ethernet (`linux/if_arp.h`). */
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const ARPHRD_ETHER = 1;
/** Address flag (`linux/if_addr.h`): duplicate address detection still runs, so it cannot be bound. */
const IFA_F_TENTATIVE = 0x40;

/** The interfaces as they were once: for where the kernel does not tell of changes. */
export class FixedInterfaces implements InterfaceSource {
  readonly #all: readonly InterfaceInfo[];

  constructor(all: readonly InterfaceInfo[] = readInterfaces()) {
    this.#all = all;
  }

  current(): InterfaceInfo[] {
    return [...this.#all];
  }

  /** Nothing ever changes. */
  subscribe(): () => void {
    return () => {};
  }

  close(): void {}
}

/**
 * Reads the list once. `/proc/net` is that of our network namespace and names also interfaces
 * without an address; `/sys` knows the rest. What is missing there is taken from the addresses.
 */
export function readInterfaces(system: SystemView = thisSystem): InterfaceInfo[] {
  const ipv6 = attempt(system, "/proc/net/if_inet6");
  const found = addressesOf(system, ipv6);
  const names = new Set(namesOf(attempt(system, "/proc/net/dev")));
  for (const { name } of found) names.add(name);
  const { indexes, tentative } = ipv6Details(ipv6);

  const all: InterfaceInfo[] = [];
  for (const name of names) {
    const own = found.filter((address) => address.name === name);
    const sys = (file: string) => attempt(system, `/sys/class/net/${name}/${file}`).trim();
    const flags = parseInt(sys("flags"), 16);
    const known = !Number.isNaN(flags);
    // Without /sys: what has an address is up, and that is all one can know.
    const up = known ? (flags & IFF_UP) !== 0 : own.length > 0;
    const state = sys("operstate");
    const mac = macOf(own[0]?.mac ?? sys("address"));
    const scope = own.find((address) => address.scopeid)?.scopeid;
    all.push({
      name,
      index: indexes.get(name) ?? scope ?? (Number(sys("ifindex")) || 0),
      mac,
      up,
      // The carrier is told at once, the state up to a second later; only the state tells that a
      // radio has no partner yet.
      running: up && sys("carrier") !== "0" && ["", "up", "unknown"].includes(state),
      mtu: Number(sys("mtu")) || 0,
      addresses: own.filter(({ address }) => !tentative.has(`${name} ${hexOf(address)}`))
        .map(({ cidr }) => cidr),
      loopback: known ? (flags & IFF_LOOPBACK) !== 0 : isLoopback(own),
      ethernet: Number(sys("type")) === ARPHRD_ETHER && mac !== "",
      vlan: vlanOf(system, name),
    });
  }
  return all.sort((a, b) => a.index - b.index || (a.name < b.name ? -1 : 1));
}

/**
 * The runtime asks over netlink; in a sandbox without it that fails. IPv6 addresses then come from
 * `/proc`, which does not tell those of IPv4, but loopback has what every loopback has.
 */
function addressesOf(system: SystemView, ipv6: string): SystemAddress[] {
  try {
    return system.addresses();
  } catch {
    return ipv6.split("\n").flatMap((line) => {
      const match = /^([0-9a-f]{32}) +\S+ +([0-9a-f]{2}) .* (\S+)\s*$/.exec(line.trim());
      const [, hex, bits, name] = match ?? [];
      if (!hex || !bits || !name) return [];
      const address = formatIp6(Uint8Array.fromHex(hex));
      const own = { name, address, cidr: `${address}/${parseInt(bits, 16)}` };
      return address === "::1"
        ? [{ ...own, address: "127.0.0.1", cidr: "127.0.0.1/8" }, own]
        : [own];
    });
  }
}

/** `/proc/net/dev`: two lines of headings, then `  eth0: 1 2 3 …`. */
function namesOf(text: string): string[] {
  return text.split("\n").slice(2).flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);
}

/** `/proc/net/if_inet6`: address as 32 digits, index, prefix, scope, flags (all hexadecimal), name. */
function ipv6Details(text: string) {
  const indexes = new Map<string, number>();
  const tentative = new Set<string>();
  for (const line of text.split("\n")) {
    const [address, index, , , flags, name] = line.trim().split(/\s+/);
    if (!address || !index || !flags || !name) continue;
    indexes.set(name, parseInt(index, 16));
    if (parseInt(flags, 16) & IFA_F_TENTATIVE) tentative.add(`${name} ${address}`);
  }
  return { indexes, tentative };
}

/** An IPv6 address as 32 hexadecimal digits; others as they are. */
function hexOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array(Math.max(0, 8 - before.length - after.length)).fill("0");
  return [...before, ...(tail === undefined ? [] : zeros), ...after]
    .map((group) => group.padStart(4, "0")).join("").toLowerCase();
}

/** `/proc/net/vlan/NAME`: `NAME  VID: 7 …` and `Device: PARENT`; only VLAN interfaces have one. */
function vlanOf(system: SystemView, name: string, deeper = 3): number {
  const text = attempt(system, `/proc/net/vlan/${name}`);
  const id = Number(/ VID: (\d+)/.exec(text)?.[1] ?? 0);
  const parent = /^Device: (\S+)/m.exec(text)?.[1];
  if (parent === undefined || deeper === 0) return id;
  return vlanOf(system, parent, deeper - 1) * 4_096 + id;
}

function macOf(text: string): string {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) && text !== "00:00:00:00:00:00"
    ? text.toLowerCase()
    : "";
}

function isLoopback(own: readonly SystemAddress[]): boolean {
  return own.some(({ address }) => address.startsWith("127.") || address === "::1");
}

/** The text of a file, or nothing: an interface may go between two reads, and `/sys` may be absent. */
function attempt(system: SystemView, path: string): string {
  try {
    return system.read(path);
  } catch {
    return "";
  }
}
