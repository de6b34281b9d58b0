/**
 * The budgets of a network of real machines, in virtual time (links of 10 ms each way, 20 seeds
 * where nothing else is said).
 *
 * @module
 */
import assert from "node:assert/strict";
import { hncpProfile, nativeProfile } from "../../lib/dncp/profile.ts";
import { runUntilConverged } from "./convergence.ts";
import { dncp } from "./dncp.ts";
import type { LinkConditions } from "./link.ts";
import { coldStart, oneChange, watchRemovals } from "./scenario.ts";
import {
  emptyWorld,
  line,
  mesh,
  type Mode,
  ring,
  shared,
  sharedLink,
  star,
  type Topology,
  tree,
  value,
} from "./topology.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

const SEEDS = 20;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DELAY = 10;

/** Runs for every seed; an error names the seed by itself. */
function everySeed(seeds: number, run: (seed: number) => void): void {
  for (let seed = 1; seed <= seeds; seed++) run(seed);
}

interface Budget {
  readonly name: string;
  readonly shape: Topology;
  readonly nodes: number;
  readonly mode: Mode;
  /** Virtual ms from a cold start, without loss; three times that with 5 %. */
  readonly cold: number;
}

// What HNCP needs follows from its Imin of 200 ms (RFC 7788 §4), a hop at a time.
const BUDGETS: Budget[] = [
  { name: "a line of 20", shape: line, nodes: 20, mode: "native", cold: 2_000 },
  { name: "a line of 20 by connect", shape: line, nodes: 20, mode: "connect", cold: 2_000 },
  { name: "20 on one link", shape: shared, nodes: 20, mode: "native", cold: 2_000 },
  { name: "50 on one link", shape: shared, nodes: 50, mode: "native", cold: 5_000 },
  { name: "a star of 20 by connect", shape: star, nodes: 20, mode: "connect", cold: 2_000 },
  { name: "a ring of 20", shape: ring, nodes: 20, mode: "native", cold: 2_000 },
  { name: "a mesh of 24", shape: mesh, nodes: 24, mode: "native", cold: 2_000 },
  { name: "HNCP, a line of 6", shape: line, nodes: 6, mode: "hncp", cold: 4_000 },
  { name: "HNCP, a line of 50", shape: line, nodes: 50, mode: "hncp", cold: 30_000 },
  { name: "HNCP, 20 on one link", shape: shared, nodes: 20, mode: "hncp", cold: 5_000 },
  { name: "HNCP by unicast, a line of 6", shape: line, nodes: 6, mode: "unicast", cold: 4_000 },
];

for (const { name, shape, nodes, mode, cold } of BUDGETS) {
  Deno.test(`${name} converges from cold within ${cold} ms, and three times that at 5 % loss`, () => {
    everySeed(SEEDS, (seed) => {
      coldStart(nodes, shape, { seed, machine: dncp, mode }, { limit: cold });
      coldStart(nodes, shape, { seed, machine: dncp, mode, loss: 0.05 }, { limit: 3 * cold });
    });
  });
}

Deno.test("a changed key reaches all on a shared link within 250 ms", () => {
  everySeed(SEEDS, (seed) => {
    for (const nodes of [5, 20, 50]) {
      const { world } = coldStart(nodes, shared, { seed, machine: dncp });
      world.run(world.random.between(5_000, 20_000));
      const { virtualMs } = oneChange(world);
      assert.ok(virtualMs <= 250, `seed ${seed}, ${nodes} nodes: ${virtualMs} ms`);
    }
  });
});

Deno.test("a changed key travels a hop a link delay down streams, and 50 ms in all", () => {
  everySeed(SEEDS, (seed) => {
    for (const mode of ["connect", "native"] satisfies Mode[]) {
      const nodes = 20;
      const { world } = coldStart(nodes, line, { seed, machine: dncp, mode });
      world.run(world.random.between(1_000, 20_000));
      for (const from of [0, 7, nodes - 1]) {
        const hops = Math.max(from, nodes - 1 - from);
        const { virtualMs } = oneChange(world, world.nodes[from]);
        assert.ok(virtualMs <= hops * DELAY + 50, `seed ${seed}, ${hops} hops: ${virtualMs} ms`);
      }
    }
  });
});

Deno.test("one change costs messages in proportion to the nodes at the most", () => {
  const cost = (nodes: number, shape: Topology, mode: Mode) => {
    const { world } = coldStart(nodes, shape, { seed: 3, machine: dncp, mode });
    world.run(12_000);
    return oneChange(world).messages / nodes;
  };
  for (const [shape, mode] of [[shared, "native"], [line, "connect"]] as [Topology, Mode][]) {
    const few = cost(20, shape, mode);
    const many = cost(80, shape, mode);
    assert.ok(many < 1.5 * few, `messages a node: ${few} with 20 nodes, ${many} with 80`);
  }
});

