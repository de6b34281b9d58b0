/** ZMTP sockets under virtual time (`spec/networkzero.md §7`). */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  COMMAND,
  encodeCommand,
  encodeFrame,
  encodeMessage,
  encodeReady,
  FrameReader,
  GREETING,
  HANDSHAKE_LIMIT,
  HIGH_WATER,
  LONG,
  MAX_LINKS,
  MAX_PREFIX,
  MORE,
  NetworkZeroError,
  PubSocket,
  readGreeting,
  RepSocket,
  ReqSocket,
  SubSocket,
} from "../../lib/nearby/machines.ts";
import { concat, WireError } from "../../lib/wire/bytes.ts";
import { End, join, text, untext } from "./ends.ts";

const req = () => new End((options) => new ReqSocket(options));
const rep = () => new End((options) => new RepSocket(options));
const pub = () => new End((options) => new PubSocket(options));
const sub = () => new End((options) => new SubSocket(options));

/** What a peer sends before anything else. */
function handshake(type: "REQ" | "REP" | "PUB" | "SUB"): Uint8Array {
  return concat([GREETING, encodeReady(type)]);
}

/** A bound end with one peer that is written by hand. */
function withPeer<E extends End>(end: E, type: "REQ" | "REP" | "PUB" | "SUB"): [E, number] {
  const link = end.accept();
  end.give(link, handshake(type));
  end.take(link);
  return [end, link];
}

const ask = (body: string) => encodeMessage([new Uint8Array(0), text(body)]);

Deno.test("ZMTP: any message, cut anywhere, arrives as it was", () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(
    fc.array(parts, { maxLength: 6 }),
    fc.infiniteStream(fc.integer({ min: 1, max: 700 })),
    (messages, lengths) => {
      const stream = concat(messages.map(encodeMessage));
      const reader = new FrameReader();
      const got: Uint8Array[][] = [];
      let parts: Uint8Array[] = [];
      for (let at = 0; at < stream.length;) {
        const end = Math.min(stream.length, at + lengths.next().value!);
        reader.push(stream.slice(at, end));
        at = end;
        while (reader.next()) {
          parts.push(reader.body.slice());
          if ((reader.flags & MORE) !== 0) continue;
          got.push(parts);
          parts = [];
        }
      }
      deepStrictEqual(got, messages.map((each) => each.map((part) => new Uint8Array(part))));
      strictEqual(reader.buffered, 0);
    },
  ));
});

Deno.test("ZMTP: bodies that were handed out stay as they are while more comes", () => {
  const reader = new FrameReader();
  const stream = concat([encodeFrame(0, text("first")), encodeFrame(0, text("second"))]);
  const bodies: Uint8Array[] = [];
  for (const octet of stream) {
    reader.push(Uint8Array.of(octet));
    while (reader.next()) bodies.push(reader.body);
  }
  deepStrictEqual(bodies.map(untext), ["first", "second"]);
});

Deno.test("ZMTP: a frame of any announced length costs no more than what came of it", () => {
  const reader = new FrameReader();
  const header = Uint8Array.of(LONG, 0, 0, 0, 0, 0x03, 0xff, 0xff, 0xff);
  reader.push(header);
  strictEqual(reader.next(), false);
  for (let i = 0; i < 1_000; i++) {
    reader.push(new Uint8Array(100));
    strictEqual(reader.next(), false);
  }
  strictEqual(reader.buffered, 9 + 100_000);
  for (
    const bad of [
      [LONG, 0, 0, 0, 0, 0x04, 0, 0, 1],
      [LONG, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x08, 0],
      [COMMAND | MORE, 0],
      [0xff, 0xff, 0, 0, 0, 0, 0, 0, 0],
    ]
  ) {
    const reader = new FrameReader();
    reader.push(Uint8Array.from(bad));
    throws(() => reader.next(), WireError, String(bad));
  }
});

