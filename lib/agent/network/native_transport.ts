/**
 * The native profile on real sockets: sealed multicast on every interface, one listener, and a
 * stream a peer. It carries bytes between the sockets and the DNCP machine and decides nothing
 * that the machine can decide.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { Address, Dncp, EndpointId, NodeId, StreamId } from "../../dncp/mod.ts";
import {
  canCarry,
  dialSecure,
  formatHostPort,
  type InterfaceInfo,
  newStreamCounters,
  parseHostPort,
  Sealer,
  SecureListener,
  type SecureStream,
  type StreamCounters,
  WrongKeyError,
} from "../../net/mod.ts";
import { NativeLinks } from "./native_links.ts";
import { NATIVE_CONTEXT } from "./native_wire.ts";
import type { NetworkKey } from "../../wire/mod.ts";
import type { Endpoint, NetworkConfig } from "../config/config.ts";
import type { NetworkSecrets } from "../keys.ts";
import { atMost } from "../patience.ts";
import { Invites } from "../join/invites.ts";
import { type JoinOffer, serveJoin } from "../join/streams.ts";
import { OpenStreams } from "./open_streams.ts";
import { LeafStreams } from "../leafy/leaf_streams.ts";
import type {
  CounterGroup,
  MessageStreams,
  NetworkTransport,
  Served,
  TransportOptions,
} from "./transport.ts";

/** Endpoint of streams that belong to no interface: `connect` addresses and guests from afar. */
const STREAM_ENDPOINT: EndpointId = 1;
/** Streams taken at once, peers and leafy clients together. */
const MAX_STREAMS = 1_200;
const DIAL_TIMEOUT = 4_000;
/** How long a stop waits for what was written before, in ms. */
const LAST_WORDS = 500;
/** Within this a peer whose stream had an old key is back with another one, or gone. In ms. */
const RENEWAL = 10_000;
/** Sockets of one network of profile `native`. */
export class NativeTransport implements NetworkTransport {
  readonly counters: readonly CounterGroup[];
  readonly usesLinks = true;
  readonly guestTlvs = [];
  readonly streamCounters: StreamCounters = newStreamCounters();
  readonly #sealer: Sealer;
  readonly #options: TransportOptions;
  readonly #network: string;
  readonly #links: NativeLinks;
  readonly #streams = new Map<StreamId, SecureStream>();
  readonly #open = new OpenStreams();
  readonly #abort = new AbortController();
  readonly invites: Invites;
  readonly messages: MessageStreams = {
    taker: undefined,
    dial: (address, signal) =>
      dialSecure({
        ...address,
        keys: this.#keys,
        keyIndex: this.#keyOf.get(address.host) ?? 0,
        purpose: "piot",
        timeoutMs: DIAL_TIMEOUT,
        signal: AbortSignal.any([signal, this.#abort.signal]),
        counters: this.streamCounters,
      }).then((stream) => this.#open.add(stream)),
  };
  #keys: readonly NetworkKey[];
  #connect: readonly Endpoint[];
  /** For addresses that answered to another key than our first: which one. */
  readonly #keyOf = new Map<Address, number>();
  #listener: SecureListener | undefined;
  #machine: Dncp | undefined;
  #leaves: LeafStreams | undefined;
  #lastStream = 0;

  constructor(options: TransportOptions) {
    const { config, secrets, nodeId, epoch, randomBytes } = options;
    this.#options = options;
    this.#network = config.name;
    this.#keys = secrets.keys;
    this.#connect = config.connect;
    this.invites = new Invites({ ...options, network: config.name });
    this.#sealer = new Sealer({
      keys: this.#keys,
      context: NATIVE_CONTEXT,
      sender: nodeId,
      epoch: epoch(),
      randomBytes,
    });
    this.#links = new NativeLinks({
      network: config.name,
      port: config.port,
      sealer: this.#sealer,
      clock: options.clock,
      problems: options.problems,
      keys: () => this.#keys,
      streamPort: () => this.#streamPort,
      received: (endpoint, from, payload, keyIndex) => {
        const foreignKey = keyIndex > 0;
        if (foreignKey) this.#rememberKey(from, keyIndex);
        options.feed((now) =>
          this.#machine?.receiveMulticast(now, endpoint, from, payload, { foreignKey })
        );
      },
    });
    this.counters = [
      { name: "stream", help: "Streams", counts: () => ({ ...this.streamCounters }) },
      { name: "udp", help: "UDP", counts: () => ({ ...this.#links.counters }) },
      { name: "sealed", help: "Sealed multicast", counts: () => ({ ...this.#sealer.counters }) },
    ];
  }

  get listen(): string | undefined {
    const { listen } = this.#options.config;
    return listen && this.#streamPort > 0
      ? formatHostPort(listen.host, this.#streamPort)
      : undefined;
  }

  canUse(info: InterfaceInfo): boolean {
    return canCarry(info);
  }

  /** The TCP port that others dial; 0 where none is open. */
  get #streamPort(): number {
    return this.#listener?.port ?? 0;
  }

  start({ machine, leafy }: Served): void {
    const { clock, touched } = this.#options;
    this.#machine = machine;
    this.#leaves = new LeafStreams(leafy, clock, touched);
    this.#startListening(this.#leaves);
    this.#options.feed((now) => {
      machine.addEndpoint(now, {
        id: STREAM_ENDPOINT,
        name: "connect",
        mode: "stream",
        streamPort: this.#streamPort,
      });
      for (const { host, port } of this.#connect) {
        machine.connect(now, STREAM_ENDPOINT, formatHostPort(host, port));
      }
    });
  }

  #startListening(leaves: LeafStreams): void {
    const { problems, config: { listen } } = this.#options;
    if (!listen) return;
    this.#listener = SecureListener.listen({
      ...listen,
      keys: this.#keys,
      maxStreams: MAX_STREAMS,
      counters: this.streamCounters,
      onFirst: (payload, purpose, remote) =>
        purpose === "leaf" ? leaves.first(payload, remote) : new Uint8Array(0),
      onStream: (stream) => this.#taken(stream),
      invitations: this.invites,
      onProblem: (kind, remote, message) => {
        const host = kind === "half-open-dropped" ? "" : hostOf(remote);
        problems.note(`${this.#network}:${kind}:${host}`, `${remote} ${message}`);
      },
    });
  }

