import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";

/**
 * xoshiro128** by its definition (Blackman and Vigna), on arbitrary-size integers: the slow twin.
 * The seeding (splitmix32) is ours, so the twin takes the state from the outside.
 */
function* twin(state: [bigint, bigint, bigint, bigint]): Generator<number> {
  const mask = 0xffff_ffffn;
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  let [s0, s1, s2, s3] = state;
  for (;;) {
    yield Number((rotate((s1 * 5n) & mask, 7n) * 9n) & mask);
    const t = (s1 << 9n) & mask;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotate(s3, 11n);
  }
}

/** splitmix32, as documented at the constructor. */
function seedState(seed: number): [bigint, bigint, bigint, bigint] {
  const mask = 0xffff_ffffn;
  let s = BigInt.asUintN(32, BigInt(seed | 0));
  const next = () => {
    s = (s + 0x9e37_79b9n) & mask;
    let z = s ^ (s >> 16n);
    z = (z * 0x21f0_aaadn) & mask;
    z ^= z >> 15n;
    z = (z * 0x735a_2d97n) & mask;
    return z ^ (z >> 15n);
  };
  return [next(), next(), next(), next() | 1n];
}

Deno.test("random: xoshiro128** from a splitmix32 seed, the same everywhere", () => {
  for (const seed of [0, 1, -1, 42, 0x7fff_ffff, 0xdead_beef]) {
    const random = new Random(seed);
    const slow = twin(seedState(seed));
    for (let i = 0; i < 200; i++) {
      strictEqual(random.uint32(), slow.next().value, `seed ${seed}, #${i}`);
    }
  }
});

Deno.test("random: every derived draw stays within its bounds", () => {
  const random = new Random(7);
  const seen = new Set<number>();
  let low = 0;
  for (let i = 0; i < 20_000; i++) {
    const unit = random.unit();
    ok(unit >= 0 && unit < 1);
    if (unit < 0.5) low++;
    const between = random.between(-3, 5);
    ok(between >= -3 && between < 5);
    const below = random.below(7);
    ok(Number.isInteger(below) && below >= 0 && below < 7);
    seen.add(below);
  }
  strictEqual(seen.size, 7);
  ok(low > 9_500 && low < 10_500, `${low} of 20000 in the lower half`);
});

Deno.test("random: chance, pick and bytes", () => {
  const random = new Random(3);
  let hits = 0;
  for (let i = 0; i < 10_000; i++) if (random.chance(0.1)) hits++;
  ok(hits > 850 && hits < 1_150, `${hits} of 10000 at 10 %`);
  ok(!random.chance(0) && random.chance(1));
  const picked = new Set<string>();
  for (let i = 0; i < 100; i++) picked.add(random.pick(["a", "b", "c"]));
  deepStrictEqual([...picked].sort(), ["a", "b", "c"]);
  throws(() => random.pick([]), RangeError);
  const counts = new Set(random.bytes(4_096));
  strictEqual(counts.size, 256);
  strictEqual(random.bytes(0).length, 0);
});

Deno.test("random: a fork goes its own way, and later draws do not change it", () => {
  const one = new Random(9);
  const other = new Random(9);
  const forkOfOne = one.fork();
  const forkOfOther = other.fork();
  one.uint32();
  deepStrictEqual(forkOfOne.bytes(64), forkOfOther.bytes(64));
  notDeepStrictEqual(new Random(9).bytes(64), forkOfOther.bytes(64));
});
