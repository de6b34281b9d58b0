/**
 * Nodes that exchange messages: with peers that say anything in any order, with actions and plans, and on
 * disks that are damaged.
 *
 * @module
 */
import { AssertionError, deepStrictEqual, match, ok } from "node:assert/strict";
import type { Random } from "../../../lib/core/mod.ts";
import {
  Actions,
  CloseCode,
  DEFAULTS,
  encodeFrame,
  encodeHeader,
  type Frame,
  LENGTH_BYTES,
  MAX_FRAME,
  Piot,
  PREFACE,
} from "../../../lib/piot/mod.ts";
import { frameSize } from "../../../lib/piot/frame.ts";
import { WireError } from "../../../lib/wire/bytes.ts";
import { encodeCbor, type Json } from "../../../lib/wire/cbor.ts";
import { Bench, FakePeer, PEER } from "../../piot/fake_peer.ts";
import { meet, Worker } from "../../piot/workers.ts";
import { Disk, World } from "../../piot/world.ts";
import { pass } from "../time.ts";
import { machine, type Tally, type Target } from "../target.ts";

/** A frame of any type, whose fields are sometimes those that would fit. */
function anyFrame(random: Random): Frame {
  const id = () => random.chance(0.5) ? PEER : random.bytes(16).toHex();
  const epoch = () => random.chance(0.5) ? "e".repeat(16) : random.bytes(8).toHex();
  const uint = () => random.chance(0.7) ? random.below(6) : random.below(2 ** 32) * 1_000;
  const bytes = () =>
    random.chance(0.5)
      ? encodeHeader({ kind: random.below(17) % 5 ? 0 : 15 })
      : random.bytes(random.below(40));
  const yes = () => random.chance(0.5);
  return random.pick<() => Frame>([
    () => ({
      frame: "hello",
      version: random.chance(0.7) ? 1 : uint(),
      node: id(),
      name: "x",
      boot: epoch(),
      nonce: id(),
      inherit: yes(),
      ...(yes() && { maxFrame: uint(), idle: uint() }),
      ...(yes() && { auth: uint() % 2, features: ["ordered-ids"] }),
    }),
    () => ({ frame: "auth", proof: random.bytes(32) }),
    () => ({ frame: "linkRequest", wanted: [] }),
    () => ({ frame: "linkInfo", name: random.pick(["", "x", "node"]), addresses: ["a:1"] }),
    () => ({ frame: "linkAccept", link: id(), created: yes(), name: "x" }),
    () => ({
      frame: "resume",
      inherit: random.chance(0.9),
      txEpoch: epoch(),
      lastSeq: uint(),
      rxEpoch: yes() ? null : epoch(),
      rxSeq: uint(),
      held: uint(),
      waiting: [id()],
      running: [],
    }),
    () => ({ frame: "ready", outcome: random.below(4), txEpoch: epoch(), firstSeq: uint() }),
    () => ({ frame: "msg", seq: uint(), id: id(), header: bytes(), body: bytes() }),
    () => ({
      frame: "confirm",
      seq: uint(),
      id: id(),
      length: uint(),
      hash: uint(),
      status: random.below(4),
    }),
    () => ({ frame: "ping", token: uint() }),
    () => ({ frame: "pong", token: uint() }),
    () => ({ frame: "close", code: uint(), resumable: yes() }),
  ])();
}

/** Behind a length that is mostly right. */
function framed(input: Uint8Array, random: Random): Uint8Array {
  const out = new Uint8Array(LENGTH_BYTES + input.length);
  out.set(input, LENGTH_BYTES);
  const length = random.chance(0.95) ? input.length : random.pick([0, 2 ** 31, MAX_FRAME + 1]);
  new DataView(out.buffer).setUint32(0, length);
  try {
    frameSize(out, 0, MAX_FRAME);
  } catch (error) {
    ok(error instanceof WireError);
  }
  return out;
}

const MOST_LINKS = 20;

