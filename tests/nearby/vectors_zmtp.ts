/**
 * Vectors of ZMTP: frames, handshakes, subscriptions, and recorded conversations played again.
 *
 * @module
 */
import { deepStrictEqual, fail, ok, strictEqual } from "node:assert/strict";
import {
  decodeCommand,
  decodeJson,
  encodeJsonBytes,
  encodeMessage,
  encodePong,
  encodeReady,
  encodeSubscription,
  FrameReader,
  GREETING,
  type Json,
  MORE,
  PubSocket,
  readGreeting,
  RepSocket,
  ReqSocket,
  type SocketType,
  SubSocket,
} from "../../lib/nearby/machines.ts";
import { fromHex, toHex } from "../../lib/wire/bytes.ts";
import { Cable, End, text } from "./ends.ts";
import { each, type Vector } from "./vectors.ts";

/** Handshake of a socket of that kind, as libzmq sends it. */
function handshakeBytes(hex: string): number {
  return 64 + 2 + Number.parseInt(hex.slice(130, 132), 16);
}

const ready = (type: SocketType) => (hex: string) =>
  Deno.test(`networkzero: READY of ${type}`, () => strictEqual(toHex(encodeReady(type)), hex));

export const zmtp: Record<string, (vector: never) => void> = {
  greetingNull31(hex: string) {
    Deno.test("networkzero: greeting", () => strictEqual(toHex(GREETING), hex));
  },
  greetingFromLibzmq(hex: string) {
    Deno.test("networkzero: greeting of libzmq", () => {
      deepStrictEqual(readGreeting(fromHex(hex)), { major: 3, minor: 1 });
    });
  },
  readyReq: ready("REQ"),
  readyRep: ready("REP"),
  readyPub: ready("PUB"),
  readySub: ready("SUB"),

  stream({ hex, messages }: Vector) {
    for (const piece of [Infinity, 7, 1]) {
      Deno.test(`networkzero: stream in pieces of ${piece}`, () => {
        deepStrictEqual(cut(fromHex(hex), piece).map((parts) => parts.map(toHex)), messages);
        strictEqual(toHex(encodeAll(messages)), hex);
      });
    }
  },

  frames: each("frames", ({ parts, hex, headers, totalLength }) => {
    const encoded = encodeMessage(parts.map(fromHex));
    strictEqual(encoded.length, totalLength);
    if (hex) strictEqual(toHex(encoded), hex);
    for (const header of headers ?? []) ok(toHex(encoded).includes(header), header);
    deepStrictEqual(cut(encoded, Infinity).map((each) => each.map(toHex)), [parts]);
  }),

  subscriptions(vectors: Vector[]) {
    for (const { peerMinor, operations } of vectors) {
      Deno.test(`networkzero: subscriptions to a peer of version 3.${peerMinor}`, () => {
        const sub = new End((options) => new SubSocket(options));
        const link = sub.connect();
        sub.give(link, peerHandshake("PUB", peerMinor));
        sub.take(link);
        for (const { op, topicHex, sent } of operations) {
          const prefix = fromHex(topicHex);
          if (op === "subscribe") sub.socket.subscribe(prefix);
          else sub.socket.cancel(prefix);
          strictEqual(toHex(sub.take(link)), sent);
          const peer = { major: 3, minor: peerMinor };
          strictEqual(toHex(encodeSubscription(prefix, op === "subscribe", peer)), sent);
        }
      });
    }
  },

  repServer: each("REP", (vector) => {
    const rep = new End((options) => new RepSocket(options));
    const link = rep.accept();
    rep.give(link, fromHex(vector.handshakeHex));
    const sent = rep.take(link).length;
    strictEqual(rep.socket.partners === 1, vector.handshakeAccepted);
    rep.give(link, fromHex(vector.trafficHex));
    const request = rep.socket.take(0);
    // Without an application's reply only what the connection itself says follows.
    deepStrictEqual(request ? [toHex(request.body)] : null, vector.received);
    if (request) rep.socket.answer(request, text('"re"'));
    if (vector.handshakeAccepted) {
      ok(sent > 64);
      strictEqual(toHex(rep.take(link)), vector.serverSendsAfterHandshake);
    }
    strictEqual(rep.closed.includes(link), vector.closed);
  }),

  ping: each("ping", ({ ping, pong }) => {
    const reader = new FrameReader();
    reader.push(fromHex(ping));
    ok(reader.next());
    const { name, data } = decodeCommand(reader.body);
    strictEqual(name, "PING");
    strictEqual(toHex(encodePong(data)), pong);
  }),
};

