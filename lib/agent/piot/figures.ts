/**
 * Figures of messages, for `/metrics`.
 *
 * @module
 */
import type { Metric } from "../../http/api.ts";
import { single, snake } from "../metric.ts";

/** Counts since the start. */
export interface PiotCounters {
  received: number;
  confirmed: number;
  refused: number;
  dropped: number;
  sessions: number;
  routed: number;
  routeRetries: number;
  routeFailures: number;
}

export function newCounters(): PiotCounters {
  return {
    received: 0,
    confirmed: 0,
    refused: 0,
    dropped: 0,
    sessions: 0,
    routed: 0,
    routeRetries: 0,
    routeFailures: 0,
  };
}

export interface PiotFigures {
  readonly counters: Readonly<PiotCounters>;
  readonly links: number;
  readonly sessions: number;
  readonly connections: number;
  readonly outbox: number;
  readonly outboxBytes: number;
  readonly inbox: number;
  readonly undelivered: number;
}

const HELP: Readonly<Record<keyof PiotCounters, string>> = {
  received: "Messages that were received.",
  confirmed: "Messages of ours that were confirmed.",
  refused: "Messages of ours that the other node refused.",
  dropped: "Messages of ours that were dropped undelivered.",
  sessions: "Sessions that were active.",
  routed: "Messages that a route has dealt with.",
  routeRetries: "Repetitions of routes that failed.",
  routeFailures: "Messages that a route gave up.",
};

/** As metric families. */
export function piotMetrics(figures: PiotFigures): Metric[] {
  const one = (name: string, help: string, type: Metric["type"], value: number) =>
    single(`agent_piot_${name}`, help, type, value);
  const { counters, links, sessions, connections, outbox, outboxBytes, inbox } = figures;
  const { undelivered } = figures;
  return [
    ...(Object.keys(HELP) as (keyof PiotCounters)[]).map((name) =>
      one(
        `${snake(name)}_total`,
        HELP[name],
        "counter",
        counters[name],
      )
    ),
    one("links", "Links to other nodes.", "gauge", links),
    one("sessions", "Sessions that are active.", "gauge", sessions),
    one("connections", "Connections that are open.", "gauge", connections),
    one("outbox", "Messages that wait to be confirmed.", "gauge", outbox),
    one("outbox_bytes", "Bytes of those.", "gauge", outboxBytes),
    one("inbox", "Messages that nobody has taken yet.", "gauge", inbox),
    one("undelivered", "Notices of undelivered messages.", "gauge", undelivered),
  ];
}
