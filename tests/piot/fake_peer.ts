/**
 * One node under test, and a peer whose every frame the test writes by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import {
  type ConnectionId,
  decodeFrame,
  DEFAULTS,
  encodeFrame,
  type Frame,
  type FrameName,
  LENGTH_BYTES,
  Piot,
  type PiotConfig,
  type PiotEvent,
  PREFACE,
} from "../../lib/piot/mod.ts";
import { fnv1a } from "../../lib/piot/fnv.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { Disk } from "./world.ts";

/** Id of the peer that the test plays: greater than most. */
export const PEER = "f".repeat(32);
const EPOCH = "e".repeat(16);

/** What a frame of a type looks like. */
export type FrameOf<N extends FrameName> = Extract<Frame, { frame: N }>;

/** The node, its disk, and what it did. */
export class Bench {
  readonly disk = new Disk();
  readonly events: PiotEvent[] = [];
  readonly dialled: { connection: ConnectionId; address: string }[] = [];
  readonly closed = new Set<ConnectionId>();
  readonly piot: Piot;
  now = 1_000;
  readonly #written = new Map<ConnectionId, Uint8Array[]>();

  constructor(config: Partial<PiotConfig> = {}) {
    const random = new Random(7);
    this.piot = new Piot({
      id: "0".repeat(31) + "1",
      name: "node",
      config: { ...DEFAULTS, ...config },
      store: this.disk,
      random,
      randomBytes: (length) => random.bytes(length),
      wall: () => 1_800_000_000_000 + this.now,
      output: {
        dial: (connection, address) => this.dialled.push({ connection, address }),
        write: (connection, bytes) => {
          const all = this.#written.get(connection) ?? [];
          this.#written.set(connection, [...all, bytes.slice()]);
        },
        close: (connection) => this.closed.add(connection),
        event: (event) => this.events.push(event),
      },
    }, this.now);
    this.piot.flush(this.now);
  }

  /** Let time pass, waking the node whenever it wants. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let i = 0; i < 10_000; i++) {
      const next = Math.max(this.piot.nextWake(), this.now);
      if (next > until) break;
      this.now = next;
      this.piot.wake(this.now);
    }
    this.now = until;
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  /** What the node wrote since the last look. */
  take(connection: ConnectionId): Uint8Array {
    const bytes = concat(this.#written.get(connection) ?? []);
    this.#written.delete(connection);
    return bytes;
  }
}

/** The peer at the other end of one connection. */
export class FakePeer {
  readonly #bench: Bench;
  readonly connection: ConnectionId;
  #rest = new Uint8Array(0) as Uint8Array;
  #sawPreface = false;

  /** Connects to the node. */
  constructor(bench: Bench, connection?: ConnectionId) {
    this.#bench = bench;
    this.connection = connection ?? bench.piot.accepted(bench.now, "the test");
    if (connection !== undefined) bench.piot.connected(bench.now, connection);
    bench.piot.flush(bench.now);
  }

  send(...frames: Frame[]): void {
    this.raw(concat(frames.map(encodeFrame)));
  }

  raw(bytes: Uint8Array): void {
    this.#bench.piot.received(this.#bench.now, this.connection, bytes);
    this.#bench.piot.flush(this.#bench.now);
  }

  /** The frames that came since the last look. */
  frames(): Frame[] {
    this.#rest = concat([this.#rest, this.#bench.take(this.connection)]);
    const frames: Frame[] = [];
    if (!this.#sawPreface && this.#rest.length >= PREFACE.length) {
      assert.deepEqual(this.#rest.slice(0, PREFACE.length), PREFACE);
      this.#rest = this.#rest.slice(PREFACE.length);
      this.#sawPreface = true;
    }
    for (;;) {
      if (this.#rest.length < LENGTH_BYTES) break;
      const length = new DataView(this.#rest.buffer, this.#rest.byteOffset).getUint32(0);
      if (this.#rest.length < LENGTH_BYTES + length) break;
      const frame = decodeFrame(this.#rest.slice(LENGTH_BYTES, LENGTH_BYTES + length));
      if (frame) frames.push(frame);
      this.#rest = this.#rest.slice(LENGTH_BYTES + length);
    }
    return frames;
  }

  /** The only frame that came, which is of this type. */
  only<N extends FrameName>(name: N): FrameOf<N> {
    const frames = this.frames();
    assert.deepEqual(frames.map(({ frame }) => frame), [name]);
    return frames[0] as FrameOf<N>;
  }

  hello(fields: Partial<FrameOf<"hello">> = {}): void {
    this.raw(PREFACE);
    this.send({
      frame: "hello",
      version: 1,
      node: PEER,
      name: "peer",
      boot: "b".repeat(16),
      nonce: "a".repeat(32),
      inherit: true,
      ...fields,
    });
  }

  /**
   * The whole handshake as a client that is not known yet, or is.
   * @returns the node's RESUME and READY.
   */
  open(
    resume: Partial<FrameOf<"resume">> = {},
    ready: Partial<FrameOf<"ready">> = {},
  ): { resume: FrameOf<"resume">; ready: FrameOf<"ready"> } {
    this.hello();
    let frames = this.frames();
    assert.equal(frames[0]?.frame, "hello");
    if (frames.some(({ frame }) => frame === "linkRequest")) {
      this.send({ frame: "linkInfo", name: "peer", addresses: ["peer:1"] });
      frames = this.frames();
    }
    const theirs = frames.find(({ frame }) => frame === "resume") as FrameOf<"resume">;
    assert.ok(theirs, `no resume but ${frames.map(({ frame }) => frame)}`);
    const continues = theirs.rxEpoch !== null && ready.outcome === undefined;
    this.send({
      frame: "resume",
      inherit: true,
      txEpoch: EPOCH,
      lastSeq: 0,
      rxEpoch: null,
      rxSeq: 0,
      held: 0,
      waiting: [],
      running: [],
      ...resume,
    });
    const answer = this.frames().find(({ frame }) => frame === "ready") as FrameOf<"ready">;
    this.send({
      frame: "ready",
      outcome: continues ? 0 : 1,
      txEpoch: EPOCH,
      firstSeq: continues ? theirs.rxSeq + 1 : 1,
      ...ready,
    });
    return { resume: theirs, ready: answer };
  }

  /** Confirms a message as it came. */
  confirm({ seq, id, header, body }: FrameOf<"msg">, changes: Partial<FrameOf<"confirm">> = {}) {
    this.send({
      frame: "confirm",
      seq,
      id,
      length: header.length + body.length,
      hash: fnv1a(body, fnv1a(header)),
      status: 0,
      ...changes,
    });
  }
}
