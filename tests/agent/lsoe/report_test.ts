/** Northbound reports: order, repetition, and an end to both. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Log } from "../../../lib/agent/log.ts";
import { Reporter } from "../../../lib/agent/lsoe/report.ts";
import { Problems } from "../../../lib/agent/problems.ts";
import type { Report } from "../../../lib/lsoe/mod.ts";
import { until } from "../in_process.ts";

/** Of the session with this peer; `name` tells reports apart. */
function report(peer: number, name: string, session = peer): Report {
  return {
    my_switch_id: "00:00:00:00:00:00:00:00:00:01",
    peer_switch_id: "00:00:00:00:00:00:00:00:00:02",
    session_pyid: session,
    ifname: "eth0",
    peer_macaddr: `02:00:00:00:00:${peer.toString(16).padStart(2, "0")}`,
    peer_attributes: [],
    pdu_type: 4,
    pdu_name: name,
    encaps: [],
    unique: ["", "eth0", "", "", name],
  };
}

/** A receiver on 127.0.0.1, and a reporter to it. `now` moves by itself, and by hand. */
function setUp(answer: (body: Report, count: number) => Response | Promise<Response>) {
  const bodies: Report[] = [];
  const types: (string | null)[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      types.push(request.headers.get("content-type"));
      const body = await request.json() as Report;
      bodies.push(body);
      return await answer(body, bodies.length);
    },
  );
  const log: string[] = [];
  let ahead = 0;
  const problems = new Problems(
    new Log({
      level: "info",
      journal: true,
      wall: () => 0,
      sink: { write: (line) => log.push(line) },
    }),
    () => 0,
  );
  const url = `http://127.0.0.1:${server.addr.port}/mutate`;
  const reporter = new Reporter({ url, problems, now: () => performance.now() + ahead });
  return {
    bodies,
    types,
    log,
    problems,
    reporter,
    url,
    server,
    later: (ms: number) => ahead += ms,
    async close() {
      await reporter.close(5_000);
      await server.shutdown();
    },
  };
}

Deno.test("reports: one POST each, JSON in the specification's form, in order within a session", async () => {
  const running = new Map<number, number>();
  let most = 0;
  const world = setUp(async ({ session_pyid: id }) => {
    running.set(id, (running.get(id) ?? 0) + 1);
    most = Math.max(most, running.get(id) ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running.set(id, (running.get(id) ?? 0) - 1);
    return new Response("whatever");
  });
  for (let i = 0; i < 30; i++) world.reporter.report(report(i % 3, `eth${i}`));
  await until("all came", () => world.reporter.counters.sent === 30);
  strictEqual(most, 1, "one at a time");
  for (const id of [0, 1, 2]) {
    deepStrictEqual(
      world.bodies.filter(({ session_pyid }) => session_pyid === id).map(({ pdu_name }) =>
        pdu_name
      ),
      Array.from({ length: 10 }, (_, i) => `eth${id + 3 * i}`),
    );
  }
  deepStrictEqual(world.bodies.find(({ pdu_name }) => pdu_name === "eth0"), report(0, "eth0"));
  ok(world.types.every((type) => type === "application/json"));
  await world.close();
});

Deno.test("reports: the goodbye of a session does not overtake the next one with that peer", async () => {
  const world = setUp((_, count) => new Response(null, { status: count === 1 ? 503 : 200 }));
  world.reporter.report(report(1, "goodbye", 7));
  world.reporter.report(report(1, "list", 8));
  await until("both came", () => world.reporter.counters.sent === 2);
  deepStrictEqual(world.bodies.map(({ pdu_name }) => pdu_name), ["goodbye", "goodbye", "list"]);
  await world.close();
});

Deno.test("reports: a receiver that fails first gets it again, and the others after it", async () => {
  const world = setUp((_, count) => new Response(null, { status: count <= 2 ? 503 : 200 }));
  world.reporter.report(report(1, "a"));
  world.reporter.report(report(1, "b"));
  await until("both came", () => world.reporter.counters.sent === 2);
  deepStrictEqual(world.bodies.map(({ pdu_name }) => pdu_name), ["a", "a", "a", "b"]);
  deepStrictEqual(world.reporter.counters, { sent: 2, retried: 2, dropped: 0 });
  deepStrictEqual(world.log, []);
  await world.close();
});

Deno.test("reports: what the receiver refuses for good is not repeated", async () => {
  const world = setUp(({ pdu_name }) =>
    new Response(null, { status: pdu_name === "a" ? 400 : 200 })
  );
  world.reporter.report(report(1, "a"));
  await until("dropped", () => world.reporter.counters.dropped === 1);
  match(world.problems.current()[0] ?? "", /^LSOE reports to http:.* are lost: it answers 400; /);
  world.reporter.report(report(1, "b"));
  await until("the next came", () => world.reporter.counters.sent === 1);
  deepStrictEqual(world.problems.current(), [], "and all is well again");
  await world.close();
});

Deno.test("reports: older than 5 s they are dropped; a dead URL is one line, however many", async () => {
  const world = setUp(() => new Response());
  await world.server.shutdown();
  for (let i = 0; i < 500; i++) world.reporter.report(report(i % 20, "a"));
  await until("it tries", () => world.reporter.counters.retried > 0);
  world.later(5_000);
  await until("all are dropped", () => world.reporter.counters.dropped === 500);
  strictEqual(world.log.length, 1);
  match(world.log[0] ?? "", /^<4>LSOE reports to .* are lost: .*; look there, or change report-/);
  ok(!(world.log[0] ?? "").trimEnd().includes("\n"));
  await world.reporter.close(0);
});

Deno.test("reports: what waits is bounded, and the end waits no longer than it was told", async () => {
  const never = Promise.withResolvers<Response>();
  const world = setUp(() => never.promise);
  for (let i = 0; i < 3_000; i++) world.reporter.report(report(i, "a"));
  strictEqual(world.reporter.counters.dropped, 3_000 - 1_024);
  await until("requests are open", () => world.bodies.length === 8);
  await world.reporter.close(1);
  world.reporter.report(report(1, "too late"));
  strictEqual(world.bodies.length, 8, "so many at a time");
  never.resolve(new Response());
  await world.server.shutdown();
});
