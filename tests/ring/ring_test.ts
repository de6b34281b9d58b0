/** Rings under virtual time: who logs what, by which path, and what happens when servers are missing. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { firstHops, randomText } from "../../lib/ring/mod.ts";
import { type Server, World } from "./world.ts";

/** Hands each text to the server that `entry` names. */
function send(world: World, texts: readonly string[], entry: (i: number) => number): void {
  const clients = world.servers.map((server) => world.client(server));
  texts.forEach((text, i) => clients[entry(i)]?.send(`MSG ${text}\n`));
  world.run(1_000);
  for (const client of clients) client.send("QUIT\n");
  world.run(100);
}

const texts = (count: number, seed = 7) => {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => `${i} ${randomText(random, 32, 50)}`);
};

for (const members of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 41]) {
  Deno.test(`ring of ${members}: each message stands once in each log, whoever took it`, () => {
    const world = new World(members, { seed: members });
    for (const { ring } of world.servers) {
      ok(ring.members().every(({ state, incoming }) => state === "up" && incoming));
    }
    const all = texts(3 * members, members);
    send(world, all, (i) => i % members);
    deepStrictEqual(world.wrong(all), []);
    // Four copies for five servers: no more than it takes.
    const copies = world.servers.flatMap(({ ring }) => ring.members().map(({ sent }) => sent));
    strictEqual(copies.reduce((a, b) => a + b, 0), all.length * (members - 1));
    ok(world.servers.every(({ logs }) => logs.error.length === 0));
    ok(world.servers.every(({ ring }) => ring.members().every((one) => one.unanswered === 0)));
  });
}

Deno.test("a ring has 1 to 71 members", () => {
  throws(() => firstHops(72), RangeError);
  throws(() => firstHops(0), RangeError);
  for (let members = 1; members <= 71; members++) {
    const reached = [0];
    for (const { offset, wrapping } of firstHops(members)) {
      reached.push(offset);
      if (wrapping > 0) reached.push(offset + wrapping);
    }
    deepStrictEqual(reached.sort((a, b) => a - b), Array.from({ length: members }, (_, i) => i));
  }
});

Deno.test("the table of spec/pzog.md §3.1: who passes a message on to whom", () => {
  const TABLE = [
    ["client", 0, 0, 1, 2],
    [3, "client", 1, 1, 2],
    [3, 4, "client", 2, 2],
    [3, 4, 0, "client", 3],
    [4, 4, 0, 1, "client"],
  ];
  const world = new World(5);
  TABLE.forEach((_, entry) => send(world, [`to ${entry}`], () => entry));
  for (const [entry, row] of TABLE.entries()) {
    const paths = world.servers.map(({ paths }) =>
      paths.filter(([, , content]) => content === `to ${entry}`).map(([from]) => from)
    );
    deepStrictEqual(paths, row.map((from) => [from]));
  }
});

Deno.test("copies go out before the line is logged, and that before the answer", () => {
  const world = new World(5);
  for (const { steps } of world.servers) steps.length = 0;
  send(world, ["one", "two", "three"], () => 0);
  for (const server of world.servers) {
    for (const text of ["one", "two", "three"]) {
      const logged = server.steps.indexOf(`log ring ${text}`);
      const copies = server.steps.flatMap((step, at) =>
        step.startsWith("write ") &&
          step.split(/\n|write /).some((line) => /^\d/.test(line) && line.slice(1) === text)
          ? [at]
          : []
      );
      strictEqual(copies.length, server.index === 0 ? 2 : server.index < 3 ? 1 : 0);
      ok(copies.every((at) => at < logged), server.steps.join("\n"));
      const answer = server.steps.findIndex((step, at) => at > logged && /^write OK/.test(step));
      ok(answer > logged);
      // The logs of one piece of input are written together, and its answers follow.
      const between = server.steps.slice(logged + 1, answer);
      ok(between.every((step) => step.startsWith("log ")), server.steps.join("\n"));
    }
  }
});

function missing(world: World, gone: Server): Server[] {
  return world.servers.filter((server) => server !== gone);
}

for (const entry of [0, 1, 2, 3, 4]) {
  Deno.test(`a ring of five with one missing, entry +${entry}: the others log everything once`, () => {
    const world = new World(5, { seed: entry });
    const gone = world.servers[4] as Server;
    world.kill(gone);
    world.run(1_000);
    const all = texts(20);
    const at = (4 + 1 + entry) % 5;
    if (at !== 4) send(world, all, () => at);
    else send(world, all, (i) => i % 4);
    deepStrictEqual(world.wrong(all, missing(world, gone)), []);
    const noLink = missing(world, gone).flatMap(({ logs }) => logs.error)
      .filter((line) => line.startsWith("NO LINK to s4 "));
    deepStrictEqual(noLink.map((line) => line.slice(14)).sort(), [...all].sort());
    // It comes back, is found at once because it says HELLO, and has nothing of the gap.
    world.start(gone);
    world.run(1_000);
    ok(
      missing(world, gone).every(({ ring }) => ring.members().every(({ state }) => state === "up")),
    );
    send(world, ["afterwards"], (i) => i);
    deepStrictEqual(gone.messages, ["afterwards"]);
    deepStrictEqual(world.wrong(["afterwards"]), []);
  });
}

Deno.test("without reroute, who stands behind a missing server gets nothing, and error.log says so", () => {
  const world = new World(5, { config: { reroute: false } });
  world.kill(world.servers[1] as Server);
  world.run(100);
  send(world, ["one"], () => 0);
  deepStrictEqual(world.servers.map(({ messages }) => messages.length), [1, 0, 1, 0, 1]);
  deepStrictEqual(world.servers[0]?.logs.error, ["NO LINK to s1 and so not to s3 one"]);
  strictEqual(world.servers[0]?.ring.members()[0]?.noLink, 1);
});

