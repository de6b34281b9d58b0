/**
 * Reliable streams over links that are not: what TCP and the handshake of the sealing make of delay,
 * loss, partitions, crashes and power cuts, as far as the protocol above can notice.
 *
 * Modelled: one round trip for TCP and one for Noise before the first byte; order, and the wait
 * behind a lost packet; retransmission after a timer that doubles; data that wait out a partition
 * until the next retransmission; a bounded send buffer; FIN behind the data; RST from a host that
 * does not know the connection; silence from one that has no power; giving up. Not modelled:
 * congestion and receive windows, acknowledgements as packets, fast retransmit (so a lost packet
 * costs more here than it often does), the bytes that headers and sealing add.
 *
 * @module
 */
import type { StreamId } from "../../lib/dncp/api.ts";
import { concat } from "../../lib/wire/mod.ts";
import type { SimEvent } from "./event_queue.ts";
import type { Attachment } from "./link.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

/** Payload of one packet, in bytes. */
const PACKET = 1_400;
/** The retransmission timer is a round trip and this, and doubles up to {@linkcode RTO_MAX}, in ms. */
export const RTO_MIN = 200;
const RTO_MAX = 120_000;
/** Retransmissions before the kernel gives up: of a living process, and of a socket left behind. */
const RETRIES = 15;
const ORPHAN_RETRIES = 8;
/** Bytes that a socket takes before `write` says to hold back. */
export const SEND_BUFFER = 262_144;
/** The largest piece that one read returns. */
const READ_BUFFER = 16_384;

/** What is left of a connection on one host. */
const State = {
  /** The process holds it. */
  open: 0,
  /** The process closed it; the kernel still sends what was written. */
  closed: 1,
  /** The host does not know it: it answers with RST. */
  gone: 2,
} as const;
type State = typeof State[keyof typeof State];

const Flight = { flying: 0, lost: 1, arrived: 2 } as const;
type Flight = typeof Flight[keyof typeof Flight];

interface Segment {
  readonly parts: Uint8Array[];
  size: number;
  /** Packets still to arrive. */
  packets: number;
  readonly fin: boolean;
  sentAt: number;
  flight: Flight;
}

/** One host's end of a connection. */
export class StreamEnd {
  readonly id: StreamId;
  readonly node: SimNode;
  readonly attachment: Attachment;
  state: State = State.open;
  /** What this end sends. */
  readonly out: Pipe;

  private constructor(world: World, node: SimNode, attachment: Attachment) {
    this.id = world.nextStreamId();
    this.node = node;
    this.attachment = attachment;
    this.out = new Pipe(world, this);
  }

  /** The two ends of a new connection. */
  static pair(world: World, a: Attachment, b: Attachment): [StreamEnd, StreamEnd] {
    const x = new StreamEnd(world, a.node, a);
    const y = new StreamEnd(world, b.node, b);
    x.out.to = y;
    y.out.to = x;
    return [x, y];
  }

  /** The process closes it, or ends: what was written still goes out, then FIN. */
  close(now: number): void {
    this.node.streams.delete(this.id);
    if (this.state !== State.open) return;
    this.state = State.closed;
    this.out.finish(now);
  }

  /** The host lost its memory. */
  vanish(): void {
    this.node.streams.delete(this.id);
    this.state = State.gone;
  }

  /** The connection ended without this process's doing. */
  end(now: number, reason: string): void {
    const wasOpen = this.state === State.open;
    this.vanish();
    if (wasOpen) this.node.streamClosed(now, this.id, reason);
  }
}

/** One direction of a connection. */
export class Pipe {
  readonly #world: World;
  readonly from: StreamEnd;
  to!: StreamEnd;
  /** Written and not yet handed to the other process, in order. */
  readonly #queue: Segment[] = [];
  #lastArrival = 0;
  #buffered = 0;
  #blocked = false;
  #rto = 0;
  #timerArmed = false;
  #retries = 0;

  constructor(world: World, from: StreamEnd) {
    this.#world = world;
    this.from = from;
  }

  /** Nothing written from now on arrives before this. */
  holdUntil(time: number): void {
    this.#lastArrival = Math.max(this.#lastArrival, time);
  }

