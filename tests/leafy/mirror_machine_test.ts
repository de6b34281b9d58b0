/** Publish continually: a mirror against a scripted first hop. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, ExitCode, Random } from "../../lib/core/mod.ts";
import {
  createNetworkHash,
  decodeTlvs,
  nativeProfile,
  TlvEncoder,
  TlvType,
} from "../../lib/dncp/mod.ts";
import { Mirror } from "../../lib/leafy/mod.ts";
import { concat } from "../../lib/wire/mod.ts";
import { payload } from "./streams.ts";

const A = "1000000000000000", B = "2000000000000000", C = "3000000000000000";

const encode = new TlvEncoder(nativeProfile);

const HASH = new Uint8Array(16).fill(7);

/** A mirror whose first hop is the test. */
function scripted(writes: () => boolean = () => true) {
  const random = new Random(3);
  const out: Uint8Array[] = [];
  const log: string[] = [];
  const mirror = new Mirror({
    profile: nativeProfile,
    randomBytes: (length) => random.bytes(length),
    transport: {
      write: (bytes) => {
        out.push(bytes.slice());
        return writes();
      },
      close: (reason) => log.push(`close ${reason}`),
    },
    events: { nodeIdChanged: (id) => log.push(`id ${id}`) },
  });
  const said = () => decodeTlvs(nativeProfile, concat(out.splice(0))).tlvs;
  const types = () => said().map(({ raw }) => raw.type);
  const tell = (now: number, ...tlvs: Uint8Array[]) => mirror.receive(now, concat(tlvs));
  /** Wakes it until a time. */
  const pass = (from: number, until: number) => {
    for (let now = from; (now = Math.max(now, mirror.nextWake())) <= until;) mirror.wake(now);
  };
  return { mirror, log, said, types, tell, pass };
}

Deno.test("mirror: opens with its name, what it is, its hash and a question", () => {
  const { mirror, said } = scripted();
  mirror.setPayload(0, payload({ a: 1 }));
  mirror.opened(0);
  const [endpoint, , state, ...rest] = said();
  deepStrictEqual(endpoint?.fields, { type: 3, nodeId: mirror.nodeId, endpointId: 1 });
  deepStrictEqual(
    state?.fields,
    { type: 4, hash: createNetworkHash(nativeProfile).digest() },
    "nobody yet",
  );
  deepStrictEqual(rest.map(({ raw }) => raw.type), [TlvType.RequestNetworkState]);
  strictEqual(mirror.seqno, 0, "not published before the peer is known");
});

Deno.test("mirror: pushes its state once the first hop is known, with exactly that peer", () => {
  const { mirror, said, tell } = scripted();
  mirror.setPayload(0, payload({ a: 1 }));
  mirror.opened(0);
  said();
  tell(5, encode.nodeEndpoint(A, 77));
  const [state, hash] = said();
  ok(state?.fields?.type === TlvType.NodeState && hash?.fields?.type === TlvType.NetworkState);
  strictEqual(state.fields.seqno, 1);
  deepStrictEqual(state.fields.data, concat([encode.peer(A, 77, 1), ...payload({ a: 1 })]));
  deepStrictEqual(state.fields.hash, nativeProfile.hash(state.fields.data).slice(0, 16));
  const network = createNetworkHash(nativeProfile);
  network.set(mirror.nodeId, 1, state.fields.hash);
  deepStrictEqual(hash.fields.hash, network.digest());
  tell(6, encode.nodeEndpoint(A, 77));
  deepStrictEqual(said(), [], "the same again");
  tell(7, encode.nodeEndpoint(A, 78));
  const [again] = said();
  ok(again?.fields?.type === TlvType.NodeState && again.fields.seqno === 2, "another endpoint");
});

Deno.test("mirror: request for the network state is answered with its own, for node data not at all", () => {
  const { mirror, said, types, tell } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1), encode.nodeState(B, 5, 0, HASH));
  said();
  tell(1, encode.requestNodeState(B), encode.requestNodeState(mirror.nodeId));
  deepStrictEqual(types(), []);
  tell(2, encode.requestNetworkState());
  const answer = said();
  deepStrictEqual(answer.map(({ raw }) => raw.type), [TlvType.NodeState, TlvType.NetworkState]);
  ok(answer[0]?.fields?.type === TlvType.NodeState && answer[0].fields.data.length > 0);
});

