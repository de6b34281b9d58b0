/**
 * What the kernel says: rtnetlink, and what is kept of it.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import { decodeMessages, type NetlinkMessage } from "../../../ffi/rtnetlink_messages.ts";
import { InterfaceTable } from "../../../ffi/rtnetlink_table.ts";
import { MplsTable } from "../../../ffi/mpls_table.ts";
import { decoder, machine, type Tally, type Target } from "../target.ts";

/** Types of rtnetlink messages that are read (`linux/rtnetlink.h`). */
const KINDS = ["link", "address", "mplsRoute", "done", "error", "overrun", "other"];
const REFUSED = [2, 16, 20, 24].map((type) => `type ${type}`);

/** The type of the first message that is not whole, by its number. */
function sort(tally: Tally, input: Uint8Array, messages: NetlinkMessage[] | undefined): void {
  for (const { kind } of messages ?? []) tally.type(kind, true);
  if (messages !== undefined) return;
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  for (let at = 0; at + 16 <= input.length;) {
    const length = view.getUint32(at, true);
    if (length < 16 || length > input.length - at) return;
    try {
      decodeMessages(input.slice(at, at + length));
    } catch {
      tally.type(`type ${view.getUint16(at + 4, true)}`, false);
    }
    at += length + 3 & ~3;
  }
}

const messages = decoder({
  name: "ffi/rtnetlink",
  covers: ["ffi/rtnetlink_messages.ts decodeMessages"],
  share: 3,
  decode: decodeMessages,
  sort,
  // The length of the first message, so that what is in it is looked at.
  mend(input) {
    if (input.length >= 16) {
      new DataView(input.buffer, input.byteOffset).setUint32(0, input.length, true);
    }
    return input;
  },
  types: { taken: KINDS, refused: REFUSED },
});

/** Interfaces, addresses and labels, as the kernel might tell them. */
const tables = machine({
  name: "ffi/tables",
  covers: [
    "ffi/rtnetlink_table.ts InterfaceTable.apply",
    "ffi/mpls_table.ts MplsTable.apply",
  ],
  corpus: ["rtnetlink"],
  steps: 200,
  begin() {
    let interfaces = new InterfaceTable();
    const labels = new MplsTable();
    let taken = 0;
    return {
      step(input, random) {
        let messages: NetlinkMessage[];
        try {
          messages = decodeMessages(input);
        } catch {
          return false;
        }
        taken += messages.length;
        for (const message of messages) {
          interfaces.apply(message);
          labels.apply(message);
        }
        const all = interfaces.interfaces();
        ok(all.length <= taken && labels.size <= taken);
        for (const { mac, mtu, vlan } of all) {
          ok(mac === "" || /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac));
          ok(mtu >= 0 && Number.isSafeInteger(vlan) && vlan >= 0);
        }
        labels.bindings(all);
        if (random.chance(0.05)) {
          const fresh = new InterfaceTable();
          fresh.orderLike(interfaces);
          interfaces = fresh;
        }
        return true;
      },
    };
  },
});

/** All of them. */
export const targets: readonly Target[] = [messages, tables];
