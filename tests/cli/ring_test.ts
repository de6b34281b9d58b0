/** `ring serve`, `ring send` and `ring status` as a person uses them. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { sendTexts } from "../../lib/agent/ring/send.ts";
import type { RingView } from "../../lib/http/api.ts";
import { serveFake, until } from "../http/fake_agent.ts";
import { freePort } from "../ports.ts";
import { cli, outcome, spawnCli } from "./run_cli.ts";

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "agent-ring-cli-" });
  try {
    await work(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Without the times. */
const textsOf = (path: string) =>
  Deno.readTextFileSync(path).split("\n").slice(0, -1).map((line) => line.slice(20));

Deno.test("ring: what is typed wrong is said in one line, with its exit code", () =>
  inFolder(async (dir) => {
    const cases: [args: string[], code: number, message: RegExp][] = [
      [["sned"], 2, /unknown command "ring sned"; did you mean "ring send"\?/],
      [["send", "--intervall", "5"], 2, /did you mean "--interval"\?/],
      [["send", "-i", "0", "-T"], 2, /--interval is longer than nothing/],
      [["send", "-n", "many", "-T"], 2, /--count is a whole number/],
      [["send", "-r", "-T"], 2, /do not go together/],
      [["send", "-m", "a\nb", "-T"], 2, /no control characters/],
      [["send", "-m", "x".repeat(507), "-T"], 2, /1 to 506 bytes, not 507/],
      [["send", "--length", "60-32", "-T"], 2, /LOW-HIGH/],
      [["send", "--member", "a"], 2, /NAME=HOST/],
      [["send"], 78, /no members of a ring are known here; name a server \(-s HOST\)/],
      [["serve"], 78, /the ring has no members; write members = /],
      [["serve", "--member", "a=127.0.0.1", "--index", "1"], 78, /the members are a,/],
      [
        ["serve", "--member", "a=127.0.0.1", "--name", "b"],
        78,
        /"b" is none of the ring's members/,
      ],
      [["serve", "--index", "-1", "--member", "a=h"], 2, /--index needs a value/],
      [["serve", "--v0.1", "--listen", "nowhere:x"], 2, /--listen must be/],
      [["status"], 3, /neither an agent nor a ring server answers/],
    ];
    await Promise.all(cases.map(async ([args, code, message]) => {
      const result = await cli({ dir, socket: `${dir}/x.sock` }, "ring", ...args);
      deepStrictEqual([args.join(" "), result.code], [args.join(" "), code], result.stderr);
      match(result.stderr, message);
      strictEqual(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
    }));
    Deno.writeTextFileSync(`${dir}/c.toml`, '[ring]\nmembers = ["a", "b"]\nindex = 0\n');
    const named = await cli({ dir }, "--config", `${dir}/c.toml`, "ring", "serve");
    strictEqual(named.code, 78);
    match(named.stderr, /member "b" has no host; write \{name = "b", host = "ADDRESS"\}/);
  }));

Deno.test("ring serve --v0.1: logs, SIGHUP, a taken port, status, shutdown", () =>
  inFolder(async (dir) => {
    const port = freePort();
    const around = { dir, socket: `${dir}/x.sock` };
    const serve = (logs: string) =>
      spawnCli(
        around,
        ...["ring", "serve", "--v0.1", "--listen", `127.0.0.1:${port}`],
        ...["--log-dir", `${dir}/${logs}`],
      );
    const server = serve("logs");
    const done = outcome(server);
    let conn: Deno.TcpConn | undefined;
    await until("it listens", async () => {
      conn = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
      return conn !== undefined;
    });
    const say = async (text: string) => {
      await conn?.write(new TextEncoder().encode(text));
      const buffer = new Uint8Array(100);
      return new TextDecoder().decode(buffer.subarray(0, await conn?.read(buffer) ?? 0));
    };
    strictEqual(await say("hello\r\n"), "ok\r\n");
    const log = `${dir}/logs/access.log`;
    match(textsOf(log).join("|"), /^CONNECTION FROM 127\.0\.0\.1:\d+\|hello$/);
    const second = await outcome(serve("other"));
    strictEqual(second.code, 4);
    match(second.stderr, /TCP port \d+ is taken by another program/);
    await until("status answers", async () => {
      const status = await cli(around, "ring", "status", "--json");
      return status.code === 0 && (JSON.parse(status.stdout) as RingView).logged === 1;
    });
    Deno.renameSync(log, `${log}.old`);
    server.kill("SIGHUP");
    await until("it writes a new file", async () => {
      await say("again\r\n");
      try {
        return Deno.statSync(log).isFile;
      } catch {
        return false;
      }
    });
    strictEqual(await say("shutdown\r\n"), "ok\r\n");
    conn?.close();
    const { code, stderr } = await done;
    strictEqual(code, 0);
    match(stderr, /logger \(v0\.1\) listens on .*\n.*stopped, as a client asked\n$/);
    strictEqual(textsOf(log).at(-1), "shutdown");
  }));

/** A server that takes each text, or closes as often as it is told. */
function taker(name: string, taken: string[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const state = { hangUp: 0, quits: 0 };
  void (async () => {
    for await (const conn of listener) {
      void (async () => {
        const buffer = new Uint8Array(1_024);
        for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
          const line = new TextDecoder().decode(buffer.subarray(0, n)).trimEnd();
          if (line === "QUIT") state.quits++;
          else taken.push(`${name} ${line}`);
          await conn.write(new TextEncoder().encode("OK\n"));
          if (line === "QUIT" || state.hangUp-- > 0) break;
        }
        conn.close();
      })();
    }
  })();
  const target = { name, addresses: [{ host: "127.0.0.1", port: listener.addr.port }] };
  return { target, state, close: () => listener.close() };
}

Deno.test("ring send: in turn, at random by the seed, and to one; QUIT at the end", () =>
  inFolder(async (dir) => {
    const taken: string[] = [];
    const servers = ["a", "b", "c"].map((name) => taker(name, taken));
    const dead = { name: "d", addresses: [{ host: "127.0.0.1", port: freePort() }] };
    const base = {
      intervalMs: 1,
      message: undefined,
      length: [32, 60],
      seed: 5,
      logDir: dir,
      logBytes: 0,
      stop: new AbortController().signal,
      told: () => {},
      logTrouble: (reason: string) => ok(false, reason),
    } as const;
    const targets = servers.map(({ target }) => target);
    await sendTexts({ ...base, targets, roundRobin: true, count: 6 });
    strictEqual(taken.map((one) => one[0]).join(""), "abcabc");
    strictEqual(servers.reduce((sum, { state }) => sum + state.quits, 0), 3);
    const log = textsOf(`${dir}/sprog.log`);
    deepStrictEqual([log[0], log.at(-1), log.length], ["start sprog run", "end sprog run", 8]);
    deepStrictEqual(log.slice(1, -1), taken.map((one) => one.slice(6)));
    ok(log.slice(1, -1).every(({ length }) => length >= 32 && length <= 60));

    const runs: string[][] = [];
    for (let run = 0; run < 2; run++) {
      taken.length = 0;
      await sendTexts({ ...base, targets, roundRobin: false, count: 12 });
      runs.push([...taken]);
    }
    deepStrictEqual(runs[0], runs[1]);
    ok(new Set(runs[0]?.map((one) => one[0])).size > 1);

    // A server that hung up between two texts is connected to again; nothing is sent twice.
    taken.length = 0;
    const [first] = servers;
    first!.state.hangUp = 3;
    const slow = { ...base, intervalMs: 30, message: "x" };
    const again = await sendTexts({
      ...slow,
      targets: [first!.target],
      roundRobin: false,
      count: 5,
    });
    deepStrictEqual([again, taken.length], [{ sent: 5, failed: 0 }, 5]);

    const told: string[] = [];
    const result = await sendTexts({
      ...base,
      message: "fixed",
      targets: [targets[0]!, dead],
      roundRobin: true,
      count: 4,
      told: (server, _, trouble) => told.push(`${server} ${trouble ?? "taken"}`),
    });
    deepStrictEqual(result, { sent: 2, failed: 2 });
    match(told.join("|"), /^a taken\|d nothing listens at 127\.0\.0\.1:\d+\|a taken\|d nothing/);
    deepStrictEqual(textsOf(`${dir}/sprog.log`).slice(-5), [
      "fixed",
      "FAILED d fixed",
      "fixed",
      "FAILED d fixed",
      "end sprog run",
    ]);
    for (const server of servers) server.close();
  }));

Deno.test("ring status: a table for people, the view as JSON; switched off is exit 1", async () => {
  await using served = await serveFake();
  const around = { dir: served.dir, socket: served.socket };
  const off = await cli(around, "ring", "status");
  strictEqual(off.code, 1);
  match(off.stderr, /switched off/);
  const row = { sinceSeconds: 65, unanswered: 0, incoming: true, sent: 7, lost: 0, noLink: 0 };
  const figures = {
    clients: 1,
    fromClients: 3,
    fromServers: 4,
    logged: 7,
    rerouted: 2,
    refused: 0,
  };
  served.agent.ringView = {
    version: "0.2.2",
    index: 0,
    name: "a",
    listen: ["[::]:55552"],
    members: [
      { ...row, index: 0, name: "a", address: null, state: "self", trouble: "" },
      { ...row, index: 1, name: "b", address: "192.0.2.2:55552", state: "up", trouble: "" },
      {
        ...{
          ...row,
          index: 2,
          name: "c",
          address: "192.0.2.3:55552",
          state: "down",
          incoming: false,
        },
        ...{ lost: 1, noLink: 12, trouble: "nothing listens at 192.0.2.3:55552" },
      },
    ],
    ...figures,
    lost: 1,
    noLink: 12,
    logDir: "/var/log/ring",
    logLinesLost: 0,
  };
  const { stdout, stderr, code } = await cli(around, "ring", "status");
  strictEqual(code, 0);
  match(stdout, /^1 +b +up +1m 5s +7 +0 +0 +0 +192\.0\.2\.2:55552$/m);
  match(stdout, /^2 +c +down .* 1 +12 +192\.0\.2\.3:55552; nothing listens/m);
  match(stderr, /server 0 \("a"\): 7 messages logged, 3 of them from clients and 4 from servers/);
  match(stderr, /2 copies went round a missing member/);
  const json = await cli(around, "ring", "status", "--json", "-q");
  deepStrictEqual(JSON.parse(json.stdout), served.agent.ringView);
  strictEqual(json.stderr, "");
});
