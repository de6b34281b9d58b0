/**
 * What the parts of the layer of actions share.
 *
 * @module
 */
import type { PiotNode } from "../hooks.ts";

/** Belongs to one `Actions`. */
export interface Layer {
  readonly node: PiotNode;
  /** Ids of messages whose loss this layer tells of by itself. */
  readonly own: Set<string>;
  /** Called before the turn is stored, with nothing of the machine on the stack. */
  later(step: (now: number) => void): void;
}
