/**
 * After a restart of a plan's coordinator: what do executors know of the steps that were open
 * (spec/piot.md §12)?
 *
 * @module
 */
import type { Json } from "../../wire/cbor.ts";
import { type ActionResult, Status } from "../actions/api.ts";
import type { Requests } from "../actions/requests.ts";
import type { PiotNode } from "../hooks.ts";
import { destinationOf, isOpen, settle } from "./ask.ts";
import type { Part } from "./journal.ts";

/** How long a node that is away is waited for, and how long its answer, in ms. */
const HELD = 30_000;
const ANSWER = 10_000;

/** Who wants to know. */
export interface QueriesPort {
  /** A part of a step has an end now. */
  answered(now: number, index: number): void;
  /** All questions are answered; `allKnown`: every open part runs, or has a result. */
  ended(now: number, allKnown: boolean): void;
}

/** The questions of one plan. */
export class PlanQueries {
  readonly #node: PiotNode;
  readonly #requests: Requests;
  readonly #open: readonly { part: Part; index: number }[];
  readonly #port: QueriesPort;
  #left: number;
  #allKnown = true;

  constructor(
    node: PiotNode,
    requests: Requests,
    open: readonly { part: Part; index: number }[],
    port: QueriesPort,
  ) {
    this.#node = node;
    this.#requests = requests;
    this.#open = open;
    this.#port = port;
    this.#left = open.length;
  }

  start(now: number): void {
    if (this.#left === 0) return this.#port.ended(now, true);
    for (const { part, index } of this.#open) {
      const to = destinationOf(this.#node, part);
      const { corr = "" } = part;
      // Behind the request in the same outbox: so its answer is about a request that has arrived.
      this.#requests.start(now, to, "piot.query", { corr }, { timeout: ANSWER, ttl: HELD }, {
        durable: false,
        listener: { ended: (now, result) => this.#answered(now, part, index, result) },
      });
    }
  }

  #answered(now: number, part: Part, index: number, answer: ActionResult): void {
    if (isOpen(part)) {
      const known = readAnswer(answer);
      if (known !== "running" && part.corr !== undefined) {
        if (known === "unknown") this.#allKnown = false;
        settle(
          part,
          known === "unknown"
            ? { status: Status.Lost, value: "nobody knows what became of it" }
            : known,
        );
        this.#requests.abandon(now, part.corr);
        this.#port.answered(now, index);
      }
    }
    if (--this.#left === 0) this.#port.ended(now, this.#allKnown);
  }
}

function readAnswer({ status, value }: ActionResult): ActionResult | "running" | "unknown" {
  if (status !== Status.Ok || typeof value !== "object" || !value || Array.isArray(value)) {
    return "unknown";
  }
  if (value["state"] === "running") return "running";
  if (value["state"] !== "result" || typeof value["status"] !== "number") return "unknown";
  const result: Json = value["value"] ?? null;
  return { status: value["status"], value: result };
}