  reload({ connect }: NetworkConfig, { keys }: NetworkSecrets): void {
    this.#keys = keys;
    this.#keyOf.clear();
    this.#sealer.updateKeys(keys);
    this.#listener?.updateKeys(keys);
    for (const stream of this.#open.without(keys)) void this.#renew(stream);
    const addresses = (list: readonly Endpoint[]) =>
      new Set(list.map(({ host, port }) => formatHostPort(host, port)));
    const before = addresses(this.#connect);
    const after = addresses(connect);
    this.#connect = connect;
    this.#options.feed((now) => {
      for (const address of before) {
        if (!after.has(address)) this.#machine?.disconnect(now, STREAM_ENDPOINT, address);
      }
      for (const address of after) {
        if (!before.has(address)) this.#machine?.connect(now, STREAM_ENDPOINT, address);
      }
    });
  }

  /**
   * Ends a stream whose key is not ours any more, or whoever has that key would stay in. Peers that
   * hold one of our keys open another within a moment, and nobody sees them go.
   */
  async #renew(stream: SecureStream): Promise<void> {
    const [id] = [...this.#streams].find(([, one]) => one === stream) ?? [];
    if (id !== undefined) {
      this.#options.feed((now) => this.#machine?.renew(now, id, RENEWAL));
      await this.#flushed([stream]);
    }
    stream.close("its key is no longer in use here");
  }

  renamed(id: NodeId): void {
    this.#sealer.rename(id);
  }

  openLink(endpoint: EndpointId, info: InterfaceInfo): void {
    this.#links.open(endpoint, info);
    this.#options.feed((now) =>
      this.#machine?.addEndpoint(now, {
        id: endpoint,
        name: info.name,
        mode: "multicast+stream",
        streamPort: this.#streamPort,
      })
    );
  }

  reopenLink(endpoint: EndpointId, info: InterfaceInfo): void {
    this.#links.close(endpoint);
    this.#links.open(endpoint, info);
  }

  updateLink(endpoint: EndpointId, info: InterfaceInfo): void {
    this.#links.update(endpoint, info);
  }

  closeLink(endpoint: EndpointId): void {
    this.#options.feed((now) => this.#machine?.removeEndpoint(now, endpoint));
    this.#links.close(endpoint);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#links.closeAll();
    await this.#flushed([...this.#streams.values()]);
    for (const stream of this.#streams.values()) stream.close("this agent stops");
    this.#streams.clear();
    await Promise.all([this.#listener?.close(), this.#links.closed()]);
  }

  /** What was said last is on its way; a peer that does not read is not waited for. */
  async #flushed(streams: readonly SecureStream[]): Promise<void> {
    const busy = streams.filter((stream) => stream.buffered > 0);
    if (busy.length === 0) return;
    await atMost(LAST_WORDS, Promise.all(busy.map((stream) => stream.flushed())));
  }

  multicast(endpoint: EndpointId, payload: Uint8Array): void {
    this.#links.send(endpoint, payload);
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
      this.#open.add(stream);
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

  #dialProblem(address: Address): string {
    return `${this.#network}:dial:${address}`;
  }

  #rememberKey(address: Address, keyIndex: number): void {
    if (this.#keyOf.size >= 1_024) this.#keyOf.clear();
    this.#keyOf.set(address, keyIndex);
  }

  #taken(stream: SecureStream): void {
    this.#open.add(stream);
    if (stream.purpose === "leaf") this.#leaves?.serve(stream);
    else if (stream.purpose === "join") serveJoin(stream, this.invites, () => this.#offer());
    else if (stream.purpose === "piot") {
      if (this.messages.taker) this.messages.taker(stream);
      else stream.close("messages are switched off here");
    } else this.#opened(stream, this.#endpointOf(stream), stream.remote);
  }

  #offer(): JoinOffer {
    const { name, config: { port } } = this.#options;
    return {
      network: this.#network,
      node: name,
      port,
      streamPort: this.#streamPort,
      keys: this.#keys,
    };
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
    return this.#links.between(hostOf(stream.localAddress), hostOf(stream.remote)) ??
      STREAM_ENDPOINT;
  }
}

function hostOf(hostPort: string): string {
  return parseHostPort(hostPort, 0).host;
}
