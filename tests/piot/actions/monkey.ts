/**
 * A monkey with wire cutters among nodes that ask each other to do things, and the books that tell
 * whether a request ended twice or never, or a handler was started twice.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Status } from "../../../lib/piot/mod.ts";
import { answerRecord } from "../../../lib/piot/records.ts";
import { meet, Worker } from "../workers.ts";
import { World } from "../world.ts";

/** A request as the monkey knows it. */
interface Asked {
  readonly from: Worker;
  readonly number: number;
  /** It is on the requester's disk, or was. */
  stored: boolean;
  /** The requester's disk was replaced after that. */
  lost: boolean;
  /** How often its callback was called. */
  calls: number;
  /** Outcomes that the disk took in, and those that were told. */
  readonly decided: string[];
  readonly told: string[];
}

/** What a run was like. */
export interface Result {
  readonly asked: number;
  readonly answered: number;
  readonly statuses: Record<number, number>;
  /** Started again by an executor that had lost its disk. */
  readonly again: number;
}

/** Plays with three nodes; throws where a rule is broken. */
export function monkey(seed: number, steps: number): Result {
  const world = new World(seed);
  const { random } = world;
  const asked = new Map<string, Asked>();
  const workers = ["a", "b", "c"].map((name) =>
    new Worker(world, name, (worker) => ({
      work: (now, call) => {
        const [number, ms] = call.args as [number, number];
        const result = number % 7 === 3
          ? { status: Status.Error, value: number }
          : { status: Status.Ok, value: number + 1 };
        if (number % 3 === 0) call.progress(now, number);
        if (ms === 0) return void call.finish(now, result);
        worker.later(world, ms, (now) => void call.finish(now, result));
        return () => {};
      },
    }))
  );
  const lostDisk = new Set<Worker>();
  const copies = new Map<Worker, ReadonlyMap<string, Uint8Array>>();
  let number = 0;

  const watch = (worker: Worker) => {
    worker.node.disk.onCommit = (when, changes) => {
      if (when !== "after") return;
      for (const [key, value] of changes) {
        const [kind, corr = ""] = key.split("/");
        const request = asked.get(corr);
        if (!request || value === null) continue;
        if (kind === "waiting") request.stored = true;
        if (kind !== "answer") continue;
        request.stored = true;
        const { status, body } = answerRecord.decode(value);
        request.decided.push(`${status} ${body.toHex()}`);
      }
    };
    worker.node.onEvent = (event) => {
      if (event.kind !== "result") return;
      const { status, value } = event.result;
      asked.get(event.id)?.told.push(`${status} ${JSON.stringify(value)}`);
    };
  };
  const ask = (from: Worker) => {
    const to = random.pick(workers);
    const args = [number, random.chance(0.4) ? 0 : random.below(20_000)];
    const options = {
      timeout: 1_000 + random.below(30_000),
      ...(random.chance(0.2) && { hold: false, connect: random.below(5_000) }),
      ...(random.chance(0.2) && { ttl: random.below(60_000) }),
    };
    const one: Asked = {
      from,
      number: number++,
      stored: false,
      lost: false,
      calls: 0,
      decided: [],
      told: [],
    };
    from.node.act((_piot, now) => {
      const id = from.actions.request(now, { name: to.name }, "work", args, options, {
        ended: () => void one.calls++,
      });
      asked.set(id, one);
    });
  };
  const replaceDisk = (worker: Worker, disk: ReadonlyMap<string, Uint8Array>) => {
    worker.node.disk.restore(disk);
    lostDisk.add(worker);
    for (const request of asked.values()) if (request.from === worker) request.lost = true;
  };
  const restart = (worker: Worker) => {
    if (worker.node.piot) return;
    watch(worker);
    worker.node.start();
    meet(...workers);
  };
  workers.forEach(watch);
  meet(...workers);

  for (let step = 0; step < steps; step++) {
    const worker = random.pick(workers);
    const other = random.pick(workers);
    const dice = random.unit();
    if (dice < 0.5) {
      for (let i = random.below(4); i >= 0; i--) if (worker.node.piot) ask(worker);
    } else if (dice < 0.6) {
      const ids = [...asked.keys()];
      if (ids.length > 0) {
        const id = random.pick(ids);
        const { from } = asked.get(id) as Asked;
        from.node.act((_piot, now) => from.actions.cancel(now, id));
      }
    } else if (dice < 0.68) world.sever(worker.node, other.node);
    else if (dice < 0.73) world.reachable(worker.node, other.node, random.chance(0.6));
    else if (dice < 0.81) {
      worker.node.dieAtNextCommit(random.pick(["before", "after"] as const));
    } else if (dice < 0.83) worker.node.crash();
    else if (dice < 0.84) copies.set(worker, worker.node.disk.copy());
    else if (dice < 0.85) {
      worker.node.crash();
      replaceDisk(worker, (random.chance(0.5) && copies.get(worker)) || new Map());
    } else if (dice < 0.87) {
      const inherit = random.chance(0.7);
      worker.node.act((piot) => {
        for (const { link } of piot.links()) piot.setInherit(link, inherit);
      });
    } else if (dice < 0.94) world.run(random.below(20_000));
    else workers.forEach(restart);
    if (random.chance(0.7)) world.run(random.below(100));
  }

  // Quiet: every request must have ended.
  for (const a of workers) for (const b of workers) world.reachable(a.node, b.node, true);
  for (let i = 0; i < 12; i++) {
    workers.forEach(restart);
    meet(...workers);
    world.run(30_000);
  }
  return check(seed, workers, asked, lostDisk);
}

function check(
  seed: number,
  workers: readonly Worker[],
  asked: ReadonlyMap<string, Asked>,
  lostDisk: ReadonlySet<Worker>,
): Result {
  const starts = new Map<string, number>();
  let again = 0;
  for (const worker of workers) {
    const own = new Map<string, number>();
    for (const id of worker.began) own.set(id, (own.get(id) ?? 0) + 1);
    for (const [id, count] of own) {
      starts.set(id, count);
      if (count === 1) continue;
      // Its own disk, or that of the requester whose request came again.
      assert.ok(
        lostDisk.has(worker) || asked.get(id)?.lost,
        `seed ${seed}: ${worker.name} started ${id} ${count} times`,
      );
      again++;
    }
    assert.equal(worker.actions.running, 0, `seed ${seed}: ${worker.name} is not quiet`);
    const { disk } = worker.node;
    assert.deepEqual([...disk.scan("waiting/")].map(([key]) => key), [], `seed ${seed}`);
    assert.deepEqual([...disk.scan("answer/")].map(([key]) => key), [], `seed ${seed}`);
  }
  const statuses: Record<number, number> = {};
  let answered = 0;
  for (const [id, { number, stored, lost, calls, decided, told }] of asked) {
    const name = `seed ${seed}: request ${number} (${id}) ${decided} | ${told}`;
    assert.ok(calls <= 1, `${name}: called back ${calls} times`);
    if (!stored || lost) continue;
    answered++;
    assert.equal(decided.length, 1, `${name}: decided ${decided.length} times`);
    assert.ok(told.length >= 1, `${name}: nobody was told`);
    assert.equal(new Set(told).size, 1, `${name}: told differently`);
    const [status = "", value] = (told[0] ?? "").split(" ");
    statuses[Number(status)] = (statuses[Number(status)] ?? 0) + 1;
    if (status === String(Status.Ok)) assert.equal(Number(value), number + 1, name);
    if (status === String(Status.Unreachable)) assert.equal(starts.get(id), undefined, name);
  }
  return { asked: asked.size, answered, statuses, again };
}
