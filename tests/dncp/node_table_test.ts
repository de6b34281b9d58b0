/** The node table: who is reachable, against a plain search of the graph; grace, ages, room. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { hncpProfile, nativeProfile, type Profile } from "../../lib/dncp/mod.ts";
import { type Link, NodeContent } from "../../lib/dncp/node_content.ts";
import { NodeRecord } from "../../lib/dncp/node_record.ts";
import { NodeTable } from "../../lib/dncp/node_table.ts";
import { TlvEncoder } from "../../lib/dncp/tlv.ts";
import { concat, toHex } from "../../lib/wire/mod.ts";
import { slowNetworkHash } from "./harness.ts";

const DAY = 86_400_000;
/** An age above which a node lends no edges (spec §1.2, AGE_EXPIRED). */
const EXPIRED = 2 ** 32 - 2 ** 15;

interface NodeOptions {
  readonly self?: boolean;
  readonly seqno?: number;
  readonly now?: number;
  readonly age?: number;
}

function node(profile: Profile, id: string, links: readonly Link[], options: NodeOptions = {}) {
  const { self = false, seqno = 1, now = 0, age = 0 } = options;
  const encode = new TlvEncoder(profile);
  const data = concat([
    ...links.map((link) => encode.peer(link.node, link.peerEndpoint, link.endpoint)),
    profile.tlv.encode(64, Uint8Array.of(seqno)),
  ]);
  const hash = profile.hash(data).slice(0, profile.hashBytes);
  const content = new NodeContent(profile, id, data, hash);
  return new NodeRecord(content, { self, seqno, age, received: now });
}

const link = (node: string, endpoint = 1, peerEndpoint = 1): Link => ({
  node,
  endpoint,
  peerEndpoint,
});

/** All records reachable from oneself (RFC 7787 §4.6), written down as simply as it goes. */
function plainSearch(records: readonly NodeRecord[], selfId: string, now: number): string[] {
  const expired = (record: NodeRecord) =>
    !record.self && now - record.origination > EXPIRED && now - record.received > DAY;
  const found = new Set(records.filter(({ id }) => id === selfId).map(({ id }) => id));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const from of records) {
      if (!found.has(from.id) || expired(from)) continue;
      for (const to of records) {
        if (expired(to)) continue;
        const edge = from.links.some((a) =>
          a.node === to.id &&
          to.links.some((b) =>
            b.node === from.id && b.endpoint === a.peerEndpoint && b.peerEndpoint === a.endpoint
          )
        );
        if (edge) found.add(to.id);
      }
    }
  }
  return [...found].sort();
}

/** A table beside a plain account of what was stored and told. */
class Twin {
  readonly table: NodeTable;
  readonly stored = new Map<string, NodeRecord>();
  readonly told = new Set<string>();
  readonly profile: Profile;
  readonly self: string;
  now = 0;

  constructor(profile: Profile, self: string) {
    this.profile = profile;
    this.self = self;
    this.table = new NodeTable(profile, self, 0, ({ after, before }) => {
      const changed = (after ?? before) as NodeRecord;
      strictEqual(this.told.has(changed.id), before !== undefined, "told in order");
      if (after) this.told.add(changed.id);
      else this.told.delete(changed.id);
    });
  }

  store(record: NodeRecord): void {
    if (this.table.store(record)) this.stored.set(record.id, record);
    this.table.update(this.now);
  }

  /** What the table forgot, it was allowed to forget. */
  settle(): void {
    this.table.update(this.now);
    for (const [id, record] of this.stored) {
      if (this.table.get(id) === undefined) {
        const gone = this.now - record.lastReachable;
        ok(!record.reachable && gone >= this.profile.grace, `${id} was forgotten after ${gone} ms`);
        this.stored.delete(id);
      } else {
        strictEqual(this.table.get(id), record);
        const unreachable = this.now - record.lastReachable;
        ok(record.reachable || unreachable < this.profile.grace + 5_000 + 1, "kept too long");
      }
    }
    strictEqual(this.table.size, this.stored.size);
  }

  check(what: string): void {
    const expected = plainSearch([...this.stored.values()], this.self, this.now);
    deepStrictEqual(this.table.reachableIds(), expected, what);
    deepStrictEqual([...this.told].sort(), expected, `${what}: told`);
    const views = expected.map((id) => this.stored.get(id) as NodeRecord);
    strictEqual(
      toHex(this.table.hash.digest()),
      slowNetworkHash(this.profile, views),
      `${what}: hash`,
    );
  }
}