  /** False: taken, but the send buffer is over its limit. */
  write(now: number, payload: Uint8Array): boolean {
    this.#buffered += payload.length;
    const last = this.#queue.at(-1);
    if (
      last && last.flight === Flight.flying && last.sentAt === now && !last.fin &&
      last.size + payload.length <= PACKET &&
      this.from.attachment.link.conditions.bandwidth === Infinity
    ) {
      // What a process writes in one turn shares a packet.
      last.parts.push(payload);
      last.size += payload.length;
    } else {
      this.#append(now, [payload], payload.length, false);
    }
    if (this.#buffered <= SEND_BUFFER) return true;
    this.#blocked = true;
    return false;
  }

  finish(now: number): void {
    this.#append(now, [], 0, true);
  }

  /** @internal A segment reached the other host, or would have. */
  arrive(now: number, segment: Segment): void {
    const { from, to } = this;
    if (!from.attachment.reaches(to.attachment)) {
      this.#lost(now, segment);
    } else if (to.state !== State.open) {
      if (segment.fin) {
        from.state = State.gone;
      } else {
        // The host has no such connection, and says so; should that be lost, the segment comes again.
        this.#world.queue.push(now + to.attachment.link.conditions.delay, new Reset(to, from));
        this.#lost(now, segment);
      }
    } else {
      segment.flight = Flight.arrived;
      this.#deliver(now);
    }
  }

  /** @internal The retransmission timer. */
  retransmit(now: number): void {
    this.#timerArmed = false;
    const { from } = this;
    if (from.state === State.gone) return;
    const lost = this.#queue.filter((segment) => segment.flight === Flight.lost);
    if (lost.length === 0) return;
    if (++this.#retries > (from.state === State.open ? RETRIES : ORPHAN_RETRIES)) {
      from.end(now, "timed out");
      return;
    }
    this.#rto = Math.min(this.#rto * 2, RTO_MAX);
    for (const segment of lost) this.#transmit(now, segment);
  }

  #append(now: number, parts: Uint8Array[], size: number, fin: boolean): void {
    const packets = Math.max(1, Math.ceil(size / PACKET));
    const segment = { parts, size, packets, fin, sentAt: now, flight: Flight.flying };
    this.#queue.push(segment);
    this.#transmit(now, segment);
  }

  #transmit(now: number, segment: Segment): void {
    const world = this.#world;
    const { attachment } = this.from;
    const { link } = attachment;
    segment.sentAt = now;
    this.from.node.traffic.packets += segment.packets;
    let lost = 0;
    if (!attachment.reaches(this.to.attachment)) lost = segment.packets;
    else for (let i = 0; i < segment.packets; i++) if (link.isLost(world.random)) lost++;
    if (lost > 0) {
      segment.packets = lost;
      this.#lost(now, segment);
      return;
    }
    segment.flight = Flight.flying;
    const { delay, jitter } = link.conditions;
    const travel = jitter > 0 ? delay + world.random.unit() * jitter : delay;
    const arrival = attachment.departure(now, segment.size) + travel;
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    world.queue.push(this.#lastArrival, new Arrival(this, segment));
  }

  #lost(now: number, segment: Segment): void {
    segment.flight = Flight.lost;
    if (this.#timerArmed) return;
    this.#timerArmed = true;
    if (this.#rto === 0) this.#rto = this.#firstTimeout();
    this.#world.queue.push(Math.max(now, segment.sentAt + this.#rto), new Timeout(this));
  }

  #firstTimeout(): number {
    const { delay, jitter } = this.from.attachment.link.conditions;
    return 2 * (delay + jitter) + RTO_MIN;
  }

  /** Hand over what is there without a gap. */
  #deliver(now: number): void {
    const queue = this.#queue;
    let ready = 0;
    while (ready < queue.length && (queue[ready] as Segment).flight === Flight.arrived) ready++;
    if (ready === 0) return;
    this.#rto = 0;
    this.#retries = 0;
    const segments = ready === 1 ? [queue.shift() as Segment] : queue.splice(0, ready);
    const parts: Uint8Array[] = [];
    let size = 0;
    let fin = false;
    for (const segment of segments) {
      for (const part of segment.parts) parts.push(part);
      size += segment.size;
      fin ||= segment.fin;
    }
    this.#buffered -= size;
    if (this.#blocked && this.#buffered <= SEND_BUFFER / 2) {
      this.#blocked = false;
      const { delay } = this.from.attachment.link.conditions;
      this.#world.queue.push(now + delay, new Writable(this.from));
    }
    if (size > 0) this.#read(now, parts.length === 1 ? parts[0] as Uint8Array : concat(parts));
    if (fin) {
      this.from.state = State.gone;
      this.to.end(now, "closed by the other side");
    }
  }

  /** The other process reads: a stream keeps order, not the cuts between writes. */
  #read(now: number, bytes: Uint8Array): void {
    const { to } = this;
    const { random, choppyReads } = this.#world;
    let at = 0;
    while (at < bytes.length && to.state === State.open) {
      let end = Math.min(bytes.length, at + READ_BUFFER);
      if (choppyReads && random.chance(0.25)) end = at + 1 + random.below(end - at);
      to.node.streamRead(now, to.id, bytes.subarray(at, end));
      at = end;
    }
  }
}

class Arrival implements SimEvent {
  constructor(readonly pipe: Pipe, readonly segment: Segment) {}
  fire(now: number): void {
    this.pipe.arrive(now, this.segment);
  }
}

class Timeout implements SimEvent {
  constructor(readonly pipe: Pipe) {}
  fire(now: number): void {
    this.pipe.retransmit(now);
  }
}

class Writable implements SimEvent {
  constructor(readonly end: StreamEnd) {}
  fire(now: number): void {
    if (this.end.state === State.open) this.end.node.streamWritable(now, this.end.id);
  }
}

class Reset implements SimEvent {
  constructor(readonly by: StreamEnd, readonly end: StreamEnd) {}
  fire(now: number): void {
    if (this.by.attachment.reaches(this.end.attachment)) {
      this.end.end(now, "reset by the other side");
    }
  }
}
