/**
 * What a session does with each PDU (the table in spec/lsoe.md §5).
 *
 * @module
 */
import type { Mac } from "../wire/mac.ts";
import { sameList } from "./announce.ts";
import type { Core } from "./core.ts";
import {
  type AcknowledgedType,
  type AckPdu,
  type EncapsulationPdu,
  type OpenPdu,
  type Pdu,
  PduType,
  type VendorPdu,
} from "./pdu.ts";
import { encodePdu } from "./pdu_codec.ts";
import type { Port } from "./port.ts";
import { reportOf } from "./report.ts";
import type { Session } from "./session.ts";

/** Error types of an ACK (§4). */
const WARNING = 1;
const RESTART = 2;
const HOPELESS = 3;
/** Error codes of an ACK (§4). */
const ADDRESS_CONFLICT = 1;
const NOT_AUTHORIZED = 2;

/** A station's restarts are followed at most once in this many ms (§12). */
const RESTART_INTERVAL = 1_000;

/**
 * So long after a restart a further OPEN of the peer is taken as his answer to ours, in ms: longer than
 * an OPEN is repeated with the defaults.
 */
const ANSWER_WINDOW = 10_000;

/** A PDU of a station that is not held off. */
export function receivePdu(core: Core, now: number, port: Port, peer: Mac, pdu: Pdu): void {
  const session = port.sessions.get(peer);
  session?.heard(now);
  switch (pdu.type) {
    case PduType.Hello:
      // A peer who started anew has no session to keep alive, and opens one when he hears this: now,
      // and not with the next beat. To any other it is a sign of life.
      if (session?.open) session.keepAlive();
      else (session ?? core.create(now, port, peer))?.openIfNeeded(now);
      return;
    case PduType.KeepAlive:
      (session ?? core.create(now, port, peer))?.openIfNeeded(now);
      return;
    case PduType.Open:
      return receiveOpen(core, now, port, peer, pdu);
    case PduType.Ack:
      if (session?.isOutstanding(pdu.acknowledged)) receiveAck(core, now, session, pdu);
      return;
    case PduType.Vendor:
      if (session?.open) receiveVendor(core, session, pdu);
      return;
    default:
      if (session?.open) receiveEncapsulations(core, session, pdu);
  }
}

function receiveOpen(core: Core, now: number, port: Port, peer: Mac, pdu: OpenPdu): void {
  const before = port.sessions.get(peer);
  if (!core.hooks.accepts(pdu)) {
    // Whatever session there is stays: anyone on the link can send this.
    const ack = acknowledge(core, port, peer, PduType.Open, HOPELESS, NOT_AUTHORIZED);
    if (before) core.output.event({ kind: "error", direction: "sent", session: before.view, ack });
    core.reject(now, port, peer, "its OPEN is not authorized");
    return;
  }
  if (before?.peerNonce === pdu.nonce) {
    // Our ACK was lost.
    acknowledge(core, port, peer, PduType.Open);
    return;
  }
  const restart = before?.peerNonce !== undefined;
  if (restart && isAnswer(now, before, pdu)) {
    receiveAnswer(core, now, before, pdu);
    return;
  }
  if (restart) {
    if (now - before.restartedAt < RESTART_INTERVAL) {
      core.reject(now, port, peer, "it restarts more than once a second");
      return;
    }
    core.close(now, before, { reason: "the peer restarted", hello: true });
  }
  const session = port.sessions.get(peer) ?? core.create(now, port, peer);
  if (!session) return;
  if (restart) session.restartedAt = now;
  if (session.stale && !session.isPeer(pdu.id)) core.withdraw(session);
  session.peerOpened(pdu);
  acknowledge(core, port, peer, PduType.Open);
  session.openIfNeeded(now);
  session.settle(now);
}

/**
 * Whether an OPEN with another nonce answers the one that we sent when the peer seemed to restart.
 *
 * Our OPEN had a new nonce, so a peer who had *not* restarted (somebody forged his OPEN, or an old one
 * came late) took it for a restart of ours, and answers with a new nonce of his own. Were that taken
 * for a restart again, each end would go on restarting the other for ever.
 */
function isAnswer(now: number, session: Session, { id }: OpenPdu): boolean {
  return now - session.restartedAt < ANSWER_WINDOW && session.isPeer(id);
}

/** The session stays. The peer may have restarted all the same: our OPEN reminds him. */
function receiveAnswer(core: Core, now: number, session: Session, pdu: OpenPdu): void {
  const { port, peer } = session;
  if (now - session.answeredAt < RESTART_INTERVAL) {
    core.reject(now, port, peer, "it restarts more than once a second");
    return;
  }
  session.answeredAt = now;
  session.peerOpened(pdu);
  acknowledge(core, port, peer, PduType.Open);
  session.remind(now);
  session.settle(now);
}

function receiveAck(core: Core, now: number, session: Session, ack: AckPdu): void {
  core.hooks.ack(session.view, ack);
  const { acknowledged, errorType } = ack;
  if (errorType > 0) {
    core.output.event({ kind: "error", direction: "received", session: session.view, ack });
  }
  if (errorType === RESTART) {
    const { port, peer } = session;
    core.close(now, session, { reason: "the peer asks to start again", hello: true });
    core.create(now, port, peer)?.openLater(now + core.config.retransmitInitialInterval);
  } else if (errorType === HOPELESS) {
    // No HELLO: it would only make the peer try again.
    core.close(now, session, { reason: "the peer refuses for good" });
    core.hold(now, session.port, session.peer);
  } else {
    session.acknowledged(now, acknowledged);
    session.settle(now);
  }
}

function receiveEncapsulations(core: Core, session: Session, pdu: EncapsulationPdu): void {
  const { type, encapsulations } = pdu;
  const { port, peer } = session;
  const conflict = encapsulations.findIndex(({ address }) => port.isOwnAddress(address));
  if (conflict < 0) {
    acknowledge(core, port, peer, type);
  } else {
    const ack = acknowledge(core, port, peer, type, WARNING, ADDRESS_CONFLICT, conflict);
    core.output.event({ kind: "error", direction: "sent", session: session.view, ack });
  }
  const changed = !sameList(session.learned[type], encapsulations);
  session.learn(type, encapsulations);
  core.output.report(reportOf(session.subject, type, encapsulations));
  if (!changed) return;
  core.output.event({ kind: "learned", session: session.view, type });
  core.relink(session);
}

function receiveVendor(core: Core, session: Session, pdu: VendorPdu): void {
  acknowledge(core, session.port, session.peer, PduType.Vendor);
  core.hooks.vendor(session.view, pdu);
}

/** Send an ACK, which is returned. */
function acknowledge(
  core: Core,
  port: Port,
  peer: Mac,
  acknowledged: AcknowledgedType,
  errorType = 0,
  errorCode = 0,
  errorHint = 0,
): AckPdu {
  const ack: AckPdu = { type: PduType.Ack, acknowledged, errorType, errorCode, errorHint };
  core.send(port, peer, encodePdu(ack));
  return ack;
}
