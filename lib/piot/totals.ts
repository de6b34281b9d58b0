/**
 * What all links of a node hold together, so that no message has to ask each of them.
 *
 * @module
 */

/** Kept by the boxes themselves. */
export class Totals {
  /** Octets of headers and bodies in all outboxes. */
  outboxBytes = 0;
  /** Messages in all inboxes, and their octets. */
  inboxMessages = 0;
  inboxBytes = 0;
}
