import assert from "node:assert/strict";
import {
  type Encapsulation,
  FLAG_LOOPBACK,
  linkChange,
  linkOf,
  type Lists,
} from "../../lib/lsoe/mod.ts";

const ENDS = {
  session: 4,
  localId: "00:00:00:00:00:00:00:00:0a:01",
  remoteId: "00:00:00:00:00:00:00:00:0b:01",
};
const EMPTY: Lists = { 4: [], 5: [], 6: [], 7: [] };

/** Lists of plain addresses, by type; labels behind a space. */
function lists(texts: Partial<Record<4 | 5 | 6 | 7, string[]>>, flags = 0): Lists {
  const made = Object.entries(texts).map(([type, list]) => [type, list.map(entry)]);
  function entry(text: string): Encapsulation {
    const [prefix = "", labels] = text.split(" ");
    const [address = "", length] = prefix.split("/");
    const plain = { flags, address, prefixLength: Number(length) };
    return labels ? { ...plain, labels: labels.split(",").map(Number) } : plain;
  }
  return { ...EMPTY, ...Object.fromEntries(made) };
}

/** Pairs as `local-remote`. */
function pairs(announced: Lists, learned: Lists): string[] {
  const link = linkOf(ENDS, announced, learned);
  return link ? [...link.ipv4, ...link.ipv6].map((each) => `${each.local}-${each.remote}`) : [];
}

Deno.test("a link is a pair of different addresses in one subnet, of one type", () => {
  const ours = lists({ 4: ["10.0.0.1/24"], 5: ["fe80::1/64", "2001:db8::1/126"] });
  const cases: [Lists, string[]][] = [
    [EMPTY, []],
    [lists({ 4: ["10.0.0.2/24"] }), ["10.0.0.1-10.0.0.2"]],
    [lists({ 4: ["10.0.0.1/24"] }), []],
    [lists({ 4: ["10.0.0.2/25"] }), []],
    [lists({ 4: ["10.0.1.2/24"] }), []],
    // Of another type: we have announced no MPLS prefixes.
    [lists({ 6: ["10.0.0.2/24"] }), []],
    [lists({ 5: ["fe80::2/64", "fe80:1::2/64"] }), ["fe80::1-fe80::2"]],
    [lists({ 5: ["2001:db8::3/126", "2001:db8::4/126"] }), ["2001:db8::1-2001:db8::3"]],
  ];
  for (const [theirs, want] of cases) assert.deepEqual(pairs(ours, theirs), want);
});

Deno.test("subnets end where their prefix ends, at any bit", () => {
  const near = (length: number, ours: string, theirs: string) =>
    pairs(lists({ 4: [`${ours}/${length}`] }), lists({ 4: [`${theirs}/${length}`] })).length > 0;
  assert.ok(near(31, "10.0.0.0", "10.0.0.1") && !near(31, "10.0.0.1", "10.0.0.2"));
  assert.ok(!near(32, "10.0.0.0", "10.0.0.1"));
  assert.ok(near(9, "10.127.0.0", "10.1.0.1") && !near(9, "10.127.0.0", "10.128.0.1"));
  assert.ok(near(0, "10.0.0.1", "203.0.113.9"));
});

Deno.test("loopback addresses make no link", () => {
  const theirs = lists({ 4: ["10.0.0.2/24"] }, FLAG_LOOPBACK);
  assert.deepEqual(pairs(lists({ 4: ["10.0.0.1/24"] }), theirs), []);
  assert.deepEqual(pairs(theirs, lists({ 4: ["10.0.0.1/24"] })), []);
});

Deno.test("several pairs are one link, each pair once", () => {
  const ours = lists({ 4: ["10.0.0.1/24", "10.1.0.1/16"], 6: ["10.0.0.1/24 16"] });
  const theirs = lists({ 4: ["10.0.0.2/24", "10.0.0.3/24", "10.1.2.3/16"], 6: ["10.0.0.2/24 17"] });
  assert.deepEqual(pairs(ours, theirs), [
    "10.0.0.1-10.0.0.2",
    "10.0.0.1-10.0.0.3",
    "10.1.0.1-10.1.2.3",
  ]);
  assert.deepEqual(linkOf(ENDS, ours, theirs), {
    ...ENDS,
    ipv4: [
      { local: "10.0.0.1", remote: "10.0.0.2" },
      { local: "10.0.0.1", remote: "10.0.0.3" },
      { local: "10.1.0.1", remote: "10.1.2.3" },
    ],
    ipv6: [],
    labels: [17],
  });
});

Deno.test("labels are the peer's, of the addresses at its end of the link", () => {
  const ours = lists({ 4: ["10.0.0.1/24"], 7: ["2001:db8::1/64 5"] });
  const theirs = lists({
    4: ["10.0.0.2/24"],
    6: ["10.9.0.1/24 99", "10.0.0.2/24 18,17"],
    7: ["2001:db8::2/64 16"],
  });
  assert.deepEqual(linkOf(ENDS, ours, theirs)?.labels, [18, 17, 16]);
});

Deno.test("ten thousand addresses at the other end do not multiply with ours", () => {
  const many = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => `10.0.${from + (i >> 8)}.${i & 255}/8`);
  const link = linkOf(ENDS, lists({ 4: many(10_921, 0) }), lists({ 4: many(10_921, 100) }));
  assert.equal(link?.ipv4.length, 256);
  assert.equal(new Set(link.ipv4.map((pair) => JSON.stringify(pair))).size, 256);
});

Deno.test("only a difference is an event", () => {
  const ours = lists({ 4: ["10.0.0.1/24"], 6: ["10.0.0.1/24"] });
  const look = (theirs: Lists) => linkOf(ENDS, ours, theirs);
  const none = look(EMPTY);
  const one = look(lists({ 4: ["10.0.0.2/24", "10.0.0.3/24"] }));
  const turned = look(lists({ 4: ["10.0.0.3/24", "10.0.0.2/24"] }));
  const less = look(lists({ 4: ["10.0.0.2/24"] }));
  const labelled = look(lists({ 4: ["10.0.0.2/24"], 6: ["10.0.0.2/24 16,17"] }));
  const relabelled = look(lists({ 4: ["10.0.0.2/24"], 6: ["10.0.0.2/24 17,16"] }));
  assert.ok(one && less && labelled && relabelled);
  assert.equal(linkChange(none, none), undefined);
  assert.deepEqual(linkChange(none, one), { kind: "linkUp", link: one });
  assert.equal(linkChange(one, { ...one }), undefined);
  assert.equal(linkChange(one, turned), undefined);
  assert.deepEqual(linkChange(one, less), { kind: "linkChange", link: less });
  assert.deepEqual(linkChange(less, labelled), { kind: "linkChange", link: labelled });
  assert.deepEqual(linkChange(labelled, relabelled), { kind: "linkChange", link: relabelled });
  const other = { ...one, remoteId: "00:00:00:00:00:00:00:00:0c:01" };
  assert.deepEqual(linkChange(one, other), { kind: "linkChange", link: other });
  assert.deepEqual(linkChange(one, none), { kind: "linkDown", link: one });
});
