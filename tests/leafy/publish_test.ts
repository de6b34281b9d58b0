/** Publish for a while: the guest's side and the node's (spec/dncp.md §16.4). */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, ExitCode } from "../../lib/core/mod.ts";
import {
  AckStatus,
  encodeLeaf,
  guestIdFor,
  type LeafPublish,
  type LeafPublishAck,
  LeafSession,
  Publication,
} from "../../lib/leafy/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import type { Json } from "../../lib/wire/cbor.ts";
import { SELF, served, WALL } from "./network.ts";

const GUEST = "0123456789abcdef";

function publish(
  entries: Record<string, Json>,
  more: Partial<Omit<LeafPublish, "type" | "entries">> = {},
): LeafPublish {
  return {
    type: "publish",
    guestId: GUEST,
    sequence: 1,
    ttlMs: 60_000,
    entries: Object.entries(entries),
    ...more,
  };
}

/** A node with a name, and what it shows for its guests. */
function node(...options: Parameters<typeof served> extends [unknown, ...infer R] ? R : never) {
  const all = served({ [SELF]: { "agent/name": "pi" } }, ...options);
  const shown = () => Object.fromEntries(all.own.entries().map(({ key, value }) => [key, value]));
  const put = (message: LeafPublish, now = 0) => all.server.handlePublish(now, WALL + now, message);
  return { ...all, shown, put };
}

Deno.test("publish: taken for the time asked for, named node and end", () => {
  const { put, shown, own } = node();
  deepStrictEqual(put(publish({ door: true, light: 5 })), {
    type: "ack",
    guestId: GUEST,
    sequence: 1,
    grantedMs: 60_000,
    status: AckStatus.Published,
    until: WALL + 60_000,
    node: "pi",
    id: SELF,
    message: "",
  });
  deepStrictEqual(shown(), { door: true, light: 5 });
  strictEqual(own.nextWake(), 60_000);
  own.wake(59_999);
  deepStrictEqual(shown(), { door: true, light: 5 });
  own.wake(60_000);
  deepStrictEqual(shown(), {});
});

Deno.test("publish: between one second and one hour, or what the node is configured for", () => {
  const plain = node();
  strictEqual(plain.put(publish({ a: 1 }, { ttlMs: 1 })).grantedMs, 1_000);
  strictEqual(plain.put(publish({ a: 1 }, { ttlMs: 0xffff_ffff })).grantedMs, 3_600_000);
  strictEqual(plain.own.guestUntil(GUEST), 3_600_000);
  const configured = node({ minTtlMs: 5_000, maxTtlMs: 10_000 });
  strictEqual(configured.put(publish({ a: 1 }, { ttlMs: 1 })).grantedMs, 5_000);
  strictEqual(configured.put(publish({ a: 1 }, { ttlMs: 20_000 })).grantedMs, 10_000);
});

Deno.test("publish: the same again only moves the end", () => {
  const { put, seen, own } = node();
  put(publish({ a: 1, b: 2 }));
  const { published } = seen;
  const again = put({ ...publish({}), entries: [["b", 2], ["a", 1]] }, 40_000);
  strictEqual(again.status, AckStatus.Published);
  strictEqual(again.until, WALL + 100_000);
  strictEqual(seen.published, published);
  strictEqual(own.nextWake(), 100_000);
});

Deno.test("publish: the next process of the node knows the guest", () => {
  const before = node();
  before.put(publish({ a: 1 }, { sequence: 7 }));
  const after = node();
  const held = before.own.handOver(10_000);
  after.own.inherit(0, held, 1_000);
  const book = before.server.handOver();
  after.server.inherit([...book, { id: "ff".repeat(8), sequence: 1, content: "" }]);
  deepStrictEqual(after.server.handOver(), book, "of a guest that has nothing, nothing is known");
  strictEqual(after.put(publish({ a: 0 }, { sequence: 6 })).status, AckStatus.Stale);
  const { published } = after.seen;
  strictEqual(after.put(publish({ a: 1 }, { sequence: 7 }), 5_000).status, AckStatus.Published);
  strictEqual(after.seen.published, published, "a refresh is one still");
  strictEqual(after.own.nextWake(), 65_000);
});

Deno.test("publish: a newer number replaces, an older or unfaithful one is told the number", () => {
  const { put, shown } = node();
  put(publish({ a: 1, b: 1 }, { sequence: 7 }));
  strictEqual(put(publish({ a: 2 }, { sequence: 8 })).status, AckStatus.Published);
  deepStrictEqual(shown(), { a: 2 });
  for (const [entries, sequence] of [[{ a: 2 }, 7], [{ a: 3 }, 8], [{}, 0]] as const) {
    const ack = put(publish(entries, { sequence }), 10_000);
    strictEqual(ack.status, AckStatus.Stale);
    strictEqual(ack.sequence, 8);
    strictEqual(ack.grantedMs, 0);
    strictEqual(ack.until, 0);
  }
  deepStrictEqual(shown(), { a: 2 });
  strictEqual(put(publish({}, { sequence: 7, ttlMs: 0 })).status, AckStatus.Stale, "nor withdrawn");
});