function randomEdits(seed: number, edits: number): { edits: number; walks: number; sizes: number } {
  const random = new Random(seed);
  const profile = { ...nativeProfile, grace: 2_000 };
  const ids = Array.from({ length: 24 }, () => toHex(random.bytes(8)));
  const self = ids[0] as string;
  const twin = new Twin(profile, self);
  const seqnos = new Map<string, number>();
  let sizes = 0;
  for (let edit = 0; edit < edits; edit++) {
    const id = edit === 0 ? self : random.pick(ids);
    // Few endpoints, so that ids often fit crosswise and as often do not; mostly small changes.
    const before = twin.stored.get(id)?.links ?? [];
    const links = before.filter(() => !random.chance(0.08));
    const askers = [...twin.stored.values()].flatMap((record) =>
      record.links.filter((l) => l.node === id)
        .map((l) => link(record.id, l.peerEndpoint, l.endpoint))
    );
    for (let i = random.below(3); i > 0; i--) {
      const answer = askers.length > 0 && random.chance(0.7);
      links.push(
        answer
          ? random.pick(askers)
          : link(random.pick(ids), 1 + random.below(2), 1 + random.below(2)),
      );
    }
    const seqno = (seqnos.get(id) ?? 0) + 1;
    seqnos.set(id, seqno);
    const known = twin.stored.get(id);
    const kept = known && !known.self && random.chance(0.1);
    const age = random.chance(0.05) ? EXPIRED - random.below(2 * DAY) : random.below(1_000);
    const { now } = twin;
    const grown = before.every((l) => links.includes(l));
    const settled = !twin.table.graphPending;
    twin.store(
      kept
        ? known.renewed(seqno, age, now)
        : node(profile, id, links, { self: id === self, seqno, now, age }),
    );
    // Growth is followed at once, whatever was shrunk is seen within 10 ms.
    if (settled && (kept || grown)) twin.check(`seed ${seed}, edit ${edit}, at once`);
    twin.now += random.chance(0.005) ? random.below(3 * DAY) : 10 + random.below(400);
    twin.settle();
    // Ages are looked after once an hour, and at every walk.
    if (twin.now - now < 3_600_000) twin.check(`seed ${seed}, edit ${edit}`);
    else {
      twin.now += 3_600_000;
      twin.settle();
      twin.check(`seed ${seed}, edit ${edit}, much later`);
    }
    sizes += twin.table.reachableIds().length;
  }
  return { edits, walks: twin.table.walks, sizes: sizes / edits };
}

Deno.test("node table: thousands of random edits, and always what a plain search finds", () => {
  let walks = 0;
  let edits = 0;
  let sizes = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const run = randomEdits(seed, 600);
    walks += run.walks;
    edits += run.edits;
    sizes += run.sizes / 8;
  }
  ok(sizes > 3 && sizes < 22, `on average ${sizes} of 24 were reachable`);
  ok(walks < edits, `${walks} walks for ${edits} edits`);
});

Deno.test("node table: a link counts where node and endpoint ids agree crosswise", () => {
  const [a, b] = ["0a", "0b"].map((x) => x.repeat(8)) as [string, string];
  const cases: [Link, Link, boolean][] = [
    [link(b, 1, 2), link(a, 2, 1), true],
    [link(b, 1, 2), link(a, 1, 2), false],
    [link(b, 1, 2), link(a, 2, 9), false],
    [link(b, 1, 2), link(a, 9, 1), false],
    [link(b, 7, 7), link(a, 7, 7), true],
  ];
  for (const [ours, theirs, reachable] of cases) {
    for (const order of [0, 1]) {
      const twin = new Twin(nativeProfile, a);
      const records = [
        node(nativeProfile, a, [ours], { self: true }),
        node(nativeProfile, b, [theirs]),
      ];
      if (order === 1) records.reverse();
      for (const record of records) twin.store(record);
      deepStrictEqual(twin.table.reachableIds(), reachable ? [a, b] : [a]);
    }
  }
});

Deno.test("node table: many links are matched as few are", () => {
  const [a, b] = ["0a", "0b"].map((x) => x.repeat(8)) as [string, string];
  const others = Array.from({ length: 40 }, (_, i) => toHex(new Random(i).bytes(8)));
  const record = node(nativeProfile, a, [
    ...others.map((id, i) => link(id, i, 100 + i)),
    link(b, 3, 4),
  ]);
  for (let i = 0; i < 40; i++) {
    ok(record.hasLink(others[i] as string, 100 + i, i));
    ok(!record.hasLink(others[i] as string, i, 100 + i) || i === 100 + i);
    ok(record.listsPeer(others[i] as string));
  }
  ok(record.hasLink(b, 4, 3) && !record.hasLink(b, 3, 4));
  ok(!record.listsPeer(a));
});

