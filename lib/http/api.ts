/**
 * What the agent hands to the local API, and the JSON that scripts may rely on (`docs/api.md`).
 *
 * The composition root implements {@linkcode AgentApi}; this floor only translates it to HTTP. In
 * every call an absent `network` means the first network of the config.
 *
 * @module
 */
import type { JsonValue } from "./json.ts";
import type { MessagesApi } from "./messages_api.ts";
import type { NearbyApi } from "./nearby_api.ts";
import type { ProgramApi } from "./program_api.ts";
import type { RingView } from "./ring_api.ts";
import type { TasksApi } from "./tasks_api.ts";

export type * from "./json.ts";
export type * from "./messages_api.ts";
export type * from "./nearby_api.ts";
export type * from "./program_api.ts";
export type * from "./ring_api.ts";
export type * from "./tasks_api.ts";

/** Keys and values of one node, before they have a time. */
export type Entries = Record<string, JsonValue>;

/** One entry of the shared state. */
export interface StateEntry {
  value: JsonValue;
  /** When it changed last, as its node says: ISO 8601, UTC. */
  at: string;
}

/**
 * `{NODE: {KEY: {value, at}}}`. NODE is the name that the node is shown under: its own, with the
 * beginning of its id behind it (`pi~ab12`) where several tell the same; or its id where it tells none.
 */
export type StateTree = Record<string, Record<string, StateEntry>>;

/** Which entries are wanted. What is absent does not restrict. */
export interface StateQuery {
  network?: string;
  /** A node's name or id. */
  node?: string;
  /** Keys that begin with this text. */
  prefix?: string;
  /** Exactly these keys; together with `prefix`: either. */
  keys?: string[];
}

/** One change, as `watch` shows it. */
export interface StateEvent {
  node: string;
  key: string;
  /** The new value; null for `unset` and `lost`. */
  value: JsonValue;
  at: string;
  /** `lost`: its node is no longer reachable. */
  event: "set" | "unset" | "lost";
}

/** Who holds entries now, and for how long. */
export interface SetReceipt {
  /** Name of the node that publishes them. */
  node: string;
  /** Its id. */
  id: string;
  /** ISO 8601, only where a TTL was given. */
  until?: string;
  ttlSeconds?: number;
}

/** Entries that live as long as their client. */
export interface Lease {
  /** For later updates: hard to guess, never used again. */
  readonly id: string;
  readonly receipt: SetReceipt;
  /** Replaces all entries of this lease. Throws AgentError where there is no room. */
  update(entries: Entries): void;
  /** Removes its entries. Further calls do nothing. */
  release(): void;
}

/** A network of `status`. */
export interface NetworkStatus {
  name: string;
  profile: "native" | "hncp";
  /** This node's id in it. */
  id: string;
  /** Reachable nodes, this one included. */
  nodes: number;
  peers: number;
  /** Whether all peers last told the same network state as ours. */
  consistent: boolean;
  networkHash: string;
  /** Which key seals, so that two Pis can be compared; absent where nothing is sealed. */
  keyId?: string;
  /** TCP address that others dial, absent where none. */
  listen?: string;
  interfaces: string[];
  /** Bytes of node data that this node publishes, and its limit. */
  stateBytes: number;
  stateLimitBytes: number;
}

/** `status --json`. */
export interface StatusView {
  name: string;
  id: string;
  version: string;
  uptimeSeconds: number;
  networks: NetworkStatus[];
  rssBytes: number;
  /** What a person should look at, one line each: `192.168.1.7 on eth0 sends with another key`. */
  problems: string[];
}

/** `nodes --json`, one element. */
export interface NodeRow {
  name: string;
  id: string;
  self: boolean;
  network: string;
  /** Number of its entries. */
  keys: number;
  /** Since its state was last published. */
  ageSeconds: number;
  /** What it publishes besides entries, where there is any: kept and passed on as it came. */
  tlvs?: TlvRow[];
}

/** A TLV of a node's data that this agent gives no meaning. */
export interface TlvRow {
  type: number;
  /** Bytes of its value. */
  length: number;
  /** Where the type is known. */
  name?: string;
}

/** `peers --json`, one element. */
export interface PeerRow {
  /** The name that the node at the other end is shown under. */
  node: string;
  id: string;
  network: string;
  /** The endpoint that it was met on: an interface's name, or `connect`. */
  endpoint: string;
  address: string;
  lastContactSeconds: number;
  consistent: boolean;
}

/** `interfaces --json`, one element. */
export interface InterfaceRow {
  name: string;
  index: number;
  mac: string;
  up: boolean;
  running: boolean;
  mtu: number;
  /** `192.0.2.1/24`. */
  addresses: string[];
}

/** A change of an interface; `present` tells what was there at the start. */
export interface InterfaceEvent extends InterfaceRow {
  event: "present" | "added" | "changed" | "removed";
  at: string;
}

/** One end of a cable. */
export interface LinkEnd {
  /** Name of the node; null where it is no node of the network. */
  node: string | null;
  /** Null where the end does not tell. */
  interface: string | null;
  mac: string;
  /** `192.0.2.1/24`. */
  addresses: string[];
  /** Its LSOE id, ten hex pairs joined by `:`; empty where it is not known. */
  id: string;
}

