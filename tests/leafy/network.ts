/**
 * A view and a dictionary for leafy tests, without a network behind them.
 *
 * @module
 */
import type { NodeId, NodeView } from "../../lib/dncp/api.ts";
import { LeafyServer, type LeafyServerOptions } from "../../lib/leafy/mod.ts";
import {
  NativeStateCodec,
  NetworkView,
  OwnDictionary,
  type OwnDictionaryOptions,
  type Value,
} from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";

export const SELF: NodeId = "ab12000000000000";
export const WALL = 1_795_251_600_000;

const codec = new NativeStateCodec();

/** A node's state as the DNCP machine would tell it. */
export function nodeView(id: NodeId, content: Record<string, Value>): NodeView {
  const entries = Object.entries(content).map(([key, value]) => ({ key, value, at: WALL }));
  const data = concat(codec.encode(entries));
  return { id, self: id === SELF, seqno: 1, data, hash: data, origination: 0 };
}

/** A server over its own view and dictionary. */
export function served(
  nodes: Record<NodeId, Record<string, Value>>,
  options: Partial<LeafyServerOptions> = {},
  limits: Partial<OwnDictionaryOptions> = {},
) {
  const view = new NetworkView(codec);
  for (const [id, content] of Object.entries(nodes)) {
    view.nodeChanged(WALL, { after: nodeView(id, content) });
  }
  const seen = { published: 0 };
  const own = new OwnDictionary({ codec, onChanged: () => seen.published++, ...limits });
  const server = new LeafyServer({ view, own, self: () => SELF, partial: () => [], ...options });
  return { view, own, server, seen };
}
