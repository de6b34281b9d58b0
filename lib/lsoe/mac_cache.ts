/**
 * Which station was heard on which interface (spec/lsoe.md §3.3): a MAC address that turns up on
 * another interface is not believed until the old entry is gone.
 *
 * That holds within one VLAN, as in the forwarding table of a bridge (IEEE 802.1Q §8.8): an interface
 * and the VLANs on it share a MAC address and a cable, so one station is heard on all of them.
 *
 * @module
 */
import { isGroup, type Mac } from "../wire/mac.ts";

/** Entries; §3.3. */
const DEFAULT_CAPACITY = 4_096;

/** What to do with a frame: take it, or drop it because its source moved or can be no station. */
export type MacVerdict = "taken" | "moved" | "refused";

interface Entry {
  readonly interfaceIndex: number;
  /** When a frame of it was last taken. */
  heard: number;
}

/** The MAC address itself where the VLAN is 0, as of almost every frame. */
type Key = Mac | string;

/** MAC address and VLAN → interface, for a while. When it is full, the one not heard for longest goes. */
export class MacCache {
  readonly #timeout: number;
  readonly #capacity: number;
  /** In the order in which they were last heard. */
  readonly #entries = new Map<Key, Entry>();

  /** `timeout` (`mac-address-cache-timeout`) in ms. */
  constructor(timeout: number, capacity: number = DEFAULT_CAPACITY) {
    if (!(capacity >= 1)) throw new RangeError(`a MAC cache of ${capacity} entries`);
    this.#timeout = timeout;
    this.#capacity = capacity;
  }

  /** Stations known. */
  get size(): number {
    return this.#entries.size;
  }

  /** A frame came: note its source. Group addresses and all zeros are no source. */
  accept(now: number, mac: Mac, interfaceIndex: number, vlan = 0): MacVerdict {
    if (mac === 0 || isGroup(mac)) return "refused";
    const key = keyOf(mac, vlan);
    const entry = this.#entries.get(key);
    if (entry && entry.interfaceIndex !== interfaceIndex && now - entry.heard <= this.#timeout) {
      return "moved";
    }
    if (entry) this.#entries.delete(key);
    else if (this.#entries.size >= this.#capacity) {
      this.#entries.delete(this.#entries.keys().next().value as Key);
    }
    if (entry?.interfaceIndex === interfaceIndex) {
      entry.heard = now;
      this.#entries.set(key, entry);
    } else {
      this.#entries.set(key, { interfaceIndex, heard: now });
    }
    return "taken";
  }

  /** Where it was heard. */
  interfaceOf(mac: Mac, vlan = 0): number | undefined {
    return this.#entries.get(keyOf(mac, vlan))?.interfaceIndex;
  }

  /** Its session on this interface closed. */
  remove(interfaceIndex: number, mac: Mac, vlan = 0): void {
    if (this.interfaceOf(mac, vlan) !== interfaceIndex) return;
    this.#entries.delete(keyOf(mac, vlan));
  }

  /** The interface went down, or is gone. */
  removeInterface(interfaceIndex: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.interfaceIndex === interfaceIndex) this.#entries.delete(key);
    }
  }

  /** When the oldest entry has been too old; `Infinity` while there is none. */
  nextWake(): number {
    for (const { heard } of this.#entries.values()) return heard + this.#timeout + 1;
    return Infinity;
  }

  /** Forgets what is too old. */
  wake(now: number): void {
    for (const [key, { heard }] of this.#entries) {
      if (now - heard <= this.#timeout) return;
      this.#entries.delete(key);
    }
  }
}

function keyOf(mac: Mac, vlan: number): Key {
  return vlan === 0 ? mac : `${vlan} ${mac}`;
}
