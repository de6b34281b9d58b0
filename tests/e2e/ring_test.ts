/** The ring as processes on loopback. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { RingView } from "../../lib/http/api.ts";
import { Place, until } from "./harness.ts";
import { checkKilled, freeSites, RingServers } from "./ring_servers.ts";

Deno.test("five servers, 10 000 messages from 3 clients: once in each log; then one is killed", async () => {
  await using place = new Place();
  const ring = new RingServers(place, freeSites(5));
  await ring.startAll();
  const clients = [
    ring.send("one", ["-n", "3334", "-i", "1ms"]),
    ring.send("two", ["-n", "3333", "-i", "1ms", "--round-robin"]),
    ring.send("three", ["-n3333", "-i1ms", "-s", "s3"]),
  ];
  for (const client of clients) strictEqual((await client.result(120_000)).code, 0, client.stderr);
  const sent = ["one", "two", "three"].flatMap((name) => ring.sent(name));
  strictEqual(sent.length, 10_000);
  for (const index of ring.sites.keys()) {
    const counts = ring.counts(index);
    const wrong = sent.filter((text) => counts.get(text) !== 1);
    deepStrictEqual([index, wrong.length, counts.size], [index, 0, new Set(sent).size]);
    deepStrictEqual(ring.log(index, "error"), []);
    const longest = Deno.readTextFileSync(`${ring.logDir(index)}/access.log`).split("\n")
      .reduce((most, line) => Math.max(most, line.length), 0);
    ok(longest <= 80, String(longest));
  }

  const more = [0, 1, 3].map((to) =>
    ring.send(`to${to}`, ["-n", "1500", "-i", "1ms", "-s", `s${to}`])
  );
  await until("it runs", () => ring.sent("to0").length > 300);
  ring.servers[2]?.kill("SIGKILL");
  await until("it goes on without", () => ring.log(0, "error").length > 100);
  ring.start(2);
  for (const client of more) strictEqual((await client.result(120_000)).code, 0, client.stderr);
  await ring.whole();
  await ring.quiet([0, 1, 2, 3, 4]);
  checkKilled(ring, 2, [...sent, ...["to0", "to1", "to3"].flatMap((name) => ring.sent(name))]);
  const view = await ring.view(0) as RingView;
  ok(view.noLink > 100 && view.members[2]?.noLink === view.noLink);
  await ring.send("last", ["-n", "5", "-i", "1ms", "-r"]).result();
  for (const index of ring.sites.keys()) {
    ok(ring.sent("last").every((text) => ring.counts(index).get(text) === 1));
  }
  await ring.stop();
});

Deno.test("a server that is stopped for a while: clients wait, nothing is lost", async () => {
  await using place = new Place();
  const ring = new RingServers(place, freeSites(5));
  await ring.startAll();
  ring.servers[1]?.kill("SIGSTOP");
  const count = 20_000;
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: ring.sites[0]?.port ?? 0 });
  let answers = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of conn.readable) {
      answers += decoder.decode(piece);
      if (answers.length >= 3 * count) break;
    }
  })();
  const text = Array.from(
    { length: count },
    (_, i) => `MSG message ${i} of many, many, many more\n`,
  );
  const bytes = new TextEncoder().encode(text.join(""));
  const writing = (async () => {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at, at + 65_536));
  })();
  // It takes some thousand, and then no more.
  let before = -1;
  await until("it waits", async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    // And not because something is slow: what was answered is what was logged.
    const same = before === answers.length && before > 0 && ring.counts(0).size === before / 3;
    before = answers.length;
    return same;
  });
  ok(before < 3 * 5_000, String(before / 3));
  ring.servers[1]?.kill("SIGCONT");
  await Promise.all([reading, writing]);
  strictEqual(answers, "OK\n".repeat(count));
  await ring.quiet([0, 1, 2, 3, 4]);
  for (const index of ring.sites.keys()) {
    const counts = ring.counts(index);
    strictEqual(counts.size, count);
    ok([...counts.values()].every((n) => n === 1));
    deepStrictEqual(ring.log(index, "error"), []);
  }
  await ring.stop();
});
