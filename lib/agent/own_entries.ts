/**
 * The entries that the agent itself keeps in a network's state, beside those of the user.
 *
 * @module
 */
import type { OwnDictionary, Value, Write } from "../state/mod.ts";

/** Bytes that are left for what else the agent says of itself; less where there is little in all. */
const SPARE = 1_024;

/** A network, as far as the agent's own entries need it. */
export interface PublishedInto {
  readonly config: { readonly name: string };
  readonly own: Pick<OwnDictionary, "setAgent">;
  readonly codec: { sizeOf(entry: { key: string; value: Value; at: number }): number };
  /** In bytes of node data. */
  readonly stateLimit: number;
}

/** Writes all of them. @throws {AgentError} where they have no room (`StateRefusal`), or are none. */
export function setOwnEntries(
  { own, stateLimit }: PublishedInto,
  wall: number,
  writes: readonly Write[],
): void {
  own.setAgent(wall, writes, Math.min(SPARE, Math.floor(stateLimit / 64)));
}
