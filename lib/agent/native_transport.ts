/**
 * The native profile on real sockets: sealed multicast on every interface, one listener, and a
 * stream a peer. It carries bytes between the sockets and the DNCP machine and decides nothing
 * that the machine can decide.
 *
 * @module
 */
import { messageOf } from "../core/mod.ts";
import type { Address, Dncp, DncpTransport, EndpointId, StreamId } from "../dncp/mod.ts";
import {
  addressOf,
  dialSecure,
  inSubnet4,
  type InterfaceInfo,
  isLinkLocal6,
  newStreamCounters,
  openMulticastLink,
  parseHostPort,
  SealedMulticast,
  Sealer,
  SecureListener,
  type SecureStream,
  type StreamCounters,
  WrongKeyError,
} from "../net/mod.ts";
import { decodeDiscovery, encodeDiscovery } from "../leafy/mod.ts";
import { NATIVE_CONTEXT } from "./native_wire.ts";
import type { NetworkKey } from "../wire/mod.ts";
import type { Feed } from "./feed.ts";
import type { LeafStreams } from "./leaf_streams.ts";
import type { Problems } from "./problems.ts";

/** Endpoint of streams that belong to no interface: `connect` addresses and guests from afar. */
export const STREAM_ENDPOINT: EndpointId = 1;
/** Streams taken at once, peers and leafy clients together. */
const MAX_STREAMS = 1_200;
const DIAL_TIMEOUT = 4_000;
/** Answers to multicast queries are spread over this time, in ms, and no more wait at once. */
const ANSWER_SPREAD = 20;
const MOST_ANSWERS = 64;

/** What the transport is made of. */
export interface NativeTransportOptions {
  readonly network: string;
  readonly keys: readonly NetworkKey[];
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** UDP port of the multicast group. */
  readonly multicastPort: number;
  readonly nodeId: string;
  readonly epoch: number;
  readonly feed: Feed;
  readonly problems: Problems;
  readonly randomBytes: (length: number) => Uint8Array;
}

interface OpenLink {
  info: InterfaceInfo;
  multicast: SealedMulticast;
}

/** Sockets of one network. */
export class NativeTransport implements DncpTransport {
  readonly streamCounters: StreamCounters = newStreamCounters();
  readonly sealer: Sealer;
  readonly #options: NativeTransportOptions;
  readonly #links = new Map<EndpointId, OpenLink>();
  readonly #streams = new Map<StreamId, SecureStream>();
  readonly #closing = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #keys: readonly NetworkKey[];
  /** For addresses that answered to another key than our first: which one. */
  readonly #keyOf = new Map<Address, number>();
  #listener: SecureListener | undefined;
  #machine: Dncp | undefined;
  #leaves: LeafStreams | undefined;
  #lastStream = 0;
  #answers = 0;

  constructor(options: NativeTransportOptions) {
    this.#options = options;
    this.#keys = options.keys;
    this.sealer = new Sealer({
      keys: options.keys,
      context: NATIVE_CONTEXT,
      sender: options.nodeId,
      epoch: options.epoch,
      randomBytes: options.randomBytes,
    });
  }

  /** The TCP port that others dial; 0 where none is open. */
  get streamPort(): number {
    return this.#listener?.port ?? 0;
  }