/** `links --json`, one element: a cable, each once. */
export interface LinkRow {
  a: LinkEnd;
  b: LinkEnd;
  /** `half`: only one end reports it. */
  state: "open" | "half";
  /** False where an end reports that nothing is plugged in there. */
  carrier: boolean;
}

/** Labels that a peer announced for one of its addresses. */
export interface LabelRow {
  prefix: string;
  /** Label values of 20 bits, outermost first. */
  labels: number[];
}

/** `lsoe sessions --json`, one element. */
export interface LsoeSessionRow {
  interface: string;
  peerMac: string;
  /** Ten hex pairs joined by `:`; empty while it is not known. */
  peerId: string;
  /** Name of the peer, where it is a node of a network that we are in. */
  peerNode: string | null;
  state: "opening" | "half" | "open";
  sinceSeconds: number;
  /** What the peer announced. */
  addresses: string[];
  labels: LabelRow[];
  /** It fell silent, and what it announced is kept (`keep-state-on-timeout`). */
  stale: boolean;
  /** False where our interface has no carrier: the cable is out, and the session waits for it. */
  carrier: boolean;
}

/** What happens on the cables: `lsoe watch --json`, one line. Fields that do not apply are absent. */
export interface LsoeEventRow {
  at: string;
  /**
   * `present`: a session that is there at the start. `link…`: both ends have an address in one subnet.
   * `noCarrier`, `carrier`: the cable of a session was pulled, and is back.
   */
  event:
    | "present"
    | "opened"
    | "closed"
    | "learned"
    | "linkUp"
    | "linkChange"
    | "linkDown"
    | "macMoved"
    | "error"
    | "hopeless"
    | "rejected"
    | "listCut"
    | "noCarrier"
    | "carrier";
  interface?: string;
  peerMac?: string;
  peerId?: string;
  peerNode?: string | null;
  /** Of `closed` and `rejected` (frames not taken): why. Of `error`: what the acknowledgement says. */
  reason?: string;
  /** Of `error`: who sent it. */
  direction?: "received" | "sent";
  /** Of `present`: false where its cable is out. */
  carrier?: false;
  /** Of `present` and `learned`: all that the peer announces now. */
  addresses?: string[];
  labels?: LabelRow[];
  /** Of `link…`: pairs of addresses in one subnet. */
  pairs?: { local: string; remote: string }[];
  /** Of `macMoved`: interfaces. */
  from?: string;
  to?: string;
}

/** One metric family in the sense of Prometheus. */
export interface Metric {
  /** `agent_…` in base units; a counter ends in `_total`. */
  name: string;
  help: string;
  type: "counter" | "gauge";
  samples: MetricSample[];
}

export interface MetricSample {
  /** Few and bounded: never a key or an address. */
  labels?: Record<string, string>;
  value: number;
}

/**
 * The agent as the local API sees it. Calls throw AgentError, whose message goes to the client as it
 * is: exit code 1 for an unknown network, 2 for a bad key or value, 4 for no room.
 */
export interface AgentApi {
  readonly program: ProgramApi;
  readonly messages: MessagesApi;
  readonly tasks: TasksApi;
  readonly nearby: NearbyApi;
  status(): StatusView;
  nodes(network?: string): NodeRow[];
  peers(network?: string): PeerRow[];
  interfaces(): InterfaceRow[];
  /** A copy of what is known now; nodes without a wanted entry are left out. */
  state(query: StateQuery): StateTree;
  /** Why the picture may be partial, for people; empty where it is whole. */
  partial(network?: string): string[];
  /**
   * Sets all entries or none. With a TTL they vanish when it ends, and are not kept over a restart;
   * `default` stands for the network's `publish_ttl`.
   */
  set(
    network: string | undefined,
    entries: Entries,
    options?: { ttlMs?: number | "default" },
  ): SetReceipt | Promise<SetReceipt>;
  /** Removes those keys that this node has set; answers which they were. */
  unset(network: string | undefined, keys: string[]): string[] | Promise<string[]>;
  /** Entries that live until the lease is released or its TTL ends, whichever is first. */
  lease(network: string | undefined, entries: Entries, ttlMs?: number): Lease;
  /**
   * Calls `listener` at each change, in order, from the moment of the call on and never during it.
   * So {@linkcode AgentApi.state} in the same turn is the exact state before the first change.
   */
  subscribe(network: string | undefined, listener: (event: StateEvent) => void): () => void;
  /** As {@linkcode AgentApi.subscribe}: {@linkcode AgentApi.interfaces} is the state before. */
  subscribeInterfaces(listener: (event: InterfaceEvent) => void): () => void;
  /** All cables that any node of the network reports. */
  links(network?: string): LinkRow[];
  /** Throws AgentError with code 1 where LSOE is switched off, and 4 where it may not run. */
  lsoeSessions(): LsoeSessionRow[];
  /** As {@linkcode AgentApi.subscribe}; throws as {@linkcode AgentApi.lsoeSessions}. */
  subscribeLsoe(listener: (event: LsoeEventRow) => void): () => void;
  /** Throws AgentError with code 1 where the ring is switched off, and 4 where it may not run. */
  ring(): RingView;
  metrics(): Metric[];
}
