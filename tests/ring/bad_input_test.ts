/** A server of the ring and those who do not keep to the protocol (spec/pzog.md §4). */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { type Server, World } from "./world.ts";

/** What a stranger gets for what he says, and what stands in error.log. */
function stranger(
  data: string | Uint8Array,
  { world = new World(5), address = "192.0.2.99" } = {},
) {
  const [a] = world.servers as [Server];
  const before = a.logs.error.length;
  const one = world.client(a, address);
  one.send(data);
  world.run(100);
  const errors = a.logs.error.slice(before);
  return { world, a, got: one.got, ended: one.ended, errors, one };
}

Deno.test("clients: MSG, KEEPALIVE, QUIT; replies in the order of the requests", () => {
  const { got, ended, errors, world } = stranger("MSG a b\r\nKEEPALIVE\nMSG  c \nQUIT\nMSG d\n");
  strictEqual(got, "OK\nACK\nOK\nOK\n");
  ok(ended);
  deepStrictEqual(errors, []);
  for (const { messages } of world.servers) deepStrictEqual(messages.sort(), [" c ", "a b"]);
});

Deno.test("clients: what is no line is answered ERR, logged, and the connection closed", () => {
  const bad: [data: string | Uint8Array, reason: string, why: RegExp][] = [
    ["msg a\n", "syntax", /no such line/],
    ["MSG\n", "syntax", /no such line/],
    ["MSG \n", "syntax", /no printing text/],
    ["MSG a\tb\n", "syntax", /MSG a\\x09b \(7 octets, no printing text\)/],
    ["MSG a\x1b[2J\n", "syntax", /\\x1b\[2J/],
    [Uint8Array.of(0x4d, 0x53, 0x47, 0x20, 0xff, 0x0a), "syntax", /MSG \\xff \(5 octets/],
    [`MSG ${"x".repeat(507)}\n`, "length", /\(512 octets, too long\)/],
    ["x".repeat(512), "length", /too long/],
    ["0hello\n", "syntax", /no such line/],
    ["2hello\n", "syntax", /no such line/],
    ["HELLO 1 4\n", "hello", /this ring has 5 members/],
    ["HELLO 5 5\n", "hello", /no such index/],
    ["HELLO 0 5\n", "hello", /that is this server/],
    ["HELLO x 5\n", "hello", /no such HELLO/],
    ["HELLO\n", "hello", /not the address of one member/],
    ["SHUTDOWN\n", "refused", /not from another computer/],
    ["\n", "syntax", /no such line/],
  ];
  for (const [data, reason, why] of bad) {
    const { got, ended, errors, world } = stranger(data);
    strictEqual(got, `ERR ${reason}\n`, String(data));
    ok(ended);
    strictEqual(errors.length, 1);
    match(errors[0] ?? "", why);
    match(errors[0] ?? "", /^192\.0\.2\.99:\d+: /);
    ok(world.servers.every(({ messages }) => messages.length === 0));
  }
  strictEqual(stranger(`MSG ${"x".repeat(506)}\n`).got, "OK\n");
});

Deno.test("an unfinished line at the end of a connection", () => {
  const { one, world, a } = stranger("MSG not fin");
  one.close();
  world.run(100);
  match(a.logs.error[0] ?? "", /MSG not fin \(11 octets, not finished\)/);
});

Deno.test("servers: wrapping above m, MSG after HELLO, another HELLO", () => {
  const bad: [line: string, reason: string][] = [
    ["3too far\n", "wrapping"],
    ["9too far\n", "wrapping"],
    ["Ztoo far\n", "wrapping"],
    ["MSG a\n", "wrapping"],
    ["a lower case letter\n", "syntax"],
    ["0\n", "syntax"],
    ["\n", "syntax"],
    ["0bell\x07\n", "syntax"],
    ["HELLO 1 5\n", "wrapping"],
    ["SHUTDOWN\n", "wrapping"],
  ];
  for (const [line, reason] of bad) {
    const { got, ended, errors } = stranger(`HELLO 1 5\n${line}0never\n`);
    strictEqual(got, `OK\nERR ${reason}\n`, line);
    ok(ended);
    strictEqual(errors.length, 1);
  }
});

Deno.test("a client that claims to be a server is one only where addresses are not checked", () => {
  const open = stranger("HELLO 1 5\n0forged\n");
  strictEqual(open.got, "OK\nOK\n");
  deepStrictEqual(open.a.messages, ["forged"]);
  const world = new World(5, { config: { checkPeers: true } });
  ok(world.servers.every(({ ring }) => ring.members().every(({ incoming }) => incoming)));
  const refused = stranger("HELLO 1 5\n0forged\n", { world });
  strictEqual(refused.got, "ERR hello\n");
  match(refused.errors[0] ?? "", /HELLO 1 5 \(9 octets, HELLO refused: s1 has another address\)/);
  const bare = stranger("HELLO\n0by address\n", { world, address: "192.0.2.2" });
  strictEqual(bare.got, "OK\nOK\n");
});

Deno.test("a second connection of a server replaces the first", () => {
  const world = new World(3);
  const first = stranger("HELLO 1 3\n", { world });
  ok(!first.ended);
  const second = stranger("HELLO 1 3\n", { world });
  ok(first.one.ended && !second.ended);
  second.one.send("0once\n");
  world.run(10);
  deepStrictEqual(world.servers[0]?.messages, ["once"]);
});

Deno.test("64 clients; servers find their place beside them, and the silent make room", () => {
  const world = new World(3);
  const [a] = world.servers as [Server];
  const clients = Array.from({ length: 64 }, () => world.client(a));
  for (const client of clients) client.send("KEEPALIVE\n");
  world.run(100);
  strictEqual(a.ring.clients, 64);
  strictEqual(stranger("KEEPALIVE\n", { world }).got, "ERR busy\n");
  strictEqual(stranger("HELLO 1 3\n", { world }).got, "OK\n");
  const silent = Array.from({ length: 70 }, () => world.client(a));
  world.run(100);
  strictEqual(silent.filter(({ ended }) => ended).length, 6);
  ok(silent[0]?.ended && !silent[69]?.ended);
  clients[0]?.send("QUIT\n");
  world.run(100);
  strictEqual(stranger("MSG again\n", { world }).got, "OK\n");
});

Deno.test("who is silent for 660 s is closed, and whoever speaks is not", () => {
  const world = new World(2);
  const [a] = world.servers as [Server];
  const [quiet, loud] = [world.client(a), world.client(a)];
  for (const client of [quiet, loud]) client.send("KEEPALIVE\n");
  for (let minute = 0; minute < 10; minute++) {
    world.run(60_000);
    loud.send("KEEPALIVE\n");
  }
  ok(!quiet.ended);
  world.run(62_000);
  ok(quiet.ended && !loud.ended);
  ok(a.ring.members().every(({ state, incoming }) => state === "up" && incoming));
});

Deno.test("a peer that answers nonsense, or nothing, is left and reported", () => {
  const world = new World(2);
  const [a, b] = world.servers as [Server, Server];
  const id = [...b.ends.keys()];
  ok(id.length === 2);
  for (const end of b.ends.values()) end.other?.deliver(new TextEncoder().encode("HUH?\n"));
  world.run(100);
  ok(a.logs.error.some((line) => /^s1: HUH\? \(4 octets, no such answer\)$/.test(line)));
});

Deno.test("fuzz: whatever strangers say, the ring stands and nothing is logged twice", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const world = new World(2 + seed % 5, { seed });
    const random = new Random(seed);
    const words = [
      "MSG ",
      "HELLO 1 3\n",
      "KEEPALIVE\n",
      "QUIT\n",
      "\n",
      "\r",
      "0x\n",
      "2y\n",
      "SHUTDOWN\n",
    ];
    for (let i = 0; i < 60; i++) {
      const one = world.client(random.pick(world.servers), "198.51.100.1");
      for (let k = random.below(6); k >= 0; k--) {
        one.send(random.chance(0.4) ? random.bytes(random.below(600)) : random.pick(words));
      }
      if (random.chance(0.5)) one.close();
    }
    world.run(2_000);
    const text = `still here ${seed}`;
    const last = world.client(world.servers[0] as Server);
    last.send(`MSG ${text}\n`);
    world.run(200_000);
    const servers = world.servers.filter(({ messages }) => messages.includes(text));
    strictEqual(last.got, "OK\n", `seed ${seed}`);
    ok(servers.length >= 1);
    for (const { messages, shutdowns } of world.servers) {
      strictEqual(messages.filter((line) => line === text).length <= 1, true, `seed ${seed}`);
      strictEqual(shutdowns, 0);
    }
  }
});
