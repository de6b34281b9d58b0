/**
 * The LSOE machine (spec/lsoe.md): told of interfaces, frames and the time, it says what to send,
 * what the peers announce, and when to wake it. This file puts the parts together.
 *
 * @module
 */
import type { Machine, Random } from "../core/mod.ts";
import { WireError } from "../wire/bytes.ts";
import { BROADCAST, type Mac, macText } from "../wire/mac.ts";
import { announcements } from "./announce.ts";
import type {
  LabelBinding,
  LinkView,
  LsoeConfig,
  LsoeCounters,
  LsoeFrame,
  LsoeHooks,
  LsoeInterface,
  LsoeOutput,
  SessionView,
} from "./api.ts";
import { type Datagram, DATAGRAM_HEADER, decodeDatagram } from "./datagram.ts";
import { Beacon } from "./hello.ts";
import { NowAndThen } from "./memory.ts";
import {
  type Encapsulation,
  ENCAPSULATION_TYPES,
  type EncapsulationType,
  ID_OCTETS,
  type Pdu,
  PduType,
} from "./pdu.ts";
import { decodePdu } from "./pdu_codec.ts";
import { Port, speaks } from "./port.ts";
import { receivePdu } from "./receive.ts";
import { Sessions } from "./sessions.ts";

/** `linux/if_packet.h`; what is to others, or our own, is dropped. */
const TO_US = 0;
const TO_ALL = 1;
const TO_GROUP = 2;

/** How a machine is made. */
export interface LsoeOptions {
  readonly config: LsoeConfig;
  /** Ten octets. */
  readonly localId: Uint8Array;
  readonly output: LsoeOutput;
  /** For nonces. */
  readonly random: Random;
  readonly hooks?: LsoeHooks;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/** How much is kept, for those who want to see that it is bounded. */
export interface LsoeSizes {
  readonly sessions: number;
  /** Entries of the MAC cache. */
  readonly macs: number;
  /** PDUs of which a part has come. */
  readonly partials: number;
  /** Bytes in these. */
  readonly partialBytes: number;
  /** Stations that are refused for a while. */
  readonly held: number;
}

/** One LSOE speaker. All times are monotonic milliseconds. */
export class Lsoe implements Machine {
  readonly #config: LsoeConfig;
  readonly #output: LsoeOutput;
  readonly #sessions: Sessions;
  readonly #beacon: Beacon;
  readonly #moves = new NowAndThen();
  /** Those that speak LSOE, by index. */
  readonly #ports = new Map<number, Port>();
  #interfaces: readonly LsoeInterface[] = [];
  #labels: readonly LabelBinding[] = [];
  #stopped = false;

  /** @throws {RangeError} where the id has not ten octets. */
  constructor(options: LsoeOptions) {
    const { config, localId, output, now } = options;
    if (localId.length !== ID_OCTETS) {
      throw new RangeError(`an LSOE id of ${localId.length} octets`);
    }
    this.#config = config;
    this.#output = output;
    this.#sessions = new Sessions({ ...options, localId: localId.slice() });
    this.#beacon = new Beacon(now, config.helloInterval);
  }

  get counters(): Readonly<LsoeCounters> {
    return this.#sessions.counters;
  }

  get sizes(): LsoeSizes {
    const { size, macs, reassembly, held } = this.#sessions;
    return {
      sessions: size,
      macs: macs.size,
      partials: reassembly.size,
      partialBytes: reassembly.bytes,
      held,
    };
  }

