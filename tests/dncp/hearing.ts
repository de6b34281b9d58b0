/**
 * A machine with an endpoint of datagrams, alone or with a peer.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import type { EndpointConfig } from "../../lib/dncp/api.ts";
import { hncpProfile } from "../../lib/dncp/mod.ts";
import { TlvType } from "../../lib/dncp/tlv.ts";
import { concat, fromHex } from "../../lib/wire/mod.ts";
import { datagrams, Lone, type Sent } from "./harness.ts";

export const profile = hncpProfile;
export const PEER = "a0000001";
export const { imin } = profile.trickle;
export const DROP = profile.keepAlive.interval * profile.keepAlive.multiplier;
export const odd = (fill: number) => new Uint8Array(8).fill(fill);

export function full(
  config: Partial<EndpointConfig> = {},
  options: { readOnly?: boolean } = {},
): Lone {
  const lone = new Lone({ profile, endpoints: [{ ...datagrams(), ...config }], ...options });
  lone.machine.publish(0, [profile.tlv.encode(64, fromHex("01"))]);
  return lone;
}

/** A node with one peer whose state it has. */
export function withPeer(config: Partial<EndpointConfig> = {}, more: Uint8Array[] = []): Lone {
  const lone = full(config);
  const { encode } = lone;
  lone.datagram(1, "peer", encode.nodeEndpoint(PEER, 7)).advance(100);
  const data = concat([encode.peer(lone.machine.nodeId, 1, 7), ...more]);
  lone.datagram(1, "peer", encode.nodeEndpoint(PEER, 7), lone.nodeState(PEER, 3, data));
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, PEER]);
  lone.advance(10 * imin).take();
  return lone;
}

export const typesOf = (lone: Lone, sent: Sent) => lone.fields(sent).map(({ type }) => type);

export const isRequest = (lone: Lone, sent: Sent) =>
  typesOf(lone, sent).includes(TlvType.RequestNetworkState);

export function multicastsOf(log: readonly Sent[]): Sent[] {
  return log.filter(({ kind }) => kind === "multicast");
}