Deno.test("publish: a stale one does not move the end", () => {
  const { put, own } = node();
  put(publish({ a: 1 }, { sequence: 7 }));
  put(publish({ a: 1 }, { sequence: 6 }), 30_000);
  put(publish({ a: 2 }, { sequence: 7 }), 30_000);
  strictEqual(own.nextWake(), 60_000);
});

Deno.test("publish: numbers wrap, and half way round counts as newer", () => {
  const { put } = node();
  put(publish({ a: 1 }, { sequence: 0xffff_ffff }));
  strictEqual(put(publish({ a: 2 }, { sequence: 0 })).status, AckStatus.Published);
  strictEqual(put(publish({ a: 3 }, { sequence: 0xffff_ffff })).status, AckStatus.Stale);
  strictEqual(put(publish({ a: 3 }, { sequence: 0x8000_0000 })).status, AckStatus.Published);
});

Deno.test("publish: TTL 0 withdraws, also what is not there", () => {
  const { put, shown, own } = node();
  put(publish({ a: 1 }, { sequence: 3 }));
  const ack = put(publish({}, { sequence: 3, ttlMs: 0 }));
  deepStrictEqual([ack.status, ack.grantedMs, ack.until], [AckStatus.Published, 0, 0]);
  deepStrictEqual(shown(), {});
  strictEqual(own.nextWake(), Infinity);
  strictEqual(put(publish({}, { ttlMs: 0 })).status, AckStatus.Published);
  strictEqual(put(publish({ a: 1 }, { sequence: 1 })).status, AckStatus.Published, "forgotten");
});

Deno.test("publish: after the end the guest is new, whatever its number, at that very moment", () => {
  const { put, shown } = node();
  put(publish({ a: 1 }, { sequence: 9 }));
  strictEqual(put(publish({ a: 2 }, { sequence: 8 }), 59_999.9).status, AckStatus.Stale);
  strictEqual(put(publish({ a: 2 }, { sequence: 8 }), 60_000).status, AckStatus.Published);
  deepStrictEqual(shown(), { a: 2 });
});

