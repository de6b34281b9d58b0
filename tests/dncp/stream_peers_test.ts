/** DNCP over streams: which stream is kept, who is at its other end, and when a silent one ends. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { StreamId } from "../../lib/dncp/api.ts";
import { TlvType } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { dialled, Lone, sharedLink } from "./harness.ts";
import { Net } from "./toy_links.ts";
import {
  A,
  agree,
  B,
  closes,
  down,
  hello,
  ID,
  interval,
  multiplier,
  peered,
  profile,
  state,
  text,
} from "./peered.ts";

Deno.test("streams: a keep-alive an interval, only where nothing else went out", () => {
  const lone = peered("a");
  const writes: number[] = [];
  for (let t = 0; t < 100_000; t += 5_000) {
    agree(lone, [1]);
    lone.advance(5_000);
    writes.push(...lone.take().filter(({ kind }) => kind === "write").map(({ at }) => at));
  }
  ok(writes.length >= 9 && writes.length <= 11, `${writes.length} in 100 s`);
  const gaps = writes.slice(1).map((at, i) => at - (writes[i] ?? 0));
  ok(Math.max(...gaps) <= interval, `${gaps}`);
});

Deno.test("streams: an endpoint's own keep-alive interval is kept, and announced", () => {
  for (const config of [dialled(), sharedLink()]) {
    const endpoint = { ...config, keepAliveInterval: 2_000 };
    const lone = new Lone({ profile, nodeId: ID("5"), endpoints: [endpoint] });
    lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
    lone.stream(1, state(lone, A, 1, [lone.machine.nodeId]));
    const own = lone.machine.node(lone.machine.nodeId)?.data ?? new Uint8Array(0);
    ok(toHex(own).includes(toHex(lone.encode.keepAliveInterval(1, 2_000))));
    lone.advance(1_000).take();
    const writes: number[] = [lone.now];
    for (let t = 0; t < 40_000; t += 1_000) {
      agree(lone, [1]);
      lone.advance(1_000);
      writes.push(...lone.take().filter(({ kind }) => kind === "write").map(({ at }) => at));
    }
    const gaps = writes.slice(1).map((at, i) => at - (writes[i] ?? 0));
    ok(writes.length > 15 && Math.max(...gaps) <= 2_000, `${config.mode}: gaps ${gaps}`);
  }
});

Deno.test("streams: silence of three intervals ends a stream, and its peer", () => {
  const lone = peered("ab");
  const last = lone.machine.peers()[0]?.lastContact ?? NaN;
  lone.advance(last + interval * multiplier - lone.now - 10);
  lone.stream(2, lone.encode.networkState(lone.machine.networkHash(lone.now)));
  deepStrictEqual(closes(lone.take()), []);
  lone.advance(20);
  deepStrictEqual(closes(lone.take()), [[1, "nothing heard for 30 s"]]);
  deepStrictEqual(lone.machine.peers().map(({ node }) => node), [B]);
  lone.advance(1_000);
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, B]);
  strictEqual(lone.told.peers.at(-1)?.why, "nothing heard for 30 s");
});

Deno.test("streams: the interval that the peer announces decides, and 0 means that silence is no sign", () => {
  const cases: [tlv: (lone: Lone) => Uint8Array, after: number][] = [
    [({ encode }) => encode.keepAliveInterval(1, 1_000), 3_000],
    [({ encode }) => encode.keepAliveInterval(0, 100_000), 300_000],
    [({ encode }) => encode.keepAliveInterval(1, 0), Infinity],
  ];
  for (const [tlv, after] of cases) {
    const lone = new Lone({ profile, nodeId: ID("5"), endpoints: [dialled()] });
    lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
    lone.stream(1, lone.nodeState(A, 1, concat([lone.encode.peer(ID("5"), 1, 1), tlv(lone)])));
    lone.advance(Math.min(after, 3_600_000) - 1);
    strictEqual(lone.machine.peers().length, 1, `before ${after}`);
    lone.advance(2);
    strictEqual(lone.machine.peers().length, after === Infinity ? 1 : 0, `after ${after}`);
  }
});

Deno.test("streams: of two between the same two nodes both sides keep the one of the lower id", () => {
  for (const lower of [true, false]) {
    for (const [first, second] of [[true, false], [false, true]] as const) {
      const lone = new Lone({ profile, nodeId: lower ? ID("1") : ID("e"), endpoints: [dialled()] });
      if (first || second) lone.machine.connect(0, 1, "a");
      lone.advance(1).take();
      lone.open(1, 1, "a", first).stream(1, lone.encode.nodeEndpoint(A, 1));
      lone.open(1, 2, "a", second).stream(2, lone.encode.nodeEndpoint(A, 1));
      // The one to stay is the one that this node dialled, if it has the lower id.
      const keep = first === lower ? 1 : 2;
      deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [3 - keep]);
      strictEqual(lone.machine.peers().length, 1);
      lone.stream(keep, state(lone, A, 1, [lone.machine.nodeId]));
      deepStrictEqual(lone.nodeIds.length, 2, "the peer lives on the stream that stays");
      strictEqual(lone.told.peers.length, 1, "and nobody hears of it");
    }
  }
});

Deno.test("streams: of two in the same direction the newer stays", () => {
  const lone = peered("a");
  lone.open(1, 2, "a").stream(2, lone.encode.nodeEndpoint(A, 1));
  deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [1]);
  strictEqual(lone.machine.peers().length, 1);
});

Deno.test("streams: a stream to oneself is closed, and its address left alone", () => {
  const net = new Net();
  const a = net.add("a", { profile, nodeId: A }).join("l", dialled());
  a.machine.connect(0, 1, "a");
  net.run(50_000);
  strictEqual(a.dials, 1);
  strictEqual(a.streams.size, 0);
  deepStrictEqual([a.peers, a.id, a.told.ids], [[], A, []]);
  net.run(20_000);
  strictEqual(a.dials, 2, "looked at again after a minute");
});

Deno.test("streams: of two processes with one id exactly one takes a new one", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const net = new Net();
    const [a, b] = ["a", "b"].map((name, i) => {
      const member = net.add(name, { profile, nodeId: A, seed: 100 * seed + i }).join(
        "l",
        dialled(),
      );
      member.machine.publish(0, [text(name)]);
      return member;
    });
    ok(a && b);
    a.machine.connect(0, 1, "b");
    b.machine.connect(0, 1, "a");
    const took = net.until(() => net.converged, 20_000);
    ok(took !== undefined && took < 6_000, `seed ${seed}: ${took}`);
    strictEqual(a.told.ids.length + b.told.ids.length, 1, `seed ${seed}`);
    strictEqual(new Set([a.id, b.id]).size, 2);
  }
});

Deno.test("streams: beyond the limit of an endpoint they are refused", () => {
  const few = { ...profile, maxStreams: 3 };
  const lone = new Lone({ profile: few, endpoints: [dialled(), dialled(2)] });
  for (let i = 1; i <= 10; i++) lone.open(1, i, `${i}`);
  lone.open(2, 20, "other endpoint");
  deepStrictEqual(closes(lone.take()).map(([stream]) => stream), [4, 5, 6, 7, 8, 9, 10]);
  strictEqual(lone.machine.counters.streamsRefused, 7);
  lone.machine.streamClosed(lone.now, 1, "gone");
  lone.open(1, 11, "11");
  deepStrictEqual(closes(lone.take()), []);
});

Deno.test("streams: a closed stream is forgotten with all that waited", () => {
  const lone = peered("ab");
  lone.machine.streamClosed(lone.now, 1, "reset by peer");
  lone.stream(1, state(lone, A, 9, [lone.machine.nodeId]));
  lone.machine.streamWritable(lone.now, 1);
  lone.machine.streamClosed(lone.now, 1, "twice");
  lone.advance(5_000);
  ok(!lone.take().some((sent) => "stream" in sent && sent.stream === 1));
  strictEqual(lone.machine.peers().length, 1);
  deepStrictEqual(lone.nodeIds, [lone.machine.nodeId, B]);
});

Deno.test("streams: a new id of one's own ends all streams, and nothing follows on them", () => {
  const lone = new Lone({ profile, nodeId: ID("5"), seqno: 0x9000_0000, endpoints: [dialled()] });
  lone.machine.publish(0, [text("mine")]);
  lone.open(1, 1, "a").stream(1, lone.encode.nodeEndpoint(A, 1));
  lone.stream(1, lone.nodeState(ID("5"), 0xa000_0000, text("other")));
  strictEqual(lone.machine.seqno, 0xa000_0000 + profile.collisionStep);
  lone.advance(1_000).take();
  lone.stream(
    1,
    lone.nodeState(ID("5"), 0xb000_0000, text("other")),
    lone.encode.requestNetworkState(),
  );
  ok(lone.machine.nodeId !== ID("5"));
  const log = lone.take();
  deepStrictEqual(closes(log).map(([stream]) => stream), [1]);
  deepStrictEqual(down(lone, log).size, 0);
});

Deno.test("twins: whose stream is given up for another process of the same id is told of it, and then closed", () => {
  const lone = peered("a");
  const introduce = (stream: StreamId, instance: string) => {
    lone.open(1, stream, `again-${stream}`);
    lone.stream(stream, lone.encode.nodeEndpoint(A, 1), hello(lone, instance));
  };
  introduce(2, "99");
  strictEqual(lone.machine.peers().length, 1);
  const log = lone.take();
  deepStrictEqual(down(lone, log).get(1), [{ type: TlvType.Twin, instance: "99".repeat(8) }]);
  deepStrictEqual(closes(log), [], "so that it arrives");
  deepStrictEqual(closes(lone.advance(1_100).take()), [[1, "replaced by a newer stream"]]);
  strictEqual(lone.machine.peers().length, 1);
  // Another stream of the same process, and one of which nothing is known, are no twins.
  introduce(3, "99");
  deepStrictEqual(closes(lone.take()), [[2, "replaced by a newer stream"]]);
  lone.open(1, 4, "silent");
  lone.stream(4, lone.encode.nodeEndpoint(A, 1));
  deepStrictEqual(closes(lone.take()), [[3, "replaced by a newer stream"]]);
  // One that restarts has said so.
  const paused = peered("a");
  paused.stream(1, paused.encode.pause(5_000));
  paused.open(1, 2, "again");
  paused.stream(2, paused.encode.nodeEndpoint(A, 1), hello(paused, "99"));
  strictEqual(down(paused).get(1), undefined);
});

Deno.test("twins: the lower instance takes a new id, the higher one and a process itself do not", () => {
  for (const [instance, yields] of [["ff", true], ["00", false], [undefined, false]] as const) {
    const lone = peered("a");
    const { nodeId } = lone.machine;
    lone.open(1, 9, "b");
    const own = down(lone).get(9)?.find((fields) => fields.type === TlvType.Hello);
    const theirs = instance?.repeat(8) ?? own!.instance;
    lone.stream(1, lone.encode.twin(theirs));
    strictEqual(lone.machine.nodeId !== nodeId, yields, instance);
    strictEqual(closes(lone.take()).length > 0, yields);
  }
});
