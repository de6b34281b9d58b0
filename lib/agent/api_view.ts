/**
 * The agent as the local API sees it: lists and figures made when they are asked for.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode } from "../core/mod.ts";
import type {
  AgentApi,
  Entries,
  InterfaceEvent,
  InterfaceRow,
  Lease,
  LinkRow,
  LsoeEventRow,
  LsoeSessionRow,
  MessagesApi,
  Metric,
  NearbyApi,
  NodeRow,
  PeerRow,
  ProgramApi,
  RingView,
  SetReceipt,
  StateEvent,
  StateQuery,
  StateTree,
  StatusView,
  TasksApi,
  TlvRow,
} from "../http/api.ts";
import { decodeTlvs, tlvName } from "../dncp/mod.ts";
import type { InterfaceInfo } from "../net/mod.ts";
import { MAX_TIME, type StateChange, toStateJson } from "../state/mod.ts";
import { toHex } from "../wire/mod.ts";
import { type InterfaceEvents, interfaceRow } from "./interface_events.ts";
import type { LsoeService } from "./lsoe/lsoe.ts";
import { LINKS_PREFIX, LSOE_ID_KEY } from "./lsoe/entry.ts";
import { cablesOf } from "./lsoe/graph.ts";
import { metricsOf } from "./metrics.ts";
import type { NearbyService } from "./nearby/service.ts";
import { networkNamed } from "./network/named.ts";
import type { Network } from "./network/network.ts";
import type { PiotService } from "./piot/service.ts";
import type { Problems } from "./problems.ts";
import type { RingService } from "./ring/ring.ts";

/** What the view looks at. */
export interface ApiViewOptions {
  readonly name: string;
  readonly version: string;
  readonly clock: Clock;
  readonly networks: readonly Network[];
  readonly problems: Problems;
  readonly interfaces: () => InterfaceInfo[];
  readonly program: ProgramApi;
  readonly interfaceEvents: Pick<InterfaceEvents, "subscribe">;
  readonly lsoe: Pick<LsoeService, "sessions" | "subscribe" | "figures">;
  readonly ring: Pick<RingService, "view" | "figures">;
  readonly piot: Pick<PiotService, "api" | "tasks" | "figures">;
  readonly nearby: NearbyApi & Pick<NearbyService, "figures">;
  /** A machine was told something: its next wake may have moved. */
  readonly touched: () => void;
}

/** Implements what `lib/http` translates. */
export class ApiView implements AgentApi {
  readonly #options: ApiViewOptions;
  readonly #startedAt: number;
  readonly program: ProgramApi;
  readonly messages: MessagesApi;
  readonly tasks: TasksApi;
  readonly nearby: NearbyApi;