Deno.test("node table: an expired state lends no edges, but not on the word of a relay", () => {
  const [a, b] = ["0a", "0b"].map((x) => x.repeat(8)) as [string, string];
  const twin = new Twin(nativeProfile, a);
  twin.store(node(nativeProfile, a, [link(b)], { self: true }));
  // shncpd relays ages that have wrapped (spec §4.4): a fresh state that claims to be 49.7 days old.
  twin.store(node(nativeProfile, b, [link(a)], { age: 2 ** 32 - 100_000 }));
  deepStrictEqual(twin.table.reachableIds(), [a, b]);
  // The same again for a state held for days, renewed by a sequence number without other change.
  for (let day = 1; day <= 3; day++) {
    twin.now = day * DAY;
    const held = twin.table.get(b) as NodeRecord;
    twin.store(held.renewed(1 + day, 2 ** 32 - 100_000, twin.now));
    // A new link somewhere makes the table look at the graph again.
    twin.store(node(nativeProfile, a, [link(b), link(b, day, 9)], { self: true, seqno: 1 + day }));
    twin.now += 3_600_000;
    twin.settle();
    deepStrictEqual(twin.table.reachableIds(), [a, b], `day ${day}`);
  }
  // Nothing new for 49.7 days: gone, at the latest at the next hourly look.
  twin.now = 3 * DAY + EXPIRED + 2 * 3_600_000;
  twin.table.update(twin.now);
  twin.table.update(twin.now + 10);
  deepStrictEqual(twin.table.reachableIds(), [a]);
});

Deno.test("node table: what became unreachable is kept for its grace, counted from then", () => {
  const [a, b] = ["0a", "0b"].map((x) => x.repeat(8)) as [string, string];
  const twin = new Twin(nativeProfile, a);
  twin.store(node(nativeProfile, a, [link(b)], { self: true }));
  twin.store(node(nativeProfile, b, [link(a)]));
  twin.now = 500_000;
  twin.settle();
  twin.store(node(nativeProfile, a, [], { self: true, seqno: 2 }));
  twin.now += 10;
  twin.settle();
  deepStrictEqual(twin.table.reachableIds(), [a]);
  for (let t = 0; t < nativeProfile.grace; t += 1_000) {
    twin.table.update(twin.now + t);
    ok(twin.table.get(b), `kept after ${t} ms`);
  }
  // Back within its grace: nothing needs to be asked for.
  twin.now += nativeProfile.grace - 1;
  twin.store(node(nativeProfile, a, [link(b)], { self: true, seqno: 3 }));
  deepStrictEqual(twin.table.reachableIds(), [a, b]);
  twin.store(node(nativeProfile, a, [], { self: true, seqno: 4 }));
  twin.now += 10;
  twin.settle();
  twin.table.update(twin.now + nativeProfile.grace + 5_000);
  twin.table.update(twin.now + nativeProfile.grace + 10_000);
  strictEqual(twin.table.get(b), undefined);
});

Deno.test("node table: full, it forgets whom it has not reached for longest, and never a reachable one", () => {
  const profile = { ...hncpProfile, maxNodes: 5 };
  const a = "0000000a";
  const table = new NodeTable(profile, a, 0, () => {});
  const ids = Array.from({ length: 9 }, (_, i) => `b000000${i}`);
  const id = (i: number) => ids[i] as string;
  table.store(node(profile, a, [link(id(0)), link(id(1))], { self: true }));
  for (let i = 0; i < 4; i++) ok(table.store(node(profile, id(i), [link(a)], { now: i })));
  table.update(10);
  strictEqual(table.size, 5);
  deepStrictEqual(table.reachableIds(), [a, id(0), id(1)]);
  ok(table.store(node(profile, id(4), [], { now: 20 })));
  strictEqual(table.size, 5);
  strictEqual(table.get(id(2)), undefined, "the oldest of the unreachable ones went");
  ok(table.get(id(3)));
  table.store(
    node(profile, a, [0, 1, 3, 4].map((i) => link(id(i))), { self: true, seqno: 2, now: 30 }),
  );
  ok(table.store(node(profile, id(4), [link(a)], { now: 30, seqno: 2 })));
  table.update(40);
  strictEqual(table.reachableIds().length, 5);
  ok(!table.store(node(profile, id(5), [link(a)], { now: 50 })), "no room");
  ok(table.store(node(profile, id(4), [link(a)], { now: 50, seqno: 3 })), "a known one has room");
  strictEqual(table.size, 5);
});

