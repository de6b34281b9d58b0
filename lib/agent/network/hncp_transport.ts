/**
 * The profile `hncp` on real sockets (RFC 7788 §3, `spec/dncp.md` §14): UDP in the clear, multicast and
 * unicast from one port on every interface, link-local addresses only.
 *
 * On one computer, one program has the links. It also holds `[::1]:PORT`, alone, and serves the
 * others there; who finds that taken becomes a client of it and uses no link. Programs that bind all
 * addresses at once (pysyma, hnetd) take part in this without knowing. When the server has gone, its clients
 * try to take its place.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/mod.ts";
import type { Address, Dncp, DncpTransport, EndpointId } from "../../dncp/mod.ts";
import { type GuestBook, LeafProxy } from "../../leafy/mod.ts";
import {
  formatHostPort,
  type InterfaceInfo,
  isLinkLocal6,
  type MulticastLink,
  newMulticastCounters,
  openMulticastLink,
  openUdp,
  parseHostPort,
  type UdpPort,
} from "../../net/mod.ts";
import { addressOf } from "../../net/address.ts";
import { linkLocal6 } from "../../net/select.ts";
import { equalBytes } from "../../wire/mod.ts";
import { HNCP_GROUP, MAX_DATAGRAM, QUESTION } from "./hncp_wire.ts";
import { LateAnswers } from "./late_answers.ts";
import type { CounterGroup, NetworkTransport, Served, TransportOptions } from "./transport.ts";

const LOCALHOST = "::1";
/** Programs of this computer that are our clients. */
const SERVER_ENDPOINT: EndpointId = 1;
/** The program of this computer whose client we are. */
const CLIENT_ENDPOINT: EndpointId = 2;
/** How often a client tries to become the server, in ms. */
const TAKE_OVER_INTERVAL = 5_000;

/** Answers to it are spread over this time, in ms (Imin / 2), and no more wait at once. */
const ANSWER_SPREAD = 100;
const MOST_ANSWERS = 16;

/** An interface that is to be used, and what is open on it. */
interface Link {
  info: InterfaceInfo;
  socket: MulticastLink | undefined;
}

/** Sockets of one network of profile `hncp`. */
export class HncpTransport implements NetworkTransport, DncpTransport {
  readonly counters: readonly CounterGroup[];
  readonly listen = undefined;
  readonly #options: TransportOptions;
  readonly #udp = newMulticastCounters();
  readonly #counts = { strangers: 0 };
  readonly #port: number;
  readonly #links = new Map<EndpointId, Link>();
  readonly #closing = new Set<Promise<void>>();
  #local: UdpPort | undefined;
  #localEndpoint: EndpointId = SERVER_ENDPOINT;
  readonly #answers = new LateAnswers(ANSWER_SPREAD, MOST_ANSWERS);
  #takeOver: ReturnType<typeof setInterval> | undefined;
  #machine: Dncp | undefined;
  #proxy: LeafProxy | undefined;
  /** The acknowledgement that goes out with the reply that is about to be sent to this address. */
  #ack: { readonly to: Address; readonly tlv: Uint8Array } | undefined;

