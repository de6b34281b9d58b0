/**
 * Which labels end at this computer: of the kernel's MPLS routes those that take the label off and
 * deliver at an interface of ours, bound to the addresses of that interface.
 *
 * @module
 */
import type { InterfaceInfo } from "../lib/net/interfaces.ts";
import type { LabelBinding } from "../lib/net/labels.ts";
import type { MplsHop, NetlinkMessage } from "./rtnetlink_messages.ts";

/** RFC 3032 §2.1: labels up to 15 are reserved; two of them say "take it off, it is IP". */
const FIRST_FREE_LABEL = 16;
const IPV4_EXPLICIT_NULL = 0;
const IPV6_EXPLICIT_NULL = 2;
/** The last of a label stack, in an entry of 24 bits: label 20, Exp 3, S 1. */
const BOTTOM_OF_STACK = 1;

/** MPLS routes by label. */
export class MplsTable {
  readonly #routes = new Map<number, readonly MplsHop[]>();

  get size(): number {
    return this.#routes.size;
  }

  /** Takes what a message says of MPLS routes; others do not concern it. */
  apply(message: NetlinkMessage): void {
    if (message.kind !== "mplsRoute") return;
    if (message.gone) this.#routes.delete(message.label);
    else this.#routes.set(message.label, message.hops);
  }

  /**
   * By address, in the order of the interfaces. Where several labels lead to an interface, the lowest
   * stands for all: a list of labels would be a stack.
   */
  bindings(interfaces: readonly InterfaceInfo[]): LabelBinding[] {
    if (this.#routes.size === 0) return [];
    const labels = [...this.#routes.keys()].sort((a, b) => a - b);
    return interfaces.filter(({ up }) => up).flatMap(({ index, addresses }) => {
      const here = labels.filter((label) => this.#endsAt(label, index));
      return addresses.flatMap((prefix) => {
        const label = here.find((each) => suits(each, prefix));
        return label === undefined ? [] : [{ prefix, labels: [(label << 4) | BOTTOM_OF_STACK] }];
      });
    });
  }

  #endsAt(label: number, index: number): boolean {
    const hops = this.#routes.get(label)?.filter(({ dead }) => !dead) ?? [];
    // Where some of the traffic goes on to a neighbour, the label is not an address of ours.
    return hops.every(({ local }) => local) && hops.some((hop) => hop.index === index);
  }
}

function suits(label: number, prefix: string): boolean {
  if (label === IPV4_EXPLICIT_NULL) return !prefix.includes(":");
  if (label === IPV6_EXPLICIT_NULL) return prefix.includes(":");
  return label >= FIRST_FREE_LABEL;
}
