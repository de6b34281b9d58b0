/**
 * Which streams are being opened, and when the next try is due. It knows two kinds of targets:
 * `connect` addresses, which are tried for ever, and nodes heard on a link, for as long as the link
 * wants them.
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { Address, EndpointId, NodeId } from "./api.ts";

/** First pause after a failure and the longest one, in ms. A partition must heal within seconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;
/** A stream that closes sooner than this after opening counts as a failure. */
const SHORT_LIVED = 5_000;
/** An address that turned out to be this node itself is looked at again after this. */
const SELF_PAUSE = 60_000;
/** An address whose node is a peer by another way is looked at again after this. */
const DUPLICATE_PAUSE = 10_000;
/** Streams being opened at the same time. */
const MOST_DIALLING = 32;

interface Target {
  readonly endpoint: EndpointId;
  readonly address: Address;
  readonly port: number;
  wanted: boolean;
  state: "idle" | "dialling" | "open";
  failures: number;
  notBefore: number;
  openedAt: number;
  /** The node that answered there, once known. */
  node: NodeId | undefined;
}

/** Several processes of one computer have one address; the port tells them apart. */
const keyOf = (endpoint: EndpointId, address: Address, port: number) =>
  `${endpoint}|${port}|${address}`;
/** Of these one is dialled at a time, so that an answer says which one it is about. */
const placeOf = (endpoint: EndpointId, address: Address) => `${endpoint}|${address}`;

/** Opens streams, with back-off. */
export class Dialer {
  readonly #targets = new Map<string, Target>();
  readonly #random: Random;
  readonly #dial: (endpoint: EndpointId, address: Address, port: number) => void;
  readonly #isPeer: (node: NodeId) => boolean;
  /** What is being dialled, by its place. */
  readonly #dialling = new Map<string, Target>();

  /** `isPeer`: whether a node is a peer already, by whatever way. */
  constructor(
    random: Random,
    dial: (endpoint: EndpointId, address: Address, port: number) => void,
    isPeer: (node: NodeId) => boolean,
  ) {
    this.#random = random;
    this.#dial = dial;
    this.#isPeer = isPeer;
  }

  /** Keep a stream to this address, for ever. */
  keep(now: number, endpoint: EndpointId, address: Address): void {
    if (!this.#targets.has(keyOf(endpoint, address, 0))) this.#add(now, endpoint, address, 0);
  }

  /** Open a stream to a node of a link, once the back-off of earlier failures allows it. */
  want(now: number, endpoint: EndpointId, address: Address, port: number): void {
    const target = this.#targets.get(keyOf(endpoint, address, port));
    if (target) target.wanted = true;
    else this.#add(now, endpoint, address, port);
  }

  /** No further tries; an open stream stays. */
  unwant(endpoint: EndpointId, address: Address, port: number): void {
    const target = this.#targets.get(keyOf(endpoint, address, port));
    if (target) target.wanted = false;
  }

  /** Forget an address, or all addresses of an endpoint. */
  forget(endpoint: EndpointId, address?: Address): void {
    for (const [key, target] of this.#targets) {
      if (target.endpoint !== endpoint) continue;
      if (address !== undefined && target.address !== address) continue;
      if (target.state === "dialling") this.#dialling.delete(placeOf(endpoint, target.address));
      this.#targets.delete(key);
    }
  }

  /** How often in a row the address has failed. */
  failures(endpoint: EndpointId, address: Address, port = 0): number {
    return this.#targets.get(keyOf(endpoint, address, port))?.failures ?? 0;
  }

  /** A stream that was dialled is open: the port. `undefined` where it is not wanted any more. */
  opened(now: number, endpoint: EndpointId, address: Address): number | undefined {
    const target = this.#leaveDialling(endpoint, address);
    if (!target) return undefined;
    target.state = "open";
    target.openedAt = now;
    return target.port;
  }

  failed(now: number, endpoint: EndpointId, address: Address): void {
    const target = this.#leaveDialling(endpoint, address);
    if (target) this.#pauseAfterFailure(now, target);
  }

  closed(now: number, endpoint: EndpointId, address: Address, port = 0): void {
    const target = this.#targets.get(keyOf(endpoint, address, port));
    if (target?.state !== "open") return;
    target.state = "idle";
    if (now - target.openedAt < SHORT_LIVED) {
      this.#pauseAfterFailure(now, target);
    } else {
      target.failures = 0;
      target.notBefore = now + this.#random.between(0, FIRST_PAUSE);
    }
  }

  /** The open stream of this address leads to this node itself, or to a peer that we have already. */
  redundant(
    now: number,
    endpoint: EndpointId,
    address: Address,
    node: NodeId | "self",
    port = 0,
  ): void {
    const target = this.#targets.get(keyOf(endpoint, address, port));
    if (!target) return;
    target.state = "idle";
    target.failures = 0;
    target.node = node === "self" ? undefined : node;
    target.notBefore = now + (node === "self" ? SELF_PAUSE : DUPLICATE_PAUSE);
  }

  get nextWake(): number {
    let earliest = Infinity;
    if (this.#dialling.size >= MOST_DIALLING) return earliest;
    for (const target of this.#targets.values()) {
      if (target.state === "idle" && target.wanted && !this.#isBusy(target)) {
        earliest = Math.min(earliest, target.notBefore);
      }
    }
    return earliest;
  }

  /** Dial what is due. */
  wake(now: number): void {
    for (const [key, target] of this.#targets) {
      if (target.state !== "idle" || target.notBefore > now) continue;
      if (!target.wanted) {
        // What is left is the memory of failures; a minute later it means nothing any more.
        if (now - target.notBefore > SELF_PAUSE) this.#targets.delete(key);
        continue;
      }
      if (this.#dialling.size >= MOST_DIALLING) return;
      if (this.#isBusy(target)) continue;
      if (target.node !== undefined && this.#isPeer(target.node)) {
        target.notBefore = now + DUPLICATE_PAUSE;
        continue;
      }
      target.state = "dialling";
      this.#dialling.set(placeOf(target.endpoint, target.address), target);
      this.#dial(target.endpoint, target.address, target.port);
    }
  }

  #add(
    now: number,
    endpoint: EndpointId,
    address: Address,
    port: number,
  ): void {
    this.#targets.set(keyOf(endpoint, address, port), {
      endpoint,
      address,
      port,
      wanted: true,
      state: "idle",
      failures: 0,
      notBefore: now,
      openedAt: 0,
      node: undefined,
    });
  }

  #leaveDialling(endpoint: EndpointId, address: Address): Target | undefined {
    const place = placeOf(endpoint, address);
    const target = this.#dialling.get(place);
    this.#dialling.delete(place);
    return target;
  }

  #isBusy({ endpoint, address }: Target): boolean {
    return this.#dialling.has(placeOf(endpoint, address));
  }

  #pauseAfterFailure(now: number, target: Target): void {
    target.state = "idle";
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(target.failures, 10));
    target.failures++;
    target.notBefore = now + pause * this.#random.between(0.75, 1.25);
  }
}
