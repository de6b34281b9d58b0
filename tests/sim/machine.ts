/**
 * What the simulator needs of a protocol machine. `Dncp` has this shape; so have the small machines
 * that test the simulator itself.
 *
 * @module
 */
import type { Machine, Random } from "../../lib/core/mod.ts";
import type {
  Address,
  DncpEvents,
  DncpTransport,
  EndpointConfig,
  EndpointId,
  NodeId,
  NodeView,
  StreamId,
} from "../../lib/dncp/api.ts";
import type { NodeContents } from "../../lib/dncp/node_content.ts";
import type { Profile } from "../../lib/dncp/profile.ts";

export interface NodeMachine extends Machine {
  /** Whether all peers said that they have the same network state hash. */
  readonly consistent: boolean;
  addEndpoint(now: number, config: EndpointConfig): void;
  removeEndpoint(now: number, id: EndpointId): void;
  connect(now: number, endpoint: EndpointId, address: Address): void;
  receiveMulticast(
    now: number,
    endpoint: EndpointId,
    from: Address,
    payload: Uint8Array,
  ): void;
  receiveDatagram(now: number, endpoint: EndpointId, from: Address, payload: Uint8Array): void;
  streamOpened(
    now: number,
    stream: { endpoint: EndpointId; stream: StreamId; address: Address; dialled: boolean },
  ): void;
  receiveStream(now: number, stream: StreamId, bytes: Uint8Array): void;
  streamWritable(now: number, stream: StreamId): void;
  streamClosed(now: number, stream: StreamId, reason: string): void;
  dialFailed(now: number, endpoint: EndpointId, address: Address, reason: string): void;
  publish(now: number, tlvs: Uint8Array[]): void;
  networkHash(now: number): Uint8Array;
  nodes(): Iterable<NodeView>;
  node(id: NodeId): NodeView | undefined;
}

/** What a machine is made of. */
export interface MachineOptions {
  readonly profile: Profile;
  readonly nodeId: NodeId;
  /** Last sequence number used; 0: never published. */
  readonly seqno: number;
  readonly random: Random;
  readonly transport: DncpTransport;
  readonly events: Partial<DncpEvents>;
  readonly now: number;
  readonly contents?: NodeContents;
}

export type MachineFactory = (options: MachineOptions) => NodeMachine;
