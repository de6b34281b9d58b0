import assert from "node:assert/strict";
import { ENCAPSULATION_TYPES, FLAG_LOOPBACK, idText, reportOf } from "../../lib/lsoe/mod.ts";

const SUBJECT = {
  session: 7,
  localId: idText(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff)),
  peerId: "00:00:00:00:00:00:00:00:0b:02",
  peerMac: "02:00:00:00:0b:01",
  interface: "eth1",
  peerAttributes: [5, 255],
};

Deno.test("a report has the keys that receivers of lsoed know, and no others", () => {
  const entry = { flags: FLAG_LOOPBACK | 0x3f, address: "::1", prefixLength: 128 };
  const report = reportOf(SUBJECT, 5, [entry]);
  assert.deepEqual(JSON.parse(JSON.stringify(report)), {
    my_switch_id: "00:01:02:03:04:05:06:07:08:ff",
    peer_switch_id: "00:00:00:00:00:00:00:00:0b:02",
    session_pyid: 7,
    ifname: "eth1",
    peer_macaddr: "02:00:00:00:0b:01",
    peer_attributes: [5, 255],
    pdu_type: 5,
    pdu_name: "IPV6ENCAPSULATION",
    encaps: [{ primary: false, loopback: true, ipaddr: "::1", prefixlen: 128, labels: null }],
    unique: [
      "00:01:02:03:04:05:06:07:08:ff",
      "eth1",
      "02:00:00:00:0b:01",
      "00:00:00:00:00:00:00:00:0b:02",
      "IPV6ENCAPSULATION",
    ],
  });
});

Deno.test("labels are six digits each, and none is an empty list", () => {
  const entry = { flags: 0, address: "10.0.0.1", prefixLength: 24 };
  const labels = (list: readonly number[]) =>
    reportOf(SUBJECT, 6, [{ ...entry, labels: list }]).encaps[0]?.labels;
  assert.deepEqual(labels([0x641, 0xffffff, 0]), ["000641", "ffffff", "000000"]);
  assert.deepEqual(labels([]), []);
});

Deno.test("a closed session withdraws every type, each under its name", () => {
  const names = ENCAPSULATION_TYPES.map((type) => {
    const { encaps, pdu_name, unique } = reportOf(SUBJECT, type, []);
    assert.deepEqual(encaps, []);
    assert.equal(unique[4], pdu_name);
    return pdu_name;
  });
  assert.equal(new Set(names).size, 4);
});