/** Peers that send anything in any order: the node lives, and stays small. */
const peers = machine({
  name: "piot/peers",
  covers: [
    "lib/piot/piot.ts Piot.received",
    "lib/piot/session.ts Session.receive",
    "lib/piot/handshake.ts Handshake.receive",
  ],
  corpus: ["piot-frame"],
  share: 3,
  steps: 400,
  types: {
    taken: [
      "session",
      ...["Protocol", "Version", "Mismatch", "TooLarge", "Gap", "Busy", "Timeout"],
    ],
  },
  begin(seed, tally) {
    const bench = new Bench({
      maxLinks: MOST_LINKS,
      ...(seed % 3 === 0 && { maxFrame: 4_096 }),
      // Then nobody gets in who does not know it.
      ...(seed % 7 === 0 && { key: new Uint8Array(32) }),
    });
    let peer: FakePeer | undefined;
    let written = 0;
    return {
      step(input, random) {
        if (peer === undefined || bench.closed.has(peer.connection) || random.chance(0.05)) {
          if (peer && random.chance(0.8)) bench.piot.closed(bench.now, peer.connection);
          peer = begun(bench, random, tally);
        }
        // More than may be in their handshake at one time.
        if (random.chance(0.004)) {
          const crowd = Array.from({ length: 140 }, () => new FakePeer(bench));
          const refused = crowd.some((each) =>
            each.frames().some((one) => one.frame === "close" && one.code === CloseCode.Busy)
          );
          if (refused) tally.type("Busy", true);
          for (const { connection } of crowd) bench.piot.closed(bench.now, connection);
        }
        const whole = random.chance(0.6) ? encodeFrame(anyFrame(random)) : framed(input, random);
        if (random.chance(0.1)) whole[random.below(whole.length)] = random.below(256);
        const half = random.below(whole.length + 1);
        peer.raw(whole.subarray(0, half));
        peer.raw(whole.subarray(half));
        const silence = random.chance(0.1)
          ? random.below(random.chance(0.2) ? 200_000 : 20_000)
          : 0;
        bench.now = pass(bench.piot, bench.now, silence);
        if (random.chance(0.1)) {
          try {
            bench.piot.send(bench.now, { peer: PEER }, { header: { kind: 0 }, body: input });
          } catch (error) {
            match(String(error), /full|blocked|parts|above|larger/);
          }
          bench.piot.flush(bench.now);
        }
        if (random.chance(0.02)) bench.disk.full = !bench.disk.full;
        const out = bench.take(peer.connection).length;
        // The node repeats what waits for the peer, no more than that.
        written += out;
        ok(out < 2_000_000, `${out} bytes at once`);
        for (const event of bench.events.splice(0)) {
          if (event.kind === "sessionUp") tally.type("session", true);
          if (event.kind === "sessionDown" || event.kind === "attemptFailed") {
            tally.type(nameOfCode(event.code), true);
          }
        }
        ok(bench.piot.links().length <= MOST_LINKS);
        ok(bench.disk.size < 5_000, `${bench.disk.size} records`);
        ok(Number.isSafeInteger(written));
      },
      end() {
        bench.disk.full = false;
        bench.now = pass(bench.piot, bench.now, 600_000);
        bench.piot.stop(bench.now);
        bench.piot.flush(bench.now);
      },
    };
  },
});

/** A connection: just there, or deep in the protocol as far as that goes with what happened before. */
function begun(bench: Bench, random: Random, tally: Tally): FakePeer {
  const peer = new FakePeer(bench);
  if (random.chance(0.1)) return peer;
  if (random.chance(0.05)) {
    peer.hello({ version: 2 });
    return peer;
  }
  if (random.chance(0.4)) {
    peer.raw(random.chance(0.9) ? PREFACE : random.bytes(6));
    return peer;
  }
  try {
    peer.open();
    // It is deep in, whatever is made of it.
    tally.type("opened", true);
  } catch (error) {
    ok(error instanceof AssertionError, String(error));
  }
  return peer;
}

function nameOfCode(code: number): string {
  return Object.entries(CloseCode).find(([, number]) => number === code)?.[0] ?? "another code";
}

/** Three nodes that can do something, and messages of any kind between them. */
const actions = machine({
  name: "piot/actions",
  covers: ["lib/piot/actions/actions.ts Actions.accepted"],
  corpus: ["cbor"],
  share: 0.1,
  steps: 300,
  types: { taken: ["done"] },
  begin(seed, tally) {
    const world = new World(seed);
    const a = new Worker(world, "a");
    const b = new Worker(world, "b", undefined, {}, { relay: true });
    const c = new Worker(world, "c");
    meet(a, b);
    meet(b, c);
    world.run(2_000);
    const ids = [a.id, b.id, c.id, "1".repeat(32), "2".repeat(32)];
    return {
      step(input, random) {
        a.node.act((piot, now) => {
          piot.send(now, { name: "b" }, {
            header: anyHeader(random, ids),
            body: anyBody(input, random, ids),
          });
        });
        world.run(random.below(200));
        if (random.chance(0.02)) world.sever(a.node, b.node);
        for (const { node } of [a, b, c]) node.events.splice(0).forEach(sane);
      },
      end() {
        world.run(120_000);
        if (b.did.length > 5) tally.type("done", true);
        for (const worker of [a, b, c]) ok(worker.actions.running === 0, worker.name);
        const asked = a.ask("b", "echo", "alive");
        world.run(5_000);
        deepStrictEqual(asked.results[0]?.value, "alive");
      },
    };
  },
});

function sane({ kind }: { kind: string }): void {
  ok(kind !== "problem", "a message of a peer is a problem of the node");
}

const ACTIONS = [
  "echo",
  "slow",
  "crash",
  "piot.query",
  "piot.aggregate",
  "piot.run",
  "piot.info",
  "none",
];

