/**
 * Opening a stream: the TCP handshake, the handshake of the sealing, and all that may go wrong.
 *
 * @module
 */
import type { Address, EndpointId } from "../../lib/dncp/api.ts";
import type { SimEvent } from "./event_queue.ts";
import type { Attachment } from "./link.ts";
import type { SimEndpoint, SimNode } from "./node.ts";
import { RTO_MIN, StreamEnd } from "./stream.ts";
import type { World } from "./world.ts";

/** When a SYN goes out, and when the dialler gives up, in ms after the start. */
const SYN_TIMES = [0, 1_000, 3_000];
export const DIAL_TIMEOUT = 4_000;

type Stage = "syn" | "answer" | "accept" | "open" | "refused" | "timeout";

/** An attempt to open a stream, from the SYN to the last message of the handshake. */
export class Dial implements SimEvent {
  readonly #world: World;
  readonly #node: SimNode;
  readonly #endpoint: SimEndpoint;
  readonly #endpointId: EndpointId;
  readonly #address: Address;
  readonly #port: number;
  readonly #start: number;
  /** Which life of either process it belongs to. */
  readonly #life: number;
  #acceptorLife = 0;
  #attempt = 0;
  #stage: Stage = "syn";
  /** The interface that the SYN left by: one from which the address can be reached. */
  #from: Attachment | undefined;
  readonly #to: Attachment | undefined;
  #end: StreamEnd | undefined;

  constructor(
    world: World,
    node: SimNode,
    endpoint: SimEndpoint,
    address: Address,
    port: number,
    now: number,
  ) {
    this.#world = world;
    this.#node = node;
    this.#endpoint = endpoint;
    this.#endpointId = endpoint.id;
    this.#address = address;
    const [host, own] = address.split(":");
    this.#port = port > 0 ? port : Number(own);
    this.#start = now;
    this.#life = node.life;
    this.#to = world.attachmentOf(host as string);
    world.queue.push(now, this);
  }

  fire(now: number): void {
    if (this.#stage === "syn") this.#syn(now);
    else if (this.#stage === "answer") this.#answer(now);
    else if (this.#stage === "accept") this.#accept(now);
    else if (this.#stage === "open") this.#open(now);
    else if (this.#life === this.#node.life) {
      const reason = this.#stage === "refused" ? "connection refused" : "timed out";
      this.#node.dialFailed(now, this.#endpointId, this.#address, reason);
    }
  }

  #syn(now: number): void {
    const { random } = this.#world;
    const to = this.#to;
    const from = to && this.#endpoint.attachments.find((own) => own.reaches(to));
    this.#from = from;
    if (from && !from.link.isLost(random)) {
      this.#next("answer", now + from.link.delayOf(random));
    } else {
      this.#again(now);
    }
  }

  #answer(now: number): void {
    const { random } = this.#world;
    const from = this.#from as Attachment;
    const to = this.#to as Attachment;
    if (!from.reaches(to) || !to.reaches(from) || from.link.isLost(random)) {
      this.#again(now);
    } else if (!to.node.listens(to.endpoint, this.#port)) {
      this.#next("refused", now + from.link.delayOf(random));
    } else {
      this.#acceptorLife = to.node.life;
      this.#next("accept", now + from.link.delayOf(random) + this.#leg());
    }
  }

  /** The acceptor has the dialler's first Noise message, and is done once it has answered. */
  #accept(now: number): void {
    const from = this.#from as Attachment;
    const to = this.#to as Attachment;
    if (
      now > this.#start + DIAL_TIMEOUT || this.#life !== this.#node.life || !from.reaches(to) ||
      to.node.life !== this.#acceptorLife || !to.endpoint.up
    ) {
      this.#next("timeout", Math.max(now, this.#start + DIAL_TIMEOUT));
      return;
    }
    const [end, accepted] = StreamEnd.pair(this.#world, from, to);
    this.#end = end;
    const opens = now + this.#leg();
    accepted.out.holdUntil(opens);
    this.#next("open", opens);
    const source = `${from.host}:${32_768 + end.id % 28_232}`;
    to.node.streamOpened(now, accepted, source, false);
  }

  #open(now: number): void {
    const end = this.#end as StreamEnd;
    const { out } = end;
    const late = now > this.#start + DIAL_TIMEOUT || !out.to.attachment.reaches(end.attachment);
    if (this.#life !== this.#node.life) {
      if (this.#node.powered) end.close(now);
      else end.vanish();
    } else if (late || this.#endpoint.id !== this.#endpointId || !this.#endpoint.up) {
      end.close(now);
      this.#next("timeout", Math.max(now, this.#start + DIAL_TIMEOUT));
    } else {
      this.#node.streamOpened(now, end, this.#address, true);
    }
  }

  /** One message of the handshake on its way: each loss costs a timer of its own. */
  #leg(): number {
    const { random } = this.#world;
    const { link } = this.#from as Attachment;
    let ms = link.delayOf(random);
    let timer = 2 * (link.conditions.delay + link.conditions.jitter) + RTO_MIN;
    while (link.conditions.loss < 1 && link.isLost(random)) {
      ms += timer;
      timer *= 2;
    }
    return ms;
  }

  #again(now: number): void {
    const next = SYN_TIMES[++this.#attempt];
    const due = this.#start + (next ?? DIAL_TIMEOUT);
    this.#next(next === undefined ? "timeout" : "syn", Math.max(now, due));
  }

  #next(stage: Stage, time: number): void {
    this.#stage = stage;
    this.#world.queue.push(time, this);
  }
}
