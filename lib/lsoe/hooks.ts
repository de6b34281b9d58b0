/**
 * Hooks of vendors and of authentication, called so that what they throw goes no further
 * (spec/lsoe.md §7).
 *
 * @module
 */
import type { LsoeCounters, LsoeHooks, LsoeOutput, SessionView } from "./api.ts";
import { MAX_LENGTH } from "./datagram.ts";
import type { AckPdu, OpenPdu, VendorPdu } from "./pdu.ts";

/** What is left of an OPEN with as many attributes as there can be. */
const MAX_AUTHENTICATION = MAX_LENGTH - 20 - 255;

/** The hooks, of which none throws. */
export class GuardedHooks {
  readonly #hooks: LsoeHooks;
  readonly #output: LsoeOutput;
  readonly #counters: LsoeCounters;

  constructor(hooks: LsoeHooks, output: LsoeOutput, counters: LsoeCounters) {
    this.#hooks = hooks;
    this.#output = output;
    this.#counters = counters;
  }

  ack(session: SessionView, ack: AckPdu): void {
    this.#guard("ack", undefined, () => this.#hooks.ack?.(session, ack));
  }

  vendor(session: SessionView, pdu: VendorPdu): void {
    const hook = this.#hooks.vendor?.get(pdu.enterprise);
    if (hook) this.#guard("vendor", undefined, () => hook(session, pdu));
  }

  /** What goes into our OPEN; empty without an authenticator. */
  sign(id: Uint8Array, nonce: number): Uint8Array {
    const none = new Uint8Array(0);
    const { authenticator } = this.#hooks;
    if (!authenticator) return none;
    return this.#guard("sign", none, () => {
      const data = authenticator.sign(id, nonce);
      if (data.length <= MAX_AUTHENTICATION) return data;
      throw new RangeError(`${data.length} octets of authentication data`);
    });
  }

  /** Whether a peer may open a session. Without an authenticator: only if it brings no proof. */
  accepts({ id, nonce, authentication }: OpenPdu): boolean {
    const { authenticator } = this.#hooks;
    if (!authenticator) return authentication.length === 0;
    return this.#guard("verify", false, () => authenticator.verify(id, nonce, authentication));
  }

  #guard<T>(hook: "ack" | "vendor" | "sign" | "verify", instead: T, call: () => T): T {
    try {
      return call();
    } catch (error) {
      this.#counters.hookFailures++;
      this.#output.event({ kind: "hookFailed", hook, error });
      return instead;
    }
  }
}
