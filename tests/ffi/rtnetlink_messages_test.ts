/** rtnetlink messages: what the decoder reads, and what it refuses. */
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  type AddressMessage,
  decodeMessages,
  Dump,
  dumpRequest,
  type LinkMessage,
  type MplsRouteMessage,
} from "../../ffi/rtnetlink_messages.ts";
import { WireError } from "../../lib/wire/bytes.ts";
import { formatIp4, formatIp6 } from "../../lib/wire/ip.ts";
import {
  address,
  attribute,
  done,
  error,
  join,
  le,
  link,
  message,
  mplsRoute,
  UP,
} from "./rtnetlink_bytes.ts";

const one = <T>(bytes: Uint8Array): T => {
  const all = decodeMessages(bytes);
  strictEqual(all.length, 1);
  return all[0] as T;
};

Deno.test("rtnetlink: a link, with what it says and what it does not", () => {
  const head = { sequence: 9, interrupted: false };
  deepStrictEqual(one<LinkMessage>(link({ index: 7, name: "wlan0", mtu: 1_400, seq: 9 })), {
    ...head,
    kind: "link",
    gone: false,
    family: 0,
    hardware: 1,
    index: 7,
    flags: UP,
    name: "wlan0",
    mac: "02:00:00:00:00:07",
    mtu: 1_400,
    operstate: 6,
    vlan: undefined,
  });
  const wireless = one<LinkMessage>(link({ index: 7, name: undefined, mac: undefined }));
  deepStrictEqual(
    [wireless.name, wireless.mac, wireless.mtu, wireless.operstate],
    [undefined, undefined, undefined, undefined],
  );
  // Of a tunnel and of Infiniband: no MAC address in our sense.
  for (const mac of ["c0000201", "00".repeat(20), ""]) {
    strictEqual(one<LinkMessage>(link({ index: 1, mac })).mac, "");
  }
  strictEqual(one<LinkMessage>(link({ index: 3, type: 17 })).gone, true);
  strictEqual(one<LinkMessage>(link({ index: 3, nlFlags: 0x12 })).interrupted, true);
});

Deno.test("rtnetlink: LOCAL comes before ADDRESS, the FLAGS attribute before the short field", () => {
  const peer = one<AddressMessage>(
    address({ index: 2, address: "c0000202", local: "c0000201", prefix: 32, flags: 0x240 }),
  );
  deepStrictEqual([peer.address, peer.prefixLength, peer.flags], ["192.0.2.1", 32, 0x240]);
  const six = one<AddressMessage>(
    address({ index: 2, address: "fe80" + "0".repeat(27) + "1", shortFlags: 0x40 }),
  );
  deepStrictEqual([six.family, six.address, six.flags], [10, "fe80::1", 0x40]);
});

Deno.test("rtnetlink: MPLS routes with one hop and with several; other families are not ours", () => {
  const route = one<MplsRouteMessage>(mplsRoute(0xf_ffff, [{ index: 3 }]));
  deepStrictEqual([route.label, route.hops], [
    0xf_ffff,
    [{ index: 3, local: true, dead: false }],
  ]);
  const onward = one<MplsRouteMessage>(
    mplsRoute(100, [{ index: 3, via: "0200c0000202", swap: 200 }], { type: 25 }),
  );
  deepStrictEqual([onward.gone, onward.hops[0]?.local], [true, false]);
  const several = one<MplsRouteMessage>(
    mplsRoute(100, [{ index: 1 }, { index: 2, swap: 7 }, { index: 3, dead: true }]),
  );
  deepStrictEqual(several.hops, [
    { index: 1, local: true, dead: false },
    { index: 2, local: false, dead: false },
    { index: 3, local: true, dead: true },
  ]);
  strictEqual(decodeMessages(mplsRoute(100, [{ index: 1 }], { family: 2 }))[0]?.kind, "other");
});

Deno.test("rtnetlink: control messages, and several messages in one datagram", () => {
  const all = decodeMessages(
    join(message(1, new Uint8Array(0)), done(5), done(5, 95), error(6, 1), error(7, 0)),
  );
  deepStrictEqual(
    all.map((each) => [each.kind, each.sequence, "errno" in each ? each.errno : undefined]),
    [["done", 5, 0], ["done", 5, 95], ["error", 6, 1], ["error", 7, 0]],
  );
  // Of odd length: the next one begins at a multiple of four.
  const odd = join(message(28, new Uint8Array(5)), message(29, new Uint8Array(3)), done(9));
  deepStrictEqual(decodeMessages(odd).map(({ kind }) => kind), ["other", "other", "done"]);
  strictEqual(decodeMessages(message(28, new Uint8Array(5)).slice(0, 21)).length, 1);
  strictEqual(one<{ kind: string }>(message(4, new Uint8Array(0))).kind, "overrun");
  strictEqual(one<{ kind: string }>(message(3, new Uint8Array(0))).kind, "done");
  deepStrictEqual(one(message(28, le([1, 4]))), {
    kind: "other",
    type: 28,
    sequence: 0,
    interrupted: false,
  });
  deepStrictEqual(decodeMessages(new Uint8Array(0)), []);
});

