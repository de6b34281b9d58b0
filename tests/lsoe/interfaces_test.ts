/** What happens when interfaces come, go and change (§6), and the HELLO beacon (§5.2). */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type LsoeInterface, type OpenPdu, PduType } from "../../lib/lsoe/mod.ts";
import { Deadlines } from "../../lib/lsoe/deadlines.ts";
import { Beacon } from "../../lib/lsoe/hello.ts";
import { BROADCAST } from "../../lib/wire/mac.ts";
import { type Deed, ETH1, Lone, type LoneOptions } from "./lone.ts";

const PEER = 0x0200_0000_0b01;
const NONE = new Uint8Array(0);
const OPEN: OpenPdu = {
  type: PduType.Open,
  nonce: 1,
  id: new Uint8Array(10),
  attributes: NONE,
  authentication: NONE,
};

function set(lone: Lone, ...interfaces: LsoeInterface[]): string[] {
  lone.take();
  lone.lsoe.setInterfaces(lone.now, interfaces);
  return lone.take().map(nameOf);
}

function nameOf(deed: Deed): string {
  if (deed.kind === "sent") {
    return deed.to === PEER ? `PDU ${deed.pdu.type}` : `HELLO ${deed.index}`;
  }
  if (deed.kind === "event") return deed.event.kind;
  if (deed.kind === "report") {
    const { ifname, pdu_type, encaps } = deed.report;
    return `report ${ifname} ${pdu_type} ${encaps.length}`;
  }
  return `${deed.kind} ${deed.index}`;
}

/** With an open session on eth1, whose peer announced 10.0.0.2/24. */
function opened(options: LoneOptions = {}): Lone {
  const lone = new Lone({ interfaces: [{ ...ETH1, addresses: ["10.0.0.1/24"] }], ...options });
  lone.receive(PEER, OPEN);
  for (const acknowledged of [1, 4, 5, 6, 7] as const) {
    lone.receive(PEER, {
      type: PduType.Ack,
      acknowledged,
      errorType: 0,
      errorCode: 0,
      errorHint: 0,
    });
  }
  lone.receive(PEER, {
    type: PduType.Ipv4,
    encapsulations: [{ flags: 0, address: "10.0.0.2", prefixLength: 24 }],
  });
  lone.take();
  return lone;
}

const withdrawn = (name: string) => [4, 5, 6, 7].map((type) => `report ${name} ${type} 0`);
const CLOSED = [...withdrawn("eth1"), "linkDown", "closed"];
const WITH_ADDRESS = { ...ETH1, addresses: ["10.0.0.1/24"] };

Deno.test("lsoe: what cannot or may not speak LSOE does not", () => {
  const lone = new Lone({ interfaces: [], config: { speaksOn: (name) => name !== "wlan0" } });
  const others: LsoeInterface[] = [
    { ...ETH1, index: 1, name: "lo", loopback: true, mac: "", ethernet: false },
    { ...ETH1, index: 3, name: "tun0", mac: "", ethernet: false },
    { ...ETH1, index: 4, name: "wlan0" },
    { ...ETH1, index: 5, name: "odd0", mac: "00:00:00:00:00:00" },
    { ...ETH1, index: 6, name: "odd1", mac: "01:00:00:00:00:01" },
  ];
  deepStrictEqual(set(lone, ...others), []);
  strictEqual(lone.lsoe.nextWake(), Infinity);
  deepStrictEqual(set(lone, ...others, ETH1), ["join 2", "HELLO 2"]);
  deepStrictEqual(set(lone, ...others), ["leave 2"]);
});

Deno.test("lsoe: HELLO when an interface comes up; the beat stays", () => {
  const lone = new Lone({ interfaces: [{ ...ETH1, up: false, running: false }] });
  deepStrictEqual(lone.take().map(nameOf), ["join 2"]);
  lone.run(25_000);
  // The kernel tells twice: switched on, then the carrier.
  deepStrictEqual(set(lone, { ...ETH1, running: false }), []);
  deepStrictEqual(set(lone, ETH1), ["HELLO 2"]);
  deepStrictEqual(set(lone, ETH1), []);
  lone.run(59_999);
  deepStrictEqual(lone.take(), []);
  lone.run(180_000);
  deepStrictEqual(lone.take().map(({ at }) => at), [60_000, 120_000, 180_000]);
  // No HELLO into a cable that does not carry.
  set(lone, { ...ETH1, running: false });
  lone.run(300_000);
  deepStrictEqual(lone.take(), []);
});

Deno.test("lsoe: after a long sleep the beacon is back on its beat", () => {
  const beacon = new Beacon(5, 60_000);
  ok(!beacon.due(60_004));
  ok(beacon.due(1_000_000));
  strictEqual(beacon.next, 1_020_005);
  ok(!new Beacon(0, 0).due(1e12));
});

Deno.test("lsoe: HELLOs to all need no membership", () => {
  const lone = new Lone({ config: { helloDestination: BROADCAST } });
  deepStrictEqual(lone.take().map(nameOf), ["HELLO 2"]);
  deepStrictEqual(set(lone), []);
});

Deno.test("lsoe: switched off or gone, its sessions close and its stations are forgotten", () => {
  const lone = opened();
  deepStrictEqual(set(lone, { ...WITH_ADDRESS, up: false, running: false }), CLOSED);
  deepStrictEqual(lone.lsoe.sizes.macs, 0);
  lone.receive(PEER, OPEN);
  deepStrictEqual(lone.take(), []);
  const gone = opened();
  deepStrictEqual(set(gone), [...CLOSED, "leave 2"]);
  deepStrictEqual(gone.lsoe.sizes.macs, 0);
});

