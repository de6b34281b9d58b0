/** Whatever octets come: a value or a refusal, and nothing that grows without bound. */
import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import {
  type Advert,
  decodeAdvert,
  decodeCommand,
  decodeError,
  decodeJson,
  decodeProperties,
  decodeRequest,
  encodeAdvert,
  encodeJsonBytes,
  encodePong,
  encodeReady,
  FrameReader,
  GREETING,
  type Json,
  NetworkZeroError,
  PubSocket,
  RepSocket,
  ReqSocket,
  SubSocket,
} from "../../lib/nearby/machines.ts";
import { concat, WireError } from "../../lib/wire/bytes.ts";
import { fuzz, mutate, readCorpus } from "../fuzz/fuzz.ts";
import { End, text } from "./ends.ts";

const json = () => fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;

Deno.test("fuzz: any value is told as it is, in ASCII", () => {
  fc.assert(fc.property(json(), (value) => {
    const bytes = encodeJsonBytes(value);
    ok(bytes.every((octet) => octet >= 0x20 && octet < 0x7f));
    // As JSON has it, -0 is 0.
    deepStrictEqual(decodeJson(bytes), JSON.parse(JSON.stringify(value)));
  }));
});

Deno.test("fuzz: any octets are an advert or a WireError", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), fc.double(), (name, at, ttl) => {
      const advert = { name, address: at, ttl: Number.isFinite(ttl) ? ttl : null };
      let bytes: Uint8Array;
      try {
        bytes = encodeAdvert(advert);
      } catch (error) {
        ok(error instanceof NetworkZeroError && error.message.length < 150);
        return;
      }
      deepStrictEqual(decodeAdvert(bytes), { ...advert, ttl: advert.ttl === 0 ? 0 : advert.ttl });
    }),
  );
  const { taken, refused } = fuzz({
    decode: decodeAdvert,
    corpus: "nearby-advert",
    check: (input, result) => {
      ok(input.length <= 256);
      const { name, address, ttl } = result as Advert;
      ok(typeof name === "string" && typeof address === "string");
      ok(ttl === null || Number.isFinite(ttl));
    },
  });
  ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

Deno.test("fuzz: any octets are a request or a WireError", () => {
  const { taken, refused } = fuzz({ decode: decodeRequest, corpus: "nearby-request" });
  ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

Deno.test("fuzz: any octets are a command or a WireError", () => {
  const decode = (input: Uint8Array) => {
    const { name, data } = decodeCommand(input);
    if (name === "READY") return decodeProperties(data);
    if (name === "ERROR") return decodeError(data);
    if (name === "PING") return encodePong(data);
    return data;
  };
  const { taken, refused } = fuzz({ decode, corpus: "zmtp-command" });
  ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

/** All frames of a stream in pieces, as text. */
function frames(input: Uint8Array, piece: () => number): string[] {
  const reader = new FrameReader();
  const found: string[] = [];
  for (let at = 0; at < input.length;) {
    const end = Math.min(input.length, at + piece());
    reader.push(input.slice(at, end));
    at = end;
    while (reader.next()) found.push(`${reader.flags} ${reader.body.toHex()}`);
  }
  return found;
}

Deno.test("fuzz: frames are the same in whatever pieces they come", () => {
  const random = new Random(8);
  const { taken, refused } = fuzz({
    decode: (input) => frames(input, () => Infinity),
    corpus: "zmtp-frames",
    check: (input, result) => {
      deepStrictEqual(frames(input, () => 1 + random.below(20)), result);
    },
  });
  ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

Deno.test("fuzz: whoever speaks to a REP socket harms only himself", () => {
  const random = new Random(9);
  const make = () => {
    const end = new End((options) => new RepSocket(options));
    return { end, link: end.accept() };
  };
  const { taken, refused } = fuzz({
    corpus: "zmtp-stream",
    decode(input) {
      const { end, link } = make();
      const other = end.accept();
      end.take(link);
      for (let at = 0; at < input.length;) {
        const next = Math.min(input.length, at + 1 + random.below(16));
        end.give(link, input.slice(at, next));
        end.take(link);
        at = next;
        for (let request; (request = end.socket.take(0)) !== undefined;) {
          end.socket.answer(request, text("null"));
        }
      }
      ok(!end.closed.includes(other));
      return end.closed.includes(link);
    },
    refused: (closed) => closed === true,
  });
  ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

const PARTNER = { REQ: "REP", REP: "REQ", PUB: "SUB", SUB: "PUB" } as const;

Deno.test("fuzz: nor does anybody else bring down a socket of any kind", () => {
  const random = new Random(10);
  const corpus = ["zmtp-stream", "zmtp-frames"].flatMap((name) =>
    readCorpus(name).map(({ bytes }) => bytes)
  );
  const kinds = [
    () => new End((options) => new ReqSocket(options)),
    () => new End((options) => new RepSocket(options)),
    () => new End((options) => new PubSocket(options)),
    () => new End((options) => new SubSocket(options)),
  ];
  const seen = { open: 0, closed: 0 };
  for (let i = 0; i < 4_000; i++) {
    const end: End = random.pick(kinds)();
    if (end.socket instanceof SubSocket) end.socket.subscribe(text("t"));
    if (end.socket instanceof ReqSocket) end.socket.send(text("1"));
    const link = random.chance(0.5) ? end.accept() : end.connect();
    end.take(link);
    if (random.chance(0.7)) {
      end.give(link, GREETING.slice());
      end.take(link);
      end.give(link, encodeReady(PARTNER[end.socket.type]));
    }
    const parts = Array.from({ length: 1 + random.below(3) }, () => mutate(random, corpus, 2_048));
    try {
      const bytes = concat(parts);
      const half = random.below(bytes.length + 1);
      end.give(link, bytes.slice(0, half));
      end.take(link);
      end.give(link, bytes.slice(half));
      if (end.socket instanceof PubSocket) end.socket.publish(text("topic"), text("1"));
    } catch (error) {
      ok(!(error instanceof WireError), "a fault of a peer reached the application");
      throw error;
    }
    end.take(link);
    end.socket.wake(31_000);
    if (end.closed.includes(link)) seen.closed++;
    else seen.open++;
  }
  ok(seen.open > 50 && seen.closed > 50, JSON.stringify(seen));
});
