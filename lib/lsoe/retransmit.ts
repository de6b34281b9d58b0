/**
 * PDUs that wait for their acknowledgement, and those that wait for their turn (spec/lsoe.md §5.1).
 *
 * @module
 */
import { type AcknowledgedType, PduType } from "./pdu.ts";

/** The settings that matter here, as in `LsoeConfig`. Times in ms. */
export interface RetransmitSettings {
  readonly retransmitInitialInterval: number;
  readonly retransmitMaxDrop: number;
  readonly retransmitExponentialBackoff: boolean;
}

/**
 * From the first sending of a PDU to giving up, in ms: 7 s with the defaults, at which it is sent
 * at 0, 1 and 3 s.
 */
export function patience(settings: RetransmitSettings): number {
  const { retransmitInitialInterval: first, retransmitMaxDrop } = settings;
  const times = Math.max(1, retransmitMaxDrop);
  return settings.retransmitExponentialBackoff ? first * (2 ** times - 1) : first * times;
}

/** VENDOR PDUs that wait: the only type of which every one counts, not only the newest. */
const MAX_VENDOR_WAITING = 16;

interface Outstanding {
  readonly pdu: Uint8Array;
  dueAt: number;
  interval: number;
  /** How often the interval may end without an acknowledgement. */
  drops: number;
}

/** What one session has sent and not had acknowledged: at most one PDU of each type. */
export class Retransmit {
  readonly #settings: RetransmitSettings;
  readonly #send: (pdu: Uint8Array) => void;
  /** In the order of first sending, which is the order in which those due at once go out again. */
  readonly #outstanding = new Map<AcknowledgedType, Outstanding>();
  /** The newest of each type, waiting for the acknowledgement of the one before. */
  readonly #deferred = new Map<AcknowledgedType, Uint8Array>();
  readonly #vendor: Uint8Array[] = [];

  constructor(settings: RetransmitSettings, send: (pdu: Uint8Array) => void) {
    this.#settings = settings;
    this.#send = send;
  }

  /** When the next of them is due; `Infinity` where nothing is outstanding. */
  get nextDue(): number {
    let next = Infinity;
    for (const { dueAt } of this.#outstanding.values()) next = Math.min(next, dueAt);
    return next;
  }

  isOutstanding(type: AcknowledgedType): boolean {
    return this.#outstanding.has(type);
  }

  /**
   * Send a PDU and see to its acknowledgement; where one of its type is still outstanding, it goes
   * out after that one. False: too many VENDOR PDUs wait already, and this one was not taken.
   */
  post(now: number, type: AcknowledgedType, pdu: Uint8Array): boolean {
    if (!this.#outstanding.has(type)) {
      this.#first(now, type, pdu);
    } else if (type !== PduType.Vendor) {
      this.#deferred.set(type, pdu);
    } else if (this.#vendor.length < MAX_VENDOR_WAITING) {
      this.#vendor.push(pdu);
    } else {
      return false;
    }
    return true;
  }

  /** Send a PDU in the place of one of its type that is outstanding, with fresh timers. */
  anew(now: number, type: AcknowledgedType, pdu: Uint8Array): void {
    this.#deferred.delete(type);
    this.#outstanding.delete(type);
    this.#first(now, type, pdu);
  }

  /** The peer has acknowledged: the one that waits, if any, goes out with fresh timers. */
  acknowledged(now: number, type: AcknowledgedType): void {
    if (!this.#outstanding.delete(type)) return;
    const next = type === PduType.Vendor ? this.#vendor.shift() : this.#deferred.get(type);
    this.#deferred.delete(type);
    if (next !== undefined) this.#first(now, type, next);
  }

  /**
   * Send again whatever is due. Returns how many, or `undefined` where one was sent often enough:
   * then the session is dead.
   */
  wake(now: number): number | undefined {
    let sent = 0;
    for (const entry of this.#outstanding.values()) {
      if (entry.dueAt > now) continue;
      entry.drops--;
      if (entry.drops <= 0) return undefined;
      if (this.#settings.retransmitExponentialBackoff) entry.interval *= 2;
      entry.dueAt = now + entry.interval;
      this.#send(entry.pdu);
      sent++;
    }
    return sent;
  }

  #first(now: number, type: AcknowledgedType, pdu: Uint8Array): void {
    // Of 0, a wake would not come to an end.
    const interval = Math.max(1, this.#settings.retransmitInitialInterval);
    const drops = this.#settings.retransmitMaxDrop;
    this.#outstanding.set(type, { pdu, dueAt: now + interval, interval, drops });
    this.#send(pdu);
  }
}