Deno.test("rtnetlink: requests have the length that the kernel wants", () => {
  strictEqual(
    dumpRequest(Dump.mplsRoutes, 2).toHex(),
    "1c0000001a0001030200000000000000" + "1c0000000000000000000000",
  );
});

Deno.test("rtnetlink: whatever is cut off is refused, with the place", () => {
  const whole = join(
    link({ index: 2 }),
    address({ index: 2, address: "c0000201", flags: 0x80 }),
    mplsRoute(99, [{ index: 1 }, { index: 2 }]),
    error(1, 13),
  );
  const starts = new Set<number>([0]);
  for (let at = 0; at < whole.length;) {
    at += new DataView(whole.buffer).getUint32(at, true);
    starts.add(at);
  }
  for (let length = 0; length < whole.length; length++) {
    const cut = () => decodeMessages(whole.slice(0, length));
    if (starts.has(length)) cut();
    else {throws(cut, (thrown) =>
        thrown instanceof WireError && thrown.offset <= length, `${length}`);}
  }
});

Deno.test("rtnetlink: lengths that lie", () => {
  const lies: Uint8Array[] = [
    le([15, 4], [16, 2], [0, 2], [0, 4], [0, 4]),
    le([0, 4], [3, 2], [0, 2], [0, 4], [0, 4]),
    le([0xffff_ffff, 4], [3, 2], [0, 2], [0, 4], [0, 4]),
    message(16, join(new Uint8Array(16), le([3, 2], [3, 2]))),
    message(16, join(new Uint8Array(16), le([0, 2], [3, 2]))),
    message(16, join(new Uint8Array(16), le([5, 2], [3, 2]))),
    message(
      20,
      join(le([2, 1], [24, 1], [0, 1], [0, 1], [1, 4]), attribute(1, new Uint8Array(16))),
    ),
    message(20, le([2, 1], [24, 1], [0, 1], [0, 1], [1, 4])),
    address({ index: 1, address: "c0000201", prefix: 33 }),
    message(24, le([28, 1], [20, 1], [0, 2], [0, 4], [0, 4])),
    message(24, join(le([28, 1], [20, 1], [0, 2], [0, 4], [0, 4]), attribute(1, Uint8Array.of(1)))),
  ];
  for (const lie of lies) throws(() => decodeMessages(lie), WireError, lie.toHex());
  const hop = (length: number) =>
    message(
      24,
      join(
        le([28, 1], [20, 1], [0, 2], [0, 4], [0, 4]),
        attribute(1, new Uint8Array(4)),
        attribute(9, le([length, 2], [0, 2], [1, 4])),
      ),
    );
  for (const length of [0, 7, 9]) throws(() => decodeMessages(hop(length)), WireError);
});

Deno.test("rtnetlink: links and addresses come out as they went in", () => {
  const octets = fc.uint8Array({ minLength: 6, maxLength: 6 });
  const name = fc.stringMatching(/^[a-z0-9_.-]{1,15}$/);
  const u32 = fc.nat({ max: 0xffff_ffff });
  fc.assert(fc.property(octets, name, u32, u32, fc.nat(0xffff), fc.nat(255), (...drawn) => {
    const [mac, name, flags, mtu, hardware, operstate] = drawn;
    const got = one<LinkMessage>(
      link({ index: 5, mac: mac.toHex(), name, flags, mtu, hardware, operstate }),
    );
    deepStrictEqual(
      [got.mac?.replaceAll(":", ""), got.name, got.flags, got.mtu, got.hardware, got.operstate],
      [mac.toHex(), name, flags, mtu, hardware, operstate],
    );
  }));
  const ip = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(fc.property(ip, ip, fc.boolean(), u32, fc.nat(32), (bytes, _, local, flags, prefix) => {
    const hex = bytes.toHex();
    const got = one<AddressMessage>(
      address({ index: 5, ...(local ? { local: hex } : { address: hex }), flags, prefix }),
    );
    const text = bytes.length === 4 ? formatIp4(bytes) : formatIp6(bytes);
    deepStrictEqual([got.address, got.flags, got.prefixLength], [text, flags, prefix]);
  }));
  fc.assert(
    fc.property(fc.nat(0xf_ffff), fc.array(fc.nat(1_000), { minLength: 1 }), (label, at) => {
      const got = one<MplsRouteMessage>(mplsRoute(label, at.map((index) => ({ index }))));
      deepStrictEqual([got.label, got.hops.map(({ index }) => index)], [label, at]);
    }),
  );
});
