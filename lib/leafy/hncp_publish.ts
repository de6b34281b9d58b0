/**
 * The leaf's side of publishing with a TTL in networks of profile `hncp` (`spec/dncp.md` §16.4): hand
 * TLVs to a first hop, and repeat until it acknowledges them. Datagrams in, datagrams out.
 *
 * @module
 */
import { AgentError, ExitCode, type Machine } from "../core/mod.ts";
import { advance, TlvType } from "../dncp/mod.ts";
import { concat, toHex } from "../wire/bytes.ts";
import { TlvFormat } from "../wire/tlv.ts";
import { decodeHncpAck, encodeHncpPublishRequest, type HncpLeafAck } from "./hncp_messages.ts";
import { AckStatus } from "./messages.ts";

/** The first repetition comes after this, each further one after twice as long, in ms. */
const FIRST_PAUSE = 200;
/** Repetitions until the first hop counts as no proxy. */
const MOST_REPEATS = 5;
const STALE_TWICE = 2;

/** What a first hop said that publishes. */
export interface HncpGrant {
  readonly grantedMs: number;
  /** Its id, where it told it. */
  readonly firstHop: string | undefined;
}

/** One publication. Times are monotonic milliseconds. */
export class HncpPublication implements Machine {
  readonly #send: (datagram: Uint8Array) => void;
  readonly #leafId: string;
  readonly #content: Uint8Array;
  readonly #ttlMs: number;
  #seqno: number;
  #askAt: number;
  #pause = FIRST_PAUSE;
  #repeats = 0;
  #stale = 0;
  #heard = false;
  #grant: HncpGrant | undefined;

  /**
   * `leafId`: 4 bytes in hexadecimal; `seqno`: above those used before; `tlvs`: what to publish, encoded.
   * The first datagram goes out at the first wake.
   */
  constructor(
    now: number,
    what: { leafId: string; seqno: number; ttlMs: number; tlvs: readonly Uint8Array[] },
    send: (datagram: Uint8Array) => void,
  ) {
    this.#send = send;
    this.#leafId = what.leafId;
    this.#seqno = what.seqno;
    this.#ttlMs = Math.min(Math.max(0, Math.round(what.ttlMs)), 0xffff_ffff);
    this.#content = what.ttlMs > 0 ? concat(what.tlvs) : new Uint8Array(0);
    this.#askAt = now;
  }

  /** Set once it is published. */
  get grant(): HncpGrant | undefined {
    return this.#grant;
  }

  nextWake(): number {
    return this.#grant ? Infinity : this.#askAt;
  }

  /** @throws {AgentError} exit 3 where nobody answers, 4 where what answers is no proxy. */
  wake(now: number): void {
    if (now < this.nextWake()) return;
    if (this.#repeats > MOST_REPEATS) {
      throw this.#heard
        ? new AgentError("it answers, but publishes for nobody", ExitCode.Refused)
        : new AgentError("it does not answer", ExitCode.Unreachable);
    }
    this.#repeats++;
    this.#askAt = now + this.#pause;
    this.#pause *= 2;
    this.#send(encodeHncpPublishRequest({
      leafId: this.#leafId,
      seqno: this.#seqno,
      ttlMs: this.#ttlMs,
      content: this.#content,
    }));
  }

  /**
   * A datagram of the first hop. Any bytes.
   * @throws {AgentError} exit 4 where it refuses.
   */
  receive(now: number, datagram: Uint8Array): void {
    if (this.#grant) return;
    let firstHop: string | undefined;
    let ack: HncpLeafAck | undefined;
    for (const raw of TlvFormat.rfc7787.decode(datagram).tlvs) {
      this.#heard = true;
      if (raw.type === TlvType.NodeEndpoint) firstHop ??= toHex(raw.value.subarray(0, 4));
      const found = decodeHncpAck(raw);
      if (found?.leafId === this.#leafId) ack ??= found;
    }
    if (!ack) return;
    if (ack.status === AckStatus.Stale && this.#stale < STALE_TWICE) {
      this.#stale++;
      this.#seqno = advance(ack.seqno);
      this.#repeats = 0;
      this.#askAt = now;
    } else if (ack.status !== AckStatus.Published) {
      throw new AgentError(`it does not publish this: ${reasonOf(ack.status)}`, ExitCode.Refused);
    } else if (ack.seqno === this.#seqno) this.#grant = { grantedMs: ack.grantedMs, firstHop };
  }
}

function reasonOf(status: number): string {
  switch (status) {
    case AckStatus.NotWilling:
      return "it takes no guests; ask another node";
    case AckStatus.TooLarge:
      return "there is no room for it; publish less, or ask another node";
    case AckStatus.Stale:
      return "it has something newer of this guest";
    case AckStatus.TooManyGuests:
      return "it has as many guests as it allows; ask another node";
    case AckStatus.NotAllowed:
      return "a key or value is not allowed or the node's own, or the network's key is another one";
    default:
      return `for a reason with the number ${status}`;
  }
}
