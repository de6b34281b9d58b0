import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeFrame, encodeFrame, type Frame } from "../../lib/piot/frame.ts";
import { readConfirm, readMsg, writeConfirm, writeMsg } from "../../lib/piot/message_frames.ts";
import { ByteWriter, WireError } from "../../lib/wire/bytes.ts";

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.toHex());
const uint = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);
const octets = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(70_000)));
const msg = fc.record({ seq: uint, id, header: octets, body: octets });
const confirm = fc.record({ seq: uint, id, length: uint, hash: uint, status: uint });

/** What both write, behind the length. */
function written(write: (writer: ByteWriter) => void, frame: Frame): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  const bytes = encodeFrame(frame);
  assert.deepEqual(writer.take(), bytes);
  return bytes.subarray(4);
}

/** What is read here is what `frame.ts` reads, or is left to it. */
function check(bytes: Uint8Array): Frame | undefined {
  const [m, c] = [readMsg(bytes), readConfirm(bytes)];
  const frame = m ? { frame: "msg" as const, ...m } : c && { frame: "confirm" as const, ...c };
  if (frame) assert.deepEqual(decodeFrame(bytes), frame);
  return frame;
}

Deno.test("MSG and CONFIRM: written and read as by the tables", () => {
  fc.assert(fc.property(msg, (fields) => {
    const bytes = written((writer) => writeMsg(writer, fields), { frame: "msg", ...fields });
    // Sequence numbers from 2^32 on are left to the tables.
    if (fields.seq < 2 ** 32) assert.ok(check(bytes));
    else check(bytes);
  }));
  fc.assert(fc.property(confirm, (fields) => {
    const bytes = written((writer) => writeConfirm(writer, fields), {
      frame: "confirm",
      ...fields,
    });
    if (Object.values(fields).every((value) => typeof value === "string" || value < 2 ** 32)) {
      assert.ok(check(bytes));
    } else check(bytes);
  }));
});

Deno.test("MSG and CONFIRM: damaged in any way, nothing is read that the tables would not read", () => {
  const change = fc.tuple(fc.nat(60), fc.nat(255));
  const cut = fc.tuple(fc.nat(80), fc.uint8Array({ maxLength: 3 }));
  fc.assert(
    fc.property(
      fc.oneof(msg, confirm),
      fc.array(change, { maxLength: 3 }),
      cut,
      (fields, changes, [at, tail]) => {
        const frame: Frame = "body" in fields
          ? { frame: "msg", ...fields }
          : { frame: "confirm", ...fields };
        const whole = encodeFrame(frame).slice(4);
        for (const [i, value] of changes) if (i < whole.length) whole[i] = value;
        for (
          const bytes of [
            whole,
            whole.subarray(0, at),
            Uint8Array.of(...whole.subarray(0, 400), ...tail),
          ]
        ) {
          try {
            check(bytes);
          } catch (error) {
            // The tables refuse it: then it must not have been read here.
            assert.ok(error instanceof WireError);
            assert.equal(readMsg(bytes) ?? readConfirm(bytes), undefined);
          }
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
