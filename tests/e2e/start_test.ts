/** How an agent starts, or says in one line why it cannot; and what systemd and a full disk see. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { skipReason } from "../skip.ts";
import { type AgentOptions, Place, type Spawn, until } from "./harness.ts";

/** Starts an agent that cannot start: exit code 4, one line. */
async function refused(place: Place, name: string, options: AgentOptions, message: RegExp) {
  const { code, stdout, complaints } = await place.spawnAgent(name, options).child.result();
  strictEqual(complaints.length, 1, complaints.join("\n"));
  match(complaints[0]!, message);
  deepStrictEqual([code, stdout], [4, ""]);
}

Deno.test("e2e start: what is in the way is said in one line, exit code 4", async (t) => {
  await using place = new Place();
  const a = await place.agent("a");
  await a.set({ x: 1 });
  const cases: [name: string, options: AgentOptions, message: RegExp][] = [
    [
      "the port is taken",
      { listen: a.address },
      new RegExp(`TCP port ${a.port} is taken by another program, perhaps another agent; `),
    ],
    [
      "the state folder is another agent's",
      { stateDir: a.stateDir },
      new RegExp(`agent\\.db is in use by process ${a.child.pid} \\(deno\\); stop that one, or`),
    ],
    [
      "the socket is another agent's",
      { socket: a.socket },
      /an agent is already running on .*a\.sock; stop it, or choose another: --socket$/,
    ],
    [
      "the state folder cannot be made",
      { stateDir: "/proc/agent" },
      /the state folder \/proc\/agent cannot be made \(.*\); choose another with --state-dir/,
    ],
    [
      "the state folder is a file",
      { stateDir: `${place.dir}/home.key` },
      /the state folder .*home\.key cannot be made|home\.key.*agent\.db cannot be made/,
    ],
    [
      "the socket's place is taken by a file",
      { socket: `${place.dir}/home.key` },
      /home\.key is there and is no socket; remove it, or choose another: --socket/,
    ],
    [
      "the socket's path is too long",
      { socket: `${place.dir}/${"x".repeat(120)}.sock` },
      /cannot make the socket .* \(longer than 107 bytes\); choose another: --socket/,
    ],
    [
      "the address is not this computer's",
      { listen: "192.0.2.1:0" },
      /cannot listen on 192\.0\.2\.1:0: this computer has no such address; set listen/,
    ],
  ];
  for (const [name, options, message] of cases) {
    await t.step(name, () => refused(place, "b", options, message));
  }
  await t.step("none of them disturbed the one that runs", async () => {
    deepStrictEqual(await a.values(), { "a:x": 1 });
    deepStrictEqual((await a.status()).problems, []);
  });
  await t.step("and what failed can start where it is free", async () => {
    await place.agent("b", { connect: [a] });
    strictEqual(
      Deno.readTextFileSync(place.keyFile).length,
      45,
      "a file in the way is not touched",
    );
  });
  await t.step("a key file that is not there: by flag 2, by config 78", async () => {
    const flag = await place.spawnAgent("c", { keyFile: "nowhere.key" }).child.result();
    deepStrictEqual([flag.code, flag.complaints.length], [2, 1]);
    match(flag.complaints[0]!, /nowhere\.key is not there; copy it from a node of the network/);
    const toml = '[[network]]\nkey_file = "nowhere.key"\ninterfaces = []\nlisten = "none"\n';
    const config = await place.spawnAgent("c", { toml }).child.result();
    deepStrictEqual([config.code, config.complaints.length], [78, 1]);
  });
});

Deno.test("e2e start: the socket that a killed agent left is taken over, and only then", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  strictEqual(Deno.lstatSync(a.socket).mode! & 0o777, 0o660);
  await a.kill();
  ok(Deno.lstatSync(a.socket).isSocket, "it is left behind");
  const again = await a.again();
  deepStrictEqual((await again.cli("status")).code, 0);
  await again.stop();
  await until("it is gone", () => {
    try {
      Deno.lstatSync(a.socket);
      return false;
    } catch {
      return true;
    }
  });
});

Deno.test("e2e start: SIGINT ends it in order as SIGTERM does", async () => {
  await using place = new Place();
  const a = await place.agent("a");
  a.child.kill("SIGINT");
  const { code, signal } = await a.child.exited;
  deepStrictEqual([code, signal], [0, null]);
  match(a.stderr, /notice: stopped\n$/);
});