const QUIET: [string, Topology, number, Mode, number][] = [
  ["4 in a line", line, 4, "native", 2],
  ["4 in a line by connect", line, 4, "connect", 4],
  ["5 on a link", shared, 5, "native", 2],
  ["12 on a dense link", shared, 12, "native", 1],
  ["HNCP, 4 in a line", line, 4, "hncp", 4],
  ["HNCP, 8 on a link", shared, 8, "hncp", 3],
  ["HNCP by unicast, 4 in a line", line, 4, "unicast", 4],
];

for (const [name, shape, nodes, mode, seeds] of QUIET) {
  Deno.test(`${name}: nobody is taken for gone in 24 hours at 5 % loss`, () => {
    everySeed(seeds, (seed) => {
      const { world } = coldStart(nodes, shape, {
        seed,
        machine: dncp,
        mode,
        loss: 0.05,
        jitter: 5,
      });
      // A dense link sheds its surplus streams within the first seconds.
      world.run(20_000);
      const removals = watchRemovals(world);
      const publications = ownSeqnos(world);
      world.run(24 * HOUR);
      assert.deepEqual(removals, [], `seed ${seed}`);
      assert.deepEqual(ownSeqnos(world), publications, `seed ${seed}: publications without cause`);
      runUntilConverged(world, 1_000);
    });
  });
}

/** Virtual ms within which a partition of 30 minutes heals, without loss; three times that with 5 %. */
const PARTITIONS: [string, Topology, number, Mode, number][] = [
  ["a line", line, 10, "native", 10_000],
  ["a line by connect", line, 10, "connect", 10_000],
  ["a shared link", shared, 16, "native", 10_000],
  ["HNCP on a shared link", shared, 12, "hncp", 10_000],
  // One multicast at Imax (25.6 s) or keep-alive interval (20 s) has to come through (RFC 7788 §4).
  ["HNCP in a line", line, 10, "hncp", 21_000],
  ["HNCP by unicast", line, 10, "unicast", 21_000],
];

for (const [name, shape, nodes, mode, limit] of PARTITIONS) {
  Deno.test(`${name} heals within ${limit} ms after 30 minutes in two halves`, () => {
    everySeed(SEEDS, (seed) => {
      for (const loss of [0, 0.05]) {
        const { world } = coldStart(nodes, shape, { seed, machine: dncp, mode, loss });
        world.run(3_000);
        split(world, shape);
        world.run(30 * MINUTE);
        runUntilConverged(world, 1_000);
        for (const link of world.links) {
          world.setLink(link, true);
          world.heal(link);
        }
        runUntilConverged(world, loss === 0 ? limit : 3 * limit);
      }
    });
  });
}

function split(world: World, shape: Topology): void {
  const [first] = world.links;
  if (shape === shared && first) world.partition(first, ({ node }) => node.index & 1);
  else world.setLink(world.links[world.links.length >> 1] ?? first!, false);
}

function ownSeqnos(world: World): number[] {
  return world.nodes.map((node) => node.machine?.node(node.id)?.seqno ?? 0);
}

const MODES: Mode[] = ["native", "connect", "hncp", "unicast"];

Deno.test("every node says that it is consistent once all agree", () => {
  for (const mode of MODES) {
    for (const shape of [line, shared, mesh]) {
      const { world } = coldStart(13, shape, { seed: 5, machine: dncp, mode }, { limit: MINUTE });
      world.run(30_000);
      for (const node of world.nodes) assert.ok(node.machine?.consistent, `${mode} ${node.name}`);
    }
  }
});

Deno.test("the same seed gives the same run of real machines", () => {
  const digest = (seed: number) => {
    const options = { seed, machine: dncp, loss: 0.1, jitter: 5, duplicate: 0.05, reorder: 0.1 };
    const { world } = coldStart(12, mesh, options);
    world.nodes[3]?.crash();
    world.run(5_000);
    world.nodes[3]?.start();
    world.run(5_000);
    return world.trace.digest();
  };
  assert.equal(digest(1), digest(1));
  assert.notEqual(digest(1), digest(2));
});

/** A star's leaf, or the last of a line: a node whose loss cuts off nobody else. */
const lastOf = (world: World) => world.nodes.at(-1) as SimNode;

Deno.test("a crash is seen at once over streams, a power cut after three keep-alives", () => {
  everySeed(5, (seed) => {
    for (const mode of ["native", "connect"] satisfies Mode[]) {
      for (const shape of [line, shared]) {
        const { world } = coldStart(6, shape, { seed, machine: dncp, mode });
        world.run(15_000);
        lastOf(world).crash();
        assert.ok(runUntilConverged(world, 500) <= 500);
        lastOf(world).start();
        runUntilConverged(world, 10_000);
        world.run(15_000);
        lastOf(world).powerCut();
        const { interval, multiplier } = nativeProfile.keepAlive;
        runUntilConverged(world, interval * multiplier + 500);
      }
    }
  });
});

Deno.test("HNCP sees a silent node go after its keep-alives have run out", () => {
  everySeed(5, (seed) => {
    for (const mode of ["hncp", "unicast"] satisfies Mode[]) {
      const { world } = coldStart(6, line, { seed, machine: dncp, mode });
      world.run(MINUTE);
      lastOf(world).powerCut();
      const { interval, multiplier } = hncpProfile.keepAlive;
      const ms = runUntilConverged(world, interval * multiplier + 5_000);
      assert.ok(ms >= interval * (multiplier - 1) - 200, `seed ${seed}: gone after ${ms} ms`);
    }
  });
});

