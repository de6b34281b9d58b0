/**
 * A DNCP machine to which anything happens, in any order, and what must hold all the time.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import type { EndpointConfig, StreamId } from "../../lib/dncp/api.ts";
import { decodeTlvs, hncpProfile, nativeProfile, type Profile } from "../../lib/dncp/mod.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { datagrams, dialled, Lone, type Sent, sharedLink, slowNetworkHash } from "./harness.ts";

const WARNINGS = ["missing-final-padding", "nonzero-padding", "short-fixed-fields", "bad-sub-tlv"];

/** Limits so small that they are reached. */
function tight(profile: Profile): Profile {
  return {
    ...profile,
    maxNodes: 10,
    maxNodeData: 2_000,
    maxStreams: Math.min(5, profile.maxStreams),
  };
}

const HNCP = tight(hncpProfile);
const NATIVE = tight(nativeProfile);

/** What holds for any input: TLVs in order that tile a prefix of it, fields that lie inside. */
export function checkDecoded(profile: Profile, input: Uint8Array): void {
  const { tlvs, error, warnings } = decodeTlvs(profile, input);
  let at = 0;
  for (const { raw, fields, sub } of tlvs) {
    ok(raw.encoded.byteOffset >= input.byteOffset + at, "in order");
    at = raw.encoded.byteOffset - input.byteOffset + raw.encoded.length;
    ok(at <= input.length);
    const inner = sub.reduce((sum, { encoded }) => sum + encoded.length, 0);
    ok(inner <= raw.length, "sub-TLVs lie inside their parent");
    if (fields && "nodeId" in fields) strictEqual(fields.nodeId.length, 2 * profile.nodeIdBytes);
    if (fields && "hash" in fields) strictEqual(fields.hash.length, profile.hashBytes);
  }
  ok(error === null || error === "truncated-header" || error === "length-past-end");
  ok(warnings.every((warning) => WARNINGS.includes(warning)));
}

/** A machine, everything that can happen to it, and what must hold all the time. */
export class Torture {
  readonly lone: Lone;
  #random: Random;
  readonly #ids: string[];
  readonly #endpoints: EndpointConfig[];
  readonly #open = new Set<StreamId>();
  readonly #dialling: { endpoint: number; address: string }[] = [];
  #nextStream = 1;
  #steps = 0;
  #bytesSent = 0;
  #seqno = 1;
  /** The most nodes that were reachable at one time. */
  mostNodes = 0;