Deno.test("publish: what cannot be is refused with a reason, and nothing changes", () => {
  const { put, shown } = node();
  put(publish({ a: 1 }, { sequence: 1 }));
  for (
    const [entries, text] of [
      [{ "agent/name": "me" }, /"agent\/name" is the agent's own/],
      [{ "": 1 }, /the key "" is empty/],
      [{ "a\n": 1 }, /control character/],
      [{ b: null }, /null means delete/],
    ] as const
  ) {
    const ack = put(publish(entries, { sequence: 2 }));
    strictEqual(ack.status, AckStatus.NotAllowed);
    match(ack.message, text);
  }
  const large = put(publish({ a: "x".repeat(4_100) }, { sequence: 2 }));
  strictEqual(large.status, AckStatus.TooLarge);
  match(large.message, /may take 4 096 bytes, these take 4 1\d\d/);
  deepStrictEqual(shown(), { a: 1 });
  strictEqual(put(publish({ a: 1 }, { sequence: 1 }), 1).status, AckStatus.Published, "as it was");
});

Deno.test("publish: what is set on the node itself stays, and the guest is told", () => {
  const { put, shown, own } = node();
  own.set(0, WALL, [["door", "shut"]]);
  put(publish({ light: 1 }, { sequence: 1 }));
  const ack = put(publish({ door: "open", light: 2 }, { sequence: 2 }), 10);
  deepStrictEqual([ack.status, ack.grantedMs, ack.until], [AckStatus.NotAllowed, 0, 0]);
  match(ack.message, /^"door" is set on this node itself, and a guest cannot change that; take/);
  deepStrictEqual(shown(), { door: "shut", light: 1 });
  strictEqual(put(publish({ light: 1 }, { sequence: 1 }), 20).status, AckStatus.Published);
  // From the moment when nobody there holds it, it is free.
  own.unset(["door"]);
  strictEqual(put(publish({ door: "open" }, { sequence: 2 }), 30).status, AckStatus.Published);
  deepStrictEqual(shown(), { door: "open" });
  own.set(40, WALL + 40, [["door", "shut"]]);
  deepStrictEqual(shown(), { door: "shut" }, "who is at home may always");
});

Deno.test("publish: no room in the node's own state, too many guests, or no guests at all", () => {
  const full = node({}, { limit: 1_000, agentReserve: 0 });
  full.own.set(0, WALL, [["a", "x".repeat(900)]]);
  const ack = full.put(publish({ b: "y".repeat(100) }));
  strictEqual(ack.status, AckStatus.TooLarge);
  match(ack.message, /1 0\d\d bytes; 1 000 are allowed/);
  const busy = node({}, { maxGuests: 1 });
  busy.put(publish({ a: 1 }));
  const other = { guestId: "ffffffffffffffff" };
  strictEqual(busy.put(publish({ b: 1 }, other)).status, AckStatus.TooManyGuests);
  strictEqual(busy.put(publish({ b: 1 }, other), 60_000).status, AckStatus.Published);
  const closed = node({ guests: false });
  const refused = closed.put(publish({ a: 1 }));
  deepStrictEqual([refused.status, refused.node], [AckStatus.NotWilling, "pi"]);
  deepStrictEqual(closed.shown(), {});
});

/** What a client gets for what it sends. */
function exchange(session: LeafSession, publication: Publication, ttlMs: number, now = 0) {
  const { pieces } = session.feed(now, WALL + now, publication.request(ttlMs));
  return publication.feed(concat([...pieces]));
}

Deno.test("publication: publish, refresh, change, withdraw", () => {
  const { server, shown, own } = node();
  const session = new LeafSession(server);
  const publication = new Publication(GUEST, 100);
  publication.setEntries([["a", 1]]);
  const first = exchange(session, publication, 60_000) as LeafPublishAck;
  deepStrictEqual([first.node, first.until, first.sequence], ["pi", WALL + 60_000, 100]);
  const second = exchange(session, publication, 60_000, 20_000) as LeafPublishAck;
  deepStrictEqual([second.until, second.sequence], [WALL + 80_000, 100]);
  publication.setEntries([["a", 2], ["b", 3]]);
  const third = exchange(session, publication, 60_000, 30_000) as LeafPublishAck;
  strictEqual(third.sequence, 101);
  deepStrictEqual(shown(), { a: 2, b: 3 });
  const end = exchange(session, publication, 0, 30_000) as LeafPublishAck;
  strictEqual(end.grantedMs, 0);
  deepStrictEqual(shown(), {});
  strictEqual(own.nextWake(), Infinity);
});

Deno.test("publication: a client whose number is behind goes above the node's", () => {
  const { server, shown } = node();
  const before = new Publication(GUEST, 5_000);
  before.setEntries([["a", "before"]]);
  exchange(new LeafSession(server), before, 60_000);
  const after = new Publication(GUEST, 17);
  after.setEntries([["a", "after"]]);
  const session = new LeafSession(server);
  strictEqual(exchange(session, after, 60_000), "again");
  const ack = exchange(session, after, 60_000) as LeafPublishAck;
  deepStrictEqual([ack.status, ack.sequence], [AckStatus.Published, 5_001]);
  deepStrictEqual(shown(), { a: "after" });
});

Deno.test("publication: the same cron line again is the same guest, other keys are another", () => {
  const id = guestIdFor("pi-7", ["temperature", "humidity"]);
  match(id, /^[0-9a-f]{16}$/);
  strictEqual(guestIdFor("pi-7", ["humidity", "temperature", "humidity"]), id);
  ok(guestIdFor("pi-8", ["temperature", "humidity"]) !== id);
  ok(guestIdFor("pi-7", ["temperature"]) !== id);
  ok(guestIdFor("pi-7", ["temperature,humidity"]) !== id);
  const { server, seen, own, shown } = node();
  const run = (now: number, value: number) => {
    const publication = new Publication(
      guestIdFor("pi-7", ["temperature"]),
      Math.floor((WALL + now) / 1_000),
    );
    publication.setEntries([["temperature", value]]);
    return exchange(new LeafSession(server), publication, 600_000, now) as LeafPublishAck;
  };
  run(0, 20);
  const { published } = seen;
  strictEqual(run(300_000, 20).status, AckStatus.Published);
  strictEqual(seen.published, published, "nothing new for the network");
  run(600_000, 21);
  deepStrictEqual(shown(), { temperature: 21 });
  strictEqual(own.counts.guests, 1);
});

Deno.test("publication: refusals are one line with the node's name and the right exit code", () => {
  const cases: [options: Parameters<typeof node>, entries: Record<string, Json>, RegExp][] = [
    [[{ guests: false }], { a: 1 }, /^pi does not publish this: this node takes no guests/],
    [[], { "agent/x": 1 }, /^pi does not publish this: "agent\/x" is the agent's own/],
    [
      [],
      { a: "x".repeat(5_000) },
      /^pi does not publish this: a guest's entries may take 4 096/,
    ],
  ];
  for (const [options, entries, text] of cases) {
    const publication = new Publication(GUEST, 1);
    publication.setEntries(Object.entries(entries));
    throws(
      () => exchange(new LeafSession(node(...options).server), publication, 1_000),
      (error: AgentError) => {
        match(error.message, text);
        ok(!error.message.includes("\n"));
        strictEqual(error.exitCode, ExitCode.Refused);
        return true;
      },
    );
  }
});

Deno.test("publication: what cannot be is refused before it is sent", () => {
  const publication = new Publication(GUEST, 1);
  throws(() => publication.setEntries([["", 1]]), /the key "" is empty/);
  throws(() => publication.setEntries([["a", NaN]]), /contains NaN/);
  throws(() => publication.setEntries([["a", "x".repeat(70_000)]]), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Refused);
    match(error.message, /these entries take 70\d\d\d bytes, 69568 can be published/);
    return true;
  });
});