function anyHeader(random: Random, ids: readonly string[]) {
  const maybe = <T>(key: string, make: () => T) => random.chance(0.3) ? { [key]: make() } : {};
  return {
    kind: random.chance(0.6) ? 1 : random.below(7),
    correlation: random.chance(0.7) ? random.bytes(16).toHex() : random.pick(ids),
    ...(random.chance(0.8) ? { name: random.pick(ACTIONS) } : {}),
    ...maybe("timeout", () => random.below(5_000)),
    ...maybe("target", () => random.pick(ids)),
    ...maybe("origin", () => random.pick(ids)),
    ...maybe("hops", () => random.below(12)),
    ...maybe("status", () => random.below(20)),
    ...maybe("group", () => random.pick(ids)),
    ...maybe("original", () => random.pick(ids)),
    ...maybe("nesting", () => random.below(5)),
    ...(random.chance(0.05) && { type: "text/plain" }),
  };
}

function anyBody(input: Uint8Array, random: Random, ids: readonly string[]): Uint8Array {
  if (random.chance(0.4)) return input;
  const bodies: readonly Json[] = [
    null,
    3,
    { corr: ids[3] ?? "" },
    { targets: ["a", "b", "c"], name: "echo", timeout: 1 },
    { steps: { do: "echo", on: ["a", "c"] } },
    { steps: { seq: [{ do: "piot.run", on: "c", args: { steps: { do: "fail", on: "b" } } }] } },
  ];
  return encodeCbor(random.pick(bodies)).slice();
}

/**
 * A node that starts on a disk of which some records are damaged: it begins, or says which record is
 * at fault with a `WireError`; and then it lives.
 */
const rows = machine({
  name: "piot/rows",
  covers: [
    "lib/piot/link.ts Link.load",
    "lib/piot/links.ts Links.load",
    "lib/piot/outbox.ts Outbox.load",
    "lib/piot/bundles.ts Bundles.load",
    "lib/piot/inbox.ts Inbox.load",
    "lib/piot/seen.ts SeenIds.load",
    "lib/piot/steady.ts Steady.load",
    "lib/piot/notices.ts Notices.load",
    "lib/piot/actions/actions.ts Actions.load",
    "lib/piot/plan/journal.ts readJournal",
  ],
  corpus: ["piot-record"],
  share: 0.5,
  steps: 100,
  types: { taken: ["begun"], refused: ["begun"] },
  begin(_seed, tally) {
    const whole = written();
    return {
      step(input, random) {
        const disk = new Disk();
        const copy = new Map(whole);
        for (let i = random.below(3); i >= 0; i--) hurt(copy, input, random);
        disk.restore(copy);
        let node: Piot;
        let now = 1_000;
        const hooks = new Actions();
        try {
          node = new Piot({
            id: "0".repeat(31) + "1",
            name: "node",
            config: DEFAULTS,
            store: disk,
            random,
            randomBytes: (length) => random.bytes(length),
            wall: () => 1_800_000_000_000 + now,
            output: { dial() {}, write() {}, close() {}, event() {} },
            hooks,
          }, now);
        } catch (error) {
          ok(error instanceof WireError, String(error));
          tally.type("begun", false);
          return false;
        }
        tally.type("begun", true);
        now = pass(node, now, 100);
        now = pass(node, now, random.below(5_000_000));
        JSON.stringify([node.links(), node.inbox(), node.outbox(), node.notices(), hooks.plans()]);
        return true;
      },
    };
  },
});

/** What a node with a past has on its disk. */
function written(): Map<string, Uint8Array> {
  const world = new World(5);
  const a = new Worker(world, "a");
  const b = new Worker(world, "b");
  meet(a, b);
  world.run(2_000);
  a.node.act((_piot, now) => {
    a.actions.run(now, { steps: { do: "slow", on: "b", args: { ms: 60_000 } } });
    a.actions.run(now, { steps: { do: "echo", on: "b" } });
    a.actions.channels.set(1, "key", [1, "x"]);
  });
  b.ask("a", "slow", { ms: 60_000 });
  b.node.act((piot, now) => {
    for (let i = 0; i < 4; i++) {
      piot.send(now, { name: "a" }, { header: { kind: 0, name: "t" }, body: Uint8Array.of(i) });
    }
  });
  world.run(300);
  world.sever(a.node, b.node);
  a.node.act((piot, now) => {
    for (let i = 0; i < 4; i++) {
      piot.send(now, { name: "b" }, { header: { kind: 0, name: "t" }, body: Uint8Array.of(i) });
    }
  });
  return a.node.disk.copy();
}

/** One record is another, a little different, gone, or under another key. */
function hurt(copy: Map<string, Uint8Array>, input: Uint8Array, random: Random): void {
  const keys = [...copy.keys()];
  const key = random.pick(keys);
  const value = (copy.get(key) as Uint8Array).slice();
  const at = random.below(value.length);
  switch (random.below(6)) {
    case 0:
      return void copy.set(key, input);
    case 1:
      return void copy.delete(key);
    case 2:
      return void copy.set(key, value.slice(0, at));
    case 3:
      return void copy.set(random.pick([`${key}0`, key.slice(0, -1), random.pick(keys)]), value);
    default:
      value[at] = (value[at] as number) ^ (1 << random.below(8));
      return void copy.set(key, value);
  }
}

/** All of them. */
export const nodes: readonly Target[] = [peers, actions, rows];
