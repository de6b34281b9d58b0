/**
 * What connects simulated computers: cables, bridges, and the interfaces that they are plugged into.
 *
 * @module
 */
import type { InterfaceInfo } from "../../lib/net/interfaces.ts";
import { isGroup, type Mac, macText } from "../../lib/wire/mac.ts";
import type { WireConditions, Wires } from "./kernel.ts";
import type { SimKernel } from "./kernel_computer.ts";

/** A cable or a bridge. */
export abstract class Wire {
  readonly wires: Wires;
  conditions: WireConditions;
  readonly ends: SimInterface[] = [];
  #up = true;

  constructor(wires: Wires, conditions: WireConditions) {
    this.wires = wires;
    this.conditions = conditions;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Cut it, or mend it: its ends lose or get their carrier. */
  set up(up: boolean) {
    this.#up = up;
    this.changed();
  }

  plug(end: SimInterface): void {
    end.unplug();
    this.ends.push(end);
    end.wire = this;
    this.changed();
  }

  /** Its ends look at their carrier. */
  changed(): void {
    for (const end of this.ends) end.computer.changed();
  }

  /** Whether this end has a carrier, given that it is up itself. */
  abstract carries(end: SimInterface): boolean;
}

/** Two ends; each has a carrier while the other is up. */
export class Cable extends Wire {
  constructor(wires: Wires, conditions: WireConditions, ends: readonly SimInterface[]) {
    super(wires, conditions);
    for (const end of ends) this.plug(end);
  }

  override carries(end: SimInterface): boolean {
    return this.up && this.ends.some((other) => other !== end && other.up);
  }
}

/** Any number of ends; a frame goes to all others, and their cards choose. */
export class Bridge extends Wire {
  /** Bit n lets 01-80-C2-00-00-0n through. */
  groupForwardMask: number;

  constructor(wires: Wires, conditions: WireConditions, groupForwardMask: number) {
    super(wires, conditions);
    this.groupForwardMask = groupForwardMask;
  }

  /** Plugs a new interface of this computer in. */
  connect(computer: SimKernel, settings: InterfaceSettings = {}): SimInterface {
    const end = computer.plug(settings);
    this.plug(end);
    return end;
  }

  override carries(): boolean {
    return this.up;
  }

  /** IEEE 802.1D §7.12.6: what is addressed to bridges stays with them. */
  forwards(destination: Mac): boolean {
    const low = addressedGroup(destination);
    return low === undefined || ((this.groupForwardMask >> low) & 1) === 1;
  }
}

/** The last digit of 01-80-C2-00-00-0X; `undefined` for any other address. */
function addressedGroup(mac: Mac): number | undefined {
  const low = mac - 0x0180_c200_0000;
  return low >= 0 && low <= 15 ? low : undefined;
}

/** What a new interface is like. */
export interface InterfaceSettings {
  /** Default: `eth0`, `eth1`, …. */
  readonly name?: string;
  /** Default: a fresh one. 0: none, so it is not Ethernet. */
  readonly mac?: Mac;
  /** Default: 1500. */
  readonly mtu?: number;
  /** Default: true. */
  readonly up?: boolean;
  /** `192.0.2.1/24`. */
  readonly addresses?: readonly string[];
  readonly loopback?: boolean;
  /** The VLAN of its cable, as in {@linkcode InterfaceInfo}. Default: 0. */
  readonly vlan?: number;
}

/** An interface of a simulated computer. What is changed here is told as the kernel tells it. */
export class SimInterface {
  readonly computer: SimKernel;
  readonly index: number;
  readonly loopback: boolean;
  readonly vlan: number;
  wire: Wire | undefined;
  /** The card takes no frame at the moment: `ENOBUFS`. */
  full = false;
  #name: string;
  #mac: Mac;
  #mtu: number;
  #up: boolean;
  #addresses: string[];
  #gone = false;

  constructor(computer: SimKernel, index: number, settings: Required<InterfaceSettings>) {
    this.computer = computer;
    this.index = index;
    this.loopback = settings.loopback;
    this.vlan = settings.vlan;
    this.#name = settings.name;
    this.#mac = settings.mac;
    this.#mtu = settings.mtu;
    this.#up = settings.up;
    this.#addresses = [...settings.addresses];
  }

  get name(): string {
    return this.#name;
  }
  set name(name: string) {
    this.#name = name;
    this.computer.changed();
  }

  get macNumber(): Mac {
    return this.#mac;
  }
  set macNumber(mac: Mac) {
    this.#mac = mac;
    this.computer.changed();
  }

  get mtu(): number {
    return this.#mtu;
  }
  set mtu(mtu: number) {
    this.#mtu = mtu;
    this.computer.changed();
  }

  /** Switched on by the administrator. Off: the IPv6 addresses go. */
  get up(): boolean {
    return this.#up;
  }
  set up(up: boolean) {
    this.#up = up;
    if (!up) this.#addresses = this.#addresses.filter((cidr) => !cidr.includes(":"));
    this.computer.changed();
    this.wire?.changed();
  }

  /** Whether it can send and receive. */
  get running(): boolean {
    return this.#up && (this.loopback || (this.wire?.carries(this) ?? false));
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }
  set addresses(addresses: readonly string[]) {
    this.#addresses = [...addresses];
    this.computer.changed();
  }

  /** Deleted: no index leads to it any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Whether its card passes a frame to this address. */
  passes(destination: Mac, joined: boolean): boolean {
    return destination === this.#mac || (isGroup(destination) && joined);
  }

  unplug(): void {
    const { wire } = this;
    this.wire = undefined;
    if (!wire) return;
    wire.ends.splice(wire.ends.indexOf(this), 1);
    wire.changed();
    this.computer.changed();
  }

  /** Deletes it. One that is made again has another index. */
  remove(): void {
    this.#gone = true;
    this.unplug();
    this.computer.changed();
  }

  /** As it stands now. */
  info(): InterfaceInfo {
    return {
      name: this.#name,
      index: this.index,
      mac: this.#mac === 0 ? "" : macText(this.#mac),
      up: this.#up,
      running: this.running,
      mtu: this.#mtu,
      addresses: [...this.#addresses],
      loopback: this.loopback,
      ethernet: !this.loopback && this.#mac !== 0,
      vlan: this.vlan,
    };
  }
}
