/**
 * What happens to a node from outside: its machine's time has come, or a datagram has.
 *
 * @module
 */
import type { SimEvent } from "./event_queue.ts";
import type { Attachment } from "./link.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

export class Wake implements SimEvent {
  constructor(readonly node: SimNode, readonly at: number) {}
  fire(now: number): void {
    this.node.wake(now, this.at);
  }
}

export class DatagramArrival implements SimEvent {
  constructor(
    readonly from: Attachment,
    readonly to: Attachment,
    readonly payload: Uint8Array,
    readonly multi: boolean,
  ) {}
  fire(now: number): void {
    const { from, to } = this;
    if (from.reaches(to)) to.node.datagramRead(now, to, from, this.payload, this.multi);
  }
}

/** A multicast on a link where every copy takes the same time. */
export class MulticastArrival implements SimEvent {
  constructor(readonly world: World, readonly from: Attachment, readonly payload: Uint8Array) {}
  fire(now: number): void {
    const { from, payload, world } = this;
    const { link } = from;
    for (const to of link.attachments) {
      if (to === from && !world.multicastLoopback) continue;
      if (!from.reaches(to) || link.isLost(world.random)) continue;
      to.node.datagramRead(now, to, from, payload, true);
    }
  }
}