  /** By age. */
  sessions(): SessionView[] {
    return Array.from(this.#sessions, (session) => session.view);
  }

  /** By age of their session. */
  links(): LinkView[] {
    return this.#sessions.links();
  }

  /** All interfaces of this computer, as they are now: after each batch of changes (§6). */
  setInterfaces(now: number, interfaces: readonly LsoeInterface[]): void {
    if (this.#stopped) return;
    this.#interfaces = interfaces;
    const found = new Map<number, LsoeInterface>();
    for (const facts of interfaces) found.set(facts.index, facts);
    for (const port of [...this.#ports.values()]) {
      const facts = found.get(port.index);
      if (!facts) this.#remove(now, port);
      else if (!speaks(this.#config, facts)) this.#retire(now, port, facts);
    }
    for (const facts of found.values()) {
      if (!speaks(this.#config, facts)) continue;
      const port = this.#ports.get(facts.index);
      if (port) this.#change(now, port, facts);
      else this.#add(facts);
    }
    this.#announceAll(now);
    this.#sessions.sendHellos();
  }

  /** The labels of our prefixes, all of them. */
  setLabels(now: number, labels: readonly LabelBinding[]): void {
    if (this.#stopped) return;
    this.#labels = labels;
    this.#announceAll(now);
  }

  /**
   * What is announced on an interface, whatever addresses it has, until interfaces or labels change.
   * @throws {RangeError} where an entry is not one of this type.
   */
  announce(
    now: number,
    interfaceIndex: number,
    type: EncapsulationType,
    list: readonly Encapsulation[],
  ): void {
    const port = this.#ports.get(interfaceIndex);
    if (!port?.announce(type, list)) return;
    const { left } = port.announced(type);
    if (left > 0) this.#output.event({ kind: "listCut", interface: port.name, type, left });
    for (const session of port.sessions.values()) {
      if (session.open) session.announce(now, type);
      this.#sessions.relink(session);
      this.#sessions.rearm(session);
    }
  }

  /** A frame came (§3, §11). */
  receive(now: number, frame: LsoeFrame): void {
    const port = this.#ports.get(frame.interfaceIndex);
    if (!port?.facts.up) return;
    const { source, packetType } = frame;
    if (packetType !== TO_US && packetType !== TO_ALL && packetType !== TO_GROUP) return;
    // What a hub or a loop brings back to us.
    if (source === port.mac) return;
    this.#sessions.counters.framesReceived++;
    const datagram = this.#datagramOf(now, port, frame);
    if (!datagram) return;
    const { number, last } = datagram;
    // Only HELLOs go to many, and they need one datagram.
    if (packetType !== TO_US && !(last && number === 0)) {
      this.#sessions.counters.refused++;
      return;
    }
    const bytes = this.#sessions.reassembly.receive(now, port.index, source, datagram);
    const pdu = bytes && this.#pduOf(now, port, source, bytes);
    if (!pdu) return;
    if ((pdu.type === PduType.Hello) === (packetType === TO_US)) {
      this.#sessions.counters.refused++;
      return;
    }
    receivePdu(this.#sessions, now, port, source, pdu);
    const session = port.sessions.get(source);
    if (session) this.#sessions.rearm(session);
    this.#sessions.sendHellos();
  }

  /**
   * Send a VENDOR PDU to the peer of a session; it is sent again until acknowledged. False: there is
   * no such session, it is not open, too many of them wait, or the peer could not bear it (`compat`).
   * @throws {RangeError} where a field does not fit.
   */
  sendVendor(
    now: number,
    session: number,
    enterprise: number,
    enterpriseType: number,
    data: Uint8Array,
  ): boolean {
    const found = this.#sessions.get(session);
    if (!found?.open || this.#config.compatLsoed) return false;
    const taken = found.sendVendor(now, { type: PduType.Vendor, enterprise, enterpriseType, data });
    this.#sessions.rearm(found);
    return taken;
  }

  /** Stop for good: peers are told once that nothing is left, and all sessions are closed (§5). */
  teardown(now: number): void {
    for (const port of [...this.#ports.values()]) {
      this.#sessions.retire(now, port, "LSOE stops");
      this.#forget(port);
    }
    this.#stopped = true;
  }

  nextWake(): number {
    if (this.#ports.size === 0) return Infinity;
    const { nextWake, reassembly, macs } = this.#sessions;
    return Math.min(this.#beacon.next, nextWake, reassembly.nextWake(), macs.nextWake());
  }

  wake(now: number): void {
    if (this.#beacon.due(now)) {
      for (const port of this.#ports.values()) this.#sessions.wantHello(port);
    }
    this.#sessions.wake(now);
    this.#sessions.reassembly.wake(now);
    this.#sessions.macs.wake(now);
    this.#sessions.sendHellos();
  }

  #add(facts: LsoeInterface): void {
    const port = new Port(facts, this.#config.maxDatagram);
    this.#ports.set(port.index, port);
    const { helloDestination } = this.#config;
    if (helloDestination !== BROADCAST) this.#output.join(port.index, helloDestination);
    this.#sessions.wantHello(port);
  }

  /** It is no more. */
  #remove(now: number, port: Port): void {
    this.#sessions.closeAll(now, port, `${port.name} is gone`);
    this.#forget(port);
  }

  /** It is there, but does not speak LSOE any more: it has another name, or no MAC address. */
  #retire(now: number, port: Port, facts: LsoeInterface): void {
    if (facts.up) this.#sessions.retire(now, port, `${facts.name} does not speak LSOE`);
    else this.#sessions.closeAll(now, port, `${facts.name} is down`);
    this.#forget(port);
  }

  #forget(port: Port): void {
    this.#ports.delete(port.index);
    const { helloDestination } = this.#config;
    if (helloDestination !== BROADCAST) this.#output.leave(port.index, helloDestination);
  }

  #change(now: number, port: Port, facts: LsoeInterface): void {
    const before = port.facts;
    const carried = port.carries;
    const newMac = before.mac !== facts.mac;
    if (before.name !== facts.name) this.#sessions.rename(port, facts);
    port.facts = facts;
    if (before.up && !facts.up) {
      this.#sessions.closeAll(now, port, `${facts.name} is down`);
    } else if (newMac) {
      this.#sessions.closeAll(now, port, `${facts.name} has another MAC address`);
    } else if (carried && !port.carries && this.#config.closeOnCarrierLoss) {
      this.#sessions.closeAll(now, port, `${facts.name} has no carrier`);
    }
    if (newMac || !carried) this.#sessions.wantHello(port);
  }

  /** What all interfaces announce follows from all interfaces. */
  #announceAll(now: number): void {
    for (const port of this.#ports.values()) {
      const lists = announcements(this.#interfaces, this.#config, this.#labels, port.index);
      for (const type of ENCAPSULATION_TYPES) this.announce(now, port.index, type, lists[type]);
    }
  }

  /** The datagram in a frame of a station that may send one. */
  #datagramOf(now: number, port: Port, frame: LsoeFrame): Datagram | undefined {
    const { counters, macs } = this.#sessions;
    const { source, payload } = frame;
    if (payload.length < DATAGRAM_HEADER) {
      counters.badDatagrams++;
      return undefined;
    }
    const before = macs.interfaceOf(source, port.vlan);
    const verdict = macs.accept(now, source, port.index, port.vlan);
    if (verdict === "moved") {
      counters.macMoves++;
      const from = before === undefined ? "" : this.#ports.get(before)?.name ?? "";
      if (this.#moves.ask(now, port.index, source)) {
        this.#output.event({ kind: "macMoved", mac: macText(source), from, to: port.name });
      }
      return undefined;
    }
    if (verdict === "refused" || this.#sessions.isHeld(now, port, source)) {
      counters.refused++;
      return undefined;
    }
    const datagram = decodeDatagram(payload);
    if (typeof datagram !== "string") return datagram;
    counters.badDatagrams++;
    return undefined;
  }

  #pduOf(now: number, port: Port, source: Mac, bytes: Uint8Array): Pdu | undefined {
    try {
      return decodePdu(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#sessions.counters.badPdus++;
      const reason = `malformed PDU: ${error.message} (octet ${error.offset})`;
      this.#sessions.complain(now, port, source, reason);
      return undefined;
    }
  }
}