Deno.test("ZMTP: greetings: what we cannot talk with is refused at the octet that says so", () => {
  const change = (at: number, value: number) => {
    const bytes = GREETING.slice();
    bytes[at] = value;
    return bytes;
  };
  deepStrictEqual(readGreeting(change(11, 0)), { major: 3, minor: 0 });
  deepStrictEqual(readGreeting(change(10, 4)), { major: 4, minor: 1 });
  deepStrictEqual(readGreeting(change(5, 0x55)), { major: 3, minor: 1 });
  strictEqual(readGreeting(GREETING.subarray(0, 63)), undefined);
  for (const [at, value] of [[0, 0], [9, 0], [10, 2], [10, 0], [12, 0x50], [16, 1], [31, 1]]) {
    const bytes = change(at!, value!);
    throws(() => readGreeting(bytes.subarray(0, at! + 1)), (error: WireError) => {
      strictEqual(error.offset, at);
      return true;
    });
    const end = rep();
    const link = end.accept();
    end.give(link, bytes);
    deepStrictEqual([end.closed, end.socket.counters.refused], [[link], 1]);
    match(end.problems[0]!);
  }
});

function match(line: string): void {
  ok(/^REP connection closed: \S.*$/.test(line) && !line.includes("\n"), line);
}

Deno.test("ZMTP: a peer that says nothing is closed after 30 s, others are served", () => {
  const end = rep();
  const silent = end.accept();
  const [, other] = withPeer(end, "REQ");
  strictEqual(end.socket.nextWake(), HANDSHAKE_LIMIT);
  end.give(silent, GREETING.subarray(0, 20));
  end.socket.wake(HANDSHAKE_LIMIT - 1);
  deepStrictEqual(end.closed, []);
  end.socket.wake(HANDSHAKE_LIMIT);
  deepStrictEqual([end.closed, end.socket.counters.handshakeTimeouts], [[silent], 1]);
  strictEqual(end.socket.nextWake(), Infinity);
  end.give(other, ask("1"));
  strictEqual(untext(end.socket.take(0)?.body), "1");
});

Deno.test("ZMTP: connections are counted, and one too many is not taken", () => {
  const end = rep();
  for (let i = 0; i < MAX_LINKS; i++) end.accept();
  strictEqual(end.socket.accepted(0), undefined);
  strictEqual(end.socket.counters.tooMany, 1);
  end.socket.wake(HANDSHAKE_LIMIT);
  strictEqual(end.closed.length, MAX_LINKS);
  ok(end.socket.accepted(0) !== undefined);
});

Deno.test("REQ and REP: one question at a time, to any of several listeners", () => {
  const [asker, one, two] = [req(), rep(), rep()];
  const cables = [join(asker, one), join(asker, two)];
  const answered: string[] = [];
  for (let i = 0; i < 4; i++) {
    asker.socket.send(text(`${i}`));
    throws(() => asker.socket.send(text("more")), NetworkZeroError);
    cables.forEach((cable) => cable.run());
    for (const end of [one, two]) {
      const request = end.socket.take(0);
      if (!request) continue;
      answered.push(`${end === one ? "one" : "two"} ${untext(request.body)}`);
      ok(end.socket.answer(request, text("yes")));
    }
    cables.forEach((cable) => cable.run());
    strictEqual(untext(asker.socket.take(0)), "yes");
  }
  deepStrictEqual(answered, ["one 0", "two 1", "one 2", "two 3"]);
});

Deno.test("REQ: dials again, waits for a connection, and never asks twice", () => {
  const asker = req();
  asker.socket.send(text("early"));
  asker.socket.connect(0, "192.0.2.1", 5000);
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    asker.socket.failed(asker.now, asker.dials.at(-1)!.link);
    const at = asker.socket.nextWake();
    waits.push(at - asker.now);
    asker.socket.wake(asker.now = at);
  }
  strictEqual(asker.dials.length, 13);
  ok(waits.slice(0, 10).every((wait) => wait >= 100 && wait <= 200), `${waits}`);
  ok(waits.slice(10).every((wait) => wait >= 2_000 && wait <= 2_100), `${waits}`);

  const link = asker.establish();
  asker.give(link, handshake("REP"));
  ok(asker.take(link).toHex().endsWith(ask("early").toHex()));
  // It breaks: connected again, but the question is not repeated.
  asker.socket.closed(asker.now, link);
  const retry = asker.socket.nextWake();
  ok(retry - asker.now <= 200, "patience is new after a connection");
  asker.socket.wake(retry);
  const again = asker.establish();
  asker.give(again, handshake("REP"));
  strictEqual(asker.take(again).toHex(), handshake("REQ").toHex());
  ok(asker.socket.outstanding);
  // Nor does an answer of somebody who was not asked count.
  asker.give(again, ask("liar"));
  strictEqual(asker.socket.take(0), undefined);
});

