/**
 * How much node data this node's own entries may take, and the refusal of what goes beyond.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";
import type { StateCodec } from "./codec.ts";
import { AGENT_PREFIX, type Entry } from "./entry.ts";

/** Why the dictionary did not take a write. */
export type RefusalReason = "not-allowed" | "too-large" | "too-many";

/** A well-formed write that was not taken. Exit code 4. */
export class StateRefusal extends AgentError {
  readonly reason: RefusalReason;

  constructor(message: string, reason: RefusalReason) {
    super(message, ExitCode.Refused);
    this.reason = reason;
  }
}

/** Who writes: the agent itself, or anybody else. */
type Writer = "agent" | "others";

/** Bytes of node data taken and allowed. */
export class Budget {
  readonly #overhead: number;
  readonly #limit: number;
  readonly #agentReserve: number;
  readonly #taken = { agent: 0, others: 0 };

  /** `overhead`: taken from the start. `agentReserve`: the part that only the agent can fill. */
  constructor(overhead: number, limit: number, agentReserve: number) {
    this.#overhead = overhead;
    this.#limit = limit;
    this.#agentReserve = agentReserve;
  }

  /** Whether there is room for `growth` more bytes. */
  fits(writer: Writer, growth: number): boolean {
    return this.#total(writer, growth) <= this.#limit;
  }

  /** @throws {StateRefusal} where there is no room for `growth` more bytes. */
  check(writer: Writer, growth: number): void {
    if (this.fits(writer, growth)) return;
    const kept = this.#agentReserve > this.#taken.agent
      ? ` with the ${spaced(this.#agentReserve)} that are kept for ${AGENT_PREFIX}…`
      : "";
    throw new StateRefusal(
      `this would make this node's state ${spaced(this.#total(writer, growth))} bytes${kept}; ${
        spaced(this.#limit)
      } are allowed: unset keys or make values smaller`,
      "too-large",
    );
  }

  /** `growth` more bytes are taken; fewer where it is negative. */
  take(writer: Writer, growth: number): void {
    this.#taken[writer] += growth;
  }

  #total(writer: Writer, growth: number): number {
    const agent = this.#taken.agent + (writer === "agent" ? growth : 0);
    const others = this.#taken.others + (writer === "others" ? growth : 0);
    return this.#overhead + others + Math.max(agent, this.#agentReserve);
  }
}

/** @throws {StateRefusal} where what a guest publishes takes more than `limit` bytes. */
export function checkGuestSize(
  limit: number,
  codec: StateCodec,
  entries: Iterable<Entry | undefined>,
): void {
  let size = 0;
  for (const entry of entries) if (entry) size += codec.sizeOf(entry);
  if (size <= limit) return;
  throw new StateRefusal(
    `a guest's entries may take ${spaced(limit)} bytes, these take ${spaced(size)}; publish less`,
    "too-large",
  );
}

/** 70312 → "70 312". */
export function spaced(figure: number): string {
  return String(figure).replace(/\B(?=(?:\d{3})+$)/g, " ");
}
