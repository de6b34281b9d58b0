/** Any bytes, without a corpus; damaged PDUs and frames come in `tests/fuzz/targets/lsoe.ts`. */
import { ok } from "node:assert/strict";
import fc from "fast-check";
import { decodeDatagram, decodePdu } from "../../lib/lsoe/mod.ts";
import { toHex, WireError } from "../../lib/wire/mod.ts";
import { checkDatagram, checkPdu } from "../fuzz/targets/lsoe.ts";

Deno.test("fuzz: any bytes are a PDU or a WireError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    try {
      checkPdu(bytes, decodePdu(bytes));
    } catch (error) {
      ok(error instanceof WireError, `${error} of ${toHex(bytes)}`);
    }
  }));
});

Deno.test("fuzz: any bytes are a datagram, or it is said what is wrong", () => {
  const faults = ["short", "version", "length", "checksum"];
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    const result = decodeDatagram(bytes);
    if (typeof result === "string") ok(faults.includes(result));
    else checkDatagram(bytes, result);
  }));
});
