/** Clocks that leap: what waits is held as long as was said, whatever the wall clock says meanwhile. */
import assert from "node:assert/strict";
import { Pi, withFile } from "./pi.ts";
import { step, three } from "./plan/plans.ts";
import { meet, Worker } from "./workers.ts";
import { World } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
/** 2027-01-15. */
const NOW = 1_800_000_000_000;

const LEAPS = [50 * YEAR, -50 * YEAR, 2 * DAY, -2 * DAY];

/** With a computer whose clock says `wall` at its first start. */
function pi(wall: number, run: (pi: Pi) => void): void {
  withFile((path) => {
    const pi = new Pi(path, wall);
    run(pi);
    pi.off();
  });
}

/** What waits expires after `ms`, and neither earlier nor later, but for a `margin` before or after. */
function expiresAfter(pi: Pi, ms: number, margin = 2 * MINUTE): void {
  pi.run(ms - margin);
  assert.deepEqual([pi.waiting.length, pi.dropped], [1, []], "it is gone too early");
  pi.run(2 * margin);
  assert.deepEqual([pi.waiting.length, pi.dropped], [0, ["expired"]], "it is still there");
}

for (const leap of LEAPS) {
  const years = `${leap / DAY} days`;

  Deno.test(`the clock leaps by ${years} while a message waits: it has the time that it was given`, () => {
    for (const ttl of [undefined, 10 * MINUTE]) {
      pi(NOW, (pi) => {
        pi.send(ttl);
        pi.run(5 * MINUTE);
        pi.wall += leap;
        pi.run(MINUTE);
        // Who looks at it sees the age that it has, by the clock that they see.
        const [shown] = pi.waiting;
        assert.ok(Math.abs(pi.wall - 6 * MINUTE - (shown?.created ?? 0)) < SECOND);
        assert.equal((shown?.expires ?? 0) - (shown?.created ?? 0), ttl ?? DAY);
        expiresAfter(pi, (ttl ?? DAY) - 6 * MINUTE);
      });
    }
  });

  Deno.test(`the clock leaps by ${years}, and the power goes soon afterwards`, () => {
    pi(NOW, (pi) => {
      pi.send();
      pi.run(HOUR);
      pi.wall += leap;
      pi.run(20 * SECOND);
      pi.restart(MINUTE);
      // A clock that says a year before this program was there is not asked for the pause.
      expiresAfter(pi, 23 * HOUR, 5 * MINUTE);
    });
  });
}

Deno.test("only the agent is started again: the clock is not asked, whatever it says", () => {
  for (const leap of [...LEAPS, 30 * DAY]) {
    pi(NOW, (pi) => {
      pi.send();
      pi.run(HOUR);
      pi.wall += leap;
      pi.again(HOUR, leap);
      pi.run(HOUR);
      pi.again(0, -2 * leap);
      pi.restart(HOUR);
      expiresAfter(pi, 20 * HOUR);
    });
  }
});

for (const leap of [50 * YEAR, -50 * YEAR, -2 * DAY]) {
  Deno.test(`the clock leaps by ${leap / DAY} days between two starts: nothing is lost`, () => {
    for (const goodbye of [false, true]) {
      pi(NOW, (pi) => {
        pi.send();
        pi.run(6.5 * HOUR);
        pi.off(goodbye);
        pi.wall += leap;
        pi.start();
        pi.run(2 * MINUTE);
        assert.deepEqual(pi.dropped, []);
        // A power cut forgets what is not noted: half an hour. And once it is noted, no start asks again.
        pi.restart(0);
        pi.restart(0);
        expiresAfter(pi, 17.5 * HOUR, 35 * MINUTE);
      });
    }
  });
}

