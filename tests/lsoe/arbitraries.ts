/**
 * PDUs by chance, for property tests.
 *
 * @module
 */
import fc from "fast-check";
import type { Encapsulation, EncapsulationType, Pdu } from "../../lib/lsoe/mod.ts";
import { formatIp4, formatIp6 } from "../../lib/wire/ip.ts";

/** Objects like any other: deepEqual looks at the prototype too. */
const record = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(fields, { noNullPrototype: true });
const u8 = fc.integer({ min: 0, max: 255 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 30 });

/** An entry of a list of this type. */
export function encapsulationOf(type: EncapsulationType): fc.Arbitrary<Encapsulation> {
  const ipv4 = type === 4 || type === 6;
  const plain = {
    flags: u8,
    address: ipv4 ? octets(4).map((b) => formatIp4(b)) : octets(16).map((b) => formatIp6(b)),
    prefixLength: fc.integer({ min: 0, max: ipv4 ? 32 : 128 }),
  };
  if (type < 6) return record(plain);
  const labels = fc.array(fc.integer({ min: 0, max: 0xff_ffff }), { maxLength: 5 });
  return record({ ...plain, labels });
}

const lists = ([4, 5, 6, 7] as const).map((type) =>
  record({
    type: fc.constant(type),
    encapsulations: fc.array(encapsulationOf(type), { maxLength: 8 }),
  })
);

const acknowledged = fc.constantFrom(1 as const, 4 as const, 5 as const, 7 as const, 255 as const);

/** Any PDU. */
export const pdus: fc.Arbitrary<Pdu> = fc.oneof(
  record({ type: fc.constantFrom(0 as const, 2 as const) }),
  record({
    type: fc.constant(1 as const),
    nonce: u32,
    id: octets(10),
    attributes: fc.uint8Array({ maxLength: 255 }),
    authentication: some,
  }),
  record({
    type: fc.constant(3 as const),
    acknowledged,
    errorType: fc.integer({ min: 1, max: 3 }),
    errorCode: fc.integer({ min: 1, max: 2 }),
    errorHint: fc.integer({ min: 0, max: 0xffff }),
  }),
  acknowledged.map((type) => ({
    type: 3 as const,
    acknowledged: type,
    errorType: 0,
    errorCode: 0,
    errorHint: 0,
  })),
  ...lists,
  record({
    type: fc.constant(255 as const),
    enterprise: u32,
    enterpriseType: u8,
    data: some,
  }),
);
