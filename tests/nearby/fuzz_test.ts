/** What we say, and what may be said to us; damaged inputs come in `tests/fuzz/targets/nearby.ts`. */
import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import {
  decodeAdvert,
  decodeJson,
  encodeAdvert,
  encodeJsonBytes,
  type Json,
  NetworkZeroError,
} from "../../lib/nearby/machines.ts";

const json = () => fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;

Deno.test("fuzz: any value is told as it is, in ASCII", () => {
  fc.assert(fc.property(json(), (value) => {
    const bytes = encodeJsonBytes(value);
    ok(bytes.every((octet) => octet >= 0x20 && octet < 0x7f));
    // As JSON has it, -0 is 0.
    deepStrictEqual(decodeJson(bytes), JSON.parse(JSON.stringify(value)));
  }));
});

Deno.test("fuzz: any advert that can be told is read as it was", () => {
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
});