Deno.test("e2e start: systemd is told when it is ready, that it lives, and that it stops", async () => {
  await using place = new Place();
  const path = `${place.dir}/notify`;
  const systemd = Deno.listenDatagram({ transport: "unixpacket", path });
  const told: string[] = [];
  const listening = (async () => {
    try {
      for await (const [bytes] of systemd) told.push(new TextDecoder().decode(bytes));
    } catch {
      // It was closed.
    }
  })();
  const a = await place.agent("a", {
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000", JOURNAL_STREAM: "8:1" },
  });
  await until("it is ready", () => told.some((text) => text.startsWith("READY=1\n")));
  await until(
    "it feeds the watchdog",
    () => told.filter((text) => text === "WATCHDOG=1").length > 2,
  );
  await a.stop();
  await until("it stops", () => told.includes("STOPPING=1"));
  systemd.close();
  await listening;
  ok(told.indexOf("STOPPING=1") > told.findIndex((text) => text.startsWith("READY=1")));
  // Under journald: the level in front, and no time.
  for (const line of a.stderr.trimEnd().split("\n")) match(line, /^<[3-7]>\D/);
  deepStrictEqual((await a.again({ env: {} })).logged(/^<\d>/), []);
});

/** Runs in a file system of its own: `DIR` is a small disk. Needs root. */
const onSmallDisk = (dir: string, options: string): Spawn => (command, args, rest) =>
  new Deno.Command("unshare", {
    ...rest,
    args: [
      ...["--mount", "sh", "-c"],
      `mount -t tmpfs -o ${options} none "$1" && shift && exec "$@"`,
      ...["sh", dir, command, ...args],
    ],
  }).spawn();

function canMount(): boolean {
  try {
    return new Deno.Command("unshare", { args: ["--mount", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}

const noMount = Deno.uid() === 0 && canMount() ? undefined : "needs root, to mount a small disk";

{
  const name = "e2e start: a disk that cannot be written";
  Deno.test({
    name,
    ignore: noMount !== undefined && skipReason(name, noMount),
    async fn() {
      await using place = new Place();
      const dir = `${place.dir}/disk`;
      Deno.mkdirSync(dir);
      await refused(
        place,
        "a",
        { stateDir: dir, spawn: onSmallDisk(dir, "ro") },
        /agent\.db cannot be made \(.*[Rr]ead-only.*\); check its folder, or set state_dir/,
      );
      await refused(
        place,
        "a",
        { stateDir: dir, spawn: onSmallDisk(dir, "size=4k") },
        /agent\.db.*disk is full/,
      );
    },
  });
}

{
  const name = "e2e start: a disk that fills up: refused with what to do, and the agent lives on";
  Deno.test({
    name,
    ignore: noMount !== undefined && skipReason(name, noMount),
    async fn() {
      await using place = new Place();
      const dir = `${place.dir}/disk`;
      Deno.mkdirSync(dir);
      const a = await place.agent("a", { stateDir: dir, spawn: onSmallDisk(dir, "size=96k") });
      const b = await place.agent("b", { connect: [a] });
      let full;
      let kept = 0;
      for (let i = 1; i <= 100 && full === undefined; i++) {
        const result = await a.cli("set", `k${i}=${"x".repeat(3_000)}`);
        if (result.code === 0) kept++;
        else full = result;
      }
      deepStrictEqual([full?.code, full?.complaints.length, full?.stdout], [4, 1, ""]);
      match(
        full!.complaints[0]!,
        /agent\.db: the disk is full; free some space, nothing was changed/,
      );
      strictEqual(Object.keys(await a.values()).length, kept);
      // What needs no disk goes on: guests, leases, and what others say.
      await a.set({ brief: 1 }, "60s");
      await b.set({ x: 1 });
      await until(
        "both ways",
        async () => "a:brief" in await b.values() && (await a.values())["b:x"] === 1,
      );
      for (let i = 0; i < 50; i++) await a.set({ brief: i }, "60s");
      await until("b has the last", async () => (await b.values())["a:brief"] === 49);
      strictEqual(a.child.status, undefined);
    },
  });
}
