/**
 * What all links of a node hold together, so that no message has to ask each of them.
 *
 * @module
 */

/** Kept by the boxes themselves. */
export class Totals {
  /** Messages in all outboxes, and octets of their headers and bodies. */
  outboxMessages = 0;
  outboxBytes = 0;
  /** Messages in all inboxes, and their octets. */
  inboxMessages = 0;
  inboxBytes = 0;
}
