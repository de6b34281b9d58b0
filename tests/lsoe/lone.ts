/**
 * One LSOE machine alone, under virtual time, whose peers are played by the test: it is given PDUs,
 * and all that it does is written down.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import {
  decodeDatagram,
  decodePdu,
  encodeDatagrams,
  encodePdu,
  Lsoe,
  type LsoeConfig,
  type LsoeEvent,
  type LsoeHooks,
  type LsoeInterface,
  type Pdu,
  PduType,
  type Report,
} from "../../lib/lsoe/mod.ts";
import { concat, type Mac } from "../../lib/wire/mod.ts";

/** 01-80-C2-00-00-0E */
export const NEAREST_BRIDGE: Mac = 0x0180_c200_000e;

/** The defaults of §9, on every interface. */
export const DEFAULTS: LsoeConfig = {
  speaksOn: () => true,
  helloInterval: 60_000,
  helloDestination: NEAREST_BRIDGE,
  retransmitInitialInterval: 1_000,
  retransmitMaxDrop: 3,
  retransmitExponentialBackoff: true,
  keepaliveSendInterval: 1_000,
  keepaliveReceiveTimeout: 60_000,
  attributes: new Uint8Array(0),
  exportLoopbacks: () => false,
  primaryAddresses: [],
  announceScope: "interface",
  keepStateOnTimeout: false,
  closeOnCarrierLoss: false,
  reassemblyTimeout: 1_000,
  reorderWindow: 100,
  macCacheTimeout: 300_000,
  hopelessHold: 60_000,
  maxDatagram: 1_500,
  compatLsoed: false,
};

/** Nonces that were decided before. */
class FixedNonces extends Random {
  readonly #nonces: number[];

  constructor(nonces: readonly number[]) {
    super(1);
    this.#nonces = [...nonces];
  }

  override uint32(): number {
    const nonce = this.#nonces.shift();
    if (nonce === undefined) throw new Error("one nonce more than was foreseen");
    return nonce;
  }
}

/** Something that the machine did. `at` in ms. */
export type Deed =
  | {
    readonly at: number;
    readonly kind: "sent";
    readonly to: Mac;
    readonly index: number;
    readonly pdu: Pdu;
    readonly bytes: Uint8Array;
    /** Lengths of the datagrams. */
    readonly datagrams: readonly number[];
  }
  | { readonly at: number; readonly kind: "report"; readonly report: Report }
  | { readonly at: number; readonly kind: "event"; readonly event: LsoeEvent }
  | {
    readonly at: number;
    readonly kind: "join" | "leave";
    readonly index: number;
    readonly group: Mac;
  };

/** eth1, up and running. */
export const ETH1: LsoeInterface = {
  index: 2,
  name: "eth1",
  mac: "02:00:00:00:0a:01",
  up: true,
  running: true,
  mtu: 1_500,
  loopback: false,
  ethernet: true,
  vlan: 0,
  addresses: [],
};

/** How a lone machine is made. */
export interface LoneOptions {
  readonly config?: Partial<LsoeConfig>;
  readonly hooks?: LsoeHooks;
  readonly localId?: Uint8Array;
  /** Default: drawn from a seed. */
  readonly nonces?: readonly number[];
  /** Default: eth1. */
  readonly interfaces?: readonly LsoeInterface[];
}

/** One machine, and what it did. */
export class Lone {
  readonly lsoe: Lsoe;
  readonly deeds: Deed[] = [];
  #now = 0;

  constructor(options: LoneOptions = {}) {
    this.lsoe = new Lsoe({
      config: { ...DEFAULTS, ...options.config },
      localId: options.localId ?? Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 10, 1),
      random: options.nonces ? new FixedNonces(options.nonces) : new Random(1),
      now: 0,
      ...(options.hooks && { hooks: options.hooks }),
      output: {
        send: (index, to, datagrams) => {
          const bytes = payloadOf(datagrams);
          const pdu = decodePdu(bytes);
          this.#did({
            kind: "sent",
            to,
            index,
            pdu,
            bytes,
            datagrams: datagrams.map((datagram) => datagram.length),
          });
        },
        join: (index, group) => this.#did({ kind: "join", index, group }),
        leave: (index, group) => this.#did({ kind: "leave", index, group }),
        report: (report) => this.#did({ kind: "report", report }),
        event: (event) => this.#did({ kind: "event", event }),
      },
    });
    this.lsoe.setInterfaces(0, options.interfaces ?? [ETH1]);
  }

  get now(): number {
    return this.#now;
  }

  /** Lets time pass; wakes happen exactly when they are wanted. */
  run(until: number): void {
    for (let wake; (wake = this.lsoe.nextWake()) <= until;) {
      this.#now = Math.max(this.#now, wake);
      this.lsoe.wake(this.#now);
      if (this.lsoe.nextWake() <= this.#now) throw new Error(`wakes for ever at ${this.#now} ms`);
    }
    this.#now = until;
  }

  /** A PDU comes from a station, addressed as its kind is. */
  receive(from: Mac, pdu: Pdu | Uint8Array, options: { index?: number; type?: number } = {}): void {
    const bytes = pdu instanceof Uint8Array ? pdu : encodePdu(pdu);
    const packetType = options.type ?? (bytes[0] === PduType.Hello ? 2 : 0);
    for (const payload of encodeDatagrams(bytes, 1_500)) {
      this.frame(from, payload, packetType, options);
    }
  }

  /** A frame comes. */
  frame(from: Mac, payload: Uint8Array, packetType = 0, { index = ETH1.index } = {}): void {
    // The buffer belongs to the caller, who uses it again.
    const buffer = payload.slice();
    this.lsoe.receive(this.#now, {
      interfaceIndex: index,
      source: from,
      packetType,
      payload: buffer,
    });
    buffer.fill(0xdd);
  }

  /** What it did since the last call. */
  take(): Deed[] {
    return this.deeds.splice(0);
  }

  /** The PDUs that it sent to a station since the last {@linkcode take}, which they are taken from. */
  sentTo(mac: Mac): Pdu[] {
    return this.take().flatMap((deed) => deed.kind === "sent" && deed.to === mac ? [deed.pdu] : []);
  }

  #did(deed: DistributiveOmit<Deed, "at">): void {
    this.deeds.push({ at: this.#now, ...deed });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** The PDU in datagrams that were sent together: numbered, checked, the last one marked. */
function payloadOf(datagrams: readonly Uint8Array[]): Uint8Array {
  return concat(datagrams.map((bytes, i) => {
    const datagram = decodeDatagram(bytes);
    if (typeof datagram === "string") throw new Error(`sent a datagram with a wrong ${datagram}`);
    if (datagram.number !== i || datagram.last !== (i === datagrams.length - 1)) {
      throw new Error(`datagram ${datagram.number} at place ${i} of ${datagrams.length}`);
    }
    return datagram.payload;
  }));
}
