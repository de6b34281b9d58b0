/**
 * Node contents that all nodes of a world hold in common. On computers of their own each would have
 * its copy; in one process a world of n nodes would hold n² of them.
 *
 * @module
 */
import type { NodeId } from "../../lib/dncp/api.ts";
import { NodeContent, type NodeContents } from "../../lib/dncp/node_content.ts";
import type { Profile } from "../../lib/dncp/profile.ts";
import { equalBytes } from "../../lib/wire/mod.ts";

/** Contents of a node that are kept: its latest, while older ones are still on their way. */
const KEPT = 8;

/** Hands out equal contents as one object. */
export class SharedContents implements NodeContents {
  readonly #profile: Profile;
  readonly #byNode = new Map<NodeId, NodeContent[]>();

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  take(id: NodeId, data: Uint8Array, hash: Uint8Array): NodeContent {
    let known = this.#byNode.get(id);
    if (!known) this.#byNode.set(id, known = []);
    for (let i = known.length - 1; i >= 0; i--) {
      const content = known[i] as NodeContent;
      if (equalBytes(content.hash, hash) && equalBytes(content.data, data)) return content;
    }
    const content = new NodeContent(this.#profile, known[0]?.id ?? id, data.slice(), hash.slice());
    known.push(content);
    if (known.length > KEPT) known.shift();
    return content;
  }
}
