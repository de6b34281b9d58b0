/**
 * Figures of networkzero, for `/metrics`.
 *
 * @module
 */
import type { Metric } from "../../http/api.ts";
import { single, snake } from "../metric.ts";

export interface NearbyFigures {
  readonly counters: Readonly<Record<string, number>>;
  /** Services that this node advertises, and all that it knows. */
  readonly own: number;
  readonly known: number;
}

const HELP: Readonly<Record<string, string>> = {
  advertsSent: "Adverts that were sent.",
  advertsReceived: "Adverts that were taken, those of this computer included.",
  oversized: "Adverts that were longer than 256 octets.",
  malformed: "Datagrams that were no adverts.",
  badAddress: "Adverts whose address is none.",
  refused: "Adverts of a name too many.",
  rpcRequests: "Requests of programs of this computer.",
  rpcRefused: "Requests of those that could not be understood or met.",
};

/** As metric families. */
export function nearbyMetrics({ counters, own, known }: NearbyFigures): Metric[] {
  const one = (name: string, help: string, type: Metric["type"], value: number) =>
    single(`agent_nearby_${name}`, help, type, value);
  return [
    ...Object.entries(HELP).map(([name, help]) =>
      one(
        `${snake(name)}_total`,
        help,
        "counter",
        counters[name] ?? 0,
      )
    ),
    one("advertised", "Services that this node advertises.", "gauge", own),
    one("known", "Services that are known.", "gauge", known),
  ];
}