  /**
   * Begin to listen and to serve.
   * @throws {AgentError} with exit code 4 where the port cannot be had.
   */
  start(machine: Dncp, leaves: LeafStreams): void {
    this.#machine = machine;
    this.#leaves = leaves;
    const { listen, problems, network } = this.#options;
    if (!listen) return;
    this.#listener = SecureListener.listen({
      ...listen,
      keys: this.#keys,
      maxStreams: MAX_STREAMS,
      counters: this.streamCounters,
      onFirst: (payload, purpose, remote) =>
        purpose === "leaf" ? leaves.first(payload, remote) : new Uint8Array(0),
      onStream: (stream) => this.#taken(stream),
      onProblem: (kind, remote, message) => {
        const host = kind === "half-open-dropped" ? "" : hostOf(remote);
        problems.note(`${network}:${kind}:${host}`, `${remote} ${message}`);
      },
    });
  }

  /** Keys were changed in the config; open streams stay. */
  updateKeys(keys: readonly NetworkKey[]): void {
    this.#keys = keys;
    this.#keyOf.clear();
    this.sealer.updateKeys(keys);
    this.#listener?.updateKeys(keys);
  }

  /** Open multicast on an interface, or open it anew after its addresses changed. */
  openLink(endpoint: EndpointId, info: InterfaceInfo): void {
    this.closeLink(endpoint);
    const { feed, problems, network, multicastPort } = this.#options;
    const multicast = new SealedMulticast(this.sealer, {
      onPayload: (payload, from, { keyIndex }) => {
        const question = decodeDiscovery(payload);
        if (question) {
          if (question.type === "query") this.#answerLater(endpoint, from, question.port);
          return;
        }
        const foreignKey = keyIndex > 0;
        if (foreignKey) this.#rememberKey(from, keyIndex);
        feed((now) =>
          this.#machine?.receiveMulticast(now, endpoint, from, payload, { foreignKey })
        );
      },
      onWrongKey: (from, keyId) => {
        const ours = this.#keys.map((key) => key.id).join(", ");
        problems.note(
          `${network}:wrong-key:${from}`,
          `${from} on ${info.name} is heard, but with another key (theirs ${keyId}, ours ${ours}); ` +
            "give both the same key file to join them",
        );
      },
    }, (onDatagram) =>
      openMulticastLink({
        info,
        port: multicastPort,
        onDatagram,
        onProblem: (message) => problems.note(`${network}:link:${info.name}`, message),
      }));
    this.#links.set(endpoint, { info, multicast });
  }

  closeLink(endpoint: EndpointId): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    this.#links.delete(endpoint);
    const gone: Promise<void> = link.multicast.close().finally(() => this.#closing.delete(gone));
    this.#closing.add(gone);
  }

  /** Close everything. The machine is not told. */
  async stop(): Promise<void> {
    this.#abort.abort();
    for (const endpoint of [...this.#links.keys()]) this.closeLink(endpoint);
    for (const stream of this.#streams.values()) stream.close("this agent stops");
    this.#streams.clear();
    await Promise.all([this.#listener?.close(), ...this.#closing]);
  }

  multicast(endpoint: EndpointId, payload: Uint8Array): void {
    this.#links.get(endpoint)?.multicast.send(payload);
  }

  /** Nothing: unicast of the native profile is streams. */
  datagram(): void {}

  dial(endpoint: EndpointId, address: Address, port: number): void {
    const target = port > 0 ? { host: address, port } : parseHostPort(address, 0);
    dialSecure({
      ...target,
      keys: this.#keys,
      keyIndex: this.#keyOf.get(address) ?? 0,
      purpose: "node",
      timeoutMs: DIAL_TIMEOUT,
      signal: this.#abort.signal,
      counters: this.streamCounters,
    }).then((stream) => {
      this.#options.problems.clear(this.#dialProblem(address));
      if (stream.keyIndex > 0) this.#rememberKey(address, stream.keyIndex);
      this.#opened(stream, endpoint, address);
    }, (error) => {
      if (this.#abort.signal.aborted) return;
      // Nodes of a link come and go; only an address that a person wrote down is worth a word.
      if (endpoint === STREAM_ENDPOINT || error instanceof WrongKeyError) {
        this.#options.problems.note(this.#dialProblem(address), messageOf(error));
      }
      this.#options.feed((now) =>
        this.#machine?.dialFailed(now, endpoint, address, messageOf(error))
      );
    });
  }

  write(stream: StreamId, payload: Uint8Array): boolean {
    return this.#streams.get(stream)?.write(payload) ?? false;
  }

  close(stream: StreamId, reason: string): void {
    const open = this.#streams.get(stream);
    this.#streams.delete(stream);
    open?.close(reason);
  }

  /** After a random moment, so that not all nodes of a link answer at once. */
  #answerLater(endpoint: EndpointId, from: Address, port: number): void {
    if (this.streamPort === 0 || this.#answers >= MOST_ANSWERS) return;
    this.#answers++;
    setTimeout(() => {
      this.#answers--;
      const here = encodeDiscovery({ type: "here", port: this.streamPort });
      this.#links.get(endpoint)?.multicast.sendTo(from, here, port);
    }, Math.random() * ANSWER_SPREAD);
  }

  #dialProblem(address: Address): string {
    return `${this.#options.network}:dial:${address}`;
  }

  #rememberKey(address: Address, keyIndex: number): void {
    if (this.#keyOf.size >= 1_024) this.#keyOf.clear();
    this.#keyOf.set(address, keyIndex);
  }

  #taken(stream: SecureStream): void {
    if (stream.purpose === "leaf") this.#leaves?.serve(stream);
    else this.#opened(stream, this.#endpointOf(stream), stream.remote);
  }

  #opened(stream: SecureStream, endpoint: EndpointId, address: Address): void {
    const { feed } = this.#options;
    const id = ++this.#lastStream;
    this.#streams.set(id, stream);
    stream.onClosed((reason) => {
      if (!this.#streams.delete(id)) return;
      feed((now) => this.#machine?.streamClosed(now, id, reason));
    });
    stream.onWritable(() => feed((now) => this.#machine?.streamWritable(now, id)));
    stream.onData((bytes) => feed((now) => this.#machine?.receiveStream(now, id, bytes)));
    feed((now) =>
      this.#machine?.streamOpened(now, { endpoint, stream: id, address, dialled: stream.dialled })
    );
  }

  /** The link that a taken stream came over, if both ends are on it; else the stream endpoint. */
  #endpointOf(stream: SecureStream): EndpointId {
    const local = hostOf(stream.localAddress);
    const remote = hostOf(stream.remote);
    for (const [endpoint, { info }] of this.#links) {
      const own = info.addresses.find((cidr) => addressOf(cidr) === local.split("%")[0]);
      if (own && (isLinkLocal6(remote) || inSubnet4(remote, own))) return endpoint;
    }
    return STREAM_ENDPOINT;
  }
}

function hostOf(hostPort: string): string {
  return parseHostPort(hostPort, 0).host;
}