Deno.test("copies without OK on a connection that breaks are reported as LOST", () => {
  const world = new World(5);
  const [a, b] = world.servers as [Server, Server];
  b.frozen = true;
  send(world, texts(7), () => 0);
  strictEqual(a.ring.members()[0]?.unanswered, 7);
  world.run(31_000);
  ok(a.logs.error.includes("LOST to s1 7"), a.logs.error.join("\n"));
  const [view] = a.ring.members();
  deepStrictEqual([view?.lost, view?.unanswered, view?.trouble], [
    7,
    0,
    "no answer within 30000 ms",
  ]);
  strictEqual(world.wrong(texts(7), [a, ...world.servers.slice(2)]).length, 7, "s3 is behind s1");
});

Deno.test("keep-alives: ACK is seen; a silent peer is dropped, and found again", () => {
  const world = new World(3, {
    config: { keepAlive: 1_000, answerTimeout: 500, reconnect: 2_000 },
  });
  const [a, b] = world.servers as [Server, Server];
  world.run(10_000);
  ok(a.steps.includes("write KEEPALIVE") && a.steps.includes("write ACK"));
  ok(a.ring.members().every(({ state }) => state === "up"));
  b.frozen = true;
  world.run(3_000);
  ok(a.ring.members()[0]?.state !== "up");
  b.frozen = false;
  for (const end of b.ends.values()) for (const act of end.waiting.splice(0)) act();
  world.run(10_000);
  ok(a.ring.members().every(({ state }) => state === "up"), JSON.stringify(a.ring.members()));
  send(world, ["again"], () => 0);
  deepStrictEqual(world.wrong(["again"]), []);
});

Deno.test("a missing member is tried at once and then about every minute", () => {
  const world = new World(2);
  const [a, b] = world.servers as [Server, Server];
  world.run(60_000);
  world.kill(b);
  const tries: number[] = [];
  for (let second = 0; second < 300; second++) {
    world.run(1_000);
    if (a.ring.members()[0]?.trouble === "refused") {
      tries.push(a.ring.members()[0]!.since);
    }
  }
  const apart = [...new Set(tries)].map((at, i, all) => at - (all[i - 1] ?? at)).slice(1);
  ok(apart.length >= 3, String(apart));
  for (const gap of apart) ok(gap >= 55_000 && gap <= 65_100, String(gap));
});

Deno.test("random kills and starts over many seeds: at most once anywhere, and once where all was up", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const members = 2 + seed % 8;
    const world = new World(members, { seed, config: { reconnect: 1_000 } });
    const { random } = world;
    const all: string[] = [];
    for (let round = 0; round < 6; round++) {
      const server = random.pick(world.servers);
      if (random.chance(0.7)) {
        if (server.up) world.kill(server);
        else world.start(server);
      }
      for (const [i, each] of world.servers.entries()) {
        if (!each.up) continue;
        const text = `seed ${seed} round ${round} by ${i}`;
        all.push(text);
        world.client(each).send(`MSG ${text}\n`);
      }
      world.run(random.below(200));
    }
    for (const server of world.servers) {
      strictEqual(new Set(server.messages).size, server.messages.length, `seed ${seed}`);
    }
    for (const server of world.servers) if (!server.up) world.start(server);
    world.run(20_000);
    const last = [`seed ${seed} at the end`];
    send(world, last, () => seed % members);
    deepStrictEqual(world.wrong(last), [], `seed ${seed}`);
    ok(all.length > 0);
  }
});

Deno.test("a text that would read as a command in a large ring arrives all the same", () => {
  for (const [members, text] of [[40, "EEPALIVE"], [41, "EEPALIVE"], [52, "UIT"]] as const) {
    const world = new World(members);
    send(world, [text], () => 0);
    deepStrictEqual(world.wrong([text]), []);
  }
});

Deno.test("clients wait while a server does not keep up, and go on when it does", () => {
  const world = new World(3);
  const [a, b] = world.servers as [Server, Server];
  b.frozen = true;
  const client = world.client(a);
  const count = 4_000;
  for (let i = 0; i < count; i += 100) {
    client.send(Array.from({ length: 100 }, (_, k) => `MSG message ${i + k}\n`).join(""));
    world.run(10);
  }
  const waiting = a.ring.members()[0]?.unanswered ?? 0;
  ok(waiting > 2_048 && waiting < 2_500, String(waiting));
  b.frozen = false;
  for (const end of b.ends.values()) for (const act of end.waiting.splice(0)) act();
  world.run(20_000);
  strictEqual(client.got, "OK\n".repeat(count));
  deepStrictEqual(world.servers.map(({ messages }) => messages.length), [count, count, count]);
  match(a.messages[count - 1] ?? "", /message 3999/);
});

Deno.test("QUIT at the end: nothing that was handed over is lost", () => {
  const world = new World(5);
  const all = texts(50);
  const [a] = world.servers as [Server];
  const client = world.client(a);
  client.send(all.map((text) => `MSG ${text}\n`).join(""));
  world.run(20);
  a.ring.stop(world.now);
  world.run(500);
  strictEqual(a.ring.dialled, 0);
  a.ring.abort(world.now);
  world.run(500);
  const logged = a.messages;
  ok(logged.length > 0);
  deepStrictEqual(world.wrong(logged), []);
  ok(world.servers.every(({ logs }) => logs.error.every((line) => !line.startsWith("LOST"))));
});
