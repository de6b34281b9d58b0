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
  decodeJson,
  DYNAMIC_PORTS,
  encodeAdvert,
  encodeJson,
  encodeJsonBytes,
  encodeRequest,
  InvalidAddressError,
  isIpPattern,
  type Json,
  MAX_ADVERT,
  NetworkZeroError,
  NoAddressFoundError,
  RpcServer,
  selectGroup,
  type Service,
  splitAddress,
  stringToBytes,
} from "../../lib/nearby/machines.ts";
import { fromHex, toHex, WireError } from "../../lib/wire/bytes.ts";
import { resolveHost4 } from "../../lib/net/resolve.ts";
import { readVectors } from "../wire/vectors.ts";
import { each, type Vector } from "./vectors.ts";
import { replayNews, replayRequests, zmtp } from "./vectors_zmtp.ts";

const file = readVectors<Record<string, unknown>>("networkzero.json");

const environment = file.addressEnvironment as { readonly ipv4: string[] };

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

function book(): AddressBook {
  return new AddressBook({ local: () => environment.ipv4, random: new Random(1) });
}

async function addressOf(input: Json): Promise<string> {
  const own = book();
  const parsed = own.parse(input);
  if ("address" in parsed) return parsed.address;
  return own.resolved(parsed.resolve, parsed.port, await resolveHost4(parsed.resolve));
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
