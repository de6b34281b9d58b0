/**
 * The interface table that rtnetlink messages build (`spec/lsoe.md §10`). Every message is an upsert or
 * a delete, so what is heard twice does no harm.
 *
 * @module
 */
import type { InterfaceInfo } from "../lib/net/interfaces.ts";
import {
  type AddressMessage,
  AF_INET,
  type LinkMessage,
  type NetlinkMessage,
  type VlanTag,
} from "./rtnetlink_messages.ts";

/** `linux/if.h` */
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_LOWER_UP = 0x10000;
/** RFC 2863: nobody says, and up. */
const RUNNING_STATES = [0, 6];
/** `linux/if_arp.h` */
const ARPHRD_ETHER = 1;
/** `linux/if_addr.h`: another station has it, or it is still being asked whether one has. */
const IFA_F_DADFAILED = 0x8;
const IFA_F_TENTATIVE = 0x40;

/** VLAN ids have 12 bits; four of them stay exact in one number. */
const VLAN_IDS = 4_096;
const MOST_STACKED = 4;

/** An address of an interface. */
export interface AddressRow {
  readonly family: number;
  readonly address: string;
  readonly prefixLength: number;
  /** `linux/if_addr.h` */
  readonly flags: number;
}

/** What is known of an interface. */
export interface InterfaceRow {
  readonly index: number;
  readonly name: string;
  /** `02:00:00:00:00:01`, also all zeros; empty where it has none of six octets. */
  readonly mac: string;
  readonly mtu: number;
  readonly hardware: number;
  readonly flags: number;
  readonly operstate: number;
  readonly vlan: VlanTag | undefined;
  /** In the order in which they came to be known. */
  readonly addresses: readonly AddressRow[];
}

/** Interfaces by index. */
export class InterfaceTable {
  readonly #rows = new Map<number, InterfaceRow>();

  /** Takes what a message says of links and addresses; others do not concern it. */
  apply(message: NetlinkMessage): void {
    if (message.kind === "link") this.#link(message);
    else if (message.kind === "address") this.#address(message);
  }

  /** All that is known, by index. */
  rows(): InterfaceRow[] {
    return [...this.#rows.values()].sort((a, b) => a.index - b.index);
  }

  /** As the rest of the house knows interfaces. */
  interfaces(): InterfaceInfo[] {
    return this.rows().map((row) => interfaceInfo(row, this.#vlanOf(row)));
  }

  /**
   * Lists the addresses in the order of another table, those that it lacks behind them: after a new
   * dump the first address of an interface, which sockets are bound to, must not be another one only
   * because the kernel tells them in another order.
   */
  orderLike(before: InterfaceTable): void {
    for (const row of this.#rows.values()) {
      const known = before.#rows.get(row.index)?.addresses ?? [];
      const place = (address: AddressRow) => {
        const at = known.findIndex((other) => isSame(address, other));
        return at < 0 ? known.length : at;
      };
      const addresses = row.addresses.toSorted((a, b) => place(a) - place(b));
      this.#rows.set(row.index, { ...row, addresses });
    }
  }

  #link(message: LinkMessage): void {
    const { index, gone, family, flags, hardware } = message;
    // Bridges speak of their ports with a family of their own: leaving a bridge is no deletion.
    if (family !== 0) return;
    if (gone) {
      this.#rows.delete(index);
      return;
    }
    const known = this.#rows.get(index);
    // Radios tell their news in messages with hardly an attribute; what is missing stays as it is.
    const name = message.name ?? known?.name;
    if (name === undefined) return;
    this.#rows.set(index, {
      index,
      name,
      mac: message.mac ?? known?.mac ?? "",
      mtu: message.mtu ?? known?.mtu ?? 0,
      hardware,
      flags,
      operstate: message.operstate ?? known?.operstate ?? 0,
      vlan: message.vlan ?? known?.vlan,
      addresses: known?.addresses ?? [],
    });
  }

  /** A VLAN on a VLAN is told from both by both their numbers. */
  #vlanOf({ vlan }: InterfaceRow): number {
    let number = 0;
    let place = 1;
    for (let depth = 0; vlan !== undefined && depth < MOST_STACKED; depth++) {
      number += vlan.id * place;
      place *= VLAN_IDS;
      vlan = this.#rows.get(vlan.parent)?.vlan;
    }
    return number;
  }

  #address({ index, gone, family, address, prefixLength, flags }: AddressMessage): void {
    const row = this.#rows.get(index);
    if (!row) return;
    const own: AddressRow = { family, address, prefixLength, flags };
    const at = row.addresses.findIndex((other) => isSame(own, other));
    const addresses = [...row.addresses];
    if (gone) {
      if (at >= 0) addresses.splice(at, 1);
    } else if (at >= 0) {
      addresses[at] = own;
    } else {
      addresses.push(own);
    }
    this.#rows.set(index, { ...row, addresses });
  }
}

/** Neither tentative, and so not to be used yet, nor refused for good, because another station has it. */
function isUsable({ flags }: AddressRow): boolean {
  return (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0;
}

function isSame(a: AddressRow, b: AddressRow): boolean {
  return a.family === b.family && a.address === b.address && a.prefixLength === b.prefixLength;
}

function interfaceInfo(row: InterfaceRow, vlan: number): InterfaceInfo {
  const { index, name, mtu, flags, operstate, hardware } = row;
  const up = (flags & IFF_UP) !== 0;
  const mac = row.mac === "00:00:00:00:00:00" ? "" : row.mac;
  const usable = row.addresses.filter(isUsable);
  const cidrs = (addresses: readonly AddressRow[]) =>
    addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  return {
    name,
    index,
    mac,
    up,
    running: up && (flags & IFF_LOWER_UP) !== 0 && RUNNING_STATES.includes(operstate),
    mtu,
    addresses: [
      ...cidrs(usable.filter(({ family }) => family === AF_INET)),
      ...cidrs(usable.filter(({ family }) => family !== AF_INET)),
    ],
    loopback: (flags & IFF_LOOPBACK) !== 0,
    ethernet: hardware === ARPHRD_ETHER && mac !== "",
    vlan,
  };
}
