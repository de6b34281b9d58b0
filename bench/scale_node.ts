/**
 * One node that knows a network of so many: the machine alone, fed by one peer down a stream with
 * the states of a tree of nodes, as they would come in a large network. In a process of its own, for
 * its memory. Takes a {@linkcode NodeRequest} as JSON argument, prints a {@linkcode NodeResult}.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import process from "node:process";
import { Random } from "../lib/core/mod.ts";
import { Dncp, type DncpTransport, nativeProfile, sortTlvs, TlvEncoder } from "../lib/dncp/mod.ts";
import { concat, toHex } from "../lib/wire/mod.ts";
import { quantile } from "./harness/stats.ts";

export interface NodeRequest {
  readonly nodes: number;
  /** Single changes of other nodes that are timed. */
  readonly changes: number;
}

export interface NodeResult {
  /** Alive behind a collection, in bytes: what the machine holds, and a `Map` with the same bytes. */
  readonly heldBytes: number;
  readonly mapBytes: number;
  /** Processor time of learning all nodes, and of as many hashes and entries in a `Map`, in ms. */
  readonly learnMs: number;
  readonly mapMs: number;
  /** Medians, in µs: one changed state taken in, the network hash with it; one SHA-256 of its data. */
  readonly changeMicroseconds: number;
  readonly hashMicroseconds: number;
}

const STREAM = 1;
const ENDPOINT = 1;
/** Nodes that are known by all machines together, where one knows fewer: small ones are many. */
const TOGETHER = 2_000;
/** Node States of one read. */
const PIECE = 20;
const profile = nativeProfile;
const encode = new TlvEncoder(profile);

/** The states that the peer tells: a tree below it, of which this machine is one more leaf. */
class Network {
  readonly ids: string[];
  readonly #self: string;

  constructor(nodes: number, self: string, random: Random) {
    this.#self = self;
    this.ids = Array.from({ length: nodes - 1 }, () => toHex(random.bytes(profile.nodeIdBytes)));
  }

  data(i: number, number: number): Uint8Array {
    const id = (at: number) => this.ids[at] as string;
    // Endpoint 1 leads up, 2 and 3 lead down, 4 of the root leads to this machine.
    const peers = i === 0 ? [encode.peer(this.#self, ENDPOINT, 4)] : [
      encode.peer(id((i - 1) >> 1), 2 + ((i - 1) & 1), 1),
    ];
    for (const child of [2 * i + 1, 2 * i + 2]) {
      if (child < this.ids.length) peers.push(encode.peer(id(child), 1, 2 + ((child - 1) & 1)));
    }
    const text = new TextEncoder().encode(`n${i}=${number}`);
    return concat(sortTlvs([...peers, profile.tlv.encode(200, text)]));
  }

  state(i: number, seqno: number): Uint8Array {
    const data = this.data(i, seqno);
    const hash = profile.hash(data).slice(0, profile.hashBytes);
    return encode.nodeState(this.ids[i] as string, seqno, 0, hash, data);
  }
}

/** Learns a network, and then of changes. */
export function learn({ nodes, changes }: NodeRequest): NodeResult {
  const random = new Random(1);
  const self = toHex(random.bytes(profile.nodeIdBytes));
  const network = new Network(nodes, self, random);
  const { ids } = network;
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < ids.length; i += PIECE) {
    const length = Math.min(PIECE, ids.length - i);
    pieces.push(concat(Array.from({ length }, (_, j) => network.state(i + j, 1))));
  }
  const all = ids.map((_, i) => network.data(i, 1));
  const machines: ReturnType<typeof start>[] = [];
  const maps: Map<string, Uint8Array>[] = [];
  const learnOnce = () => {
    const started = start(self, network, random);
    machines.push(started);
    for (const piece of pieces) started.tell(piece);
  };
  const mapOnce = () => {
    const map = new Map<string, Uint8Array>();
    maps.push(map);
    ids.forEach((id, i) => {
      const data = all[i] as Uint8Array;
      if (sha256(data).length > 0) map.set(id, data.slice());
    });
  };
  const copies = Math.max(1, Math.round(TOGETHER / nodes));
  // Once for the compiler.
  learnOnce();
  mapOnce();
  const held = costOf(copies, learnOnce);
  const bare = costOf(copies, mapOnce);

  const { machine, tell } = machines.at(-1) as ReturnType<typeof start>;
  const known = [...machine.nodes()].length;
  if (known !== nodes) throw new Error(`${known} of ${nodes} nodes are reachable`);
  const changed: number[] = [];
  const hashed: number[] = [];
  for (let i = 0; i < changes; i++) {
    const node = random.below(ids.length);
    const state = network.state(node, 2 + i);
    changed.push(microseconds(() => tell(state)));
    hashed.push(microseconds(() => sha256(all[node] as Uint8Array)));
  }
  const median = (samples: number[]) => quantile(samples.toSorted((x, y) => x - y), 0.5);
  return {
    heldBytes: held.bytes,
    mapBytes: bare.bytes,
    learnMs: held.ms,
    mapMs: bare.ms,
    changeMicroseconds: median(changed),
    hashMicroseconds: median(hashed),
  };
}

/** Of one copy: bytes that it keeps alive, and processor time in ms. */
function costOf(copies: number, work: () => void): { bytes: number; ms: number } {
  const bytes = alive();
  const before = process.cpuUsage();
  for (let i = 0; i < copies; i++) work();
  const { user, system } = process.cpuUsage(before);
  return { bytes: (alive() - bytes) / copies, ms: (user + system) / 1e3 / copies };
}

/** A machine with its one peer, and what hands it bytes of that peer. */
function start(self: string, network: Network, random: Random) {
  const transport: DncpTransport = {
    multicast() {},
    datagram() {},
    dial() {},
    write: () => true,
    close(_stream, reason) {
      throw new Error(`the machine closes its stream: ${reason}`);
    },
  };
  let now = 0;
  const machine = new Dncp({ profile, nodeId: self, random, transport, now });
  machine.addEndpoint(now, { id: ENDPOINT, name: "connect", mode: "stream" });
  machine.streamOpened(now, {
    endpoint: ENDPOINT,
    stream: STREAM,
    address: "peer",
    dialled: false,
  });
  const tell = (bytes: Uint8Array) => {
    now += 1;
    machine.receiveStream(now, STREAM, bytes);
    if (machine.nextWake() <= now) machine.wake(now);
    machine.networkHash(now);
  };
  tell(concat([
    encode.nodeEndpoint(network.ids[0] as string, 4),
    encode.hello(0, "00".repeat(8)),
  ]));
  return { machine, tell };
}

/** Bytes that are alive. The process has to run with `--expose-gc`. */
function alive(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) throw new Error("run with --v8-flags=--expose-gc");
  gc();
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

function microseconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1e3;
}

if (import.meta.main) {
  console.log(JSON.stringify(learn(JSON.parse(Deno.args[0] ?? "") as NodeRequest)));
}
