/**
 * Computers with Ethernet, in memory and under virtual time: each {@linkcode SimKernel} is an
 * `InterfaceSource` and a `PacketSystem`, as `ffi/` is on a real one; a {@linkcode Wires} holds the
 * cables and bridges between them, the clock, and the machines that it wakes.
 *
 * ```ts ignore
 * const wires = new Wires({ seed: 1 });
 * const [a, b] = [wires.computer("a"), wires.computer("b")];
 * const [x, y] = wires.cable(a, b);
 * const port = a.open(0x88b5, { frame: (frame) => …, failed: () => {} });
 * wires.add(machine); // nextWake(), wake(now)
 * wires.run(1_000);
 * ```
 *
 * What is like the kernel: a card passes multicast only where a port joined; a group address of
 * 01-80-C2-00-00-0X stops at a bridge; a link that is taken down loses its IPv6 addresses and keeps
 * the others; frames of one moment are read together, from a buffer that is used again.
 *
 * @module
 */
import { type Machine, Random } from "../../lib/core/mod.ts";
import type { Mac } from "../../lib/wire/mac.ts";
import { EventQueue } from "./event_queue.ts";
import { SimKernel } from "./kernel_computer.ts";
import { Bridge, Cable, type SimInterface } from "./kernel_wire.ts";

export { PortInSim, SimKernel } from "./kernel_computer.ts";
export { Bridge, Cable, type InterfaceSettings, SimInterface } from "./kernel_wire.ts";

/** How a wire treats each frame, for each receiver anew. Times in milliseconds. */
export interface WireConditions {
  /** One way. */
  readonly delay: number;
  /** Added to the delay: uniformly 0 … jitter. */
  readonly jitter: number;
  /** Probability that a frame is lost. */
  readonly loss: number;
  /** Probability that it comes a second time, after a delay of its own. */
  readonly duplicate: number;
  /** Short frames are filled up to 46 octets, with anything. */
  readonly padding: boolean;
}

/** 0.05 ms, nothing lost. */
export const GOOD_WIRE: WireConditions = {
  delay: 0.05,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  padding: true,
};

/** A frame on its way. */
export interface WireFrame {
  /** When it was sent. */
  readonly at: number;
  /** `a:eth0`. */
  readonly from: string;
  readonly source: Mac;
  readonly destination: Mac;
  readonly ethertype: number;
  /** A copy: to keep. */
  readonly payload: Uint8Array;
}

/** Shortest payload of an Ethernet frame. */
const SHORTEST = 46;

/** The world: virtual time, computers, and what connects them. */
export class Wires {
  readonly random: Random;
  readonly conditions: WireConditions;
  readonly #queue = new EventQueue();
  readonly #machines = new Set<Machine>();
  #now = 0;
  #macs = 0;
  /** Every frame that was sent, in order. */
  observer: ((frame: WireFrame) => void) | undefined;
  /** Frames for which it says true are lost, for each receiver asked anew. */
  drop: ((frame: WireFrame, to: SimInterface) => boolean) | undefined;

  constructor(
    options: { readonly seed?: number; readonly conditions?: Partial<WireConditions> } = {},
  ) {
    this.random = new Random(options.seed ?? 1);
    this.conditions = { ...GOOD_WIRE, ...options.conditions };
  }

  /** Virtual milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** A computer with a loopback. */
  computer(name: string): SimKernel {
    return new SimKernel(this, name);
  }

  /** A cable between two computers, each with a new interface (`eth0`, `eth1`, …) that is up. */
  cable(
    a: SimKernel,
    b: SimKernel,
    conditions: Partial<WireConditions> = {},
  ): [SimInterface, SimInterface] {
    const ends: [SimInterface, SimInterface] = [a.plug(), b.plug()];
    new Cable(this, { ...this.conditions, ...conditions }, ends);
    return ends;
  }

  /**
   * A VLAN between two interfaces: an interface on each, of the same MAC address (`eth0.7`). What goes
   * there is heard on no other.
   */
  vlan(a: SimInterface, b: SimInterface, id: number): [SimInterface, SimInterface] {
    const on = ({ computer, name, macNumber, mtu, vlan }: SimInterface) =>
      computer.plug({ name: `${name}.${id}`, mac: macNumber, mtu, vlan: vlan * 4_096 + id });
    const ends: [SimInterface, SimInterface] = [on(a), on(b)];
    new Cable(this, this.conditions, ends);
    return ends;
  }

  /** A bridge. `groupForwardMask`: bit n lets 01-80-C2-00-00-0n through. */
  bridge(
    options: Partial<WireConditions> & { readonly groupForwardMask?: number } = {},
  ): Bridge {
    const { groupForwardMask = 0, ...conditions } = options;
    return new Bridge(this, { ...this.conditions, ...conditions }, groupForwardMask);
  }

  /** Wake this machine when it wants to be. */
  add(machine: Machine): void {
    this.#machines.add(machine);
  }

  remove(machine: Machine): void {
    this.#machines.delete(machine);
  }

  /** Calls back at a time; not before all that is due by then has happened. */
  at(time: number, callback: () => void): void {
    this.#queue.push(Math.max(time, this.#now), { fire: callback });
  }

  /** Lets time pass until `until`. */
  run(until: number): void {
    while (this.#step(until));
    this.#now = Math.max(this.#now, until);
  }

  /** Lets time pass until a condition holds, at most until `limit`. Whether it held. */
  runUntil(condition: () => boolean, limit: number): boolean {
    while (!condition()) if (!this.#step(limit)) return condition();
    return true;
  }

  /** The next thing that happens, if it is due by `until`. */
  #step(until: number): boolean {
    let machine: Machine | undefined;
    let due = this.#queue.nextTime;
    for (const each of this.#machines) {
      const wake = each.nextWake();
      if (wake < due) [machine, due] = [each, wake];
    }
    if (due > until || due === Infinity) return false;
    this.#now = Math.max(this.#now, due);
    if (machine) machine.wake(this.#now);
    else this.#queue.pop().fire(this.#now);
    return true;
  }

  /** A MAC address that nothing has yet: locally administered. */
  freshMac(): Mac {
    return 0x0200_0000_0000 + ++this.#macs;
  }

  /** Puts a frame onto what `from` is plugged into. */
  transmit(from: SimInterface, destination: Mac, ethertype: number, payload: Uint8Array): void {
    const { wire } = from;
    const frame: WireFrame = {
      at: this.#now,
      from: `${from.computer.name}:${from.name}`,
      source: from.macNumber,
      destination,
      ethertype,
      payload: payload.slice(),
    };
    this.observer?.(frame);
    if (!wire || (wire instanceof Bridge && !wire.forwards(destination))) return;
    for (const to of wire.ends) {
      if (to !== from) this.#carry(frame, from, to, wire.conditions);
    }
  }

  #carry(frame: WireFrame, from: SimInterface, to: SimInterface, how: WireConditions): void {
    const { random } = this;
    const copies = how.duplicate > 0 && random.chance(how.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (how.loss > 0 && random.chance(how.loss)) continue;
      if (this.drop?.(frame, to)) continue;
      const payload = how.padding ? padded(frame.payload, random) : frame.payload;
      const delay = how.delay + (how.jitter > 0 ? random.unit() * how.jitter : 0);
      this.at(this.#now + delay, () => {
        if (from.wire?.up && to.wire === from.wire) to.computer.arrive(to, { ...frame, payload });
      });
    }
  }
}

function padded(payload: Uint8Array, random: Random): Uint8Array {
  if (payload.length >= SHORTEST) return payload;
  const whole = random.bytes(SHORTEST);
  whole.set(payload);
  return whole;
}
