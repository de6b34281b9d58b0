/**
 * MPLS labels for this computer's addresses, and when that changes.
 *
 * @module
 */

/** Labels for a prefix of this computer. */
export interface LabelBinding {
  /** `192.0.2.1/24`: an address of an interface, as in `InterfaceInfo.addresses`. */
  readonly prefix: string;
  /** 24 bits each, as on the wire: label 20, Exp 3, S 1. */
  readonly labels: readonly number[];
}

/** Watches the labels. Where the kernel knows nothing of MPLS, the list is empty. */
export interface LabelSource {
  current(): LabelBinding[];
  /** `listener` is called with the whole list after a change. Returns how to stop that. */
  subscribe(listener: (all: LabelBinding[]) => void): () => void;
}