Deno.test("lsoe: without a carrier sessions stay, unless close-on-carrier-loss", () => {
  const bare = { ...WITH_ADDRESS, running: false };
  const patient = opened();
  deepStrictEqual(set(patient, bare), []);
  deepStrictEqual(set(patient, WITH_ADDRESS), ["HELLO 2"]);
  strictEqual(patient.lsoe.sessions()[0]?.state, "open");
  deepStrictEqual(set(opened({ config: { closeOnCarrierLoss: true } }), bare), CLOSED);
});

Deno.test("lsoe: renamed, the session stays and what was reported moves to the new name", () => {
  const lone = opened();
  deepStrictEqual(set(lone, { ...WITH_ADDRESS, name: "lan" }), [
    ...withdrawn("eth1"),
    "report lan 4 1",
  ]);
  strictEqual(lone.lsoe.sessions()[0]?.interface, "lan");
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
});

Deno.test("lsoe: renamed to what does not speak LSOE, the peer is told that nothing is left", () => {
  const lone = opened({ config: { speaksOn: (name) => name.startsWith("eth") } });
  deepStrictEqual(set(lone, { ...WITH_ADDRESS, name: "lan" }), [
    "PDU 4",
    ...CLOSED,
    "leave 2",
  ]);
});

Deno.test("lsoe: another MAC address of ours closes the sessions, and says HELLO", () => {
  const lone = opened();
  deepStrictEqual(
    set(lone, { ...WITH_ADDRESS, mac: "02:00:00:00:0a:09" }),
    [...CLOSED, "HELLO 2"],
  );
});

Deno.test("lsoe: lists are sent when they change, and only those that do", () => {
  const lone = opened();
  const changed = { ...ETH1, addresses: ["10.0.0.1/24", "2001:db8::1/64"] };
  deepStrictEqual(set(lone, changed), ["PDU 5"]);
  deepStrictEqual(set(lone, { ...changed, addresses: [...changed.addresses] }), []);
  lone.lsoe.setLabels(0, [{ prefix: "10.0.0.1/24", labels: [0x641] }]);
  deepStrictEqual(lone.take().map(nameOf), ["PDU 6"]);
  // A loopback that is exported is announced on all interfaces.
  const exporting = opened({ config: { exportLoopbacks: (name) => name === "lo" } });
  const lo = {
    ...ETH1,
    index: 1,
    name: "lo",
    mac: "",
    ethernet: false,
    loopback: true,
    addresses: ["192.0.2.99/32"],
  };
  deepStrictEqual(set(exporting, lo, WITH_ADDRESS), ["PDU 4"]);
  // Our own change can end a link, too. The list before is not acknowledged, so this one waits.
  deepStrictEqual(set(exporting, lo, ETH1), ["linkDown"]);
});

Deno.test("lsoe: PDUs are cut to the interface's MTU, and to max-datagram", () => {
  const addresses = Array.from({ length: 400 }, (_, i) => `10.0.${i >> 8}.${i & 255}/16`);
  for (
    const [mtu, maxDatagram, longest] of [[576, 1_500, 576], [9_000, 1_500, 1_500], [0, 900, 900]]
  ) {
    const facts = { ...ETH1, mtu: mtu ?? 0, addresses };
    const lone = new Lone({ interfaces: [facts], config: { maxDatagram: maxDatagram ?? 0 } });
    lone.receive(PEER, OPEN);
    lone.receive(PEER, {
      type: PduType.Ack,
      acknowledged: 1,
      errorType: 0,
      errorCode: 0,
      errorHint: 0,
    });
    const lengths = lone.take().flatMap((deed) => deed.kind === "sent" ? deed.datagrams : []);
    strictEqual(Math.max(...lengths), longest);
  }
});

Deno.test("lsoe: an interface with hardly any MTU is no crash", () => {
  for (const mtu of [1, 8, 9, 10]) {
    const lone = new Lone({ interfaces: [{ ...ETH1, mtu, addresses: ["10.0.0.1/24"] }] });
    lone.receive(PEER, OPEN);
    lone.run(100_000);
    ok(lone.lsoe.sessions().length === 0);
  }
});

Deno.test("lsoe: the id has ten octets", () => {
  let message = "";
  try {
    new Lone({ localId: new Uint8Array(9) });
  } catch (error) {
    message = String(error);
  }
  strictEqual(message, "RangeError: an LSOE id of 9 octets");
});

Deno.test("lsoe: deadlines come in order, those of one moment by id", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(20), fc.oneof(fc.nat(10), fc.constant(Infinity)))),
    (changes) => {
      const deadlines = new Deadlines<{ id: number }>();
      const items = Array.from({ length: 21 }, (_, id) => ({ id }));
      const plain = new Map<number, number>();
      for (const [id, time] of changes) {
        deadlines.set(items[id] as { id: number }, time);
        if (time === Infinity) plain.delete(id);
        else plain.set(id, time);
        strictEqual(deadlines.next, Math.min(Infinity, ...plain.values()));
      }
      const order = [...plain].sort((a, b) => a[1] - b[1] || a[0] - b[0]).map(([id]) => id);
      for (const id of order) {
        const due = deadlines.due(100);
        strictEqual(due?.id, id);
        deadlines.delete(due);
      }
      strictEqual(deadlines.due(Infinity), undefined);
      strictEqual(deadlines.size, 0);
    },
  ));
});
