/** Whatever bytes come: a value or a refusal, and nothing that grows without bound. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import {
  checksum,
  type Datagram,
  decodeDatagram,
  decodePdu,
  encodeDatagram,
  encodePdu,
  MacCache,
  type Pdu,
  Reassembly,
} from "../../lib/lsoe/mod.ts";
import { parseIp } from "../../lib/wire/ip.ts";
import { readU16, toHex, WireError, writeU16, writeU32 } from "../../lib/wire/mod.ts";
import { fuzz, mutate, readCorpus } from "../fuzz/fuzz.ts";

/** What holds for any PDU that decoded: it encodes, and to no more than it was. */
function checkPdu(input: Uint8Array, pdu: Pdu): void {
  const again = encodePdu(pdu);
  ok(again.length <= input.length);
  deepStrictEqual(decodePdu(again), pdu);
  if (!("encapsulations" in pdu)) return;
  for (const { address, prefixLength } of pdu.encapsulations) {
    const octets = parseIp(address);
    ok(octets && prefixLength <= 8 * octets.length);
  }
}

/** What holds for any datagram that was taken: it is the front of the frame. */
function checkDatagram(input: Uint8Array, { last, number, payload }: Datagram): void {
  const again = encodeDatagram({ last, number, payload });
  strictEqual(toHex(again), toHex(input.subarray(0, again.length)));
}

function corpus(name: string): Uint8Array[] {
  return readCorpus(name).map(({ bytes }) => bytes);
}

/** Decodes, and checks what holds then; `undefined` where it is no PDU. */
function tryPdu(bytes: Uint8Array): Pdu | undefined {
  let pdu;
  try {
    pdu = decodePdu(bytes);
  } catch (error) {
    ok(error instanceof WireError, `${error} of ${toHex(bytes)}`);
    return undefined;
  }
  checkPdu(bytes, pdu);
  return pdu;
}

Deno.test("fuzz: any bytes are a PDU or a WireError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void tryPdu(bytes)));
  const { taken, refused } = fuzz({
    decode: decodePdu,
    corpus: "lsoe-pdu",
    check: (input, pdu) => checkPdu(input, pdu as Pdu),
  });
  ok(taken > 100 && refused > 100, `${taken} taken, ${refused} refused`);
});

Deno.test("fuzz: and also where the length says what is there", () => {
  const random = new Random(44);
  const inputs = corpus("lsoe-pdu");
  const types = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    const bytes = mutate(random, inputs, 4_096);
    if (bytes.length >= 3) writeU16(bytes, 1, bytes.length);
    const pdu = tryPdu(bytes);
    if (pdu) types.set(pdu.type, (types.get(pdu.type) ?? 0) + 1);
  }
  // Nothing of this kind was refused for its length alone.
  for (const type of [1, 3, 4, 5, 6, 7, 255]) ok((types.get(type) ?? 0) > 50, `type ${type}`);
});

Deno.test("fuzz: any bytes are a datagram, or it is said what is wrong", () => {
  const faults = ["short", "version", "length", "checksum"];
  const seen = new Set<unknown>();
  const check = (input: Uint8Array, result: Datagram | string) => {
    if (typeof result !== "string") checkDatagram(input, result);
    else ok(faults.includes(result));
    seen.add(typeof result === "string" ? result : "taken");
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    check(bytes, decodeDatagram(bytes));
  }));
  fuzz({
    decode: decodeDatagram,
    corpus: "lsoe-datagram",
    refused: (result) => typeof result === "string",
    check: (input, result) => check(input, result as Datagram | string),
  });
  deepStrictEqual([...seen].sort(), [...faults, "taken"].sort());
});

Deno.test("fuzz: frames from anybody, at any time: bounded, and no exception", () => {
  const random = new Random(45);
  const inputs = corpus("lsoe-datagram");
  const cache = new MacCache(2_000, 20);
  const reassembly = new Reassembly({
    timeout: 1_000,
    reorderWindow: 100,
    maxPartials: 8,
    maxBytes: 100_000,
  });
  const outcomes = { moved: 0, refused: 0, single: 0, together: 0, pdus: 0 };
  let now = 0;
  for (let i = 0; i < 20_000; i++) {
    now += random.chance(0.9) ? random.below(30) : random.below(1_500);
    for (const each of [cache, reassembly]) {
      if (each.nextWake() <= now) each.wake(now);
      ok(each.nextWake() > now);
    }
    // Few stations, so that things meet, and now and then one of many.
    const source = random.chance(0.9) ? 2 * random.below(6) : 2 * random.below(1_000);
    const index = 1 + (random.chance(0.95) ? source & 2 : random.below(3));
    const verdict = cache.accept(now, source, index);
    if (verdict !== "taken") {
      outcomes[verdict]++;
      continue;
    }
    const frame = mended(random, mutate(random, inputs, 1_500));
    const datagram = decodeDatagram(frame);
    if (typeof datagram === "string") continue;
    const pdu = reassembly.receive(now, index, source, datagram);
    ok(cache.size <= 20 && reassembly.size <= 8 && reassembly.bytes <= 100_000);
    if (!pdu) continue;
    if (datagram.number === 0 && datagram.last) outcomes.single++;
    else outcomes.together++;
    if (tryPdu(pdu)) outcomes.pdus++;
    if (random.chance(0.1)) reassembly.remove(index, source);
    if (random.chance(0.02)) {
      cache.removeInterface(index);
      reassembly.removeInterface(index);
    }
  }
  for (const [what, count] of Object.entries(outcomes)) ok(count > 20, `${what}: ${count}`);
  now += 10_000;
  for (const each of [cache, reassembly]) each.wake(now);
  deepStrictEqual([cache.size, reassembly.size, reassembly.bytes], [0, 0, 0]);
});

/** With a header that is mostly right, and a number and L that mostly fit others. */
function mended(random: Random, frame: Uint8Array): Uint8Array {
  if (frame.length < 8 || random.chance(0.1)) return frame;
  frame[0] = 0;
  if (random.chance(0.8)) {
    return encodeDatagram(pieceOf(random));
  }
  if (readU16(frame, 2) > frame.length) writeU16(frame, 2, frame.length);
  writeU32(frame, 4, checksum(frame.subarray(0, Math.max(8, readU16(frame, 2)))));
  return frame;
}

/** A piece of a VENDOR PDU in three, where each piece fits each other one. */
function pieceOf(random: Random): Datagram {
  const number = random.below(3);
  const payload = random.bytes(10);
  if (number === 0) payload.set([255, 0, 30]);
  return { number, last: number === 2 || random.chance(0.03), payload };
}
