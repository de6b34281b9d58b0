/**
 * PDUs of a peer, and a machine that has a session with it.
 *
 * @module
 */
import { strictEqual } from "node:assert/strict";
import {
  type AckPdu,
  type Encapsulation,
  type LsoeEvent,
  type OpenPdu,
  type Pdu,
  PduType,
  type VendorPdu,
} from "../../lib/lsoe/mod.ts";
import { type Deed, Lone, type LoneOptions, NEAREST_BRIDGE } from "./lone.ts";

export const PEER = 0x0200_0000_0b01;
export const OTHER = 0x0200_0000_0c01;
const PEER_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 11, 2);
export const NONE = new Uint8Array(0);
export const HELLO: Pdu = { type: PduType.Hello };
export const KEEPALIVE: Pdu = { type: PduType.KeepAlive };

export const open = (nonce: number, rest: Partial<OpenPdu> = {}): OpenPdu => ({
  type: PduType.Open,
  nonce,
  id: PEER_ID,
  attributes: NONE,
  authentication: NONE,
  ...rest,
});

export const ack = (
  acknowledged: AckPdu["acknowledged"],
  errorType = 0,
  errorCode = 0,
): AckPdu => ({
  type: PduType.Ack,
  acknowledged,
  errorType,
  errorCode,
  errorHint: 0,
});

export const ipv4 = (...addresses: string[]): Pdu => ({
  type: PduType.Ipv4,
  encapsulations: addresses.map((address): Encapsulation => ({
    flags: 0,
    address,
    prefixLength: 24,
  })),
});

export const vendor: VendorPdu = {
  type: PduType.Vendor,
  enterprise: 9,
  enterpriseType: 1,
  data: Uint8Array.of(120),
};

/** A machine with an open session whose lists are all acknowledged. */
export function opened(options: LoneOptions = {}, nonce = 7): Lone {
  const lone = new Lone(options);
  reopen(lone, nonce);
  return lone;
}

function reopen(lone: Lone, nonce: number): void {
  lone.receive(PEER, open(nonce));
  for (const type of [1, 4, 5, 6, 7] as const) lone.receive(PEER, ack(type));
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
  lone.take();
}

/** The nonce of the last OPEN among these. */
export function nonceIn(pdus: readonly Pdu[]): number | undefined {
  const last = pdus.findLast(({ type }) => type === PduType.Open);
  return last?.type === PduType.Open ? last.nonce : undefined;
}

export const events = (deeds: readonly Deed[]): LsoeEvent[] =>
  deeds.flatMap((deed) => deed.kind === "event" ? [deed.event] : []);

export const kinds = (deeds: readonly Deed[]) =>
  deeds.map((deed) =>
    deed.kind === "sent"
      ? deed.to === NEAREST_BRIDGE ? "HELLO" : `PDU ${deed.pdu.type}`
      : deed.kind === "event"
      ? deed.event.kind
      : deed.kind === "report"
      ? `report ${deed.report.pdu_type}`
      : deed.kind
  );
