/**
 * Words for the ends of cables.
 *
 * @module
 */
import type { LabelRow } from "../http/api.ts";

/**
 * An LSOE id as people read it: as text where its octets are text (lsoed's demo puts the node's name
 * there), else as it is.
 */
export function idText(id: string): string {
  const octets = id.split(":").map((pair) => parseInt(pair, 16));
  const text = String.fromCharCode(...octets).replace(/^\0+|\0+$/g, "");
  return /^[\x21-\x7e]{2,}$/.test(text) ? text : id;
}

/** The peer of a session: its node's name, else what tells it best. */
export function peerText(
  { peerNode, peerId, peerMac }: {
    peerNode?: string | null;
    peerId?: string;
    peerMac?: string;
  },
): string {
  if (peerNode) return peerNode;
  return peerId ? `(${idText(peerId)})` : peerMac ?? "?";
}

/** Labels behind the addresses that they belong to. */
export function labelText(labels: readonly LabelRow[]): string {
  return labels.map(({ prefix, labels }) => `${prefix}=${labels.join("/")}`).join(" ");
}