Deno.test("mirror: a whole list replaces what it knew, a list that is not whole does not", () => {
  const { mirror, said, tell } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  const push = said().find(({ fields }) => fields?.type === TlvType.NodeState)?.fields;
  ok(push?.type === TlvType.NodeState);
  const nodes = new Map([[A, 1], [B, 2], [C, 3]]);
  const hashOf = (ids: string[], own = true) => {
    const network = createNetworkHash(nativeProfile);
    for (const id of ids) network.set(id, nodes.get(id)!, HASH);
    if (own) network.set(mirror.nodeId, push.seqno, push.hash);
    return network.digest();
  };
  const short = (id: string) => encode.nodeState(id, nodes.get(id)!, 0, HASH);
  const own = encode.nodeState(mirror.nodeId, push.seqno, 0, push.hash);
  tell(1, encode.networkState(hashOf([A, B, C])), short(A), short(B), own);
  strictEqual(mirror.consistent, false, "C is missing");
  tell(2, short(C));
  strictEqual(mirror.consistent, true, "in a second piece");
  tell(3, encode.networkState(hashOf([A, C])));
  strictEqual(mirror.consistent, false, "B went, says the hash");
  tell(4, encode.networkState(hashOf([A, C])), short(A), short(C), own);
  strictEqual(mirror.consistent, true);
  said();
  tell(5, encode.networkState(hashOf([A], false)), short(A));
  strictEqual(mirror.consistent, false);
  const pushed = said().map(({ raw }) => raw.type);
  deepStrictEqual(pushed, [TlvType.NodeState], "a list without its own entry: pushed again");
});

Deno.test("mirror: a list in front of the next hash still counts", () => {
  const { mirror, said, tell } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  const push = said().find(({ fields }) => fields?.type === TlvType.NodeState)?.fields;
  ok(push?.type === TlvType.NodeState);
  tell(1, encode.nodeState(C, 9, 0, HASH), encode.nodeState(B, 2, 0, HASH));
  const network = createNetworkHash(nativeProfile);
  network.set(mirror.nodeId, push.seqno, push.hash);
  network.set(A, 1, HASH);
  const first = network.digest();
  network.set(A, 2, HASH);
  // B and C are gone in the list; right behind it A changes. All in one piece.
  tell(
    2,
    encode.networkState(first),
    encode.nodeState(A, 1, 0, HASH),
    encode.nodeState(mirror.nodeId, push.seqno, 0, push.hash),
    encode.networkState(network.digest()),
    encode.nodeState(A, 2, 0, HASH),
  );
  strictEqual(mirror.consistent, true);
});

Deno.test("mirror: its own state in an older version is pushed again, and not believed", () => {
  const { mirror, said, tell } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  mirror.setPayload(100, payload({ a: 1 }));
  strictEqual(mirror.seqno, 2);
  said();
  tell(200, encode.nodeState(mirror.nodeId, 1, 0, HASH));
  const [push, ...others] = said();
  ok(push?.fields?.type === TlvType.NodeState && push.fields.seqno === 2);
  deepStrictEqual(others, []);
  const network = createNetworkHash(nativeProfile);
  network.set(mirror.nodeId, 2, push.fields.hash);
  tell(300, encode.networkState(network.digest()));
  strictEqual(mirror.consistent, true);
});

Deno.test("mirror: its own state in a version that it never published: +1000, then a new id", () => {
  const { mirror, said, log, tell } = scripted();
  const before = mirror.nodeId;
  mirror.setPayload(0, payload({ a: 1 }));
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  said();
  tell(1, encode.nodeState(before, 50, 0, HASH));
  strictEqual(mirror.seqno, 1_050);
  const [push] = said();
  ok(push?.fields?.type === TlvType.NodeState && push.fields.seqno === 1_050);
  deepStrictEqual(log, []);
  tell(2, encode.nodeState(before, 1_050, 0, HASH), encode.networkState(HASH));
  ok(mirror.nodeId !== before);
  deepStrictEqual(log, [
    `id ${mirror.nodeId}`,
    "close another node has our id, so we take a new one",
  ]);
  deepStrictEqual(said(), [], "the rest of the piece is not answered");
  strictEqual(mirror.nextWake(), Infinity);
  mirror.opened(10);
  tell(11, encode.nodeEndpoint(A, 1));
  const fresh = said().find(({ fields }) => fields?.type === TlvType.NodeState)?.fields;
  ok(fresh?.type === TlvType.NodeState && fresh.seqno === 1 && fresh.nodeId === mirror.nodeId);
});

Deno.test("mirror: sequence numbers wrap past 0", () => {
  const { mirror, tell } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  tell(1, encode.nodeState(mirror.nodeId, 0x7fff_fff0, 0, HASH));
  strictEqual(mirror.seqno, 0x7fff_fff0 + 1_000);
  const other = scripted();
  other.mirror.opened(0);
  other.tell(0, encode.nodeEndpoint(A, 1));
  // Collision step and wrap together: 0 itself is never used.
  other.tell(1, encode.nodeState(other.mirror.nodeId, 0x8000_0000, 0, HASH));
  strictEqual(other.mirror.seqno, 0x8000_0000 + 1_000);
});

Deno.test("mirror: a first hop that has our own id", () => {
  const { mirror, log, tell } = scripted();
  const before = mirror.nodeId;
  mirror.opened(0);
  tell(1, encode.nodeEndpoint(before, 1));
  ok(mirror.nodeId !== before);
  match(log[1] ?? "", /^close another node has our id/);
});