  constructor(
    profile: Profile,
    endpoints: EndpointConfig[],
    seed: number,
    readOnly = false,
  ) {
    this.#random = new Random(seed);
    // Few ids, the machine's own among them, so that things meet.
    this.#ids = Array.from(
      { length: 30 },
      (_, i) => (i + 1).toString(16).padStart(2, "0").repeat(profile.nodeIdBytes),
    );
    this.#endpoints = endpoints;
    this.lone = new Lone({ profile, seed, readOnly, endpoints });
    for (const { id, mode } of endpoints) {
      if (mode === "stream") this.lone.machine.connect(0, id, `host-${id}`);
    }
  }

  /**
   * One thing happens. `raw`: what comes, where something comes and it is not made here; `damaged`: what
   * may come instead of that which is made here.
   */
  step(
    kind: number,
    { raw, damaged, random = this.#random }: {
      raw?: Uint8Array | undefined;
      damaged?: Uint8Array;
      random?: Random;
    } = {},
  ): void {
    const { lone } = this;
    this.#random = random;
    const endpoint = random.pick(this.#endpoints);
    const from = `host-${random.below(6)}`;
    // Damage to a stream is mostly its end.
    const payload = (chance = 0.4) =>
      raw ?? (damaged && random.chance(chance) ? damaged : this.#message());
    const begin = lone.now;
    switch (kind % 12) {
      case 0:
      case 1:
        lone.machine.receiveDatagram(lone.now, endpoint.id, from, payload());
        break;
      case 2:
        lone.machine.receiveMulticast(lone.now, endpoint.id, from, payload(), {
          foreignKey: random.chance(0.2),
        });
        break;
      case 3:
      case 4:
      case 5:
        this.#receive(payload(0.02));
        break;
      case 6:
        this.#openOne(endpoint.id, from);
        break;
      case 7:
        this.#answerDial();
        break;
      case 8: {
        const [stream] = this.#open;
        if (stream === undefined) break;
        if (random.chance(0.5)) {
          this.#open.delete(stream);
          lone.machine.streamClosed(lone.now, stream, "gone");
        } else if (lone.notes.full.delete(stream)) lone.machine.streamWritable(lone.now, stream);
        else lone.notes.full.add(stream);
        break;
      }
      case 9: {
        const tlv = lone.profile.tlv.encode(64, random.bytes(random.below(100)));
        lone.machine.publish(lone.now, random.chance(0.2) ? [] : [tlv]);
        break;
      }
      case 10:
        if (random.chance(0.03)) lone.machine.removeEndpoint(lone.now, endpoint.id);
        else if (random.chance(0.06)) lone.machine.addEndpoint(lone.now, endpoint);
        else lone.machine.wake(lone.now);
        break;
      default:
        lone.advance(random.chance(0.02) ? random.between(0, 100_000) : random.between(0, 120));
    }
    this.#steps++;
    this.#check();
    // One input makes a machine send everything it has to everybody once, at the most.
    const { maxNodes, maxNodeData } = lone.profile;
    const all = (maxNodes + 2) * (maxNodeData + 200) * (2 + 5);
    const { bytesSent } = lone.machine.counters;
    if (lone.now === begin) ok(bytesSent - this.#bytesSent <= all, `${bytesSent} bytes at once`);
    this.#bytesSent = bytesSent;
  }

  /** A message that is whole. */
  #message(): Uint8Array {
    const random = this.#random;
    const { encode, profile } = this.lone;
    const { machine } = this.lone;
    const id = () => random.chance(0.05) ? machine.nodeId : random.pick(this.#ids);
    const endpointId = () => random.chance(0.8) ? 1 : 1 + random.below(3);
    /** Node data of `about`; mostly so that its links fit those of others. */
    const data = (about: string) =>
      concat([
        ...machine.peers().filter(({ node }) => node === about && random.chance(0.8)).map((peer) =>
          encode.peer(machine.nodeId, peer.endpoint, peer.peerEndpoint)
        ),
        ...Array.from(
          { length: random.below(4) },
          () => encode.peer(id(), endpointId(), endpointId()),
        ),
        ...(random.chance(0.1)
          ? [encode.keepAliveInterval(endpointId(), random.pick([0, 1, 5_000]))]
          : []),
        ...(random.chance(0.5) ? [random.bytes(random.below(20))] : []),
        ...(random.chance(0.02) ? [new Uint8Array(2_500)] : []),
      ]);
    const parts = random.chance(0.7) ? [encode.nodeEndpoint(id(), endpointId())] : [];
    if (profile.name === "native" && random.chance(0.5)) {
      parts.push(encode.hello(random.pick([0, 8331]), toHex(random.bytes(8))));
    }
    if (profile.name === "native" && random.chance(0.05)) parts.push(encode.mirror());
    if (profile.name === "native" && random.chance(0.05)) {
      parts.push(encode.pause(random.pick([0, 1, 30_000, 0xffff_ffff])));
    }
    for (let i = random.below(6); i > 0; i--) {
      const about = id();
      const bytes = data(about);
      const hash = profile.hash(bytes).slice(0, profile.hashBytes);
      if (random.chance(0.03)) hash.fill(0);
      const seqno = random.chance(0.7)
        ? this.#seqno++
        : random.pick([1, 2, 900, 0xffff_ffff, 0x8000_0000]);
      const age = random.pick([0, 10, 0xffff_ffff]);
      parts.push(
        random.pick([
          () => encode.nodeState(about, seqno, age, hash, bytes),
          () => encode.nodeState(about, seqno, age, hash, bytes),
          () => encode.nodeState(about, seqno, age, hash),
          () => encode.networkState(random.bytes(profile.hashBytes)),
          () => encode.networkState(this.lone.machine.networkHash(this.lone.now)),
          () => encode.requestNetworkState(),
          () => encode.requestNodeState(id()),
        ])(),
      );
    }
    return concat(parts);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#open.size === 0) return;
    const stream = this.#random.pick([...this.#open]);
    let at = 0;
    while (at < bytes.length && this.#open.has(stream)) {
      const end = at + 1 + this.#random.below(this.#random.chance(0.5) ? 8 : 3_000);
      this.lone.machine.receiveStream(this.lone.now, stream, bytes.subarray(at, end));
      at = end;
      this.#notice();
    }
  }

  #openOne(endpoint: number, address: string): void {
    const stream = this.#nextStream++;
    this.#open.add(stream);
    this.lone.open(endpoint, stream, address);
  }

  #answerDial(): void {
    const dial = this.#dialling.shift();
    if (!dial) return;
    if (this.#random.chance(0.5)) {
      this.lone.machine.dialFailed(this.lone.now, dial.endpoint, dial.address, "refused");
      return;
    }
    const stream = this.#nextStream++;
    this.#open.add(stream);
    this.lone.open(dial.endpoint, stream, dial.address, true);
  }

  /** Everything that was sent is well-formed, and goes where something can go. */
  #notice(): void {
    const { profile, notes } = this.lone;
    for (const sent of this.lone.take()) {
      if (sent.kind === "dial") this.#dialling.push(sent);
      else if (sent.kind === "close") {
        ok(this.#open.delete(sent.stream), `stream ${sent.stream} is closed once`);
        notes.full.delete(sent.stream);
      } else this.#checkSent(sent, profile);
    }
  }

  #checkSent(sent: Sent & { payload: Uint8Array }, profile: Profile): void {
    if (sent.kind === "write") ok(this.#open.has(sent.stream), `stream ${sent.stream} is open`);
    const { error, warnings, tlvs } = decodeTlvs(profile, sent.payload);
    deepStrictEqual({ error, warnings }, { error: null, warnings: [] });
    ok(tlvs.length > 0, "nothing is sent for nothing");
    if (sent.kind === "write") return;
    const rest = tlvs.filter(({ fields }) => fields?.type !== 3);
    ok(
      sent.payload.length <= profile.maxDatagram || rest.length === 1,
      "no larger than it must be",
    );
  }

  #check(): void {
    this.#notice();
    const { machine, profile, now, readOnly } = this.lone;
    ok(!Number.isNaN(machine.nextWake()));
    const nodes = [...machine.nodes()];
    ok(nodes.length <= profile.maxNodes, `${nodes.length} nodes`);
    this.mostNodes = Math.max(this.mostNodes, nodes.length);
    ok(machine.peers().length <= profile.maxNodes + 100);
    if (this.#steps % 16 !== 0) return;
    const hash = toHex(machine.networkHash(now));
    const after = [...machine.nodes()];
    strictEqual(hash, slowNetworkHash(profile, after), "the hash is that of the nodes");
    deepStrictEqual(after.map(({ id }) => id), after.map(({ id }) => id).sort());
    for (const { id, data, hash: nodeHash, self } of after) {
      strictEqual(toHex(profile.hash(data).slice(0, profile.hashBytes)), toHex(nodeHash));
      strictEqual(self, !readOnly && id === machine.nodeId);
    }
    if (readOnly) strictEqual(machine.seqno, 0);
  }

  /** All fall silent: what they left behind is forgotten. */
  finish(): void {
    for (const stream of [...this.#open]) {
      this.#open.delete(stream);
      this.lone.machine.streamClosed(this.lone.now, stream, "gone");
    }
    this.lone.advance(2 * 3_600_000).take();
    const { machine } = this.lone;
    deepStrictEqual(machine.peers(), []);
    ok([...machine.nodes()].every(({ self }) => self));
  }
}

/** Machines of all kinds. */
export const SETUPS: [name: string, profile: "hncp" | "native", make: (seed: number) => Torture][] =
  [
    [
      "datagrams on a link",
      "hncp",
      (seed) => new Torture(HNCP, [datagrams(1), datagrams(2)], seed),
    ],
    ["datagrams by unicast", "hncp", (seed) =>
      new Torture(HNCP, [
        { ...datagrams(1), mode: "datagram" },
        { ...datagrams(2), mode: "datagram", to: "host-1" },
      ], seed)],
    ["a reader", "hncp", (seed) => new Torture(HNCP, [datagrams(1)], seed, true)],
    ["streams on a link", "native", (seed) => new Torture(NATIVE, [sharedLink(1)], seed)],
    [
      "streams of both kinds",
      "native",
      (seed) =>
        new Torture(NATIVE, [sharedLink(1), {
          ...sharedLink(2),
          keepAliveInterval: 700,
        }, dialled(3)], seed),
    ],
  ];