/** The messages of a stream that comes in pieces. */
function cut(bytes: Uint8Array, piece: number): Uint8Array[][] {
  const reader = new FrameReader();
  const messages: Uint8Array[][] = [];
  let parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(bytes.slice(at, Math.min(bytes.length, at + piece)));
    while (reader.next()) {
      parts.push(reader.body);
      if ((reader.flags & MORE) !== 0) continue;
      messages.push(parts);
      parts = [];
    }
    if (piece === Infinity) break;
  }
  return messages;
}

function encodeAll(messages: string[][]): Uint8Array {
  return fromHex(messages.map((parts) => toHex(encodeMessage(parts.map(fromHex)))).join(""));
}

function peerHandshake(type: SocketType, minor: number): Uint8Array {
  const greeting = GREETING.slice();
  greeting[11] = minor;
  return fromHex(toHex(greeting) + toHex(encodeReady(type)));
}

function* pieces(bytes: Uint8Array, piece: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + piece);
    yield bytes.slice(at, end);
    at = end;
  }
}

/** Gives a recorded side to an end, waiting with what follows the handshake. */
function replay(end: End, link: number, recorded: Uint8Array, piece: number): void {
  const handshake = handshakeBytes(toHex(recorded));
  for (const bytes of pieces(recorded.subarray(0, handshake), piece)) end.give(link, bytes);
  end.take(link);
  for (const bytes of pieces(recorded.subarray(handshake), piece)) end.give(link, bytes);
}

export function replayRequests(vector: Vector, piece: number): void {
  const client = fromHex(vector.clientToServer);
  const server = fromHex(vector.serverToClient);

  const rep = new End((options) => new RepSocket(options));
  const link = rep.accept();
  replay(rep, link, client, piece);
  let replies = "";
  for (const { message, reply } of vector.exchanges) {
    const request = rep.socket.take(0);
    ok(request);
    deepStrictEqual(decodeJson(request.body), message);
    rep.socket.answer(request, encodeJsonBytes(reply));
    replies += toHex(rep.take(link));
  }
  strictEqual(replies, toHex(server.subarray(handshakeBytes(vector.serverToClient))));

  const req = new End((options) => new ReqSocket(options));
  const up = req.connect();
  let asked = "";
  let at = handshakeBytes(vector.serverToClient);
  for (const bytes of pieces(server.subarray(0, at), piece)) req.give(up, bytes);
  strictEqual(
    toHex(req.take(up)).slice(128),
    vector.clientToServer.slice(128, 2 * handshakeBytes(vector.clientToServer)),
  );
  for (const { message, reply } of vector.exchanges) {
    req.socket.send(encodeJsonBytes(message));
    asked += toHex(req.take(up));
    const answer = encodeMessage([new Uint8Array(0), encodeJsonBytes(reply)]);
    const recorded = server.subarray(at, at += answer.length);
    for (const bytes of pieces(recorded, piece)) req.give(up, bytes);
    deepStrictEqual(decodeJson(req.socket.take(0) ?? fail("no reply")), reply);
  }
  strictEqual(asked, toHex(client.subarray(handshakeBytes(vector.clientToServer))));
}

function newsData(data: Json): Uint8Array {
  return typeof data === "string" && data.startsWith("hex:")
    ? fromHex(data.slice(4))
    : encodeJsonBytes(data);
}

export function replayNews(vector: Vector, piece: number): void {
  const pub = new End((options) => new PubSocket(options));
  const link = pub.accept();
  replay(pub, link, fromHex(vector.clientToServer), piece);
  for (const [topic, data] of vector.news) pub.socket.publish(text(topic), newsData(data));
  const start = 2 * handshakeBytes(vector.serverToClient);
  strictEqual(toHex(pub.take(link)), vector.serverToClient.slice(start));

  const sub = new End((options) => new SubSocket(options));
  for (const prefix of vector.prefixes) sub.socket.subscribe(text(prefix));
  const up = sub.connect();
  replay(sub, up, fromHex(vector.serverToClient), piece);
  const received: [string, Json][] = [];
  for (;;) {
    const next = sub.socket.take(0);
    if (!next) break;
    const topic = new TextDecoder().decode(next[0]);
    received.push([topic, vector.raw ? toHex(next[1]) : decodeJson(next[1])]);
  }
  deepStrictEqual(received, vector.received);

  // And both of ours with each other.
  const both = new End((options) => new SubSocket(options));
  for (const prefix of vector.prefixes) both.socket.subscribe(text(prefix));
  const other = new End((options) => new PubSocket(options));
  const cable = new Cable(both, both.connect(), other, other.accept(), () => piece).run();
  for (const [topic, data] of vector.news) other.socket.publish(text(topic), newsData(data));
  cable.run();
  strictEqual(both.socket.counters.messagesReceived, vector.received?.length);
}
