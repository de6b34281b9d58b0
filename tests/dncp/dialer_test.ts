/** The dialler: back-off, redundancy, and how many at once. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { Dialer } from "../../lib/dncp/dialer.ts";
import { nativeProfile } from "../../lib/dncp/mod.ts";
import { dialled, Lone } from "./harness.ts";

const E = 1;
const A = "pi:8331";

/** A dialler and what it dialled, under virtual time. */
class Bench {
  readonly dials: { at: number; address: string; port: number }[] = [];
  readonly peers = new Set<string>();
  readonly dialer: Dialer;
  now = 0;

  constructor(seed = 1) {
    this.dialer = new Dialer(
      new Random(seed),
      (_endpoint, address, port) => this.dials.push({ at: this.now, address, port }),
      (node) => this.peers.has(node),
    );
  }

  /** Let time pass; `answer` is called for every dial as it happens. */
  run(ms: number, answer: (address: string) => void = () => {}): void {
    const end = this.now + ms;
    for (let next = this.dialer.nextWake; next <= end; next = this.dialer.nextWake) {
      this.now = Math.max(this.now, next);
      const before = this.dials.length;
      this.dialer.wake(this.now);
      for (const { address } of this.dials.slice(before)) answer(address);
      ok(this.dialer.nextWake > this.now || this.dials.length > before, "no wake for nothing");
    }
    this.now = end;
    this.dialer.wake(end);
  }
}

Deno.test("dialler: failures are followed by doubling pauses up to 5 s, each a little off", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new Bench(seed);
    bench.dialer.keep(0, E, A);
    bench.run(60_000, (address) => bench.dialer.failed(bench.now, E, address));
    const pauses = bench.dials.slice(1).map(({ at }, i) => at - (bench.dials[i]?.at ?? 0));
    strictEqual(bench.dials[0]?.at, 0);
    pauses.forEach((pause, i) => {
      const nominal = Math.min(5_000, 250 * 2 ** i);
      ok(pause >= nominal * 0.75 && pause <= nominal * 1.25, `pause ${i} was ${pause}`);
    });
    const tail = pauses.slice(5);
    ok(new Set(tail).size > 1, "so that those who failed together do not try together");
    ok(pauses.length >= 13, `still trying after a minute, ${pauses.length} times`);
  }
});

Deno.test("dialler: a stream that lived is dialled again soon, one that did not is a failure", () => {
  const bench = new Bench();
  bench.dialer.keep(0, E, A);
  bench.run(1);
  bench.dialer.opened(bench.now, E, A);
  bench.run(60_000);
  strictEqual(bench.dials.length, 1, "an open stream is not dialled");
  bench.dialer.closed(bench.now, E, A);
  strictEqual(bench.dialer.failures(E, A), 0);
  const closed = bench.now;
  bench.run(1_000, () => bench.dialer.opened(bench.now, E, A));
  strictEqual(bench.dials.length, 2);
  ok((bench.dials[1]?.at ?? 0) - closed <= 250);
  for (let i = 0; i < 3; i++) {
    bench.dialer.closed(bench.now, E, A);
    strictEqual(bench.dialer.failures(E, A), i + 1);
    bench.run(3_000, () => bench.dialer.opened(bench.now, E, A));
  }
});

Deno.test("dialler: 32 at the same time, the others after them", () => {
  const bench = new Bench();
  for (let i = 0; i < 100; i++) bench.dialer.keep(0, E, `node-${i}:1`);
  bench.run(100);
  strictEqual(bench.dials.length, 32);
  strictEqual(bench.dialer.nextWake, Infinity);
  for (let i = 0; i < 10; i++) bench.dialer.opened(bench.now, E, `node-${i}:1`);
  bench.run(100);
  strictEqual(bench.dials.length, 42);
  // What is forgotten while it is dialled makes room too, and is not counted twice.
  bench.dialer.forget(E, "node-20:1");
  bench.dialer.failed(bench.now, E, "node-20:1");
  bench.run(100);
  strictEqual(bench.dials.length, 43);
});

Deno.test("dialler: its own address and one of a peer are left alone for a while", () => {
  const bench = new Bench();
  bench.dialer.keep(0, E, A);
  bench.run(10);
  bench.dialer.opened(bench.now, E, A);
  bench.dialer.redundant(bench.now, E, A, "self");
  const self = bench.now;
  bench.run(59_000);
  strictEqual(bench.dials.length, 1);
  bench.run(2_000);
  strictEqual((bench.dials[1]?.at ?? 0) - self, 60_000);
  bench.dialer.opened(bench.now, E, A);
  bench.dialer.redundant(bench.now, E, A, "aa");
  bench.peers.add("aa");
  bench.run(100_000);
  strictEqual(bench.dials.length, 2, "as long as the node is a peer otherwise");
  bench.peers.clear();
  bench.run(10_001);
  strictEqual(bench.dials.length, 3, "and soon after it is no more");
});

