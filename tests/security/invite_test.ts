/** Somebody who gives out false codes, and says what they like to whoever joins. */
import { strictEqual, throws } from "node:assert/strict";
import { ByteWriter, WireError } from "../../lib/wire/bytes.ts";
import { encodeCbor, type Json } from "../../lib/wire/cbor.ts";
import { InviteDecoder } from "../../lib/wire/invite_messages.ts";

const offer = {
  network: "home",
  node: "pi-1",
  keyIds: ["00112233"],
  port: 8_331,
  streamPort: 8_331,
};

/** An offer as it comes over the wire. */
function offered(changes: { [key: string]: Json }): Uint8Array {
  const body = encodeCbor({ ...offer, ...changes });
  return new ByteWriter(4 + body.length).u8(2).u24(body.length).put(body).finish();
}

Deno.test("invite: an offer names a network and nothing else: no path, no line, no escape", () => {
  const [message] = new InviteDecoder().feed(offered({}));
  strictEqual(message?.type, "offer");
  const lies: { [key: string]: Json }[] = [
    ...["../../etc/cron.d/x", "/etc/passwd", "a/b", ".", "..", "", "a\nb", "a b", "a".repeat(33)]
      .map((network) => ({ network })),
    { network: ["home"] },
    { node: "pi\u001b[2J" },
    { node: 'pi"\n[[piot.action]]' },
    { keyIds: [] },
    { keyIds: ["0011223g"] },
    { keyIds: Array.from({ length: 17 }, () => "00112233") },
    { port: 65_536 },
    { port: "8331" },
    { streamPort: -1 },
  ];
  for (const lie of lies) {
    throws(() => new InviteDecoder().feed(offered(lie)), WireError, JSON.stringify(lie));
  }
});
