/**
 * Cables, switches and radio: what carries bytes between the nodes of a simulated world, and how
 * badly. A link with two attachments is a cable, with more it is a shared link.
 *
 * @module
 */
import type { Random } from "../../lib/core/mod.ts";
import type { SimEndpoint, SimNode } from "./node.ts";

/** How a link treats each packet, drawn anew for each packet and receiver. Times in milliseconds. */
export interface LinkConditions {
  /** One way. */
  readonly delay: number;
  /** Added to the delay: uniformly 0 … jitter. */
  readonly jitter: number;
  /** Probability that a packet is lost. */
  readonly loss: number;
  /** Probability that a datagram arrives a second time, after a delay of its own. */
  readonly duplicate: number;
  /** Probability that a datagram is held back by up to twice the usual delay, so others overtake. */
  readonly reorder: number;
  /** Bytes a millisecond out of each attachment; `Infinity` for no limit. */
  readonly bandwidth: number;
}

/** A good cable: 10 ms, nothing lost. */
export const goodLink: LinkConditions = {
  delay: 10,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  bandwidth: Infinity,
};

/** Datagrams that would wait longer than this for a slow link are dropped, in ms. */
const EGRESS_QUEUE = 200;

export class Link {
  readonly index: number;
  conditions: LinkConditions;
  up = true;
  readonly attachments: Attachment[] = [];

  constructor(index: number, conditions: LinkConditions) {
    this.index = index;
    this.conditions = conditions;
  }

  /** Whether all copies of a datagram arrive after the same delay, so that one event serves all. */
  get uniform(): boolean {
    const { jitter, duplicate, reorder } = this.conditions;
    return jitter === 0 && duplicate === 0 && reorder === 0;
  }

  /** One packet's way, in ms. */
  delayOf(random: Random): number {
    const { delay, jitter, reorder } = this.conditions;
    let ms = delay;
    if (jitter > 0) ms += random.unit() * jitter;
    if (reorder > 0 && random.chance(reorder)) ms += random.unit() * 2 * (delay + jitter);
    return ms;
  }

  isLost(random: Random): boolean {
    const { loss } = this.conditions;
    return loss > 0 && random.chance(loss);
  }
}

/** Where an endpoint of a node is plugged into a link. */
export class Attachment {
  readonly node: SimNode;
  readonly endpoint: SimEndpoint;
  link: Link;
  /** Unique in the world: `n3.0`. */
  readonly host: string;
  /** Source of its datagrams, and what others dial: `n3.0:8331`. */
  readonly address: string;
  /** False: the interface is down. */
  up = true;
  /** Only attachments of the same group hear each other: a partition gives groups. */
  group = 0;
  /** Sends, but hears nothing: a broken receiver. */
  deaf = false;
  #busyUntil = 0;

  constructor(node: SimNode, endpoint: SimEndpoint, link: Link, host: string, port: number) {
    this.node = node;
    this.endpoint = endpoint;
    this.link = link;
    this.host = host;
    this.address = `${host}:${port}`;
    link.attachments.push(this);
  }

  /** Whether a packet would get through if none were lost. */
  reaches(to: Attachment): boolean {
    const { link } = this;
    return link === to.link && link.up && this.up && to.up && this.group === to.group &&
      !to.deaf && to.node.powered;
  }

  /** When a packet that is handed over now has left, on a link of limited bandwidth. */
  departure(now: number, bytes: number): number {
    const { bandwidth } = this.link.conditions;
    if (bandwidth === Infinity) return now;
    this.#busyUntil = Math.max(now, this.#busyUntil) + bytes / bandwidth;
    return this.#busyUntil;
  }

  /** The same for datagrams; `undefined` where the queue is full. */
  datagramDeparture(now: number, bytes: number): number | undefined {
    return this.#busyUntil - now > EGRESS_QUEUE ? undefined : this.departure(now, bytes);
  }
}
