/**
 * LSOE: datagrams, PDUs, and the machine with frames from anybody.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Random } from "../../../lib/core/mod.ts";
import {
  checksum,
  type Datagram,
  type DatagramFault,
  decodeDatagram,
  decodePdu,
  encodeDatagram,
  encodeDatagrams,
  encodePdu,
  MacCache,
  type Pdu,
  PduType,
  Reassembly,
} from "../../../lib/lsoe/mod.ts";
import { parseIp } from "../../../lib/wire/ip.ts";
import type { Mac } from "../../../lib/wire/mac.ts";
import { readU16, toHex, writeU16, writeU32 } from "../../../lib/wire/mod.ts";
import { readCorpus } from "../corpus.ts";
import { ETH1, Lone } from "../../lsoe/lone.ts";
import { decoder, machine, type Target } from "../target.ts";

const TYPES = Object.entries(PduType);
const NAMES = TYPES.map(([name]) => name);
const nameOf = (type: number | undefined) =>
  TYPES.find(([, number]) => number === type)?.[0] ?? "other";

/** What holds for any PDU that decoded: it encodes, and to no more than it was. */
export function checkPdu(input: Uint8Array, pdu: Pdu): void {
  const again = encodePdu(pdu);
  ok(again.length <= input.length);
  deepStrictEqual(decodePdu(again), pdu);
  if (!("encapsulations" in pdu)) return;
  for (const { address, prefixLength } of pdu.encapsulations) {
    const octets = parseIp(address);
    ok(octets && prefixLength <= 8 * octets.length);
  }
}

const pdus = decoder<Pdu>({
  name: "lsoe/lsoe-pdu",
  covers: ["lib/lsoe/pdu_codec.ts decodePdu"],
  share: 3,
  decode: decodePdu,
  check: checkPdu,
  mend(input) {
    if (input.length >= 3) writeU16(input, 1, input.length);
    return input;
  },
  sort: (tally, input, pdu) => tally.type(nameOf(pdu?.type ?? input[0]), pdu !== undefined),
  types: { taken: NAMES, refused: [...NAMES, "other"] },
});

/** What holds for any datagram that was taken: it is the front of the frame. */
export function checkDatagram(input: Uint8Array, result: Datagram | DatagramFault): void {
  if (typeof result === "string") return;
  const { last, number, payload } = result;
  const again = encodeDatagram({ last, number, payload });
  strictEqual(toHex(again), toHex(input.subarray(0, again.length)));
}

/** Length and checksum made right. */
function mended(input: Uint8Array): Uint8Array {
  if (input.length < 8) return input;
  input[0] = 0;
  if (readU16(input, 2) > input.length) writeU16(input, 2, input.length);
  writeU32(input, 4, checksum(input.subarray(0, Math.max(8, readU16(input, 2)))));
  return input;
}

const datagrams = decoder<Datagram | DatagramFault>({
  name: "lsoe/lsoe-datagram",
  covers: ["lib/lsoe/datagram.ts decodeDatagram"],
  share: 2,
  decode: decodeDatagram,
  refused: (result) => typeof result === "string",
  check: checkDatagram,
  mend: (input, random) => random.chance(0.7) ? mended(input) : input,
  sort(tally, input) {
    const result = decodeDatagram(input);
    tally.type(typeof result === "string" ? result : "taken", true);
  },
  types: { taken: ["short", "version", "length", "checksum", "taken"] },
});

/** Pieces of PDUs of three datagrams that fit each other, and damaged ones, from few stations and many. */
const reassembly = machine({
  name: "lsoe/reassembly",
  covers: [
    "lib/lsoe/reassembly.ts Reassembly.receive",
    "lib/lsoe/mac_cache.ts MacCache.accept",
  ],
  corpus: ["lsoe-datagram"],
  steps: 2_000,
  maxBytes: 1_500,
  types: { taken: ["moved", "refused", "single", "together", "pdu"] },
  begin(_seed, tally) {
    const cache = new MacCache(2_000, 20);
    const reassembly = new Reassembly({
      timeout: 1_000,
      reorderWindow: 100,
      maxPartials: 8,
      maxBytes: 100_000,
    });
    let now = 0;
    return {
      step(input, random) {
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
          tally.type(verdict, true);
          return false;
        }
        const frame = random.chance(0.3) ? mended(input) : encodeDatagram(pieceOf(random));
        const datagram = decodeDatagram(frame);
        if (typeof datagram === "string") return false;
        const pdu = reassembly.receive(now, index, source, datagram);
        ok(cache.size <= 20 && reassembly.size <= 8 && reassembly.bytes <= 100_000);
        if (random.chance(0.1)) reassembly.remove(index, source);
        if (random.chance(0.02)) {
          cache.removeInterface(index);
          reassembly.removeInterface(index);
        }
        if (!pdu) return undefined;
        tally.type(datagram.number === 0 && datagram.last ? "single" : "together", true);
        try {
          checkPdu(pdu, decodePdu(pdu));
          tally.type("pdu", true);
          return true;
        } catch (error) {
          if ((error as Error).name !== "WireError") throw error;
          return false;
        }
      },
      end() {
        now += 10_000;
        for (const each of [cache, reassembly]) each.wake(now);
        deepStrictEqual([cache.size, reassembly.size, reassembly.bytes], [0, 0, 0]);
      },
    };
  },
});