Deno.test("REQ: a reply without an envelope ends the connection", () => {
  for (const bad of [[text("x")], [text("x"), text("y")]]) {
    const asker = req();
    const link = asker.connect();
    asker.give(link, handshake("REP"));
    asker.socket.send(text("1"));
    asker.give(link, encodeMessage(bad));
    deepStrictEqual(asker.closed, [link]);
  }
});

Deno.test("REP: connections in turn, a connection's own requests in order", () => {
  const end = rep();
  const links = [1, 2, 3].map(() => withPeer(end, "REQ")[1]);
  for (const n of [1, 2, 3]) end.give(links[0]!, ask(`a${n}`));
  end.give(links[1]!, ask("b1"));
  end.give(links[2]!, ask("c1"));
  const order: (string | undefined)[] = [];
  // Three may be under way at once, one of each connection.
  const taken = [1, 2, 3].map(() => end.socket.take(0)!);
  order.push(...taken.map(({ body }) => untext(body)));
  strictEqual(end.socket.take(0), undefined, "a2 waits for the answer to a1");
  for (const request of taken) end.socket.answer(request, text("ok"));
  order.push(untext(end.socket.take(0)?.body));
  deepStrictEqual(order, ["a1", "b1", "c1", "a2"]);
});

Deno.test("REP: whoever is gone gets no answer, and what he asked is forgotten", () => {
  const [end, link] = withPeer(rep(), "REQ");
  end.give(link, concat([ask("1"), ask("2")]));
  const request = end.socket.take(0)!;
  end.socket.closed(0, link);
  strictEqual(end.socket.answer(request, text("late")), false);
  strictEqual(end.socket.take(0), undefined);
});

Deno.test("REP: reads no more than 1000 requests ahead of one connection", () => {
  const [end, link] = withPeer(rep(), "REQ");
  const [, other] = withPeer(end, "REQ");
  end.give(link, concat(Array.from({ length: HIGH_WATER + 5 }, (_, i) => ask(`${i}`))));
  ok(!end.socket.wantsInput(link) && end.socket.wantsInput(other));
  for (let i = 0; i < HIGH_WATER + 5; i++) {
    const request = end.socket.take(0)!;
    strictEqual(untext(request.body), `${i}`);
    end.socket.answer(request, text("ok"));
    end.take(link);
  }
  ok(end.resumed.includes(link) && end.socket.wantsInput(link));
  strictEqual(end.socket.take(0), undefined);
});

Deno.test("REP: an asker who never reads costs a bounded amount", () => {
  const [end, link] = withPeer(rep(), "REQ");
  for (let i = 0; i < 3 * HIGH_WATER; i++) {
    end.give(link, ask("?"));
    end.socket.answer(end.socket.take(0)!, text("!"));
  }
  strictEqual(end.socket.counters.dropped, 2 * HIGH_WATER);
  strictEqual(end.take(link).length, HIGH_WATER * ask("!").length);
});

Deno.test("any socket: a message of too many frames, or a flood of PINGs, is bounded", () => {
  const [end, link] = withPeer(rep(), "REQ");
  const frames = encodeFrame(MORE, text("x"));
  for (let i = 0; i < 2_000 && end.closed.length === 0; i++) end.give(link, frames);
  deepStrictEqual(end.closed, [link]);

  const [pinged, other] = withPeer(rep(), "REQ");
  const ping = encodeCommand("PING", new Uint8Array(18));
  for (let i = 0; i < 100_000; i++) pinged.give(other, ping);
  ok(pinged.take(other).length < 1_100_000);
});

Deno.test("any socket: ERROR and wrong partners end a connection, unknown commands do not", () => {
  const [end, link] = withPeer(rep(), "REQ");
  end.give(link, concat([encodeCommand("WHATEVER", text("x")), ask("1")]));
  strictEqual(untext(end.socket.take(0)?.body), "1");
  end.give(link, encodeCommand("ERROR", concat([Uint8Array.of(3), text("\x1bno")])));
  deepStrictEqual(end.problems, ["REP connection closed: the peer says: ?no"]);
  for (const type of ["REP", "PUB", "SUB"] as const) {
    const end = rep();
    const link = end.accept();
    end.give(link, handshake(type));
    deepStrictEqual(end.closed, [link], type);
  }
  // Who does not say what he is may stay.
  const open = rep();
  const nameless = open.accept();
  open.give(nameless, concat([GREETING, encodeCommand("READY")]));
  strictEqual(open.socket.partners, 1);
});

