/**
 * What an agent has from its kernel: interfaces that are followed, labels, and the one place where
 * descriptors are waited for.
 *
 * @module
 */
import { KernelInterfaces } from "../../ffi/netlink.ts";
import { Poller } from "../../ffi/poller.ts";
import { messageOf } from "../core/mod.ts";
import { FixedInterfaces, type InterfaceSource, type LabelSource } from "../net/mod.ts";
import type { Problems } from "./problems.ts";

const PROBLEM = "interfaces";

/** The kernel as an agent uses it. */
export interface Kernel {
  readonly interfaces: InterfaceSource;
  /** `undefined` where the kernel does not tell. */
  readonly labels: LabelSource | undefined;
  /** Shared by all who wait for descriptors; `undefined` where libc cannot be called. */
  readonly poller: Poller | undefined;
  /** Done once nothing is open any more. */
  close(): Promise<void>;
}

/** Opens the source. Tests bring one that fails. */
export type FollowInterfaces = (
  poller: Poller,
  onProblem: (message: string | undefined) => void,
) => KernelInterfaces;

const follow: FollowInterfaces = (poller, onProblem) => new KernelInterfaces({ poller, onProblem });

/**
 * Opens what there is. Where the kernel cannot be asked (another system, a sandbox without netlink),
 * the interfaces stay as they are now, and `problems` says so for as long as that holds.
 */
export function openKernel(
  problems: Problems,
  onFault: (error: unknown) => void,
  followInterfaces = follow,
): Kernel {
  const onProblem = (message: string | undefined) => {
    if (message === undefined) problems.clear(PROBLEM);
    else problems.note(PROBLEM, message, { lasts: true });
  };
  let poller: Poller | undefined;
  let source: KernelInterfaces | undefined;
  try {
    poller = new Poller(onFault);
    source = followInterfaces(poller, onProblem);
  } catch (error) {
    onProblem(
      `interfaces are not followed (${messageOf(error)}); ` +
        "what is plugged in or renamed is used after a restart",
    );
  }
  const interfaces: InterfaceSource = source ?? new FixedInterfaces();
  return {
    interfaces,
    labels: source?.labels,
    poller,
    async close() {
      interfaces.close();
      await poller?.close();
    },
  };
}
