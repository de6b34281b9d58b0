/**
 * A monkey with wire cutters and a hand on the clock, and the books that tell whether a message was
 * lost, came twice, or came out of order.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Id, PiotConfig } from "../../lib/piot/mod.ts";
import { entryRecord, noticeRecord, receivedRecord } from "../../lib/piot/records.ts";
import { type Node, World } from "./world.ts";

/** How far the wall clock leaps, in ms: 50 years. */
const LEAP = 50 * 365 * 86_400_000;

/** A message as its sender knows it. */
interface Sent {
  readonly id: Id;
  /** Its place in the order of sending. */
  index: number;
  readonly from: Node;
  /** It has a time to live of some seconds, and not that of a day. */
  readonly isBrief: boolean;
  /** `send` said that it is kept. */
  accepted: boolean;
  /** It was only on a disk that is gone. */
  lost: boolean;
}

/** What the disk of one node has taken in. */
interface Books {
  /** Ids in the order in which they were stored, with repetitions. */
  readonly log: Id[];
  /** Accepted before, and forgotten with the disk: these may come again. */
  readonly mayComeAgain: Set<Id>;
}

/** What a run was like. */
export interface Result {
  readonly sent: number;
  readonly delivered: number;
  readonly told: number;
  readonly lostWithDisk: number;
  /** Came again at a receiver that had lost its disk. */
  readonly again: number;
}

