/**
 * The names that nodes are shown under. A node says its own name in its entry `agent/name`; names
 * need not be unique, what is shown is: a name that several nodes carry is shown as `name~ab12` for
 * all of them, with the shortest beginning of the node id that tells them apart. A node without a
 * usable name is shown under its id.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";
import type { NodeId } from "../dncp/api.ts";
import { MIN_ID_PREFIX, splitDisplay } from "./address.ts";
import { quote, utf8Length } from "./entry.ts";

/** The entry in which a node says its name. */
export const NAME_KEY = "agent/name";

/** Longest name, in bytes of UTF-8; a host name has at most 64 (Linux HOST_NAME_MAX). */
export const MAX_NAME_BYTES = 64;

/** Beginnings of ids are this long at the most, also where a forged id is a beginning of another. */
const LONGEST_ID = 64;

/** What is wrong with a node's name, in words that follow it; `undefined` where nothing is. */
export function nodeNameProblem(name: string): string | undefined {
  if (name.length === 0) return "is empty";
  if (!name.isWellFormed()) return "is not well-formed Unicode";
  if (/\p{Cc}/u.test(name)) return "contains a control character";
  if (name !== name.trim()) return "begins or ends with a blank";
  const special = /[:~*]/.exec(name);
  if (special) return `contains "${special[0]}", which has a meaning in NODE:KEY`;
  if (utf8Length(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`;
  if (/^(?:[0-9a-f]{8}|[0-9a-f]{16})$/i.test(name)) return "looks like a node id";
  return undefined;
}

interface Group {
  /** Ascending. */
  readonly ids: NodeId[];
  /** Made when asked for. */
  shown: Map<NodeId, string> | undefined;
}

/** Names of all nodes known. */
export class NodeNames {
  readonly #names = new Map<NodeId, string | undefined>();
  readonly #groups = new Map<string, Group>();

  /** A node is there, with what it says its name is (of any type). */
  set(id: NodeId, name: unknown): void {
    const usable = typeof name === "string" && nodeNameProblem(name) === undefined
      ? name
      : undefined;
    if (this.#names.has(id) && this.#names.get(id) === usable) return;
    this.delete(id);
    this.#names.set(id, usable);
    if (usable === undefined) return;
    const group = this.#groups.get(usable) ?? { ids: [], shown: undefined };
    const at = group.ids.findIndex((other) => other > id);
    group.ids.splice(at < 0 ? group.ids.length : at, 0, id);
    group.shown = undefined;
    this.#groups.set(usable, group);
  }

  /** A node is gone. */
  delete(id: NodeId): void {
    const name = this.#names.get(id);
    this.#names.delete(id);
    const group = name === undefined ? undefined : this.#groups.get(name);
    if (name === undefined || group === undefined) return;
    group.ids.splice(group.ids.indexOf(id), 1);
    group.shown = undefined;
    if (group.ids.length === 0) this.#groups.delete(name);
  }

  /** The name that a node is shown under; unique at any one time. Its id where it is unknown. */
  of(id: NodeId): string {
    const name = this.#names.get(id);
    const group = name === undefined ? undefined : this.#groups.get(name);
    if (name === undefined || group === undefined) return id;
    if (group.ids.length === 1) return name;
    group.shown ??= new Map(
      group.ids.map((id, i) => [
        id,
        `${name}~${shortest(id, group.ids[i - 1], group.ids[i + 1])}`,
      ]),
    );
    return group.shown.get(id) ?? id;
  }

  /**
   * All nodes that a text may mean: a whole id, a name as shown, a name as given, `name~` with
   * another beginning of the id, or the beginning of an id from {@linkcode MIN_ID_PREFIX} digits on;
   * the first of these that fits anything decides.
   */
  resolve(text: string): NodeId[] {
    const lower = text.toLowerCase();
    if (this.#names.has(lower)) return [lower];
    const { name, suffix } = splitDisplay(text);
    const named = this.#groups.get(name)?.ids.filter((id) => id.startsWith(suffix.toLowerCase()));
    if (named !== undefined && named.length > 0) return named;
    if (lower.length < MIN_ID_PREFIX || !/^[0-9a-f]+$/.test(lower)) return [];
    return [...this.#names.keys()].filter((id) => id.startsWith(lower)).sort();
  }

  /**
   * The one node that a text means.
   * @throws {AgentError} exit 1 where there is none, 2 where there are several.
   */
  resolveOne(text: string): NodeId {
    const [id, ...others] = this.resolve(text);
    if (id === undefined) {
      throw new AgentError(
        `no node ${quote(text)} is known here; "agent nodes" lists those that are`,
        ExitCode.NotThere,
      );
    }
    if (others.length === 0) return id;
    const shown = [id, ...others].slice(0, 4).map((id) => this.of(id));
    throw new AgentError(
      `${quote(text)} may be any of ${others.length + 1} nodes: ${shown.join(", ")}${
        others.length + 1 > shown.length ? ", …" : ""
      }; name one of them`,
      ExitCode.Usage,
    );
  }
}

/** The shortest beginning of an id that is none of its neighbours' in a sorted list. */
function shortest(id: NodeId, before: NodeId | undefined, after: NodeId | undefined): string {
  let length = MIN_ID_PREFIX;
  for (const other of [before, after]) {
    if (other === undefined) continue;
    let shared = 0;
    while (shared < LONGEST_ID && shared < id.length && id[shared] === other[shared]) shared++;
    length = Math.max(length, shared + 1);
  }
  return id.slice(0, length);
}
