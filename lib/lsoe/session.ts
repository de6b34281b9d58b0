/**
 * A session with one station on one interface (spec/lsoe.md §5): what is known of the peer, what is
 * on its way to it, and when something has to happen.
 *
 * @module
 */
import { equalBytes } from "../wire/bytes.ts";
import { type Mac, macText } from "../wire/mac.ts";
import type { LinkView, SessionState, SessionView } from "./api.ts";
import type { Core, Ending } from "./core.ts";
import type { Timed } from "./deadlines.ts";
import type { Lists } from "./links.ts";
import {
  type AcknowledgedType,
  type Encapsulation,
  ENCAPSULATION_TYPES,
  type EncapsulationType,
  type OpenPdu,
  PduType,
  type VendorPdu,
} from "./pdu.ts";
import { encodePdu } from "./pdu_codec.ts";
import type { Port } from "./port.ts";
import { idText, type ReportSubject } from "./report.ts";
import { patience, Retransmit } from "./retransmit.ts";

/** A peer that took our OPEN and sends none is given up after this at the latest, in ms. */
const LONGEST_WAIT_FOR_OPEN = 60_000;

const NO_BYTES = new Uint8Array(0);
const KEEPALIVE = encodePdu({ type: PduType.KeepAlive });
const NOTHING: Lists = { 4: [], 5: [], 6: [], 7: [] };

/** One session. It decides when it ends; the machine ends it. */
export class Session implements Timed {
  readonly id: number;
  readonly port: Port;
  readonly peer: Mac;
  /** When a peer's restart was last followed: at most one a second is. */
  restartedAt = -Infinity;
  /** When the peer's answer to that was last taken. */
  answeredAt = -Infinity;
  /** The link that was told of, if there is one. */
  link: LinkView | undefined;
  readonly #core: Core;
  readonly #retransmit: Retransmit;
  #ourOpenAcked = false;
  #open: Uint8Array | undefined;
  /** Our OPEN is sent again to an open session's peer, who may have forgotten everything. */
  #reminding = false;
  #peerNonce: number | undefined;
  #peerId: Uint8Array = NO_BYTES;
  #peerAttributes: Uint8Array = NO_BYTES;
  #learned: Lists = NOTHING;
  #stale = false;
  #state: SessionState = "opening";
  #since: number;
  #view: SessionView | undefined;
  /** No OPEN of ours before this; `undefined`: only when the peer gives cause. */
  #openAt: number | undefined;
  /** When waiting for the peer's OPEN ends. */
  #openWantedBy = Infinity;
  #lastSign = -Infinity;
  #keepaliveAt = Infinity;
  /** What was sent, or waits to be, by type. */
  readonly #announced = new Map<EncapsulationType, Uint8Array>();

