/**
 * The checksum over every LSOE datagram (spec/lsoe.md §3.1), in MB/s, beside the same sums in the
 * plain way and beside SHA-256. What the reference daemon reaches is 17 MB/s.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { Random } from "../lib/core/mod.ts";
import { checksum, SBOX } from "../lib/lsoe/checksum.ts";
import type { Bench } from "./harness/context.ts";
import { interleave, perCall } from "./harness/rounds.ts";
import { summarise } from "./harness/stats.ts";

/** At least this much, in MB/s. */
const TARGET = 200;
/** Octets of a datagram: the shortest that Ethernet carries, a usual one, the longest. */
const LENGTHS = [46, 1_500, 65_535];
/** Datagrams taken in turns, so that nothing can be remembered from one to the next. */
const VARIETY = 16;

export const bench: Bench = {
  name: "lsoe_checksum",
  title: `the checksum of LSOE datagrams; target at least ${TARGET} MB/s`,
  async run(context) {
    const random = new Random(1);
    for (const length of LENGTHS) {
      const datagrams = Array.from({ length: VARIETY }, () => random.bytes(length));
      let turn = 0;
      const next = () => datagrams[turn = (turn + 1) % VARIETY] as Uint8Array;
      // Summed up, so that no call is left out as useless.
      let sum = 0;
      const samples = await interleave(context.choose(200, 40), {
        checksum: perCall(() => void (sum += checksum(next()))),
        plain: perCall(() => void (sum += plainChecksum(next()))),
        sha256: perCall(() => void (sum += sha256(next())[0] as number)),
      });
      if (!(sum > 0)) throw new Error("nothing was summed up");
      const micro = (list: readonly number[]) => list.map((ms) => ms * 1_000);
      context.report.measured({
        what: `${length} octets`,
        unit: "µs",
        samples: micro(samples.checksum),
        reference: { what: "the same sums, octet by octet", samples: micro(samples.plain) },
        target: { limit: length / TARGET },
      });
      context.report.measured({
        what: `${length} octets`,
        unit: "µs",
        samples: micro(samples.checksum),
        reference: { what: "SHA-256 (noble) of the same", samples: micro(samples.sha256) },
      });
      const rate = (list: readonly number[]) => length / summarise(micro(list)).median;
      context.report.figures(`${length} octets`, {
        checksum: { value: rate(samples.checksum), unit: "MB/s" },
        plain: { value: rate(samples.plain), unit: "MB/s" },
        "SHA-256": { value: rate(samples.sha256), unit: "MB/s" },
      });
    }
  },
};

/** As the specification writes it. */
function plainChecksum(datagram: Uint8Array): number {
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < datagram.length; i++) {
    const octet = i >= 4 && i < 8 ? 0 : datagram[i] as number;
    sums[i % 4] = (sums[i % 4] as number) + (SBOX[octet] as number);
  }
  let r = sums.reduce((total, each) => total * 256 + each);
  for (let i = 0; i < 2; i++) r = Math.floor(r / 0x1_0000_0000) + r % 0x1_0000_0000;
  return r;
}
