/**
 * A handful of DNCP machines on toy links, under virtual time. The simulator in `tests/sim/` is for
 * networks; this is for looking closely at single steps.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import type {
  Address,
  DncpEvents,
  DncpTransport,
  EndpointConfig,
  EndpointId,
  NodeId,
  StreamId,
} from "../../lib/dncp/api.ts";
import { Dncp } from "../../lib/dncp/mod.ts";
import { toHex } from "../../lib/wire/mod.ts";
import { listener, type LoneOptions, MAX_IDLE_WAKES, type Told } from "./harness.ts";

/** The other end of a stream. */
interface Far {
  readonly member: Member;
  readonly stream: StreamId;
}

export interface MemberOptions extends LoneOptions {
  readonly onNodeChanged?: DncpEvents["nodeChanged"];
}

/** A machine of a {@linkcode Net}, and its transport. */
export class Member implements DncpTransport {
  readonly name: string;
  readonly machine: Dncp;
  readonly told: Told = { nodes: [], publishing: [], ids: [], peers: [], noRoom: [] };
  /** Endpoint id → link. */
  readonly links = new Map<EndpointId, string>();
  readonly streams = new Map<StreamId, Far>();
  dials = 0;
  /** Takes and gives nothing, and its streams do not notice. */
  cut = false;
  dead = false;
  readonly #net: Net;

  constructor(net: Net, name: string, options: MemberOptions) {
    this.#net = net;
    this.name = name;
    this.machine = new Dncp({
      profile: options.profile,
      nodeId: options.nodeId ?? "01".repeat(options.profile.nodeIdBytes),
      seqno: options.seqno ?? 0,
      random: new Random(options.seed ?? 1),
      transport: this,
      events: {
        ...listener(this.told),
        nodeChanged: (change) => {
          this.told.nodes.push(change);
          options.onNodeChanged?.(change);
        },
      },
      now: net.now,
      readOnly: options.readOnly ?? false,
    });
  }

  get id(): NodeId {
    return this.machine.nodeId;
  }

  /** Ids of the peers by this machine's own account. */
  get peers(): NodeId[] {
    return this.machine.peers().map(({ node }) => node).sort();
  }

  join(link: string, config: EndpointConfig): this {
    this.links.set(config.id, link);
    this.machine.addEndpoint(this.#net.now, config);
    return this;
  }

  multicast(endpoint: EndpointId, payload: Uint8Array): void {
    this.#net.multicasts++;
    for (const other of this.#net.members) {
      if (other === this) continue;
      for (const [id, link] of other.links) {
        if (link !== this.links.get(endpoint)) continue;
        this.#net.between(this, other, (now) => {
          other.machine.receiveMulticast(now, id, this.name, payload);
        });
      }
    }
  }

  datagram(endpoint: EndpointId, to: Address, payload: Uint8Array): void {
    const other = this.#net.member(to);
    for (const [id, link] of other?.links ?? []) {
      if (!other || link !== this.links.get(endpoint)) continue;
      this.#net.between(this, other, (now) => {
        other.machine.receiveDatagram(now, id, this.name, payload);
      });
    }
  }

  dial(endpoint: EndpointId, address: Address, _port: number): void {
    this.dials++;
    const net = this.#net;
    net.at(net.now + net.latency, (now) => {
      const other = net.member(address);
      const link = this.links.get(endpoint);
      const there = [...other?.links ?? []].find(([, name]) => name === link)?.[0];
      if (!other || there === undefined || other.cut || other.dead || this.cut) {
        this.machine.dialFailed(now, endpoint, address, "no answer");
        return;
      }
      const here = net.nextStream++;
      const far = net.nextStream++;
      this.streams.set(here, { member: other, stream: far });
      other.streams.set(far, { member: this, stream: here });
      this.machine.streamOpened(now, { endpoint, stream: here, address, dialled: true });
      other.machine.streamOpened(now, {
        endpoint: there,
        stream: far,
        address: this.name,
        dialled: false,
      });
    });
  }

  write(stream: StreamId, payload: Uint8Array): boolean {
    const far = this.streams.get(stream);
    if (far) {
      this.#net.streamBytes += payload.length;
      this.#net.between(this, far.member, (now) => {
        if (far.member.streams.has(far.stream)) {
          far.member.machine.receiveStream(now, far.stream, payload);
        }
      });
    }
    return true;
  }

  close(stream: StreamId, reason: string): void {
    const far = this.streams.get(stream);
    this.streams.delete(stream);
    if (!far) return;
    this.#net.between(this, far.member, (now) => {
      if (far.member.streams.delete(far.stream)) {
        far.member.machine.streamClosed(now, far.stream, reason);
      }
    });
  }
}

/** Toy links: everything arrives after the same time, or not at all. */
export class Net {
  readonly members: Member[] = [];
  readonly latency: number;
  now = 0;
  nextStream = 1;
  multicasts = 0;
  streamBytes = 0;
  readonly #queue: { at: number; fire: (now: number) => void }[] = [];

  constructor(latency = 1) {
    this.latency = latency;
  }

  add(name: string, options: MemberOptions): Member {
    const member = new Member(this, name, options);
    this.members.push(member);
    return member;
  }

  member(name: string): Member | undefined {
    return this.members.find((member) => member.name === name);
  }

  at(time: number, fire: (now: number) => void): void {
    let i = this.#queue.length;
    while (i > 0 && (this.#queue[i - 1]?.at ?? 0) > time) i--;
    this.#queue.splice(i, 0, { at: time, fire });
  }

  /** Something travels from one member to another. */
  between(from: Member, to: Member, fire: (now: number) => void): void {
    if (from.cut || from.dead) return;
    this.at(this.now + this.latency, (now) => {
      if (!to.cut && !to.dead && !from.cut) fire(now);
    });
  }

  /** The power of a member fails. `notice`: its streams break for the others at once. */
  kill(member: Member, notice = true): void {
    member.dead = true;
    for (const far of notice ? member.streams.values() : []) {
      this.at(this.now + this.latency, (now) => {
        if (far.member.streams.delete(far.stream)) {
          far.member.machine.streamClosed(now, far.stream, "reset");
        }
      });
    }
    this.members.splice(this.members.indexOf(member), 1);
  }

  run(ms: number): this {
    const end = this.now + ms;
    let idle = 0;
    for (;;) {
      let next = this.#queue[0]?.at ?? Infinity;
      for (const { machine } of this.members) next = Math.min(next, machine.nextWake());
      if (next > end) break;
      idle = next > this.now ? 0 : idle + 1;
      if (idle > 100 * MAX_IDLE_WAKES) throw new Error("time stands still");
      this.now = Math.max(this.now, next);
      while ((this.#queue[0]?.at ?? Infinity) <= this.now) this.#queue.shift()?.fire(this.now);
      for (const { machine } of this.members) {
        if (machine.nextWake() <= this.now) machine.wake(this.now);
      }
    }
    this.now = end;
    return this;
  }

  /** Until `done`, looked at every `step` ms; how long it took, or `undefined` beyond `limit`. */
  until(done: () => boolean, limit: number, step = 10): number | undefined {
    const start = this.now;
    while (this.now - start < limit) {
      this.run(step);
      if (done()) return this.now - start;
    }
    return undefined;
  }

  /** Whether all members see exactly each other, with one hash. */
  get converged(): boolean {
    const hashes = new Set(this.members.map(({ machine }) => toHex(machine.networkHash(this.now))));
    return hashes.size === 1 &&
      this.members.every(({ machine }) => [...machine.nodes()].length === this.members.length);
  }
}