Deno.test("dialler: a link's wish ends, a person's does not; another port is another try", () => {
  const bench = new Bench();
  bench.dialer.want(0, E, A, 8331);
  bench.dialer.keep(0, E, "home:8331");
  bench.run(10, (address) => bench.dialer.failed(bench.now, E, address));
  strictEqual(bench.dials.length, 2);
  bench.dialer.unwant(E, A, 8331);
  bench.run(20_000, (address) => bench.dialer.failed(bench.now, E, address));
  deepStrictEqual(
    new Set(bench.dials.slice(2).map(({ address }) => address)),
    new Set(["home:8331"]),
  );
  strictEqual(bench.dialer.failures(E, A, 8331), 1, "what failed is remembered");
  const before = bench.dials.length;
  bench.dialer.want(bench.now, E, A, 9999);
  bench.run(10, () => {});
  deepStrictEqual(bench.dials.slice(before).map(({ port }) => port), [9999]);
});

Deno.test("dialler: two processes of one address are dialled one after the other, and told apart", () => {
  const bench = new Bench();
  bench.dialer.want(0, E, A, 1);
  bench.dialer.want(0, E, A, 2);
  bench.run(10);
  const ports = () => bench.dials.map(({ port }) => port);
  deepStrictEqual(ports(), [1], "an answer says which one it is about");
  strictEqual(bench.dialer.nextWake, Infinity);
  strictEqual(bench.dialer.opened(bench.now, E, A), 1);
  bench.run(1);
  deepStrictEqual(ports(), [1, 2], "at once");
  bench.dialer.failed(bench.now, E, A);
  strictEqual(bench.dialer.failures(E, A, 1), 0);
  strictEqual(bench.dialer.failures(E, A, 2), 1);
  bench.run(1_000, () => strictEqual(bench.dialer.opened(bench.now, E, A), 2));
  // The first one closes; the second stays.
  bench.run(60_000);
  bench.dialer.closed(bench.now, E, A, 1);
  bench.run(1_000);
  deepStrictEqual(ports(), [1, 2, 2, 1]);
  bench.dialer.forget(E, A);
  strictEqual(bench.dialer.opened(bench.now, E, A), undefined);
  strictEqual(bench.dialer.nextWake, Infinity);
});

Deno.test("machine: a connect address that is taken back is dialled no more, and its stream closed", () => {
  const lone = new Lone({ profile: nativeProfile, endpoints: [dialled()] });
  lone.machine.connect(0, 1, A);
  lone.advance(10);
  deepStrictEqual(lone.take().map(({ kind }) => kind), ["dial"]);
  lone.open(1, 5, A, true);
  lone.stream(5, lone.encode.nodeEndpoint("aa".repeat(8), 1));
  strictEqual(lone.machine.peers().length, 1);
  lone.take();
  lone.machine.disconnect(lone.now, 1, A);
  const sent = lone.take();
  ok(sent.some((each) => each.kind === "close" && each.stream === 5));
  strictEqual(lone.machine.peers().length, 0);
  lone.advance(100_000);
  ok(!lone.take().some(({ kind }) => kind === "dial"));
});

Deno.test("machine: a stream that opens after its address was taken back is closed", () => {
  const lone = new Lone({ profile: nativeProfile, endpoints: [dialled()] });
  lone.machine.connect(0, 1, A);
  lone.advance(10).take();
  lone.machine.disconnect(lone.now, 1, A);
  lone.open(1, 5, A, true);
  deepStrictEqual(lone.take().map(({ kind }) => kind), ["close"]);
});

Deno.test("machine: a dialled stream beyond the limit is closed, and dialled again later", () => {
  const profile = { ...nativeProfile, maxStreams: 2 };
  const lone = new Lone({ profile, endpoints: [dialled()] });
  for (const name of ["a", "b", "c"]) lone.machine.connect(0, 1, name);
  lone.advance(10).take();
  lone.open(1, 1, "a", true).open(1, 2, "b", true).open(1, 3, "c", true);
  for (const stream of [1, 2]) {
    lone.stream(stream, lone.encode.nodeEndpoint(`0${stream}`.repeat(8), 1));
  }
  const closed = lone.take().flatMap((each) => each.kind === "close" ? [each.stream] : []);
  deepStrictEqual(closed, [3]);
  strictEqual(lone.machine.counters.streamsRefused, 1);
  lone.machine.streamClosed(lone.now, 1, "gone");
  lone.advance(10_000);
  const again = lone.take().flatMap((each) => each.kind === "dial" ? [each.address] : []);
  ok(again.includes("c"), `dialled again: ${again}`);
});