Deno.test("PUB: all four forms of subscriptions, sets of prefixes, and what matches", () => {
  const [end, link] = withPeer(pub(), "SUB");
  const topics = ["", "temp", "temperature", "tem", "hum"];
  const heard = () => {
    for (const topic of topics) end.socket.publish(text(topic), text("1"));
    const reader = new FrameReader();
    reader.push(end.take(link));
    const got: (string | undefined)[] = [];
    while (reader.next()) if ((reader.flags & MORE) !== 0) got.push(untext(reader.body));
    return got;
  };
  const old = (op: number, prefix: string) =>
    encodeFrame(0, concat([Uint8Array.of(op), text(prefix)]));
  deepStrictEqual(heard(), []);
  end.give(link, encodeCommand("SUBSCRIBE", text("temp")));
  deepStrictEqual(heard(), ["temp", "temperature"]);
  end.give(link, concat([old(1, "hum"), old(1, "hum")]));
  deepStrictEqual(heard(), ["temp", "temperature", "hum"]);
  end.give(link, concat([old(0, "hum"), encodeCommand("CANCEL", text("nothing"))]));
  deepStrictEqual(heard(), ["temp", "temperature"]);
  end.give(link, concat([encodeCommand("CANCEL", text("temp")), old(1, "")]));
  deepStrictEqual(heard(), topics);
});

Deno.test("PUB: drops for those who cannot keep up, and only for them", () => {
  const [end, slow] = withPeer(pub(), "SUB");
  const [, quick] = withPeer(end, "SUB");
  for (const link of [slow, quick]) end.give(link, encodeCommand("SUBSCRIBE"));
  let taken = 0;
  const size = encodeMessage([text("t"), text("1")]).length;
  for (let i = 0; i < 2 * HIGH_WATER; i++) {
    end.socket.publish(text("t"), text("1"));
    taken += end.take(quick).length;
  }
  strictEqual(taken, 2 * HIGH_WATER * size);
  strictEqual(end.take(slow).length, HIGH_WATER * size);
  strictEqual(end.socket.counters.dropped, HIGH_WATER);
});

Deno.test("SUB: prefixes are counted, told to new publishers, and filtered again on arrival", () => {
  const [end, one, two] = [sub(), pub(), pub()];
  const cable = join(end, one);
  for (let i = 0; i < 2; i++) end.socket.subscribe(text("a"));
  end.socket.cancel(text("a"));
  end.socket.cancel(text("never"));
  end.socket.subscribe(text("b"));
  throws(() => end.socket.subscribe(new Uint8Array(MAX_PREFIX + 1)), NetworkZeroError);
  const second = join(end, two);
  const publish = () => {
    for (const publisher of [one, two]) {
      for (const topic of ["a1", "b1", "c1"]) publisher.socket.publish(text(topic), text("1"));
    }
    cable.run();
    second.run();
    const got: (string | undefined)[] = [];
    for (;;) {
      const next = end.socket.take(0);
      if (!next) return got;
      got.push(untext(next[0]));
    }
  };
  cable.run();
  deepStrictEqual(publish(), ["a1", "a1", "b1", "b1"], "publishers in turn");
  // The publishers do not know yet.
  end.socket.cancel(text("a"));
  for (const publisher of [one, two]) publisher.socket.publish(text("a2"), text("1"));
  deepStrictEqual(publish(), ["b1", "b1"]);
  // a1 and a2 of both: published before the publishers heard of it.
  strictEqual(end.socket.counters.dropped, 4);
});

Deno.test("SUB: 1000 messages wait, the rest stays with the network; what came is not lost", () => {
  const end = sub();
  end.socket.subscribe(text(""));
  const link = end.connect();
  end.take(link);
  end.give(link, handshake("PUB"));
  const count = HIGH_WATER + 500;
  const stream = concat(
    Array.from({ length: count }, (_, i) => encodeMessage([text("t"), text(`${i}`)])),
  );
  end.give(link, stream);
  ok(!end.socket.wantsInput(link));
  // The publisher is gone, with what it said still here.
  end.socket.closed(0, link);
  for (let i = 0; i < count; i++) strictEqual(untext(end.socket.take(0)?.[1]), `${i}`);
  strictEqual(end.socket.take(0), undefined);
});