/** A piece of a VENDOR PDU in three, where each piece fits each other one. */
function pieceOf(random: Random): Datagram {
  const number = random.below(3);
  const payload = random.bytes(10);
  if (number === 0) payload.set([255, 0, 30]);
  return { number, last: number === 2 || random.chance(0.03), payload };
}

const ETH2 = { ...ETH1, index: 3, name: "eth2", mac: "02:00:00:00:0a:02" };
const STATIONS = 8;

/** What opens a session: rare by chance alone. */
const handshake = readCorpus("lsoe-pdu").map(({ bytes }) => bytes)
  .filter(([type]) => type === PduType.Open).concat(
    ([1, 4, 5, 6, 7] as const).map((acknowledged) =>
      encodePdu({ type: PduType.Ack, acknowledged, errorType: 0, errorCode: 0, errorHint: 0 })
    ),
  );

/** One machine between changing interfaces, and frames or PDUs of which most are damaged. */
function lsoe(
  name: string,
  corpus: string,
  framesOf: (input: Uint8Array, random: Random) => Uint8Array[],
): Target {
  return machine({
    name: `lsoe/${name}`,
    covers: ["lib/lsoe/machine.ts Lsoe.receive"],
    corpus: [corpus],
    share: 3,
    steps: 3_000,
    types: { taken: corpus === "lsoe-pdu" ? ["opened", "badPdu"] : ["badDatagram"] },
    begin(_seed, tally) {
      const lone = new Lone({ interfaces: [ETH1, ETH2], config: { hopelessHold: 1_000 } });
      const frame = (payload: Uint8Array, random: Random) => {
        if (random.chance(0.2)) lone.run(lone.now + random.below(random.chance(0.9) ? 200 : 9_000));
        if (random.chance(0.003)) {
          const eth1 = { ...ETH1, up: random.chance(0.7), mtu: random.pick([0, 8, 68, 1_500]) };
          lone.lsoe.setInterfaces(lone.now, random.chance(0.8) ? [eth1, ETH2] : [ETH2]);
        }
        const station = random.below(STATIONS);
        const source: Mac = 0x0200_0000_0b00 + station;
        const index = random.chance(0.95) ? ETH1.index + station % 2 : random.below(5);
        const packetType = random.chance(0.7) ? 0 : random.below(5);
        lone.frame(source, payload, packetType, { index });
        const { sessions, partials, macs } = lone.lsoe.sizes;
        ok(sessions <= 2 * STATIONS && partials <= 2 * STATIONS && macs <= STATIONS);
        ok(lone.lsoe.nextWake() > lone.now);
        strictEqual(lone.lsoe.sessions().length, sessions);
        const sent = lone.take().filter(({ kind }) => kind === "sent");
        ok(sent.length < 200, `${sent.length} PDUs at once`);
      };
      return {
        step(input, random) {
          for (const payload of framesOf(input, random)) {
            if (random.chance(0.95)) frame(payload, random);
          }
        },
        end() {
          const { counters } = lone.lsoe;
          if (counters.sessionsOpened > 0) tally.type("opened", true);
          if (counters.badPdus > 0) tally.type("badPdu", true);
          if (counters.badDatagrams > 0) tally.type("badDatagram", true);
          const open = lone.lsoe.sessions().filter(({ state }) => state === "open").length;
          strictEqual(counters.sessionsOpened - counters.sessionsClosed, open);
          // Left alone, it forgets all of them.
          lone.run(lone.now + 400_000);
          const { sessions, macs, partials } = lone.lsoe.sizes;
          strictEqual(sessions + macs + partials, 0);
        },
      };
    },
  });
}

const machines = [
  lsoe("frames", "lsoe-datagram", (input, random) => [random.chance(0.3) ? mended(input) : input]),
  lsoe("pdus", "lsoe-pdu", (input, random) => {
    const pdu = random.chance(0.3) ? random.pick(handshake).slice() : input;
    if (pdu.length === 0) return [];
    if (pdu.length >= 3 && random.chance(0.8)) writeU16(pdu, 1, pdu.length);
    return [...encodeDatagrams(pdu, random.chance(0.9) ? 1_500 : 60)];
  }),
];

/** All of them. */
export const targets: readonly Target[] = [pdus, datagrams, reassembly, ...machines];