Deno.test("a node comes back with its state, from an old copy of it, and without any", () => {
  everySeed(5, (seed) => {
    for (const mode of MODES) {
      const { world } = coldStart(5, line, { seed, machine: dncp, mode }, { limit: MINUTE });
      const [, node] = world.nodes as [SimNode, SimNode];
      for (let i = 1; i <= 5; i++) {
        node.publish([value(world.profile, "n1", i)]);
        world.run(1_000);
      }
      runUntilConverged(world, MINUTE);
      for (const how of [{}, { seqno: 1 }, { forget: true }]) {
        node.powerCut();
        world.run(500);
        node.start(how);
        runUntilConverged(world, 2 * MINUTE);
      }
    }
  });
});

Deno.test("a copied SD card ends with two nodes of two ids", () => {
  everySeed(5, (seed) => {
    for (const mode of MODES) {
      for (const shape of [line, shared]) {
        const options = { seed, machine: dncp, mode };
        const { world } = coldStart(5, shape, options, { limit: MINUTE });
        const [first, , , fourth] = world.nodes as [SimNode, SimNode, SimNode, SimNode];
        fourth.crash();
        world.run(5_000);
        fourth.start({ copyOf: first });
        assert.equal(first.id, fourth.id);
        runUntilConverged(world, 3 * MINUTE);
        assert.notEqual(first.id, fourth.id, `seed ${seed}, ${mode}`);
      }
    }
  });
});

Deno.test("sequence numbers wrap, and nobody is left behind", () => {
  for (const mode of MODES) {
    const options = { seed: 9, machine: dncp, mode };
    const world = line(4, options);
    const [node] = world.nodes as [SimNode];
    node.start({ seqno: 0xffff_fffc });
    world.start();
    runUntilConverged(world, MINUTE);
    for (let i = 1; i <= 8; i++) {
      node.publish([value(world.profile, "n0", i)]);
      runUntilConverged(world, MINUTE);
    }
    const seqno = world.nodes[3]?.machine?.node(node.id)?.seqno ?? 0;
    assert.ok(seqno > 0 && seqno < 20, `seqno ${seqno}`);
  }
});

Deno.test("ages never run out: in 52 days everybody publishes once more, and nobody is lost", () => {
  const { world } = coldStart(2, line, { seed: 1, machine: dncp, mode: "unicast" });
  const before = ownSeqnos(world);
  const removals = watchRemovals(world);
  world.run(52 * 24 * HOUR);
  assert.deepEqual(ownSeqnos(world), before.map((seqno) => seqno + 1));
  assert.deepEqual(removals, []);
  runUntilConverged(world, 1_000);
});

Deno.test("two interfaces in the same switch, on every node", () => {
  for (const mode of ["native", "hncp"] satisfies Mode[]) {
    everySeed(5, (seed) => {
      const options = { seed, machine: dncp, mode };
      const world = emptyWorld(4, options);
      sharedLink(world, options, world.nodes.flatMap((node) => [node, node]));
      world.start();
      runUntilConverged(world, 10_000);
      world.run(MINUTE);
      const before = world.traffic();
      const removals = watchRemovals(world);
      world.run(10 * MINUTE);
      const after = world.traffic();
      assert.deepEqual(removals, [], `${mode}, seed ${seed}`);
      assert.equal(after.dials, before.dials, `${mode}, seed ${seed}: dials go on`);
      const multicasts = (after.multicasts - before.multicasts) / 8 / 10;
      assert.ok(multicasts < 15, `${mode}, seed ${seed}: ${multicasts} a minute and interface`);
    });
  }
});

Deno.test("buffers that are used again, and reads cut anywhere, change nothing", () => {
  const hard: Partial<LinkConditions> = { loss: 0.05, jitter: 5, duplicate: 0.05, reorder: 0.1 };
  everySeed(5, (seed) => {
    for (const mode of MODES) {
      const { world } = coldStart(8, mesh, {
        seed,
        machine: dncp,
        mode,
        choppyReads: true,
        scratchReads: true,
        multicastLoopback: true,
        ...hard,
      }, { limit: 2 * MINUTE });
      oneChange(world);
    }
  });
});

Deno.test("nodes that hold equal contents in common do the same, step by step", () => {
  for (const topology of [tree, mesh]) {
    const [own, common] = [false, true].map((sharedContents) => {
      const { world } = coldStart(24, topology, { seed: 5, machine: dncp, sharedContents });
      const node = world.nodes[3] as SimNode;
      node.publish([value(world.profile, node.name, 7)]);
      world.run(1_000);
      const copies = new Set(world.nodes.map(({ machine }) => machine?.node(node.id)?.data));
      return { digest: world.trace.digest(), copies: copies.size };
    });
    assert.equal(common?.digest, own?.digest);
    assert.deepEqual([own?.copies, common?.copies], [24, 1]);
  }
});
