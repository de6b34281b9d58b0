/** The own node: what it publishes, when, and what it does when it meets its own id. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { hncpProfile, nativeProfile } from "../../lib/dncp/mod.ts";
import { decodeTlvs, TlvType } from "../../lib/dncp/tlv.ts";
import { compareBytes, concat, toHex } from "../../lib/wire/mod.ts";
import { datagrams, Lone, sharedLink } from "./harness.ts";

const PEER = "a0000001";
const AGE_REPUBLISH = 2 ** 32 - 2 ** 16;

const text = (value: string) => hncpProfile.tlv.encode(64, new TextEncoder().encode(value));

function hncp(options: { seqno?: number; readOnly?: boolean } = {}): Lone {
  return new Lone({ profile: hncpProfile, endpoints: [datagrams()], ...options });
}

function ownData(lone: Lone): string {
  return toHex(lone.machine.node(lone.machine.nodeId)?.data ?? new Uint8Array(0));
}

Deno.test("own node: the first change goes at once, the next are collected", () => {
  const lone = hncp();
  lone.machine.publish(0, [text("a")]);
  deepStrictEqual(lone.told.publishing, [1]);
  for (let i = 1; i < 10; i++) {
    lone.advance(1);
    lone.machine.publish(lone.now, [text(`b${i}`)]);
  }
  deepStrictEqual(lone.told.publishing, [1], "within the publish interval");
  strictEqual(ownData(lone), toHex(text("a")));
  lone.advance(hncpProfile.publishInterval);
  deepStrictEqual(lone.told.publishing, [1, 2]);
  strictEqual(ownData(lone), toHex(text("b9")), "and it is the last change that counts");
  lone.advance(1_000);
  lone.machine.publish(lone.now, [text("c")]);
  deepStrictEqual(lone.told.publishing, [1, 2, 3], "after a pause at once again");
});

Deno.test("own node: large node data are published less often", () => {
  const lone = new Lone({ profile: nativeProfile, endpoints: [sharedLink()] });
  const large = (fill: number) => nativeProfile.tlv.encode(64, new Uint8Array(61_440).fill(fill));
  lone.machine.publish(0, [large(0)]);
  for (let i = 1; i <= 1_000; i++) {
    lone.advance(10);
    lone.machine.publish(lone.now, [large(i)]);
  }
  const { publications } = lone.machine.counters;
  ok(publications >= 12 && publications <= 20, `${publications} publications of 60 KiB in 10 s`);
  const small = new Lone({ profile: nativeProfile, endpoints: [sharedLink()] });
  for (let i = 0; i < 1_000; i++) {
    small.machine.publish(small.now, [nativeProfile.tlv.encode(64, Uint8Array.of(i))]);
    small.advance(10);
  }
  ok(small.machine.counters.publications > 400, `${small.machine.counters.publications} of 1 byte`);
});

Deno.test("own node: what is the same as before is not published again", () => {
  const lone = hncp();
  lone.machine.publish(0, [text("a"), text("b")]);
  lone.advance(1_000);
  lone.machine.publish(lone.now, [text("b"), text("a"), text("a")]);
  lone.advance(1_000);
  strictEqual(lone.machine.seqno, 1);
  const empty = hncp();
  empty.machine.publish(0, []);
  empty.advance(10_000);
  strictEqual(empty.machine.seqno, 0, "and nothing at all is no publication");
  deepStrictEqual(empty.nodeIds, []);
  lone.machine.publish(lone.now, []);
  lone.advance(1_000);
  strictEqual(lone.machine.seqno, 2, "but taking everything back is one");
  strictEqual(ownData(lone), "");
});

Deno.test("own node: node data are in strictly ascending order, DNCP's own TLVs among them", () => {
  const lone = hncp();
  const { encode } = lone;
  const tlvs = [
    text("zz"),
    text("a"),
    hncpProfile.tlv.encode(5_000),
    hncpProfile.tlv.encode(7),
    text("a"),
  ];
  lone.machine.publish(0, tlvs);
  lone.machine.addEndpoint(0, { ...datagrams(2), keepAliveInterval: 7_000 });
  lone.datagram(1, "p", encode.nodeEndpoint(PEER, 7));
  lone.datagram(1, "q", encode.nodeEndpoint("00000002", 7));
  lone.datagram(2, "q", encode.nodeEndpoint("00000002", 7));
  lone.advance(100);
  const data = lone.machine.node(lone.machine.nodeId)?.data ?? new Uint8Array(0);
  const encoded = decodeTlvs(hncpProfile, data).tlvs.map(({ raw }) => raw.encoded);
  deepStrictEqual(encoded.map((each) => hncpProfile.tlv.header(each, 0).type), [
    7,
    TlvType.Peer,
    TlvType.Peer,
    TlvType.Peer,
    TlvType.KeepAliveInterval,
    64,
    64,
    5_000,
  ]);
  encoded.slice(1).forEach((each, i) => ok(compareBytes(encoded[i] as Uint8Array, each) < 0));
  const keepAlive = encode.keepAliveInterval(2, 7_000);
  ok(encoded.some((each) => toHex(each) === toHex(keepAlive)));
  ok(encoded.some((each) => toHex(each) === toHex(encode.peer("00000002", 7, 2))));
});

Deno.test("own node: the application hears of a number before anything of it is sent", () => {
  const unsent: [seqno: number, sent: number][] = [];
  const lone: Lone = new Lone({
    profile: hncpProfile,
    endpoints: [datagrams()],
    onPublishing: (seqno) => void unsent.push([seqno, lone.take().length]),
  });
  lone.machine.publish(0, [text("a")]);
  lone.datagram(1, "p", lone.encode.nodeEndpoint(PEER, 7)).advance(1_000).take();
  lone.machine.publish(lone.now, [text("b")]);
  deepStrictEqual(unsent.at(-1), [3, 0]);
  strictEqual(lone.machine.seqno, 3);
});

Deno.test("own node: numbers wrap, and 0 is never used", () => {
  const lone = hncp({ seqno: 0xffff_fffd });
  const seen: number[] = [];
  for (let i = 0; i < 5; i++) {
    lone.machine.publish(lone.now, [text(`${i}`)]);
    lone.advance(100);
    seen.push(lone.machine.seqno);
  }
  deepStrictEqual(seen, [0xffff_fffe, 0xffff_ffff, 1, 2, 3]);
  deepStrictEqual(lone.told.publishing, seen);
});

Deno.test("own node: it publishes again before its age overflows, after 49.7 days", () => {
  // Nobody is there and no timer is short, so that 50 days cost few wakes.
  const lone = new Lone({ profile: hncpProfile });
  lone.machine.publish(0, [text("a")]);
  lone.advance(AGE_REPUBLISH - 1);
  strictEqual(lone.machine.seqno, 1);
  const before = ownData(lone);
  lone.advance(2);
  strictEqual(lone.machine.seqno, 2);
  strictEqual(ownData(lone), before);
  strictEqual(lone.machine.node(lone.machine.nodeId)?.origination, AGE_REPUBLISH);
  lone.advance(AGE_REPUBLISH);
  strictEqual(lone.machine.seqno, 3);
  ok(lone.wakes < 3_000, `${lone.wakes} wakes`);
});

Deno.test("own node: ages grow, and are clamped instead of wrapping", () => {
  const lone = hncp();
  const { encode } = lone;
  lone.datagram(1, "p", encode.nodeEndpoint(PEER, 7)).advance(50);
  const data = encode.peer(lone.machine.nodeId, 1, 7);
  lone.datagram(1, "p", lone.nodeState(PEER, 4, data, { age: 0xffff_fff0 }));
  lone.take();
  const ages = [0, 10, 1_000].map((ms) => {
    lone.advance(ms);
    lone.take();
    lone.datagram(1, "x", encode.requestNodeState(PEER));
    const state = lone.take().flatMap((sent) => lone.fields(sent))
      .find((each) => each.type === TlvType.NodeState);
    return state?.type === TlvType.NodeState ? state.age : -1;
  });
  deepStrictEqual(ages, [0xffff_fff0, 0xffff_fffa, 0xffff_ffff]);
});

Deno.test("own node: the first time it meets its own id it goes on above that number", () => {
  for (const data of [text("other"), new Uint8Array(0)]) {
    const lone = hncp();
    lone.machine.publish(0, [text("mine")]);
    lone.advance(1_000).take();
    const hash = lone.hash(text("other"));
    lone.datagram(1, "x", lone.encode.nodeState(lone.machine.nodeId, 500, 0, hash, data));
    strictEqual(lone.machine.seqno, 1_500);
    strictEqual(ownData(lone), toHex(text("mine")));
    deepStrictEqual([lone.told.ids.length, lone.machine.counters.collisions], [0, 1]);
    // Its echo, and what was said before, are no second one.
    lone.datagram(1, "x", lone.encode.nodeState(lone.machine.nodeId, 500, 0, hash, data));
    lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, 1_500, text("mine")));
    strictEqual(lone.told.ids.length, 0);
  }
});

Deno.test("own node: the same number with other data is a collision, an older number is not", () => {
  const lone = hncp({ seqno: 40 });
  lone.machine.publish(0, [text("mine")]);
  strictEqual(lone.machine.seqno, 41);
  lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, 40, text("other")));
  lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, 0xffff_ff00, text("other")));
  strictEqual(lone.machine.seqno, 41);
  lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, 41, text("other")));
  strictEqual(lone.machine.seqno, 1_041);
});

Deno.test("own node: met before it ever published, it publishes above that", () => {
  const lone = hncp();
  lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, 77, text("from before the restart")));
  lone.advance(100);
  strictEqual(lone.machine.seqno, 1_077, "so that the old data leave the network");
  strictEqual(ownData(lone), "");
});

Deno.test("own node: a collision across the wrap never leads to 0", () => {
  const lone = hncp({ seqno: 0xffff_fb00 });
  lone.machine.publish(0, [text("mine")]);
  const received = 2 ** 32 - 1_000;
  lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, received, text("other")));
  strictEqual(lone.machine.seqno, 1);
});

Deno.test("own node: the second time it takes a new id and tells every peer so", () => {
  const lone = hncp();
  const old = lone.machine.nodeId;
  const { encode } = lone;
  lone.machine.publish(0, [text("mine")]);
  lone.datagram(1, "p", encode.nodeEndpoint(PEER, 7));
  lone.datagram(1, "q", encode.nodeEndpoint("a0000002", 8));
  lone.advance(1_000);
  lone.datagram(1, "x", lone.nodeState(old, 500, text("other"))).advance(1_000);
  lone.take();
  lone.datagram(1, "x", lone.nodeState(old, 5_000, text("other")));
  const id = lone.machine.nodeId;
  ok(id !== old && /^[0-9a-f]{8}$/.test(id));
  deepStrictEqual(lone.told.ids, [id]);
  strictEqual(lone.machine.seqno, 1);
  deepStrictEqual(lone.nodeIds, [id], "the entry under the old id is gone");
  const told = lone.take().filter(({ kind }) => kind === "datagram");
  deepStrictEqual(told.map((sent) => "to" in sent ? sent.to : ""), ["p", "q"]);
  for (const sent of told) {
    const fields = lone.fields(sent);
    deepStrictEqual(fields.map(({ type }) => type), [3, 4, 1]);
    strictEqual(fields[0]?.type === TlvType.NodeEndpoint && fields[0].nodeId, id);
  }
  const data = ownData(lone);
  ok(data.includes(toHex(encode.peer(PEER, 7, 1))), "the peers stay");
  // The other one goes on under the old id, and is a node like any other.
  lone.datagram(1, "x", encode.nodeEndpoint(old, 9)).advance(100);
  lone.datagram(1, "x", lone.nodeState(old, 5_001, concat([encode.peer(id, 1, 9)])));
  lone.advance(100);
  deepStrictEqual(lone.nodeIds, [old, id].sort());
});

Deno.test("own node: a reader publishes nothing and has no collision", () => {
  const lone = hncp({ readOnly: true });
  lone.machine.publish(0, [text("mine")]);
  lone.datagram(1, "x", lone.nodeState(lone.machine.nodeId, 500, text("other")));
  lone.advance(100_000);
  strictEqual(lone.machine.seqno, 0);
  deepStrictEqual([lone.told.publishing, lone.told.ids], [[], []]);
  strictEqual(lone.machine.counters.collisions, 0);
  deepStrictEqual(lone.nodeIds, [], "nor is a node of its id itself");
});
