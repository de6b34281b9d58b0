/**
 * How people name entries: `[NODE:]KEY`, with a trailing `*` for all keys that begin so.
 *
 * The node part goes up to the first `:`. So a key that contains `:` itself is written with one in
 * front: `:a:b` is the key `a:b` of any node, `pi:a:b` the same key of `pi`. `NODE:` alone means all
 * keys of that node, and `*` as the node any node. A key that ends in `*` is matched by its own
 * text, together with whatever else begins like it.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";
import type { NodeId } from "../dncp/api.ts";
import { keyProblem, quote } from "./entry.ts";

/** Which entries are meant. */
export interface Address {
  /** A node's name or id as it was written; absent for any node. */
  readonly node?: string;
  /** The key, or what keys begin with. */
  readonly key: string;
  /** Whether `key` is only the beginning. */
  readonly prefix: boolean;
}

/** The shortest beginning of a node id that stands for the node, in hexadecimal digits. */
export const MIN_ID_PREFIX = 4;

/**
 * The address of a text.
 *
 * ```ts
 * import { parseAddress } from "./address.ts";
 * const { node, key, prefix } = parseAddress("pi-kitchen:heating/*");
 * if (node !== "pi-kitchen" || key !== "heating/" || !prefix) throw new Error();
 * if (parseAddress(":a:b").key !== "a:b") throw new Error();
 * ```
 *
 * @throws {AgentError} exit 2.
 */
export function parseAddress(text: string): Address {
  const { node, rest } = split(text);
  if (rest === "" && node !== undefined) return { ...nodePart(node), key: "", prefix: true };
  const prefix = rest.endsWith("*");
  return build(text, node, prefix ? rest.slice(0, -1) : rest, prefix);
}

/** The two halves of `name~ab12`; the suffix is empty where there is none. */
export function splitDisplay(text: string): { name: string; suffix: string } {
  // A name itself never contains "~" (names.ts).
  const tilde = text.indexOf("~");
  if (tilde < 0) return { name: text, suffix: "" };
  return { name: text.slice(0, tilde), suffix: text.slice(tilde + 1) };
}

/** Whether a key is meant. */
export function matchesKey(
  { key, prefix }: Pick<Address, "key" | "prefix">,
  candidate: string,
): boolean {
  return prefix ? candidate.startsWith(key) : candidate === key;
}

/** Whether an entry of a node is meant. `node` is the name that the node is shown under. */
export function matchesEntry(
  address: Address,
  entry: { readonly id: NodeId; readonly node: string; readonly key: string },
): boolean {
  if (!matchesKey(address, entry.key)) return false;
  const text = address.node;
  if (text === undefined || text === entry.node) return true;
  const wanted = splitDisplay(text);
  if (wanted.name === splitDisplay(entry.node).name) return entry.id.startsWith(wanted.suffix);
  return text.length >= MIN_ID_PREFIX && entry.id.startsWith(text.toLowerCase());
}

function split(text: string): { node: string | undefined; rest: string } {
  const colon = text.indexOf(":");
  if (colon < 0) return { node: undefined, rest: text };
  return { node: colon === 0 ? undefined : text.slice(0, colon), rest: text.slice(colon + 1) };
}

function nodePart(node: string | undefined): { node?: string } {
  return node === undefined || node === "*" ? {} : { node };
}

function build(text: string, node: string | undefined, key: string, prefix: boolean): Address {
  const problem = prefix && key === "" ? undefined : keyProblem(key);
  if (problem !== undefined) {
    throw new AgentError(
      `${quote(text)} names no entry: the key ${problem}; write KEY, NODE:KEY, or BEGINNING*`,
      ExitCode.Usage,
    );
  }
  return { ...nodePart(node), key, prefix };
}