Deno.test("publication: answers to others and to earlier numbers are passed over", () => {
  const publication = new Publication(GUEST, 5);
  publication.setEntries([["a", 1]]);
  const ack: LeafPublishAck = {
    type: "ack",
    guestId: GUEST,
    sequence: 4,
    grantedMs: 1,
    status: AckStatus.Published,
    until: 0,
    node: "pi",
    id: SELF,
    message: "",
  };
  strictEqual(publication.feed(encodeLeaf(ack)), undefined);
  strictEqual(
    publication.feed(encodeLeaf({ ...ack, guestId: "00".repeat(8), sequence: 5 })),
    undefined,
  );
  const whole = encodeLeaf({ ...ack, sequence: 5 });
  strictEqual(publication.feed(whole.slice(0, 9)), undefined);
  deepStrictEqual(publication.feed(whole.slice(9)), { ...ack, sequence: 5 });
});

Deno.test("publication: TTLs beyond the field are cut, never wrapped", () => {
  const publication = new Publication(GUEST, 1);
  publication.setEntries([["a", 1]]);
  for (
    const [ttl, field] of [[2 ** 33, "ffffffff"], [0.4, "00000000"], [1_000.6, "000003e9"]] as const
  ) {
    strictEqual(publication.request(ttl).toHex().slice(32, 40), field);
  }
});

Deno.test("publish: the node keeps what 16.4 says, under any sequence of requests", () => {
  const request = fc.record({
    guest: fc.constantFrom("00".repeat(8), "11".repeat(8), "22".repeat(8)),
    sequence: fc.integer({ min: 0, max: 3 }),
    ttlMs: fc.constantFrom(0, 1_000, 5_000, 20_000),
    value: fc.constantFrom(1, 2, "x".repeat(70)),
    pause: fc.constantFrom(0, 1, 999, 4_000),
  });
  fc.assert(fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
    const { put, own, shown } = node({ maxTtlMs: 10_000 }, { maxGuests: 2, maxGuestBytes: 60 });
    const twin = new Map<string, { sequence: number; value: Json; end: number }>();
    let now = 0;
    for (const { guest, sequence, ttlMs, value, pause } of requests) {
      now += pause;
      for (const [id, { end }] of twin) if (end <= now) twin.delete(id);
      const known = twin.get(guest);
      const granted = Math.min(ttlMs, 10_000);
      const end = now + granted;
      let expected: number = AckStatus.Published;
      if (known && (known.sequence > sequence)) expected = AckStatus.Stale;
      else if (ttlMs === 0) twin.delete(guest);
      else if (known?.sequence === sequence) {
        if (known.value === value) known.end = end;
        else expected = AckStatus.Stale;
      } else if (!known && twin.size >= 2) expected = AckStatus.TooManyGuests;
      else if (typeof value === "string") expected = AckStatus.TooLarge;
      else twin.set(guest, { sequence, value, end });
      const ack = put(
        publish({ [`key${guest.slice(0, 1)}`]: value }, { guestId: guest, sequence, ttlMs }),
        now,
      );
      const done = expected === AckStatus.Published ? granted : 0;
      deepStrictEqual(
        [ack.status, ack.grantedMs, ack.until],
        [expected, done, done ? WALL + end : 0],
      );
      strictEqual(own.nextWake(), Math.min(Infinity, ...[...twin.values()].map(({ end }) => end)));
      deepStrictEqual(
        shown(),
        Object.fromEntries([...twin].map(([id, { value }]) => [`key${id.slice(0, 1)}`, value])),
      );
    }
  }));
});