  constructor(core: Core, id: number, port: Port, peer: Mac, now: number) {
    this.#core = core;
    this.id = id;
    this.port = port;
    this.peer = peer;
    this.#since = now;
    this.#retransmit = new Retransmit(core.config, (pdu) => core.send(port, peer, pdu));
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get stale(): boolean {
    return this.#stale;
  }

  /** The nonce of the peer's OPEN. */
  get peerNonce(): number | undefined {
    return this.#peerNonce;
  }

  get learned(): Lists {
    return this.#learned;
  }

  /** It only keeps what a silent peer had announced. */
  get dormant(): boolean {
    return this.#stale && this.#state === "opening" && this.deadline === Infinity;
  }

  /** Whom reports are about. */
  get subject(): ReportSubject {
    return {
      session: this.id,
      localId: this.#core.localIdText,
      peerId: idText(this.#peerId),
      peerMac: macText(this.peer),
      interface: this.port.name,
      peerAttributes: [...this.#peerAttributes],
    };
  }

  /** The same object until something changes. */
  get view(): SessionView {
    this.#view ??= {
      id: this.id,
      interfaceIndex: this.port.index,
      interface: this.port.name,
      localMac: this.port.facts.mac,
      peerMac: macText(this.peer),
      peerId: idText(this.#peerId),
      peerAttributes: [...this.#peerAttributes],
      state: this.#state,
      since: this.#since,
      learned: this.#learned,
      stale: this.#stale,
    };
    return this.#view;
  }

  /** When it wants to be woken. */
  get deadline(): number {
    const silent = this.open ? this.#silentAt() : Infinity;
    const openAt = this.#openAt ?? Infinity;
    return Math.min(
      silent,
      openAt,
      this.#openWantedBy,
      this.#keepaliveAt,
      this.#retransmit.nextDue,
    );
  }

  /** Something of the interface changed that the view shows. */
  refresh(): void {
    this.#view = undefined;
  }

  /** A PDU came. */
  heard(now: number): void {
    this.#lastSign = now;
  }

  /** Send an OPEN, unless one is on its way or was acknowledged. */
  openIfNeeded(now: number): void {
    if (this.#ourOpenAcked || this.#retransmit.isOutstanding(PduType.Open)) return;
    if (this.#openAt !== undefined && now < this.#openAt) return;
    this.#openAt = undefined;
    const { config, localId, hooks, random } = this.#core;
    const nonce = random.uint32();
    this.#open = encodePdu({
      type: PduType.Open,
      nonce,
      id: localId,
      attributes: config.attributes,
      authentication: hooks.sign(localId, nonce),
    });
    this.#retransmit.post(now, PduType.Open, this.#open);
  }

  /**
   * Send our OPEN once more as it was, with the nonce that a peer has who knows us already: to him it
   * is a duplicate, and he only acknowledges it. To one who started anew it is news.
   */
  remind(now: number): void {
    if (!this.#ourOpenAcked || this.isOutstanding(PduType.Open) || !this.#open) return;
    this.#reminding = true;
    this.#retransmit.post(now, PduType.Open, this.#open);
  }

  /** The first OPEN comes not before `time`, but then by itself. */
  openLater(time: number): void {
    this.#openAt = time;
  }

  isPeer(id: Uint8Array): boolean {
    return equalBytes(this.#peerId, id);
  }

  /** The peer's OPEN is accepted. */
  peerOpened(pdu: OpenPdu): void {
    this.#peerNonce = pdu.nonce;
    this.#peerId = pdu.id;
    this.#peerAttributes = pdu.attributes;
    this.#openWantedBy = Infinity;
    this.#view = undefined;
  }

  isOutstanding(type: AcknowledgedType): boolean {
    return this.#retransmit.isOutstanding(type);
  }

  /** The peer has what we sent. */
  acknowledged(now: number, type: AcknowledgedType): void {
    this.#retransmit.acknowledged(now, type);
    if (type !== PduType.Open) return;
    this.#ourOpenAcked = true;
    if (this.#reminding) this.#repeat(now);
    if (this.#peerNonce !== undefined) return;
    // Without this, two ends of which each believes in a session that the other has forgotten
    // would never part: neither has a reason to send an OPEN.
    const { config } = this.#core;
    const wait = patience(config) + config.retransmitInitialInterval;
    this.#openWantedBy = now + Math.min(wait, LONGEST_WAIT_FOR_OPEN);
  }

  /** Come into the state that follows from what was received. */
  settle(now: number): void {
    const peerKnown = this.#peerNonce !== undefined;
    const state = this.#ourOpenAcked && peerKnown
      ? "open"
      : this.#ourOpenAcked || peerKnown
      ? "half"
      : "opening";
    if (state === this.#state) return;
    this.#state = state;
    this.#since = now;
    this.#view = undefined;
    if (state === "open") this.#core.opened(now, this);
  }

  /** It is open: say what we have, and that we live. */
  begin(now: number): void {
    this.#stale = false;
    this.#view = undefined;
    this.#lastSign = now;
    for (const type of ENCAPSULATION_TYPES) this.announce(now, type);
    this.keepAlive();
    const { keepaliveSendInterval } = this.#core.config;
    this.#keepaliveAt = keepaliveSendInterval > 0 ? now + keepaliveSendInterval : Infinity;
  }

  /** A KEEPALIVE, beside those of the beat. */
  keepAlive(): void {
    this.#core.send(this.port, this.peer, KEEPALIVE);
  }

  /** Send what the interface announces now. */
  announce(now: number, type: EncapsulationType): void {
    const { pdu } = this.port.announced(type);
    this.#announced.set(type, pdu);
    this.#retransmit.post(now, type, pdu);
  }

  /** Take everything back, once, whether that arrives or not. */
  retract(): void {
    for (const [type, pdu] of this.#announced) {
      const empty = encodePdu({ type, encapsulations: [] });
      if (!equalBytes(pdu, empty)) this.#core.send(this.port, this.peer, empty);
    }
  }

  /** False: too many wait already. */
  sendVendor(now: number, pdu: VendorPdu): boolean {
    return this.#retransmit.post(now, PduType.Vendor, encodePdu(pdu));
  }

  /** The peer's list of a type is this now. */
  learn(type: EncapsulationType, list: readonly Encapsulation[]): void {
    this.#learned = { ...this.#learned, [type]: list };
    this.#view = undefined;
  }

  /** What it learned is withdrawn. */
  unlearn(): void {
    this.#learned = NOTHING;
    this.#stale = false;
    this.#view = undefined;
  }

  /** Keep what a session learned whose peer fell silent. */
  inherit(from: Session): void {
    this.#peerId = from.#peerId;
    this.#peerAttributes = from.#peerAttributes;
    this.#learned = from.#learned;
    this.#stale = true;
    this.link = from.link;
    this.#view = undefined;
  }

  /**
   * Do what is due, in the order of §5.1: the peer's silence, what has to be sent again, KEEPALIVE.
   * Where that ends the session, tells how.
   */
  wake(now: number): Ending | undefined {
    const { config, counters } = this.#core;
    if (this.open && this.#silentAt() <= now) {
      const seconds = config.keepaliveReceiveTimeout / 1_000;
      return { reason: `nothing heard for ${seconds} s`, hello: true, silence: true };
    }
    const again = this.#retransmit.wake(now);
    if (again === undefined) {
      const reason = this.open ? "a PDU was not acknowledged" : "our OPEN was not acknowledged";
      return { reason, hello: true, silence: !this.open };
    }
    counters.retransmissions += again;
    if (this.#openWantedBy <= now) {
      return { reason: "the peer sent no OPEN", hello: true, silence: true };
    }
    if (this.#openAt !== undefined && this.#openAt <= now) {
      this.#openAt = undefined;
      this.openIfNeeded(now);
    }
    if (this.#keepaliveAt <= now) {
      this.keepAlive();
      this.#keepaliveAt += config.keepaliveSendInterval;
      // After a long sleep one is enough.
      if (this.#keepaliveAt <= now) this.#keepaliveAt = now + config.keepaliveSendInterval;
    }
    return undefined;
  }

  /** What was sent before the peer started anew went to somebody who is no more. */
  #repeat(now: number): void {
    this.#reminding = false;
    for (const [type, pdu] of this.#announced) this.#retransmit.anew(now, type, pdu);
  }

  #silentAt(): number {
    const { keepaliveReceiveTimeout } = this.#core.config;
    return keepaliveReceiveTimeout > 0 ? this.#lastSign + keepaliveReceiveTimeout : Infinity;
  }
}
