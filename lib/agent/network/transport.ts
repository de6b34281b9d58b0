/**
 * What carries a network's bytes, as the rest of the network sees it. One implementation a profile:
 * `native_transport.ts`, `hncp_transport.ts`.
 *
 * @module
 */
import type { Clock, Scheduler } from "../../core/mod.ts";
import type { Dncp, DncpTransport, EndpointId, NodeId } from "../../dncp/mod.ts";
import type { GuestBook, LeafyServer } from "../../leafy/mod.ts";
import type { HostPort, InterfaceInfo, SecureStream } from "../../net/mod.ts";
import type { OwnDictionary } from "../../state/mod.ts";
import type { NetworkConfig } from "../config/config.ts";
import type { Feed } from "./feed.ts";
import type { Invites } from "../join/invites.ts";
import type { NetworkSecrets } from "../keys.ts";
import type { Problems } from "../problems.ts";

/** Endpoint ids up to this one belong to the transport itself; those of interfaces are above. */
const OWN_ENDPOINTS: EndpointId = 2;

/** The endpoint of an interface. The kernel does not use an index again soon. */
export function linkEndpoint({ index }: InterfaceInfo): EndpointId {
  return OWN_ENDPOINTS + index;
}

/** What a transport is made of. */
export interface TransportOptions {
  /** The name of this node. */
  readonly name: string;
  readonly config: NetworkConfig;
  readonly secrets: NetworkSecrets;
  readonly nodeId: NodeId;
  /** Number of this start of the process; each call counts as one. */
  readonly epoch: () => number;
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, "add" | "remove">;
  readonly feed: Feed;
  /** A machine was told something: its next wake may have moved. */
  readonly touched: () => void;
  readonly problems: Problems;
  /** One line for people, not a problem. */
  readonly notice: (line: string) => void;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Whom a transport serves. */
export interface Served {
  readonly machine: Dncp;
  readonly leafy: LeafyServer;
  readonly own: OwnDictionary;
  /** What guests publish besides entries changed: publish anew. */
  readonly changed: () => void;
}

/** Streams for messages (PIoT), beside those of peers. */
export interface MessageStreams {
  /** Who gets the streams that others open; while there is nobody, they are closed. */
  taker: ((stream: SecureStream) => void) | undefined;
  /** @throws {AgentError} where there is no stream. */
  dial(address: HostPort, signal: AbortSignal): Promise<SecureStream>;
}

/** Counts since start, for `/metrics`: `agent_NAME_COUNT_total`. */
export interface CounterGroup {
  readonly name: string;
  readonly help: string;
  readonly counts: () => Readonly<Record<string, number>>;
}

/** Sockets of one network. It tells the machine of the endpoints that they make. */
export interface NetworkTransport extends DncpTransport {
  readonly counters: readonly CounterGroup[];
  /** `HOST:PORT` that others dial; `undefined` where nobody can. */
  readonly listen: string | undefined;
  /** Whether the links that were opened are in use; otherwise another program of this computer has them. */
  readonly usesLinks: boolean;
  /** TLVs of guests that are no entries, to be published with the own ones. */
  readonly guestTlvs: readonly Uint8Array[];
  /** Once it has started, where its guests are not those of {@linkcode Served.leafy}. */
  readonly guests?: GuestBook | undefined;
  /** Where the network has a key to give out. */
  readonly invites?: Invites;
  /** Where the network has sealed streams. */
  readonly messages?: MessageStreams;
  /** Whether an endpoint can run on the interface now. */
  canUse(info: InterfaceInfo): boolean;
  /**
   * Begin to listen and to serve.
   * @throws {AgentError} with exit code 4 where the port cannot be had.
   */
  start(served: Served): void;
  /** Close everything. The machine is not told. */
  stop(): Promise<void>;
  /** Use an interface. */
  openLink(endpoint: EndpointId, info: InterfaceInfo): void;
  /** What its sockets are bound to changed. */
  reopenLink(endpoint: EndpointId, info: InterfaceInfo): void;
  /** Something else about it changed. */
  updateLink(endpoint: EndpointId, info: InterfaceInfo): void;
  /** Use it no longer. */
  closeLink(endpoint: EndpointId): void;
  /** The config was read again: keys, and addresses to connect to. */
  reload(config: NetworkConfig, secrets: NetworkSecrets): void;
  /** This node has a new id. */
  renamed(id: NodeId): void;
}