Deno.test("mirror: asks for the list less and less where it does not help", () => {
  const { mirror, said, tell, pass } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1), encode.networkState(HASH));
  said();
  let requests = 0;
  for (let now = 0; now < 60_000; now += 1_000) {
    pass(now, now + 999);
    requests += said().filter(({ raw }) => raw.type === TlvType.RequestNetworkState).length;
    // The first hop goes on to tell a hash that never fits.
    tell(now + 999, encode.networkState(HASH));
  }
  ok(requests >= 5 && requests <= 12, `${requests} requests in a minute`);
});

Deno.test("mirror: holds back while the stream takes nothing, then sends the latest once", () => {
  let open = true;
  const { mirror, said, types, tell } = scripted(() => open);
  mirror.opened(0);
  open = false;
  tell(0, encode.nodeEndpoint(A, 1));
  said();
  for (let i = 1; i <= 50; i++) {
    mirror.setPayload(i * 100, payload({ i }));
    tell(i * 100, encode.requestNetworkState());
  }
  deepStrictEqual(types(), []);
  mirror.wake(mirror.nextWake());
  deepStrictEqual(types(), [], "nor by itself");
  open = true;
  mirror.writable(6_000);
  const sent = said();
  const states = sent.flatMap(({ fields }) => fields?.type === TlvType.NodeState ? [fields] : []);
  strictEqual(states.length, 1);
  deepStrictEqual(states[0]?.data, concat([encode.peer(A, 1, 1), ...payload({ i: 50 })]));
});

Deno.test("mirror: changes in quick succession are collected", () => {
  const { mirror, said, tell, pass } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  said();
  for (let i = 1; i <= 100; i++) mirror.setPayload(100 + i / 10, payload({ i }));
  pass(110, 200);
  strictEqual(mirror.seqno, 3, "the first at once, the rest together");
  const states = said().flatMap(({ fields }) => fields?.type === TlvType.NodeState ? [fields] : []);
  deepStrictEqual(states.at(-1)?.data, concat([encode.peer(A, 1, 1), ...payload({ i: 100 })]));
});

Deno.test("mirror: own state is published again before its age overflows", () => {
  const { mirror, tell, pass } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  strictEqual(mirror.seqno, 1);
  const due = 2 ** 32 - 2 ** 16;
  // Heard a moment before, so that the first hop does not count as silent.
  tell(due - 1, encode.requestNetworkState());
  strictEqual(mirror.seqno, 1);
  pass(due - 1, due);
  strictEqual(mirror.seqno, 2);
});

Deno.test("mirror: more than node data can hold is refused, and nothing changes", () => {
  const { mirror, tell } = scripted();
  mirror.opened(0);
  tell(0, encode.nodeEndpoint(A, 1));
  throws(() => mirror.setPayload(100, payload({ a: "x".repeat(66_000) })), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Refused);
    match(error.message, /state 66\d\d\d bytes; 65536 are allowed/);
    return true;
  });
  strictEqual(mirror.seqno, 1);
});

Deno.test("mirror: a frame beyond all limits closes the stream", () => {
  const { mirror, log, tell } = scripted();
  mirror.opened(0);
  tell(1, Uint8Array.of(5, 0xff, 0xff, 0xff));
  match(log[0] ?? "", /^close TLV of \d+ bytes/);
  tell(2, encode.requestNetworkState());
  strictEqual(mirror.nextWake(), Infinity);
});

Deno.test("mirror: any bytes are survived, and every wake moves on", () => {
  const tlv = fc.oneof(
    fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 8, 32, 34, 99), fc.uint8Array({ maxLength: 40 }))
      .map(([type, value]) => nativeProfile.tlv.encode(type, value)),
    fc.uint8Array({ maxLength: 12 }),
    fc.tuple(fc.constantFrom(A, B, "self"), fc.integer({ min: 0, max: 3 }))
      .map(([id, seqno]) => ({ id, seqno })),
  );
  fc.assert(fc.property(fc.array(tlv, { maxLength: 30 }), (parts) => {
    const { mirror } = scripted();
    mirror.setPayload(0, payload({ a: 1 }));
    mirror.opened(0);
    mirror.receive(0, encode.nodeEndpoint(A, 1));
    let now = 0;
    for (const part of parts) {
      now += 40;
      mirror.receive(
        now,
        part instanceof Uint8Array
          ? part
          : encode.nodeState(part.id === "self" ? mirror.nodeId : part.id, part.seqno, 0, HASH),
      );
      for (let i = 0; i < 3; i++) {
        const wake = mirror.nextWake();
        if (wake === Infinity) mirror.opened(now);
        else {
          now = Math.max(now, wake);
          mirror.wake(now);
          ok(mirror.nextWake() > now, "it moves on");
        }
      }
    }
  }));
});
