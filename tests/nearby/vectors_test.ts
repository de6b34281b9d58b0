/**
 * All vectors of `networkzero.json` (`spec/networkzero.md §9`) that need no clock and no socket, in
 * `tests/vectors/` or in `$VECTORS_DIR`. One test a vector. Those of `api` are in
 * `tests/learn/vectors_test.ts`.
 */
import { deepStrictEqual, fail, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import {
  actionAndParams,
  AddressBook,
  AddressError,
  ADVERT_TTL,
  Beacon,
  BEAT,
  bytesToString,
  decodeAdvert,
  decodeCommand,
  decodeJson,
  DYNAMIC_PORTS,
  encodeAdvert,
  encodeJson,
  encodeJsonBytes,
  encodeMessage,
  encodePong,
  encodeReady,
  encodeRequest,
  encodeSubscription,
  FrameReader,
  GREETING,
  InvalidAddressError,
  isIpPattern,
  type Json,
  MAX_ADVERT,
  MORE,
  NetworkZeroError,
  NoAddressFoundError,
  PubSocket,
  readGreeting,
  RepSocket,
  ReqSocket,
  RpcServer,
  selectGroup,
  type Service,
  type SocketType,
  splitAddress,
  stringToBytes,
  SubSocket,
} from "../../lib/nearby/machines.ts";
import { fromHex, toHex, WireError } from "../../lib/wire/bytes.ts";
import { resolveHost4 } from "../../lib/net/resolve.ts";
import { readVectors } from "../wire/vectors.ts";
import { Cable, End, text } from "./ends.ts";

/** The fields of all groups; a vector has those of its own. */
interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly error?: string;
  readonly json: Json;
  readonly exact: boolean;
  readonly value: Json;
  readonly address: string;
  readonly ttl: number | null;
  readonly length: number;
  readonly fits: boolean;
  readonly expect: string;
  readonly receivedAt: number;
  readonly gone: readonly number[];
  readonly request?: [action: string, ...params: Json[]];
  readonly requestHex: string;
  readonly reply: Json;
  readonly replyHex: string;
  readonly sleep?: number;
  readonly ip: string;
  readonly port?: string;
  readonly dynamicPort?: boolean;
  readonly input: string;
  readonly action: string;
  readonly params: string[];
  readonly bytesHex: string;
  readonly text: string;
  readonly group: string;
  readonly separator?: string;
  readonly exclude?: readonly string[];
  readonly messages: string[][];
  readonly parts: string[];
  readonly headers: readonly string[] | null;
  readonly totalLength: number;
  readonly peerMinor: number;
  readonly operations: readonly { op: string; topicHex: string; sent: string }[];
  readonly handshakeHex: string;
  readonly handshakeAccepted: boolean;
  readonly trafficHex: string;
  readonly received: readonly unknown[] | null;
  readonly serverSendsAfterHandshake: string;
  readonly closed: boolean;
  readonly ping: string;
  readonly pong: string;
  readonly client: string;
  readonly exchanges: readonly { message: Json; reply: Json }[];
  readonly clientToServer: string;
  readonly serverToClient: string;
  readonly prefixes: readonly string[];
  readonly news: readonly [string, Json][];
  readonly raw: boolean;
  /** Of `expiry`: times; of `discoverGroup`: services. */
  readonly known: readonly unknown[];
  /** Of `splitAddress`, `ipPattern`, `discoverGroup`. */
  readonly result: unknown;
}

const file = readVectors<Record<string, unknown>>("networkzero.json");
const environment = file.addressEnvironment as { readonly ipv4: string[] };

/** Handshake of a socket of that kind, as libzmq sends it. */
function handshakeBytes(hex: string): number {
  return 64 + 2 + Number.parseInt(hex.slice(130, 132), 16);
}

