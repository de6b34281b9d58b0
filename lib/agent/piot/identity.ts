/**
 * The id that this agent has towards the nodes that it exchanges messages with. It stands with the
 * shared state's own identity, so that it outlives damage to the file of messages; and a copied SD
 * card, which gets a new node id, gets a new one here too.
 *
 * @module
 */
import type { Id } from "../../piot/mod.ts";
import type { Store } from "../../store/mod.ts";
import { decodeCbor, encodeCbor, toHex, WireError } from "../../wire/mod.ts";

/** Stands where a network's name does; no network is called so. */
const OWN = "";
const KEY = "piot/identity";

/** A network of this agent: its name, and this node's id in it. */
export interface Membership {
  readonly name: string;
  readonly nodeId: string;
}

/**
 * The id, made where there is none, or where a network has given this computer another node id since:
 * then another computer goes on with ours.
 *
 * @throws {AgentError} where the store cannot be read or written.
 */
export function identityOf(
  store: Pick<Store, "entries" | "putEntries">,
  networks: readonly Membership[],
  randomBytes: (length: number) => Uint8Array,
): Id {
  const kept = read(store);
  const renamed = networks.some(({ name, nodeId }) => {
    const before = kept?.nodes.get(name);
    return before !== undefined && before !== nodeId;
  });
  const id = kept === undefined || renamed ? toHex(randomBytes(16)) : kept.id;
  const nodes = new Map(networks.map(({ name, nodeId }) => [name, nodeId]));
  const same = kept?.id === id && kept.nodes.size === nodes.size &&
    [...nodes].every(([name, nodeId]) => kept.nodes.get(name) === nodeId);
  if (!same) {
    const value = encodeCbor({ id, nodes: Object.fromEntries(nodes) });
    store.putEntries(OWN, [{ key: KEY, value, at: 0 }]);
  }
  return id;
}

function read(store: Pick<Store, "entries">): { id: Id; nodes: Map<string, string> } | undefined {
  const entry = store.entries(OWN).find(({ key }) => key === KEY);
  if (!entry) return undefined;
  try {
    const value = decodeCbor(entry.value);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const { id, nodes } = value;
    if (typeof id !== "string" || !/^[0-9a-f]{32}$/.test(id)) return undefined;
    if (typeof nodes !== "object" || nodes === null || Array.isArray(nodes)) return undefined;
    const known = Object.entries(nodes).filter((one): one is [string, string] =>
      typeof one[1] === "string"
    );
    return { id, nodes: new Map(known) };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
