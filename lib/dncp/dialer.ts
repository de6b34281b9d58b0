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

const keyOf = (endpoint: EndpointId, address: Address) => `${endpoint}|${address}`;

/** Opens streams, with back-off. */
export class Dialer {
  readonly #targets = new Map<string, Target>();
  readonly #random: Random;
  readonly #dial: (endpoint: EndpointId, address: Address, port: number) => void;
  readonly #isPeer: (node: NodeId) => boolean;
  #dialling = 0;

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
    if (this.#targets.has(keyOf(endpoint, address))) return;
    this.#add(now, endpoint, address, 0);
  }

  /** Open a stream to a node of a link, once the back-off of earlier failures allows it. */
  want(now: number, endpoint: EndpointId, address: Address, port: number): void {
    const target = this.#targets.get(keyOf(endpoint, address));
    if (target?.port === port) target.wanted = true;
    else if (!target || target.state === "idle") this.#add(now, endpoint, address, port);
  }

  /** No further tries; an open stream stays. */
  unwant(endpoint: EndpointId, address: Address): void {
    const target = this.#targets.get(keyOf(endpoint, address));
    if (target) target.wanted = false;
  }

  /** Forget an address, or all addresses of an endpoint. */
  forget(endpoint: EndpointId, address?: Address): void {
    for (const [key, target] of this.#targets) {
      if (target.endpoint !== endpoint) continue;
      if (address !== undefined && target.address !== address) continue;
      if (target.state === "dialling") this.#dialling--;
      this.#targets.delete(key);
    }
  }

  /** How often in a row the address has failed. */
  failures(endpoint: EndpointId, address: Address): number {
    return this.#targets.get(keyOf(endpoint, address))?.failures ?? 0;
  }

  /** A stream that was dialled is open. False where it is not wanted any more. */
  opened(now: number, endpoint: EndpointId, address: Address): boolean {
    const target = this.#leaveDialling(endpoint, address);
    if (!target) return false;
    target.state = "open";
    target.openedAt = now;
    return true;
  }

  failed(now: number, endpoint: EndpointId, address: Address): void {
    const target = this.#leaveDialling(endpoint, address);
    if (target) this.#pauseAfterFailure(now, target);
  }

  closed(now: number, endpoint: EndpointId, address: Address): void {
    const target = this.#targets.get(keyOf(endpoint, address));
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
  redundant(now: number, endpoint: EndpointId, address: Address, node: NodeId | "self"): void {
    const target = this.#targets.get(keyOf(endpoint, address));
    if (!target) return;
    target.state = "idle";
    target.failures = 0;
    target.node = node === "self" ? undefined : node;
    target.notBefore = now + (node === "self" ? SELF_PAUSE : DUPLICATE_PAUSE);
  }

  get nextWake(): number {
    let earliest = Infinity;
    if (this.#dialling >= MOST_DIALLING) return earliest;
    for (const target of this.#targets.values()) {
      if (target.state === "idle" && target.wanted) {
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
      if (this.#dialling >= MOST_DIALLING) return;
      if (target.node !== undefined && this.#isPeer(target.node)) {
        target.notBefore = now + DUPLICATE_PAUSE;
        continue;
      }
      target.state = "dialling";
      this.#dialling++;
      this.#dial(target.endpoint, target.address, target.port);
    }
  }

  #add(
    now: number,
    endpoint: EndpointId,
    address: Address,
    port: number,
  ): void {
    this.#targets.set(keyOf(endpoint, address), {
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
    const target = this.#targets.get(keyOf(endpoint, address));
    if (target?.state !== "dialling") return undefined;
    this.#dialling--;
    return target;
  }

  #pauseAfterFailure(now: number, target: Target): void {
    target.state = "idle";
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(target.failures, 10));
    target.failures++;
    target.notBefore = now + pause * this.#random.between(0.75, 1.25);
  }
}