const groups: Record<string, (vectors: never) => void> = {
  meta() {},
  api() {},

  constants(c: Record<string, unknown>) {
    Deno.test("networkzero: constants", () => {
      deepStrictEqual(
        {
          beaconMessageSize: MAX_ADVERT,
          advertFrequencyS: BEAT / 1000,
          advertTtlS: ADVERT_TTL,
          dynamicPorts: [...DYNAMIC_PORTS],
        },
        {
          beaconMessageSize: c.beaconMessageSize,
          advertFrequencyS: c.advertFrequencyS,
          advertTtlS: c.advertTtlS,
          dynamicPorts: c.dynamicPorts,
        },
      );
    });
  },

  serialise: each("serialise", ({ json, hex, exact }) => {
    if (exact) strictEqual(toHex(encodeJsonBytes(json)), hex);
    deepStrictEqual(decodeJson(encodeJsonBytes(json)), decodeJson(fromHex(hex)));
    deepStrictEqual(decodeJson(fromHex(hex)), json);
  }),

  unserialise: each("unserialise", ({ hex, value, error }) => {
    if (error) throws(() => decodeJson(fromHex(hex)), WireError);
    else deepStrictEqual(decodeJson(fromHex(hex)), value);
  }),

  adverts: each("advert", ({ name, address, ttl, hex, length, fits }) => {
    strictEqual(fromHex(hex).length, length);
    strictEqual(fits, length <= MAX_ADVERT);
    if (!fits) return throws(() => encodeAdvert({ name, address, ttl }), NetworkZeroError);
    strictEqual(toHex(encodeAdvert({ name, address, ttl })), hex);
    deepStrictEqual(decodeAdvert(fromHex(hex)), { name, address, ttl });
    return undefined;
  }),

  badAdverts: each("bad advert", ({ hex, expect }) => {
    strictEqual(expect, "ignore");
    throws(() => decodeAdvert(fromHex(hex)), WireError);
    const beacon = new Beacon({ output: { broadcast() {} } });
    beacon.receive(0, fromHex(hex), "192.0.2.7");
    deepStrictEqual(beacon.all(0), []);
    strictEqual(beacon.counters.malformed + beacon.counters.oversized, 1);
  }),

  expiry: each("expiry", ({ ttl, receivedAt, known, gone }) => {
    const beacon = new Beacon({ output: { broadcast() {} } });
    const advert = encodeAdvert({ name: "x", address: "192.0.2.1:5", ttl });
    beacon.receive(receivedAt * 1000, advert, "192.0.2.1");
    for (const at of known as number[]) {
      ok(beacon.find(at * 1000, "x").length === 1, `known at ${at}`);
    }
    for (const at of gone) deepStrictEqual(beacon.find(at * 1000, "x"), [], `gone at ${at}`);
  }),

  rpc(vectors: Vector[]) {
    Deno.test("networkzero: rpc: requests to one beacon, in order", () => {
      const beacon = new Beacon({ output: { broadcast() {} } });
      let now = 0;
      const output = { resolve: (_: string, done: (ips: string[]) => void) => done([]), stop() {} };
      const rpc = new RpcServer(beacon, book(), output, () => now);
      for (const { name, request, requestHex, reply, replyHex, sleep } of vectors) {
        if (sleep !== undefined) now += sleep * 1000;
        if (!request) continue;
        const [action, ...params] = request;
        if (action === action.toLowerCase()) {
          strictEqual(toHex(encodeRequest(action, ...params)), requestHex, name);
        }
        let answer: Uint8Array | undefined;
        rpc.handle(now, fromHex(requestHex), (bytes) => {
          answer = bytes;
        });
        // A discover waits.
        if (!answer) beacon.wake(now += Number(params[1]) * 1000);
        ok(answer, name);
        if (name === "discover_all without argument fails in this version") {
          ok(Array.isArray(decodeJson(answer)), name);
        } else {
          deepStrictEqual(decodeJson(answer), reply, name);
          strictEqual(toHex(answer), replyHex, name);
        }
      }
    });
  },

  addressEnvironment() {},

  addresses(vectors: Vector[]) {
    const known: Record<string, new (...args: never[]) => Error> = {
      AddressError,
      InvalidAddressError,
      NoAddressFoundError,
    };
    for (const { input, ip, port, dynamicPort, error } of vectors) {
      Deno.test(`networkzero: address ${JSON.stringify(input)}`, async () => {
        if (error) {
          await rejects(addressOf(input), (thrown: Error) => {
            strictEqual(thrown.constructor, known[error]);
            return true;
          });
          return;
        }
        const [host, text] = splitAddress(await addressOf(input));
        strictEqual(host, ip);
        if (port !== undefined) strictEqual(text, port);
        if (dynamicPort) {
          ok(Number(text) >= DYNAMIC_PORTS[0] && Number(text) <= DYNAMIC_PORTS[1], text);
        }
      });
    }
  },

  splitAddress: each("split address", ({ input, result }) => {
    deepStrictEqual(splitAddress(input), result);
  }),

  ipPattern: each("IP pattern", ({ input, result }) => strictEqual(isIpPattern(input), result)),

  actionAndParams: each("action and params", ({ input, action, params, error }) => {
    if (error) throws(() => actionAndParams(input), NetworkZeroError);
    else deepStrictEqual(actionAndParams(input), [action, params]);
  }),

  base64: each("base64", ({ bytesHex, text }) => {
    strictEqual(bytesToString(fromHex(bytesHex)), text);
    strictEqual(toHex(stringToBytes(text)), bytesHex);
  }),

  discoverGroup: each("group", ({ known, group, separator, exclude, result }) => {
    deepStrictEqual(selectGroup(known as unknown as Service[], group, separator, exclude), result);
  }),

  zmtp(vectors: Record<string, never>) {
    for (const [name, vector] of Object.entries(vectors)) {
      const check = zmtp[name];
      if (!check) Deno.test(`networkzero: zmtp.${name}`, () => fail("a group that is not known"));
      else check(vector);
    }
  },

  transcripts(vectors: Vector[]) {
    for (const vector of vectors) {
      for (const piece of [Infinity, 1]) {
        const how = piece === 1 ? ", octet by octet" : "";
        Deno.test(`networkzero: transcript: ${vector.name}${how}`, () => {
          if (vector.client === "REQ") replayRequests(vector, piece);
          else if (vector.client === "SUB") replayNews(vector, piece);
          else fail(`a ${vector.client}`);
        });
      }
    }
  },
};

