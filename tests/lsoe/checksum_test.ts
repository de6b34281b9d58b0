import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../lib/core/mod.ts";
import { checksum, SBOX } from "../../lib/lsoe/checksum.ts";

/** §3.1 word for word, with numbers of any size. */
function slowChecksum(datagram: Uint8Array): number {
  const input = datagram.slice();
  input.fill(0, 4, 8);
  const sums = [0n, 0n, 0n, 0n];
  input.forEach((octet, i) => {
    sums[i % 4] = sums[i % 4]! + BigInt(SBOX[octet]!);
  });
  let r = ((sums[0]! * 256n + sums[1]!) * 256n + sums[2]!) * 256n + sums[3]!;
  for (let i = 0; i < 2; i++) r = r / 2n ** 32n + r % 2n ** 32n;
  return Number(r);
}

Deno.test("the table is a permutation", () => {
  assert.deepEqual([...SBOX].sort((a, b) => a - b), [...Array(256).keys()]);
});

Deno.test("the checksum is that of its plain twin, at any length", () => {
  const random = new Random(3);
  for (let length = 8; length < 80; length++) {
    for (let i = 0; i < 5; i++) {
      const bytes = random.bytes(length);
      assert.equal(checksum(bytes), slowChecksum(bytes), bytes.toHex());
    }
  }
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 2_000 }), (bytes) => {
    assert.equal(checksum(bytes), slowChecksum(bytes));
  }));
});

Deno.test("the longest datagrams, with the largest and the smallest sums", () => {
  const largest = SBOX.indexOf(255);
  const smallest = SBOX.indexOf(0);
  for (const length of [65_532, 65_533, 65_534, 65_535]) {
    for (const octet of [largest, smallest, 0, 255]) {
      const bytes = new Uint8Array(length).fill(octet);
      assert.equal(checksum(bytes), slowChecksum(bytes));
    }
  }
});

Deno.test("a sum whose first folding leaves more than 32 bits is folded again", () => {
  const zero = SBOX.indexOf(0);
  for (const k of [1, 2, 1_000]) {
    // Sums 256 k + 255, 255, 255, 255: r = k 2^32 + 2^32 - 1.
    const bytes = new Uint8Array(8 * k + 8).fill(zero);
    for (const lane of [0, 1, 2, 3]) {
      // The checksum's own octet counts S[0] already.
      let rest = 255 + (lane === 0 ? 256 * k : 0) - SBOX[0]!;
      for (let at = lane; rest > 0; at += at < 4 ? 8 : 4) {
        const part = Math.min(rest, 255);
        bytes[at] = SBOX.indexOf(part);
        rest -= part;
      }
    }
    assert.equal(slowChecksum(bytes), k);
    assert.equal(checksum(bytes), k);
  }
});

Deno.test("what stands in the checksum's own place does not count", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 100 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      (bytes, field) => {
        const before = checksum(bytes);
        bytes.set(field, 4);
        assert.equal(checksum(bytes), before);
      },
    ),
  );
});
