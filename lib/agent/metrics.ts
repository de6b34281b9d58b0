/**
 * Figures for `/metrics`.
 *
 * @module
 */
import type { Metric, RingView } from "../http/api.ts";
import type { LsoeFigures } from "./lsoe/lsoe.ts";
import { single, snake } from "./metric.ts";
import { type NearbyFigures, nearbyMetrics } from "./nearby/figures.ts";
import type { Network } from "./network/network.ts";
import { type PiotFigures, piotMetrics } from "./piot/figures.ts";

/** What is counted besides the networks. */
export interface AgentFigures {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly problems: number;
  /** Absent where LSOE does not run. */
  readonly lsoe?: LsoeFigures | undefined;
  /** Absent where there is no ring. */
  readonly ring?: RingView | undefined;
  readonly piot?: PiotFigures | undefined;
  /** Absent where it is switched off. */
  readonly nearby?: NearbyFigures | undefined;
}

/** All metric families. Labels: the network's name and nothing that grows. */
export function metricsOf(networks: readonly Network[], agent: AgentFigures): Metric[] {
  const gauge = (name: string, help: string, of: (network: Network) => number): Metric => ({
    name: `agent_${name}`,
    help,
    type: "gauge",
    samples: networks.map((network) => ({
      labels: { network: network.config.name },
      value: of(network),
    })),
  });
  const counters = (
    group: string,
    help: string,
    of: (network: Network) => Readonly<Record<string, number>> | undefined,
  ): Metric[] => {
    const names = new Set(networks.flatMap((network) => Object.keys(of(network) ?? {})));
    return [...names].map((name) => ({
      name: `agent_${group}_${snake(name)}_total`,
      help: `${help}: ${snake(name).replaceAll("_", " ")}.`,
      type: "counter" as const,
      samples: networks.flatMap((network) => {
        const value = of(network)?.[name];
        return value === undefined ? [] : [{ labels: { network: network.config.name }, value }];
      }),
    }));
  };
  const groups = new Map(
    networks.flatMap(({ transport }) => transport.counters).map(({ name, help }) => [name, help]),
  );
  return [
    {
      name: "agent_build_info",
      help: "The version of this agent.",
      type: "gauge",
      samples: [{ labels: { version: agent.version }, value: 1 }],
    },
    single("agent_uptime_seconds", "Time since the start.", "gauge", agent.uptimeSeconds),
    single(
      "agent_resident_memory_bytes",
      "Resident memory.",
      "gauge",
      Deno.memoryUsage().rss,
    ),
    single("agent_problems_total", "Problems noted since the start.", "counter", agent.problems),
    gauge("nodes", "Reachable nodes, this one included.", ({ view }) => view.size),
    gauge("peers", "Peers of this node.", ({ machine }) => machine.peers().length),
    gauge(
      "consistent",
      "1 where all peers tell the same network state.",
      ({ machine }) => machine.consistent ? 1 : 0,
    ),
    gauge("state_bytes", "Bytes of this node's own entries.", ({ own }) => own.counts.bytes),
    gauge("guests", "Leafy guests that publish through this node.", ({ own }) => own.counts.guests),
    gauge("leases", "Open leases of local clients.", ({ own }) => own.counts.leases),
    ...counters("dncp", "DNCP", ({ machine }) => ({ ...machine.counters })),
    ...[...groups].flatMap(([group, help]) =>
      counters(
        group,
        help,
        ({ transport }) => transport.counters.find(({ name }) => name === group)?.counts(),
      )
    ),
    ...(agent.lsoe === undefined ? [] : lsoeMetrics(agent.lsoe)),
    ...(agent.ring === undefined ? [] : ringMetrics(agent.ring)),
    ...(agent.piot === undefined ? [] : piotMetrics(agent.piot)),
    ...(agent.nearby === undefined ? [] : nearbyMetrics(agent.nearby)),
  ];
}

function lsoeMetrics({ counters, sessions, sendErrors, losses, reports }: LsoeFigures): Metric[] {
  const family = (
    name: string,
    help: string,
    type: Metric["type"],
    label: string,
    values: Iterable<[string, number]>,
  ): Metric => ({
    name: `agent_lsoe_${name}`,
    help,
    type,
    samples: Array.from(values, ([key, value]) => ({ labels: { [label]: key }, value })),
  });
  return [
    ...Object.entries(counters).map(([name, value]) => {
      const words = snake(name);
      const help = `LSOE: ${words.replaceAll("_", " ")}.`;
      return single(`agent_lsoe_${words}_total`, help, "counter", value);
    }),
    family("sessions", "LSOE sessions, by state.", "gauge", "state", Object.entries(sessions)),
    family(
      "receive_losses_total",
      "LSOE frames that came and were not read: dropped by the kernel as the agent was slow, too long," +
        " or an error of the interface.",
      "counter",
      "cause",
      [
        ["dropped", losses.dropped],
        ["truncated", losses.truncated],
        ["interface", losses.receiveErrors],
      ],
    ),
    ...(sendErrors.size === 0 ? [] : [family(
      "send_errors_total",
      "LSOE PDUs that could not be sent, by the kernel's word.",
      "counter",
      "error",
      sendErrors,
    )]),
    ...(reports === undefined ? [] : [family(
      "reports_total",
      "Northbound LSOE reports, by what became of them.",
      "counter",
      "outcome",
      Object.entries(reports),
    )]),
  ];
}

function ringMetrics(ring: RingView): Metric[] {
  const total = (name: string, help: string, value: number) =>
    single(`agent_ring_${name}_total`, help, "counter", value);
  const { fromClients, fromServers, logged, rerouted, refused, lost, noLink, logLinesLost } = ring;
  return [
    total("client_messages", "Ring: messages of clients.", fromClients),
    total("server_messages", "Ring: copies from other servers.", fromServers),
    total("logged", "Ring: messages handed to the logs.", logged),
    total("rerouted", "Ring: copies that went round a missing member.", rerouted),
    total("refused", "Ring: bad lines and refused connections.", refused),
    total("lost", "Ring: copies without OK when their connection ended.", lost),
    total("no_link", "Ring: copies that were due without a connection.", noLink),
    total("log_lines_lost", "Ring: lines that could not be written.", logLinesLost),
    single("agent_ring_clients", "Ring: clients that are connected.", "gauge", ring.clients),
    single(
      "agent_ring_members_up",
      "Ring: other servers that copies are sent to.",
      "gauge",
      ring.members.filter(({ state }) => state === "up").length,
    ),
  ];
}
