/** Hooks (§7): authentication, acknowledgements, and VENDOR PDUs. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type LsoeHooks, PduType } from "../../lib/lsoe/mod.ts";
import { ETH1, Lone } from "./lone.ts";
import { ack, HELLO, kinds, NONE, open, opened, PEER, vendor } from "./opened.ts";

Deno.test("lsoe: an OPEN with authentication is refused where nobody can check it", () => {
  const lone = new Lone();
  lone.take();
  lone.receive(PEER, open(1, { authentication: Uint8Array.of(1) }));
  const deeds = lone.take();
  deepStrictEqual(kinds(deeds), ["PDU 3", "rejected"]);
  deepStrictEqual(deeds[0]?.kind === "sent" && deeds[0].pdu, ack(1, 3, 2));
  deepStrictEqual(lone.lsoe.sessions(), []);
});

Deno.test("lsoe: whoever cannot authenticate does not end the session of one who could", () => {
  const authenticator = {
    sign: () => Uint8Array.of(42),
    verify: (_id: Uint8Array, _nonce: number, data: Uint8Array) => data[0] === 43,
  };
  const lone = new Lone({ hooks: { authenticator } });
  lone.take();
  lone.receive(PEER, open(1, { authentication: Uint8Array.of(43) }));
  const [, ours] = lone.sentTo(PEER);
  deepStrictEqual(ours?.type === PduType.Open && ours.authentication, Uint8Array.of(42));
  lone.receive(PEER, ack(1));
  lone.take();
  lone.receive(PEER, open(2));
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "error", "rejected"]);
  strictEqual(lone.lsoe.sessions()[0]?.state, "open");
});

Deno.test("lsoe: what hooks throw is told, and goes no further", () => {
  const fail = () => {
    throw new Error("no");
  };
  const hooks: LsoeHooks = { ack: fail, vendor: new Map([[9, fail]]) };
  const lone = opened({ hooks });
  lone.receive(PEER, vendor);
  deepStrictEqual(kinds(lone.take()), ["PDU 3", "hookFailed"]);
  strictEqual(lone.lsoe.counters.hookFailures, 6);
  // An authenticator that throws accepts nothing, and one that says too much says nothing.
  const authenticator = { sign: () => new Uint8Array(70_000), verify: fail };
  const strict = new Lone({ hooks: { authenticator } });
  strict.receive(PEER, HELLO);
  const [ours] = strict.sentTo(PEER);
  strictEqual(ours?.type === PduType.Open && ours.authentication.length, 0);
  strict.receive(PEER, open(1));
  deepStrictEqual(strict.sentTo(PEER), [ack(1, 3, 2)]);
});

Deno.test("lsoe: the ACK hook hears of outstanding PDUs only, before they are cleared", () => {
  const heard: number[] = [];
  const hooks: LsoeHooks = {
    ack: (session, { acknowledged }) => {
      heard.push(acknowledged);
      if (acknowledged === 1) strictEqual(session.state, "half");
    },
  };
  const lone = opened({ hooks });
  lone.receive(PEER, ack(4));
  deepStrictEqual(heard, [1, 4, 5, 6, 7]);
});

Deno.test("lsoe: VENDOR goes to the hook of its number after the ACK, and is sent as other PDUs", () => {
  const lone: Lone = opened({
    hooks: {
      vendor: new Map([[9, (session, pdu) => {
        strictEqual(lone.deeds.length, 1);
        strictEqual(session.state, "open");
        deepStrictEqual(pdu, vendor);
        called++;
      }]]),
    },
  });
  let called = 0;
  lone.receive(PEER, vendor);
  lone.receive(PEER, { ...vendor, enterprise: 10 });
  strictEqual(called, 1);
  lone.take();
  const [session] = lone.lsoe.sessions();
  const send = (octet: number) =>
    lone.lsoe.sendVendor(lone.now, session?.id ?? 0, 9, 1, Uint8Array.of(octet));
  // All of them, in order: one on its way, sixteen that wait.
  for (let i = 0; i < 17; i++) ok(send(i));
  ok(!send(17));
  lone.run(1_000);
  for (let i = 0; i < 20; i++) lone.receive(PEER, ack(255));
  const sent = lone.sentTo(PEER).flatMap((pdu) => pdu.type === 255 ? [pdu.data[0]] : []);
  deepStrictEqual(sent, [0, 0, ...Array.from({ length: 16 }, (_, i) => i + 1)]);
  strictEqual(lone.lsoe.sendVendor(lone.now, 99, 9, 1, NONE), false);
});

Deno.test("lsoe: for an unpatched lsoed there is no VENDOR, and no MPLS", () => {
  const lone = new Lone({
    config: { compatLsoed: true },
    interfaces: [{ ...ETH1, addresses: ["10.0.0.1/24"] }],
  });
  lone.lsoe.setLabels(0, [{ prefix: "10.0.0.1/24", labels: [0x641] }]);
  lone.receive(PEER, open(1));
  lone.receive(PEER, ack(1));
  const lists = lone.sentTo(PEER).flatMap((pdu) => "encapsulations" in pdu ? [pdu] : []);
  deepStrictEqual(lists.map(({ encapsulations }) => encapsulations.length), [1, 0, 0, 0]);
  strictEqual(lone.lsoe.sendVendor(0, lone.lsoe.sessions()[0]?.id ?? 0, 9, 1, NONE), false);
});
