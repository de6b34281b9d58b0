/**
 * An interface that speaks LSOE: what the kernel says of it, what we announce on it, and the
 * sessions with the stations there.
 *
 * @module
 */
import { formatIp4, formatIp6, parsePrefix } from "../wire/ip.ts";
import { isGroup, type Mac, parseMac } from "../wire/mac.ts";
import { sameList } from "./announce.ts";
import type { LsoeConfig, LsoeInterface } from "./api.ts";
import { largestPdu } from "./fragment.ts";
import { type Encapsulation, ENCAPSULATION_TYPES, type EncapsulationType } from "./pdu.ts";
import { encodeEncapsulations } from "./pdu_codec.ts";
import type { Session } from "./session.ts";

/** A list as it goes out on an interface. */
export interface Announcement {
  /** What fits. */
  readonly list: readonly Encapsulation[];
  readonly pdu: Uint8Array;
  /** How many at the end do not fit. */
  readonly left: number;
}

/** Whether this interface can and may speak LSOE. */
export function speaks(config: LsoeConfig, facts: LsoeInterface): boolean {
  return facts.ethernet && !facts.loopback && stationOf(facts.mac) !== 0 &&
    config.speaksOn(facts.name);
}

/** An interface's MAC address as a number; 0 where it has none that a station can have. */
function stationOf(text: string): Mac {
  const mac = parseMac(text) ?? 0;
  return isGroup(mac) ? 0 : mac;
}

/** One interface. */
export class Port {
  readonly index: number;
  readonly sessions = new Map<Mac, Session>();
  readonly #maxDatagram: number;
  #facts: LsoeInterface;
  #mac: Mac;
  /** Addresses on the interface, without prefix lengths. */
  #addresses: ReadonlySet<string>;
  readonly #announced = new Map<EncapsulationType, Announcement>();

  constructor(facts: LsoeInterface, maxDatagram: number) {
    this.index = facts.index;
    this.#maxDatagram = maxDatagram;
    this.#facts = facts;
    this.#mac = stationOf(facts.mac);
    this.#addresses = addressesOf(facts);
    for (const type of ENCAPSULATION_TYPES) this.#announced.set(type, this.#encode(type, []));
  }

  get facts(): LsoeInterface {
    return this.#facts;
  }

  set facts(facts: LsoeInterface) {
    this.#facts = facts;
    this.#mac = stationOf(facts.mac);
    this.#addresses = addressesOf(facts);
  }

  get name(): string {
    return this.#facts.name;
  }

  /** 0: untagged. */
  get vlan(): number {
    return this.#facts.vlan;
  }

  /** Our own MAC address there. */
  get mac(): Mac {
    return this.#mac;
  }

  /** Frames can go out: switched on, and the cable carries. */
  get carries(): boolean {
    return this.#facts.up && this.#facts.running;
  }

  /** The longest datagram, header included. */
  get datagramSize(): number {
    const { mtu } = this.#facts;
    return mtu > 0 ? Math.min(mtu, this.#maxDatagram) : this.#maxDatagram;
  }

  isOwnAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  announced(type: EncapsulationType): Announcement {
    return this.#announced.get(type) as Announcement;
  }

  /**
   * What to announce from now on. Tells whether it differs from before in what fits, or in how much
   * does not.
   */
  announce(type: EncapsulationType, list: readonly Encapsulation[]): boolean {
    const before = this.announced(type);
    const after = this.#encode(type, list);
    if (sameList(before.list, after.list) && before.left === after.left) return false;
    this.#announced.set(type, after);
    return true;
  }

  #encode(type: EncapsulationType, list: readonly Encapsulation[]): Announcement {
    const pdu = { type, encapsulations: list };
    const { bytes, left } = encodeEncapsulations(pdu, largestPdu(this.datagramSize));
    return { list: left > 0 ? list.slice(0, list.length - left) : list, pdu: bytes, left };
  }
}

/** Without prefix lengths, written as they are in PDUs. */
function addressesOf({ addresses }: LsoeInterface): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const text of addresses) {
    const octets = parsePrefix(text)?.octets;
    if (octets) texts.add(octets.length === 4 ? formatIp4(octets) : formatIp6(octets));
  }
  return texts;
}