const ready = (type: SocketType) => (hex: string) =>
  Deno.test(`networkzero: READY of ${type}`, () => strictEqual(toHex(encodeReady(type)), hex));

const zmtp: Record<string, (vector: never) => void> = {
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

/** One test a vector of a group that is a list. */
function each(group: string, check: (vector: Vector) => void): (vectors: Vector[]) => void {
  return (vectors) => {
    for (const [i, vector] of vectors.entries()) {
      const name = vector.name ?? JSON.stringify(vector.input ?? vector.text ?? i);
      Deno.test(`networkzero: ${group}: ${String(name).slice(0, 60)}, ${i}`, () => check(vector));
    }
  };
}

function book(): AddressBook {
  return new AddressBook({ local: () => environment.ipv4, random: new Random(1) });
}

async function addressOf(input: Json): Promise<string> {
  const own = book();
  const parsed = own.parse(input);
  if ("address" in parsed) return parsed.address;
  return own.resolved(parsed.resolve, parsed.port, await resolveHost4(parsed.resolve));
}

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

function replayRequests(vector: Vector, piece: number): void {
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

function replayNews(vector: Vector, piece: number): void {
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

for (const [name, vectors] of Object.entries(file)) {
  const group = groups[name];
  if (!group) Deno.test(`networkzero: ${name}`, () => fail("a group that is not known"));
  else group(vectors as never);
}

Deno.test("networkzero: octets, functions and infinity are no messages", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const bad of [new Uint8Array(1), () => 1, Infinity, NaN, new Date(0), circle, Symbol("s")]) {
    throws(() => encodeJson(bad), NetworkZeroError);
  }
  strictEqual(encodeJson({ a: undefined, b: [undefined] }), '{"a": null, "b": [null]}');
});
