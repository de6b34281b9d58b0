/**
 * A simulated computer as programs see it: its interfaces, and raw frames.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import type { InterfaceInfo, InterfaceSource } from "../../lib/net/interfaces.ts";
import {
  type Frame,
  type Losses,
  type PacketListener,
  type PacketPort,
  type PacketSystem,
  PacketType,
  type Sent,
} from "../../lib/net/packets.ts";
import { BROADCAST, isGroup, type Mac } from "../../lib/wire/mac.ts";
import type { WireFrame, Wires } from "./kernel.ts";
import { type InterfaceSettings, SimInterface } from "./kernel_wire.ts";

/** One computer. */
export class SimKernel implements InterfaceSource, PacketSystem {
  readonly wires: Wires;
  readonly name: string;
  /** False: programs may not send raw frames. */
  privileged = true;
  readonly loopback: SimInterface;
  readonly #ports = new Set<PortInSim>();
  readonly #listeners = new Set<(all: InterfaceInfo[]) => void>();
  #interfaces: SimInterface[] = [];
  #plugged = 0;
  #lastIndex = 0;
  #telling = false;
  #told = "";

  constructor(wires: Wires, name: string) {
    this.wires = wires;
    this.name = name;
    this.loopback = this.plug({
      name: "lo",
      mac: 0,
      mtu: 65_536,
      addresses: ["127.0.0.1/8", "::1/128"],
      loopback: true,
    });
  }