  constructor(options: TransportOptions) {
    const { name, connect, listen, port } = options.config;
    if (connect.length > 0 || listen !== undefined) {
      throw new AgentError(
        `network "${name}": connect and listen do not go with profile "hncp"; it has no streams`,
        ExitCode.Usage,
      );
    }
    this.#options = options;
    this.#port = port;
    this.counters = [
      { name: "udp", help: "UDP", counts: () => ({ ...this.#udp }) },
      { name: "hncp", help: "HNCP datagrams dropped", counts: () => ({ ...this.#counts }) },
    ];
  }

  get usesLinks(): boolean {
    return this.#localEndpoint === SERVER_ENDPOINT;
  }

  get guestTlvs(): readonly Uint8Array[] {
    return this.#proxy?.tlvs ?? [];
  }

  get guests(): GuestBook | undefined {
    return this.#proxy;
  }

  canUse(info: InterfaceInfo): boolean {
    return info.running && linkLocal6(info) !== undefined;
  }

  start({ machine, own, changed }: Served): void {
    this.#machine = machine;
    this.#proxy = new LeafProxy({
      own,
      shspKey: this.#options.secrets.shspKey,
      onChanged: changed,
    });
    this.#options.scheduler.add(this.#proxy);
    if (!this.#serve()) this.#beClient();
  }

  async stop(): Promise<void> {
    clearInterval(this.#takeOver);
    if (this.#proxy) this.#options.scheduler.remove(this.#proxy);
    for (const link of this.#links.values()) this.#closeSocket(link);
    await Promise.all([this.#local?.close(), ...this.#closing]);
  }

  openLink(endpoint: EndpointId, info: InterfaceInfo): void {
    this.#links.set(endpoint, { info, socket: undefined });
    if (this.usesLinks) this.#useLink(endpoint);
  }

  reopenLink(endpoint: EndpointId, info: InterfaceInfo): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    link.info = info;
    if (!link.socket) return;
    this.#closeSocket(link);
    this.#openSocket(endpoint, link);
  }

  updateLink(endpoint: EndpointId, info: InterfaceInfo): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    link.info = info;
    link.socket?.update(info);
  }

  closeLink(endpoint: EndpointId): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    this.#links.delete(endpoint);
    this.#options.feed((now) => this.#machine?.removeEndpoint(now, endpoint));
    this.#closeSocket(link);
  }

  /** Nothing: a key or a port that changed takes effect at the next start. */
  reload(): void {}

  /** Nothing: ids stand in the datagrams alone. */
  renamed(): void {}

  multicast(endpoint: EndpointId, payload: Uint8Array): void {
    this.#links.get(endpoint)?.socket?.send(payload);
  }

  datagram(endpoint: EndpointId, to: Address, payload: Uint8Array): void {
    const { host, port } = parseHostPort(to, this.#port);
    const bytes = this.#withAck(to, payload);
    if (endpoint === this.#localEndpoint) this.#local?.send(bytes, host, port);
    else this.#links.get(endpoint)?.socket?.sendTo(host, bytes, port);
  }

  // Unicast of this profile is datagrams; no endpoint that it makes asks for a stream.
  dial(): void {}
  write(): boolean {
    return false;
  }
  close(): void {}

  /** Bind `[::1]:PORT`. False where another program has it. */
  #serve(): boolean {
    const { problems, config, feed } = this.#options;
    try {
      this.#local = this.#openLocal(this.#port);
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return false;
      problems.note(
        `${config.name}:local`,
        `network ${config.name}: [${LOCALHOST}]:${this.#port} cannot be opened (${
          messageOf(error)
        }); other programs of this computer cannot take part through this agent`,
      );
    }
    this.#localEndpoint = SERVER_ENDPOINT;
    feed((now) =>
      this.#machine?.addEndpoint(now, { id: SERVER_ENDPOINT, name: "local", mode: "datagram" })
    );
    for (const endpoint of this.#links.keys()) this.#useLink(endpoint);
    return true;
  }

  /** Another program has the port: reach the network through it. */
  #beClient(): void {
    const { config, feed, notice } = this.#options;
    const server = formatHostPort(LOCALHOST, this.#port);
    this.#local = this.#openLocal(0);
    this.#localEndpoint = CLIENT_ENDPOINT;
    notice(
      `network ${config.name}: another program has UDP port ${this.#port}; ` +
        `joining through it, at ${server}`,
    );
    feed((now) =>
      this.#machine?.addEndpoint(now, {
        id: CLIENT_ENDPOINT,
        name: "local",
        mode: "datagram",
        to: server,
      })
    );
    this.#takeOver = setInterval(() => this.#tryToServe(), TAKE_OVER_INTERVAL);
  }

  #tryToServe(): void {
    const before = this.#local;
    if (!this.#serve()) return;
    clearInterval(this.#takeOver);
    this.#options.feed((now) => this.#machine?.removeEndpoint(now, CLIENT_ENDPOINT));
    this.#later(before?.close());
    const { notice, config } = this.#options;
    notice(`network ${config.name}: the program that had UDP port ${this.#port} is gone; using it`);
  }

  #openLocal(port: number): UdpPort {
    return openUdp({
      host: LOCALHOST,
      port,
      maxDatagram: MAX_DATAGRAM,
      counters: this.#udp,
      onDatagram: (bytes, host, port) => {
        if (host !== LOCALHOST) this.#counts.strangers++;
        else this.#unicast(this.#localEndpoint, formatHostPort(host, port), bytes);
      },
      onProblem: (message) => {
        const { problems, config } = this.#options;
        problems.note(`${config.name}:local`, `network ${config.name}: ${message}`);
      },
    });
  }

  #useLink(endpoint: EndpointId): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    this.#openSocket(endpoint, link);
    const { name } = link.info;
    this.#options.feed((now) =>
      this.#machine?.addEndpoint(now, { id: endpoint, name, mode: "multicast+datagram" })
    );
  }

  #openSocket(endpoint: EndpointId, link: Link): void {
    const { problems, config } = this.#options;
    const { info } = link;
    const own = addressOf(linkLocal6(info) ?? "");
    link.socket = openMulticastLink({
      info,
      group6: HNCP_GROUP,
      group4: null,
      port: this.#port,
      maxDatagram: MAX_DATAGRAM,
      counters: this.#udp,
      onDatagram: (bytes, host, { port, multicast }) => {
        // RFC 7788 §3: link-local or nothing. Where it went to, the socket says.
        if (!isLinkLocal6(host)) this.#counts.strangers++;
        // Our own multicast, looped back for the other programs of this computer.
        else if (host === `${own}%${info.name}` && port === link.socket?.ownPort) return;
        else if (!multicast) this.#unicast(endpoint, formatHostPort(host, port), bytes);
        else this.#multicast(endpoint, formatHostPort(host, port), bytes);
      },
      onProblem: (message) => problems.note(`${config.name}:link:${info.name}`, message),
    });
  }

  #closeSocket(link: Link): void {
    const { problems, config } = this.#options;
    problems.clear(`${config.name}:link:${link.info.name}`);
    this.#later(link.socket?.close());
    link.socket = undefined;
  }

  #later(closing: Promise<void> | undefined): void {
    if (!closing) return;
    const gone: Promise<void> = closing.finally(() => this.#closing.delete(gone));
    this.#closing.add(gone);
  }

  #multicast(endpoint: EndpointId, from: Address, payload: Uint8Array): void {
    if (equalBytes(payload, QUESTION)) {
      this.#answerLater(endpoint, from, payload);
      return;
    }
    this.#options.feed((now) => this.#machine?.receiveMulticast(now, endpoint, from, payload));
  }

  /**
   * A leaf looks for a first hop. As shncpd and pysyma do, it is answered by unicast, after a random
   * moment (RFC 7787 §4.4).
   */
  #answerLater(endpoint: EndpointId, from: Address, question: Uint8Array): void {
    this.#answers.give(() => {
      if (this.#links.has(endpoint)) this.#unicast(endpoint, from, question);
    });
  }

  #unicast(endpoint: EndpointId, from: Address, payload: Uint8Array): void {
    const { feed, clock } = this.#options;
    feed((now) => {
      const tlv = this.#proxy?.receive(now, clock.wall(), payload);
      this.#ack = tlv && { to: from, tlv };
      this.#machine?.receiveDatagram(now, endpoint, from, payload);
      // The machine answers every such request; should it ever not, the leaf would ask for nothing.
      this.#ack = undefined;
    });
  }

  /** An acknowledgement goes in front of the network state, behind the Node Endpoint (§16.4). */
  #withAck(to: Address, payload: Uint8Array): Uint8Array {
    if (this.#ack?.to !== to) return payload;
    const { tlv } = this.#ack;
    this.#ack = undefined;
    return LeafProxy.insert(payload, tlv);
  }
}
