import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { concat, StreamCutter, WireError } from "../../lib/wire/mod.ts";

/** Units of one length byte, which counts itself, and at most 100 bytes. */
function cutter(): StreamCutter {
  return new StreamCutter(1, (bytes, at) => {
    const size = bytes[at] as number;
    if (size < 1 || size > 100) throw new WireError("size", at);
    return size;
  });
}

function unit(size: number): Uint8Array {
  const out = new Uint8Array(size).fill(size * 7);
  out[0] = size;
  return out;
}

/** Feeds `stream` in pieces and collects what comes out. */
function collect(target: StreamCutter, stream: Uint8Array, pieces: readonly number[]): Uint8Array {
  const out: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < stream.length; i++) {
    const end = Math.min(at + (pieces[i % pieces.length] as number), stream.length);
    const piece = stream.slice(at, end);
    const { first, run } = target.feed(piece);
    if (first) out.push(first.slice());
    out.push(run.slice());
    at = end;
  }
  return concat(out);
}

Deno.test("cutter: whole units come out in order, however the stream was cut", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 40 });
  const pieces = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 10 });
  fc.assert(fc.property(sizes, pieces, fc.nat(99), (sizes, pieces, part) => {
    const whole = concat(sizes.map(unit));
    const tail = unit(100).subarray(0, part);
    const target = cutter();
    deepStrictEqual(collect(target, concat([whole, tail]), pieces), whole);
    strictEqual(target.buffered, part);
  }));
});

Deno.test("cutter: memory follows the bytes that came, not the size announced", () => {
  const target = new StreamCutter(4, () => 1_000_000_000);
  target.feed(new Uint8Array(5));
  strictEqual(target.buffered, 5);
  const { first, run } = target.feed(new Uint8Array(1_000));
  strictEqual(first, undefined);
  strictEqual(run.length, 0);
  strictEqual(target.buffered, 1_005);
});

Deno.test("cutter: after a failure every feed fails, and nothing is kept", () => {
  const target = cutter();
  target.feed(Uint8Array.of(9, 1, 2));
  throws(() => target.feed(Uint8Array.of(3, 4, 5, 6, 7, 8, 200)), WireError);
  strictEqual(target.buffered, 0);
  throws(() => target.feed(unit(3)), WireError);
});

Deno.test("cutter: work grows with the bytes fed, not with the square", () => {
  // Counted, not timed: how many bytes are copied into pending memory, one byte a feed.
  const size = 65_536;
  const target = new StreamCutter(4, () => size);
  const set = Uint8Array.prototype.set;
  let copied = 0;
  Uint8Array.prototype.set = function (source, offset) {
    copied += source.length;
    return set.call(this, source, offset);
  };
  try {
    const byte = new Uint8Array(1);
    for (let i = 0; i < size - 1; i++) target.feed(byte);
    strictEqual(target.feed(byte).first?.length, size);
  } finally {
    Uint8Array.prototype.set = set;
  }
  ok(copied >= size && copied < 4 * size, `${copied} bytes copied for ${size}`);
});

Deno.test("cutter: an empty piece changes nothing", () => {
  const target = cutter();
  target.feed(Uint8Array.of(5, 1));
  const { first, run } = target.feed(new Uint8Array(0));
  strictEqual(first, undefined);
  strictEqual(run.length, 0);
  strictEqual(target.buffered, 2);
});