Deno.test("it starts in 1970, and learns the time later; and starts in 1970 again", () => {
  pi(0, (pi) => {
    pi.send();
    pi.run(2 * HOUR);
    pi.wall = NOW;
    pi.run(2 * HOUR);
    pi.off();
    pi.wall = 0;
    pi.start();
    pi.run(MINUTE);
    pi.wall = NOW + 5 * HOUR;
    pi.run(HOUR);
    assert.deepEqual(pi.dropped, []);
    // The hour without power is not known of.
    expiresAfter(pi, 19 * HOUR, HOUR + 2 * MINUTE);
  });
});

Deno.test("it started with the time of its last shutdown, and starts with the right one", () => {
  pi(0, (pi) => {
    pi.send();
    pi.run(MINUTE);
    pi.off(true);
    pi.wall = NOW;
    pi.start();
    expiresAfter(pi, DAY - MINUTE);
  });
});

Deno.test("it started with the time of its system's image, months ago, and starts with the right one", () => {
  pi(Date.UTC(2026, 9, 1), (pi) => {
    pi.send();
    pi.run(MINUTE);
    pi.off(true);
    pi.wall = Date.UTC(2027, 3, 1);
    pi.start();
    expiresAfter(pi, DAY - MINUTE);
  });
});

Deno.test("a service that is stopped forgets nothing of the time, a power cut some minutes", () => {
  for (const [goodbye, left] of [[true, DAY - 9 * MINUTE], [false, DAY]] as const) {
    pi(NOW, (pi) => {
      pi.send(MINUTE);
      pi.run(8 * MINUTE);
      // The note of the first message is young enough: this one gets none.
      pi.dropped.length = 0;
      pi.send();
      pi.run(9 * MINUTE);
      pi.off(goodbye);
      pi.wall = 0;
      pi.start();
      // Never more than it was given, although it seems to come from the future.
      expiresAfter(pi, left);
    });
  }
});

Deno.test("off with a good clock: the time counts, an hour as well as a month", () => {
  pi(NOW, (pi) => {
    pi.send();
    pi.run(HOUR);
    pi.restart(HOUR);
    expiresAfter(pi, 22 * HOUR);
    pi.dropped.length = 0;
    pi.send(7 * DAY);
    pi.restart(30 * DAY);
    pi.run(2 * MINUTE);
    assert.deepEqual(pi.dropped, ["expired"]);
  });
});

Deno.test("a computer without a clock that is restarted every two hours expires what is old", () => {
  pi(0, (pi) => {
    pi.send();
    let starts = 0;
    for (; pi.dropped.length === 0 && starts < 100; starts++) {
      pi.run(2 * HOUR);
      pi.off();
      pi.wall = 0;
      pi.start();
    }
    // It sees the time that it runs, but for what was not noted.
    assert.ok(starts >= 12 && starts <= 25, `${starts} starts`);
  });
});

Deno.test("notes of the clocks are few: none where nothing waits, one in ten minutes with others", () => {
  pi(NOW, (pi) => {
    pi.run(DAY);
    pi.restart(DAY);
    pi.run(DAY);
    const first = pi.notes;
    assert.ok(first <= 1, `${first}`);
    for (let i = 0; i < 900; i++) {
      pi.run(SECOND);
      pi.send(10 * HOUR);
    }
    assert.ok(pi.notes - first <= 2, `${pi.notes - first} in a quarter of an hour`);
    assert.equal(pi.notesAlone, 0);
    pi.run(9 * HOUR);
    assert.ok(pi.notesAlone <= 9, `${pi.notesAlone} in nine hours`);
    pi.run(2 * HOUR);
    assert.equal(pi.waiting.length, 0);
    const last = pi.notes;
    pi.wall += YEAR;
    pi.run(DAY);
    assert.equal(pi.notes, last);
  });
});

Deno.test("a file of an earlier version: its times are the wall clock's, where they can be", () => {
  for (
    const [wall, left] of [
      // As good as ever; set back; not set yet; and set far ahead.
      [NOW + 3 * HOUR, 21 * HOUR],
      [NOW - 3 * HOUR, DAY],
      [0, DAY],
      [NOW + 50 * YEAR, DAY],
    ] as const
  ) {
    pi(NOW, (pi) => {
      pi.send();
      pi.off();
      pi.forgetClock();
      pi.wall = wall;
      pi.start();
      expiresAfter(pi, left);
    });
  }
});

