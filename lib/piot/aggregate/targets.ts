/**
 * Who is meant by the targets of an aggregate or a step (spec/piot.md §11).
 *
 * @module
 */
import { AgentError } from "../../core/mod.ts";
import type { Destination } from "../acquaintances.ts";
import { LOCAL } from "../actions/api.ts";
import type { PiotNode } from "../hooks.ts";

/** One node, or one that nobody has met. */
export interface Target {
  /** Its id; of one that nobody has met, what was asked for. */
  readonly node: string;
  /** For people. */
  readonly name: string;
  readonly to: Destination;
}

/**
 * Nodes of a list of ids, names and `tag=value` selectors, in that order, each once. A selector stands
 * for all nodes with the tag, this one too, in the order of their names; a name that several nodes
 * have stands for itself, and cannot be reached.
 */
export function resolveTargets(node: PiotNode, targets: readonly string[]): Target[] {
  const found = new Map<string, Target>();
  for (const text of targets) {
    for (const target of resolve(node, text)) {
      if (!found.has(target.node)) found.set(target.node, target);
    }
  }
  return [...found.values()];
}

function resolve(node: PiotNode, text: string): Target[] {
  const self: Target = { node: node.id, name: node.name, to: { link: LOCAL } };
  if (text === node.id || text === node.name) return [self];
  const link = find(node, text);
  if (link) return [link];
  const equals = text.indexOf("=");
  if (equals > 0) {
    const [tag, value] = [text.slice(0, equals), text.slice(equals + 1)];
    const selected = node.links()
      .filter(({ tags, peer }) => tags.get(tag) === value && peer !== undefined)
      .map(({ peer = "", name }): Target => ({ node: peer, name, to: { peer } }));
    if (node.tags.get(tag) === value) selected.push(self);
    return selected.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  }
  const isId = /^[0-9a-f]{32}$/.test(text);
  return [{ node: text, name: text, to: isId ? { peer: text } : { name: text } }];
}

function find(node: PiotNode, text: string): Target | undefined {
  try {
    const link = node.find({ peer: text }) ?? node.find({ name: text });
    if (!link) return undefined;
    const { peer, name } = link;
    return { node: peer ?? text, name, to: peer === undefined ? { name } : { peer } };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    // Several have the name: whoever asks them is told so.
    return { node: text, name: text, to: { name: text } };
  }
}