/** Plays with two nodes; throws where a rule is broken. */
export function monkey(seed: number, steps: number): Result {
  const world = new World(seed);
  const { random } = world;
  const small: Partial<PiotConfig> = random.chance(0.3) ? { holdEntries: 40 } : {};
  const config = { holdEntries: 100_000, holdBytes: 1e9, inboxEntries: 1e6, ...small };
  const a = world.node("a", config);
  const b = world.node("b", config);
  const nodes = [a, b];
  const other = (node: Node) => node === a ? b : a;
  const sent = new Map<Id, Sent>();
  const books = new Map<Node, Books>(
    nodes.map((node) => [node, { log: [], mayComeAgain: new Set() }]),
  );
  const copies = new Map<Node, { disk: Map<string, Uint8Array>; logged: number }>();
  let index = 0;

  const watch = (node: Node) => {
    node.disk.onCommit = (when, changes) => {
      if (when !== "after") return;
      for (const [key, value] of changes) {
        if (value === null || !/^\w{10}\/i\//.test(key)) continue;
        for (const { id } of receivedRecord.decodeAll(value)) books.get(node)?.log.push(id);
      }
    };
  };
  const meet = () => {
    a.connect(b);
    if (random.chance(0.5)) b.connect(a);
  };
  nodes.forEach(watch);
  meet();

  const send = (node: Node, ttl?: number) => {
    node.act((piot, now) => {
      const body = new Uint8Array(random.below(200));
      const at = index++;
      let id: Id | undefined;
      const done = (error?: unknown) => {
        const message = id === undefined ? undefined : sent.get(id);
        if (message && error === undefined) message.accepted = true;
      };
      try {
        id = piot.send(
          now,
          { name: other(node).name },
          { header: { kind: 0 }, body, ...(ttl !== undefined && { ttl }) },
          done,
        );
      } catch {
        return; // Refused for want of room: its sender knows.
      }
      const isBrief = ttl !== undefined;
      sent.set(id, { id, index: at, from: node, isBrief, accepted: false, lost: false });
    });
  };
  /** Messages that wait on a disk, and those whose loss is written on it and not read yet. */
  const outboxOf = (disk: Iterable<readonly [string, Uint8Array]>) =>
    new Set(
      [...disk].flatMap(([key, value]) => {
        if (/^\w{10}\/o\//.test(key)) return entryRecord.decodeAll(value).map(({ id }) => id);
        return key.startsWith("lost/") ? [noticeRecord.decode(value).id] : [];
      }),
    );
  /** The disk of a node that is down becomes another one. */
  const replaceDisk = (node: Node, disk: Map<string, Uint8Array>, logged: number) => {
    const before = outboxOf(node.disk.scan(""));
    node.disk.restore(disk);
    const after = outboxOf(node.disk.scan(""));
    for (const id of before) {
      const message = sent.get(id);
      if (message && !after.has(id)) message.lost = true;
    }
    // For who reads this disk, what waits on it is being sent now, in its order: perhaps behind
    // messages that were sent from a disk in between.
    const arrived = new Set(books.get(other(node))?.log);
    for (const id of after) {
      const message = sent.get(id);
      if (message && !arrived.has(id)) message.index = index++;
    }
    const own = books.get(node);
    for (const id of own?.log.slice(logged) ?? []) own?.mayComeAgain.add(id);
  };
  const restart = (node: Node) => {
    if (node.piot) return;
    watch(node);
    node.start();
    meet();
  };

  for (let step = 0; step < steps; step++) {
    const node = random.pick(nodes);
    const dice = random.unit();
    if (dice < 0.6) {
      for (let i = random.below(8); i >= 0; i--) {
        send(node, random.chance(0.02) ? random.below(120_000) : undefined);
      }
    } else if (dice < 0.7) world.sever(a, b);
    else if (dice < 0.74) world.reachable(a, b, random.chance(0.5));
    else if (dice < 0.84) node.dieAtNextCommit(random.pick(["before", "after"] as const));
    else if (dice < 0.87) node.crash();
    else if (dice < 0.89) {
      copies.set(node, { disk: node.disk.copy(), logged: books.get(node)?.log.length ?? 0 });
    } else if (dice < 0.91) {
      node.crash();
      const copy = copies.get(node);
      if (copy && random.chance(0.6)) replaceDisk(node, copy.disk, copy.logged);
      else replaceDisk(node, new Map(), 0);
    } else if (dice < 0.93) world.run(random.below(90_000));
    else if (dice < 0.945) world.skew = random.pick([0, LEAP, -LEAP]);
    else restart(node);
    if (random.chance(0.5)) world.run(random.below(60));
    if (random.chance(0.1)) nodes.forEach(restart);
  }

  // Quiet: everything that waits must get through.
  nodes.forEach(restart);
  world.reachable(a, b, true);
  meet();
  const isQuiet = () =>
    nodes.every(({ piot }) =>
      piot !== undefined && piot.outbox().length === 0 &&
      piot.links().every(({ state }) => state === "up")
    );
  // Deaths may still be to come.
  for (let i = 0; i < 20 && !world.until(isQuiet, 150_000, 500); i++) {
    nodes.forEach(restart);
    meet();
  }
  assert.ok(isQuiet(), `seed ${seed}: it never became quiet`);
  return check(seed, nodes, sent, books);
}

function check(
  seed: number,
  nodes: readonly Node[],
  sent: ReadonlyMap<Id, Sent>,
  books: ReadonlyMap<Node, Books>,
): Result {
  let again = 0;
  const delivered = new Set<Id>();
  for (const node of nodes) {
    const { log, mayComeAgain } = books.get(node) as Books;
    const seen = new Set<Id>();
    let last = -1;
    for (const id of log) {
      const message = sent.get(id);
      assert.ok(message, `seed ${seed}: ${node.name} has ${id}, which nobody sent`);
      if (seen.has(id)) {
        assert.ok(mayComeAgain.has(id), `seed ${seed}: ${id} came twice at ${node.name}`);
        again++;
        continue;
      }
      seen.add(id);
      delivered.add(id);
      // It was still on its way when the disk that it came from was replaced, and what the other disk
      // sends has places of its own.
      if (message.lost) continue;
      assert.ok(message.index > last, `seed ${seed}: ${id} came out of order at ${node.name}`);
      last = message.index;
    }
  }
  const told = new Set(
    nodes.flatMap(({ piot, events }) => [
      ...piot?.notices() ?? [],
      ...events.flatMap((event) =>
        event.kind === "dropped" || event.kind === "refused" ? [event] : []
      ),
    ]).map(({ id }) => id),
  );
  for (const { events } of nodes) {
    for (const event of events) {
      if (event.kind !== "dropped" || event.reason !== "expired") continue;
      assert.ok(sent.get(event.id)?.isBrief, `seed ${seed}: ${event.id} expired within the day`);
    }
  }
  let lostWithDisk = 0;
  for (const { id, accepted, lost, from } of sent.values()) {
    if (!accepted || delivered.has(id) || told.has(id)) continue;
    assert.ok(lost, `seed ${seed}: ${id} of ${from.name} was accepted, and then forgotten`);
    lostWithDisk++;
  }
  return { sent: sent.size, delivered: delivered.size, told: told.size, lostWithDisk, again };
}