  /** A new interface, plugged into nothing yet. */
  plug(settings: InterfaceSettings = {}): SimInterface {
    const made = new SimInterface(this, ++this.#lastIndex, {
      name: settings.name ?? `eth${this.#plugged++}`,
      mac: settings.mac ?? this.wires.freshMac(),
      mtu: settings.mtu ?? 1_500,
      up: settings.up ?? true,
      addresses: settings.addresses ?? [],
      loopback: settings.loopback ?? false,
      vlan: settings.vlan ?? 0,
    });
    this.#interfaces.push(made);
    this.changed();
    return made;
  }

  /** The interface of this name, if there is one now. */
  interface(name: string): SimInterface | undefined {
    return this.#interfaces.find((each) => each.name === name && !each.gone);
  }

  current(): InterfaceInfo[] {
    return this.#interfaces.map((each) => each.info());
  }

  /** Changes of one moment are told together, and only if something differs in the end. */
  subscribe(listener: (all: InterfaceInfo[]) => void): () => void {
    if (this.#listeners.size === 0) this.#told = JSON.stringify(this.current());
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Listeners hear no more. */
  close(): void {
    this.#listeners.clear();
  }

  /** Something about an interface changed: tell, soon. */
  changed(): void {
    this.#interfaces = this.#interfaces.filter((each) => !each.gone);
    if (this.#telling) return;
    this.#telling = true;
    this.wires.at(this.wires.now, () => {
      this.#telling = false;
      const all = this.current();
      const text = JSON.stringify(all);
      if (text === this.#told) return;
      this.#told = text;
      for (const listener of [...this.#listeners]) listener(all);
    });
  }

  open(ethertype: number, listener: PacketListener): PacketPort {
    if (!this.privileged) {
      throw new AgentError(`${this.name}: raw frames need CAP_NET_RAW`, ExitCode.Refused);
    }
    const port = new PortInSim(this, ethertype, listener, () => this.#ports.delete(port));
    this.#ports.add(port);
    return port;
  }

  /** Ports that are open. */
  get ports(): readonly PortInSim[] {
    return [...this.#ports];
  }

  /** The kernel takes all raw sockets away. */
  breakPorts(reason: string): void {
    for (const port of this.ports) port.fail(reason);
  }

  /** A frame comes out of a wire. */
  arrive(at: SimInterface, frame: WireFrame): void {
    if (at.gone || !at.running) return;
    const { destination } = frame;
    const joined = destination === BROADCAST ||
      this.ports.some((port) => port.isMember(at.index, destination));
    if (!at.passes(destination, joined)) return;
    for (const port of this.ports) {
      if (port.ethertype === frame.ethertype) port.queue(at, frame);
    }
  }

  /** The interface with this index. */
  byIndex(index: number): SimInterface | undefined {
    return this.#interfaces.find((each) => each.index === index);
  }
}

/** Frames that wait to be read; what comes beyond is lost, as in the kernel. */
const MOST_WAITING = 10_000;

/** An open port of a simulated computer. */
export class PortInSim implements PacketPort {
  readonly ethertype: number;
  readonly #kernel: SimKernel;
  readonly #listener: PacketListener;
  readonly #forget: () => void;
  readonly #memberships = new Set<string>();
  #inbox: Frame[] = [];
  #open = true;
  /** Lost, because the program did not read. */
  overruns = 0;

  constructor(
    kernel: SimKernel,
    ethertype: number,
    listener: PacketListener,
    forget: () => void,
  ) {
    this.#kernel = kernel;
    this.ethertype = ethertype;
    this.#listener = listener;
    this.#forget = forget;
  }

  losses(): Losses {
    return { dropped: this.overruns, truncated: 0, receiveErrors: 0 };
  }

  send(interfaceIndex: number, destination: Mac, payloads: readonly Uint8Array[]): Sent {
    for (const [frames, payload] of payloads.entries()) {
      const error = this.#trouble(interfaceIndex, payload);
      if (error !== undefined) return { frames, error };
      const from = this.#kernel.byIndex(interfaceIndex) as SimInterface;
      // Without a carrier the kernel takes frames, and they are lost.
      if (from.running) this.#kernel.wires.transmit(from, destination, this.ethertype, payload);
    }
    return { frames: payloads.length };
  }

  #trouble(interfaceIndex: number, payload: Uint8Array): string | undefined {
    const from = this.#kernel.byIndex(interfaceIndex);
    if (!this.#open) return "EBADF";
    if (!from) return "ENXIO";
    if (!from.up) return "ENETDOWN";
    if (payload.length > from.mtu) return "EMSGSIZE";
    return from.full ? "ENOBUFS" : undefined;
  }

  join(interfaceIndex: number, group: Mac): string | undefined {
    if (!this.#kernel.byIndex(interfaceIndex)) return "ENODEV";
    this.#memberships.add(`${interfaceIndex} ${group}`);
    return undefined;
  }

  leave(interfaceIndex: number, group: Mac): void {
    this.#memberships.delete(`${interfaceIndex} ${group}`);
  }

  isMember(interfaceIndex: number, group: Mac): boolean {
    return this.#memberships.has(`${interfaceIndex} ${group}`);
  }

  /** What it has joined: `INDEX MAC`, for tests. */
  get memberships(): readonly string[] {
    return [...this.#memberships];
  }

  close(): void {
    this.#open = false;
    this.#inbox = [];
    this.#memberships.clear();
    this.#forget();
  }

  /** The kernel takes it away. */
  fail(reason: string): void {
    this.close();
    this.#listener.failed(reason);
  }

  /** A frame is there; all of one moment are read together. */
  queue(at: SimInterface, { source, destination, payload }: WireFrame): void {
    if (this.#inbox.length >= MOST_WAITING) {
      this.overruns++;
      return;
    }
    const packetType = destination === BROADCAST
      ? PacketType.Broadcast
      : isGroup(destination)
      ? PacketType.Multicast
      : PacketType.Host;
    this.#inbox.push({ interfaceIndex: at.index, source, packetType, payload });
    if (this.#inbox.length === 1) this.#kernel.wires.at(this.#kernel.wires.now, () => this.#read());
  }

  #read(): void {
    const frames = this.#inbox;
    this.#inbox = [];
    for (const frame of frames) {
      if (!this.#open) return;
      const payload = frame.payload.slice();
      this.#listener.frame({ ...frame, payload });
      // The buffer is used again: whoever kept a view of it finds rubbish.
      payload.fill(0xdd);
    }
    if (this.#open && frames.length > 0) this.#listener.drained?.();
  }
}