Deno.test("a full disk: that the clock cannot be noted is no fault of the messages", () => {
  pi(NOW, (pi) => {
    pi.send();
    pi.fault = new Error("disk full");
    pi.wall += 50 * YEAR;
    pi.run(HOUR);
    assert.deepEqual([pi.problems, pi.dropped, pi.waiting.length], [[], [], 1]);
    const { notes } = pi;
    pi.fault = undefined;
    pi.run(MINUTE);
    assert.equal(pi.notes, notes + 1);
    pi.restart(MINUTE);
    expiresAfter(pi, 23 * HOUR - 2 * MINUTE);
  });
});

/** Two nodes that can act, and know each other. */
function pair() {
  const world = new World(7);
  const [a, b] = [new Worker(world, "a"), new Worker(world, "b")];
  meet(a, b);
  world.run(2_000);
  return { world, a, b };
}

Deno.test("a request that waits for its answer survives a restart at which the clock leaps", () => {
  for (const by of [50 * YEAR, -50 * YEAR]) {
    const { world, a, b } = pair();
    b.node.crash();
    const asked = a.ask("b", "echo", 1, { ttl: HOUR });
    const silent = a.ask("b", "nobody answers that", 2, { ttl: 5 * MINUTE });
    world.run(MINUTE);
    a.node.crash();
    world.skew += by;
    a.node.start();
    meet(a, b);
    world.run(MINUTE);
    world.skew -= by;
    const ends = () => a.node.events.filter((event) => event.kind === "result").map(({ id }) => id);
    assert.deepEqual(ends(), []);
    world.run(6 * MINUTE);
    assert.deepEqual(ends(), [silent.id]);
    b.node.start();
    meet(a, b);
    world.run(3 * MINUTE);
    assert.deepEqual(ends(), [silent.id, asked.id]);
    assert.equal(b.did.length, 1);
  }
});

Deno.test("an answer is kept for ten minutes, whatever the clock does", () => {
  const { world, a, b } = pair();
  const corr = "c".repeat(32);
  const ask = () =>
    a.node.act((piot, now) => {
      const header = { kind: 1, name: "echo", correlation: corr };
      piot.send(now, { name: "b" }, { header, body: Uint8Array.of(0xa0) });
    });
  ask();
  world.run(20_000);
  for (const by of LEAPS) {
    world.skew += by;
    world.run(20_000);
    b.node.crash();
    b.node.start();
    meet(a, b);
    // What is too old is found when another answer is kept.
    const other = a.ask("b", "echo", by);
    assert.ok(world.until(() => other.results.length === 1, MINUTE));
    ask();
    world.run(20_000);
  }
  assert.equal(b.did.filter((one) => one === "echo {}").length, 1);
  world.run(11 * MINUTE);
  ask();
  world.run(20_000);
  assert.equal(b.did.filter((one) => one === "echo {}").length, 2);
});

Deno.test("a plan goes on after a restart at which the clock leaps, and ends in its time", () => {
  for (const by of [50 * YEAR, -50 * YEAR]) {
    for (const ms of [60_000, 200_000]) {
      const { world, hub, a, b } = three(3);
      world.skew += by;
      const steps = { seq: [step("1", { timeout: "1000s" }, { ms }), step("2")] };
      hub.node.act((_piot, now) => {
        hub.actions.run(now, { id: "p", timeout: "100s", resume: true, steps });
      });
      world.run(20_000);
      hub.node.crash();
      world.skew -= by;
      hub.node.start();
      meet(hub, a, b);
      world.run(20_000);
      assert.equal(hub.actions.plan("p")?.status, "running");
      world.run(100_000);
      assert.equal(hub.actions.plan("p")?.status, ms < 100_000 ? "done" : "rolledBack");
    }
  }
});