  constructor(options: ApiViewOptions) {
    this.program = options.program;
    this.messages = options.piot.api;
    this.tasks = options.piot.tasks;
    this.nearby = options.nearby;
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  status(): StatusView {
    const { name, version, networks, problems } = this.#options;
    return {
      name,
      id: networks[0]?.machine.nodeId ?? "",
      version,
      uptimeSeconds: this.#uptime(),
      networks: networks.map((network) => ({
        name: network.config.name,
        profile: network.config.profile,
        id: network.machine.nodeId,
        nodes: network.view.size,
        peers: network.machine.peers().length,
        consistent: network.machine.consistent,
        networkHash: toHex(network.machine.networkHash(this.#options.clock.now())),
        ...(network.keys[0] && { keyId: network.keys[0].id }),
        ...(network.listen && { listen: network.listen }),
        interfaces: network.interfaces,
        stateBytes: network.own.counts.bytes,
        stateLimitBytes: network.stateLimit,
      })),
      rssBytes: Deno.memoryUsage().rss,
      problems: problems.current(),
    };
  }

  nodes(network?: string): NodeRow[] {
    const now = this.#options.clock.now();
    return this.#chosen(network).flatMap((one) =>
      one.view.nodes().map(({ node, id, self, keys, origination }) => {
        const tlvs = foreignTlvs(one, id);
        return {
          name: node,
          id,
          self,
          network: one.config.name,
          keys,
          ageSeconds: seconds(now - origination),
          ...(tlvs.length > 0 && { tlvs }),
        };
      })
    );
  }

  peers(network?: string): PeerRow[] {
    const now = this.#options.clock.now();
    return this.#chosen(network).flatMap(({ machine, view, config }) =>
      machine.peers().map((peer) => ({
        node: view.names.of(peer.node),
        id: peer.node,
        network: config.name,
        endpoint: peer.endpointName,
        address: peer.address,
        lastContactSeconds: seconds(now - peer.lastContact),
        consistent: peer.consistent,
      }))
    );
  }

  interfaces(): InterfaceRow[] {
    return this.#options.interfaces().map(interfaceRow);
  }

  subscribeInterfaces(listener: (event: InterfaceEvent) => void): () => void {
    return this.#options.interfaceEvents.subscribe(listener);
  }

  links(network?: string): LinkRow[] {
    const { view } = this.#network(network);
    return cablesOf(view.get({ prefix: LINKS_PREFIX, keys: [LSOE_ID_KEY] }));
  }

  lsoeSessions(): LsoeSessionRow[] {
    return this.#options.lsoe.sessions();
  }

  subscribeLsoe(listener: (event: LsoeEventRow) => void): () => void {
    return this.#options.lsoe.subscribe(listener);
  }

  ring(): RingView {
    return this.#options.ring.view();
  }

  state({ network, node, prefix, keys }: StateQuery): StateTree {
    const { view } = this.#network(network);
    const nodes = node === undefined ? undefined : view.names.resolve(node);
    if (prefix !== undefined && keys !== undefined) {
      const either = [
        ...view.get({ ...(nodes && { nodes }), prefix }),
        ...view.get({ ...(nodes && { nodes }), keys }),
      ];
      const tree: StateTree = {};
      for (const [name, entries] of either.map((one) => Object.entries(toStateJson([one]))[0]!)) {
        tree[name] = { ...tree[name], ...entries };
      }
      return tree;
    }
    return toStateJson(view.get({
      ...(nodes && { nodes }),
      ...(prefix !== undefined && { prefix }),
      ...(keys !== undefined && { keys }),
    }));
  }

  partial(network?: string): string[] {
    return this.#network(network).partial();
  }

  set(
    network: string | undefined,
    entries: Entries,
    options: { ttlMs?: number | "default" } = {},
  ): SetReceipt {
    const chosen = this.#network(network);
    const { clock, touched } = this.#options;
    const now = clock.now();
    const wall = clock.wall();
    const writes = Object.entries(entries);
    const ttlMs = options.ttlMs === "default" ? chosen.publishTtl : options.ttlMs;
    checkEnd(wall, ttlMs);
    if (ttlMs === undefined) chosen.own.set(now, wall, writes);
    else chosen.own.setFor(now, wall, writes, ttlMs);
    touched();
    return receipt(chosen, wall, ttlMs);
  }

  unset(network: string | undefined, keys: string[]): string[] {
    const removed = this.#network(network).own.unset(keys);
    this.#options.touched();
    return removed;
  }

  lease(network: string | undefined, entries: Entries, ttlMs?: number): Lease {
    const chosen = this.#network(network);
    const { own } = chosen;
    const { clock, touched } = this.#options;
    let held = new Set(Object.keys(entries));
    checkEnd(clock.wall(), ttlMs);
    const id = own.openLease(clock.now(), clock.wall(), Object.entries(entries), ttlMs);
    touched();
    return {
      id: crypto.randomUUID(),
      receipt: receipt(chosen, clock.wall(), ttlMs),
      update: (next) => {
        const writes: [string, Entries[string]][] = Object.entries(next);
        for (const key of held) if (!Object.hasOwn(next, key)) writes.push([key, null]);
        own.updateLease(clock.now(), clock.wall(), id, writes);
        held = new Set(Object.keys(next));
        touched();
      },
      release: () => {
        own.releaseLease(id);
        touched();
      },
    };
  }

  subscribe(network: string | undefined, listener: (event: StateEvent) => void): () => void {
    return this.#network(network).view.onChange((change) => listener(eventOf(change)));
  }

  metrics(): Metric[] {
    return metricsOf(this.#options.networks, {
      version: this.#options.version,
      uptimeSeconds: this.#uptime(),
      problems: this.#options.problems.total,
      lsoe: this.#options.lsoe.figures(),
      ring: this.#options.ring.figures(),
      piot: this.#options.piot.figures(),
      nearby: this.#options.nearby.figures(),
    });
  }

  #uptime(): number {
    return seconds(this.#options.clock.now() - this.#startedAt);
  }

  #chosen(name: string | undefined): readonly Network[] {
    return name === undefined ? this.#options.networks : [this.#network(name)];
  }

  #network(name: string | undefined): Network {
    return networkNamed(this.#options.networks, name);
  }
}

/** What a node publishes besides entries and what DNCP itself needs. */
function foreignTlvs({ machine, profile, codec }: Network, id: string): TlvRow[] {
  const data = machine.node(id)?.data ?? new Uint8Array(0);
  return decodeTlvs(profile, data).tlvs.flatMap(({ raw: { type, length }, fields }) => {
    if (fields || codec.reads(type)) return [];
    const name = tlvName(profile, type);
    return [{ type, length, ...(name !== undefined && { name }) }];
  });
}

function checkEnd(wall: number, ttlMs = 0): void {
  if (wall + ttlMs < MAX_TIME) return;
  throw new AgentError("this TTL is longer than any date; set it without one", ExitCode.Usage);
}

function receipt({ machine, view }: Network, wall: number, ttlMs?: number): SetReceipt {
  const id = machine.nodeId;
  return {
    node: view.names.of(id),
    id,
    ...(ttlMs !== undefined && {
      until: new Date(wall + ttlMs).toISOString(),
      ttlSeconds: ttlMs / 1000,
    }),
  };
}

function eventOf({ node, key, value, at, event }: StateChange): StateEvent {
  return { node, key, value, at: new Date(at).toISOString(), event };
}

/** Milliseconds as seconds with one digit behind the point. */
function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