Deno.test("node table: the data of all nodes are bounded, and who is reachable keeps what it has", () => {
  const a = "0000000a";
  const room = node(hncpProfile, a, [link(a)]).data.length;
  const profile = { ...hncpProfile, maxAllData: 4 * room };
  const table = new NodeTable(profile, a, 0, () => {});
  const id = (i: number) => `b000000${i}`;
  table.store(node(profile, a, [0, 1].map((i) => link(id(i))), { self: true }));
  for (let i = 0; i < 4; i++) ok(table.store(node(profile, id(i), [link(a)], { now: i })));
  table.update(10);
  ok(table.store(node(profile, id(4), [link(a)], { now: 20 })));
  strictEqual(table.get(id(2)), undefined, "the oldest of the unreachable ones went");
  const grown = node(profile, id(0), [link(a), link(id(1))], { now: 30, seqno: 2 });
  ok(table.store(grown), "it takes the room of the others that are unreachable");
  deepStrictEqual([table.get(id(3)), table.get(id(4))].filter(Boolean).length, 1);
  const links = Array.from({ length: 9 }, (_, i) => link(a, i + 1));
  ok(!table.store(node(profile, id(1), links, { now: 40, seqno: 2 })), "no room for so much");
  strictEqual(table.get(id(1))?.seqno, 1);
  ok(
    table.store(node(profile, id(1), [link(a)], { now: 50, seqno: 3 })),
    "what is no more has room",
  );
  deepStrictEqual(table.reachableIds(), [a, id(0), id(1)]);
  // What went has given its room back.
  table.update(hncpProfile.grace + 10_000);
  table.update(hncpProfile.grace + 20_000);
  ok(table.store(node(profile, id(5), [link(a)], { now: hncpProfile.grace + 20_000 })));
});

Deno.test("node table: first hops of a reader are reachable whenever their data come", () => {
  const [a, b, c] = ["0a", "0b", "0c"].map((x) => x.repeat(4).slice(0, 8)) as [
    string,
    string,
    string,
  ];
  for (const order of ["hop first", "data first"]) {
    const table = new NodeTable(hncpProfile, a, 0, () => {});
    if (order === "hop first") table.setFirstHop(b, true);
    table.update(0);
    table.update(1_000);
    table.store(node(hncpProfile, c, [link(b)], { now: 1_000 }));
    table.store(node(hncpProfile, b, [link(c)], { now: 1_000 }));
    if (order === "data first") table.setFirstHop(b, true);
    table.update(1_010);
    deepStrictEqual(table.reachableIds(), [b, c], order);
    table.setFirstHop(b, false);
    table.update(1_020);
    deepStrictEqual(table.reachableIds(), []);
  }
});

Deno.test("node table: a walk is not asked for again at once", () => {
  const [a, b] = ["0a", "0b"].map((x) => x.repeat(8)) as [string, string];
  const random = new Random(3);
  for (let i = 0; i < 200; i++) {
    const table = new NodeTable(nativeProfile, a, 0, () => {});
    let now = random.between(0, 1e6);
    table.store(node(nativeProfile, a, [link(b)], { self: true, now }));
    table.store(node(nativeProfile, b, [link(a)], { now }));
    table.update(now);
    for (let seqno = 2; seqno < 4; seqno++) {
      table.store(node(nativeProfile, b, [], { now, seqno }));
      table.store(node(nativeProfile, b, [link(a)], { now, seqno }));
      table.update(now);
      while (table.graphPending) {
        const wake = table.nextWake;
        table.update(Math.max(now, wake));
        ok(!table.graphPending || table.nextWake > wake, `at ${wake}`);
        now = Math.max(now, wake);
      }
    }
  }
});

Deno.test("node table: a new id of one's own takes the old entry away at once", () => {
  const [a, b, d] = ["0a", "0b", "0d"].map((x) => x.repeat(8)) as [string, string, string];
  const table = new NodeTable(nativeProfile, a, 0, () => {});
  table.store(node(nativeProfile, a, [link(b)], { self: true }));
  table.store(node(nativeProfile, b, [link(a)]));
  table.update(0);
  table.changeSelf(d);
  strictEqual(table.get(a), undefined);
  table.store(node(nativeProfile, d, [link(b)], { self: true, now: 10 }));
  table.update(10);
  deepStrictEqual(table.reachableIds(), [d]);
  table.store(node(nativeProfile, b, [link(d)], { now: 10, seqno: 2 }));
  table.update(10);
  deepStrictEqual(table.reachableIds(), [b, d]);
});

Deno.test("node table: who is unreachable and goes on publishing is forgotten all the same", () => {
  const [a, b] = ["0a", "0b"].map((x) => x.repeat(8)) as [string, string];
  const table = new NodeTable(nativeProfile, a, 0, () => {});
  table.store(node(nativeProfile, a, [], { self: true }));
  let now = 0;
  for (let seqno = 1; now <= nativeProfile.grace + 5_000; seqno++) {
    table.store(node(nativeProfile, b, [link("0c".repeat(8))], { now, seqno }));
    table.update(now);
    if (table.get(b)?.seqno !== seqno) break;
    now += 1_000;
  }
  ok(now >= nativeProfile.grace && table.get(b) === undefined, `forgotten after ${now} ms`);
});
