/**
 * A machine with streams to some peers, and what it sends down them.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import type { NodeId, StreamId } from "../../lib/dncp/api.ts";
import { nativeProfile } from "../../lib/dncp/mod.ts";
import { type Fields, TlvType } from "../../lib/dncp/tlv.ts";
import { concat } from "../../lib/wire/mod.ts";
import { dialled, Lone, type Sent } from "./harness.ts";

export const profile = nativeProfile;
export const { imin } = profile.trickle;
export const { interval, multiplier } = profile.keepAlive;
export const ID = (letter: string): NodeId => letter.repeat(16);
export const [A, B, C, D] = [ID("a"), ID("b"), ID("c"), ID("d")];
export const text = (value: string) => profile.tlv.encode(200, new TextEncoder().encode(value));
export const hello = (lone: Lone, instance = "77") => lone.encode.hello(8331, instance.repeat(8));

/** A node with one open stream a letter, each with an introduced and mutual peer. */
export function peered(letters: string, options: { seed?: number } = {}): Lone {
  const lone = new Lone({ profile, nodeId: ID("5"), endpoints: [dialled()], ...options });
  lone.machine.publish(0, [text("mine")]);
  [...letters].forEach((letter, i) => {
    const stream = i + 1;
    lone.open(1, stream, letter);
    lone.stream(stream, lone.encode.nodeEndpoint(ID(letter), 1), hello(lone, `${i}${i}`));
    lone.stream(stream, state(lone, ID(letter), 1, [lone.machine.nodeId]));
  });
  lone.advance(100);
  // All agree, so that nothing is left to be asked.
  agree(lone, [...letters].map((_, i) => i + 1));
  lone.advance(1_000).take();
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, ...[...letters].map(ID)].sort());
  return lone;
}

/** A Node State whose data list these peers on endpoint 1, each with its endpoint 1. */
export function state(lone: Lone, id: NodeId, seqno: number, peers: NodeId[], more = "") {
  const tlvs = peers.map((peer) => lone.encode.peer(peer, 1, 1));
  return lone.nodeState(id, seqno, concat([...tlvs, text(more)]));
}

export function agree(lone: Lone, streams: StreamId[]): void {
  for (const stream of streams) {
    lone.stream(stream, lone.encode.networkState(lone.machine.networkHash(lone.now)));
  }
}

/** What went down each stream, in order. */
export function down(lone: Lone, log: readonly Sent[] = lone.take()): Map<StreamId, Fields[]> {
  const out = new Map<StreamId, Fields[]>();
  for (const sent of log) {
    if (sent.kind !== "write") continue;
    out.set(sent.stream, [...out.get(sent.stream) ?? [], ...lone.fields(sent)]);
  }
  return out;
}

export const statesOf = (fields: readonly Fields[] = []) =>
  fields.flatMap((f) => f.type === TlvType.NodeState ? [`${f.nodeId[0]}${f.seqno}`] : []);

export const closes = (log: readonly Sent[]) =>
  log.flatMap((sent) => sent.kind === "close" ? [[sent.stream, sent.reason]] : []);
