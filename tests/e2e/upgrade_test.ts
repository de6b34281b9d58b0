/**
 * `agent upgrade FILE` on real agents. The versions are copies of this source tree with another
 * number in `lib/agent/version.ts`, each started by a script that stands for the packed file: it
 * sets `AGENT_FILE` and execs the runtime on `…/program-HASH/main.js`, as that does.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { ProgramView } from "../../lib/http/api.ts";
import { freePort } from "../ports.ts";
import { type AgentProcess, Place, type Spawn, until } from "./harness.ts";
import { Watch } from "./watch.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A program file of this version. `main`: what it does instead, in JavaScript. */
function build(place: Place, file: string, version: string, main?: string): string {
  const folder = `${place.dir}/trees/${version}-${file}`;
  const program = `${folder}/program-${"0".repeat(64)}`;
  Deno.mkdirSync(program, { recursive: true });
  const copied = new Deno.Command("cp", {
    args: ["-r", `${ROOT}lib`, `${ROOT}ffi`, `${ROOT}deno.json`, `${ROOT}deno.lock`, folder],
  }).outputSync();
  ok(copied.success);
  const path = `${folder}/lib/agent/version.ts`;
  const source = Deno.readTextFileSync(path);
  Deno.writeTextFileSync(path, source.replace(/"\d+\.\d+\.\d+"/, `"${version}"`));
  Deno.writeTextFileSync(
    `${program}/main.js`,
    `import { main } from "../lib/cli/mod.ts";
${main ?? ""}
Deno.exit(await main(Deno.args));
`,
  );
  const script = `${place.dir}/${file}`;
  Deno.writeTextFileSync(
    script,
    `#!/bin/sh
case $0 in /*) AGENT_FILE=$0 ;; *) AGENT_FILE=$PWD/$0 ;; esac
export AGENT_FILE
exec ${Deno.execPath()} run --quiet --config ${folder}/deno.json -A ${program}/main.js "$@"
`,
  );
  Deno.chmodSync(script, 0o755);
  return script;
}

/** Runs a program file instead of the checkout. */
const running = (file: string): Spawn => (_, args, options) => {
  const own = args.slice(args.findIndex((arg) => arg.endsWith("main.ts")) + 1);
  return new Deno.Command(file, { ...options, args: own }).spawn();
};

interface Scene {
  readonly installed: string;
  /** The agent that is upgraded, on a fixed port. */
  readonly a: AgentProcess;
  /** Dials it, and sees what the network sees. */
  readonly b: AgentProcess;
  /** Holds a stream to `a` too, so that `b` sees it by way of `a` alone. */
  readonly c: AgentProcess;
}

async function scene(place: Place, version = "0.1.0"): Promise<Scene> {
  Deno.mkdirSync(`${place.dir}/bin`);
  const installed = build(place, "bin/agent", version);
  const listen = `127.0.0.1:${freePort()}`;
  const a = await place.agent("a", { spawn: running(installed), listen });
  const b = await place.agent("b", { connect: [a] });
  const c = await place.agent("c", { connect: [a] });
  await place.meet(a, b, c);
  await a.set({ door: "open" });
  return { installed, a, b, c };
}

const view = (agent: AgentProcess) => agent.request<ProgramView>("GET", "/v1/program");
const bytes = (path: string) => Deno.readTextFileSync(path);

function leftovers(installed: string): string[] {
  const folder = installed.slice(0, installed.lastIndexOf("/"));
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("upgrade: the new version runs, and nobody saw the node leave", async () => {
  await using place = new Place();
  const { installed, a, b, c } = await scene(place);
  const fresh = build(place, "agent-new", "0.2.0");
  const [before, id, pid] = [await view(a), (await a.status()).id, a.child.pid];
  strictEqual(before.file, installed);
  await using watch = await Watch.on(b);
  await using far = await Watch.on(c);

  const result = await a.cli("upgrade", fresh, "--json");
  strictEqual(result.code, 0, result.stderr + a.stderr);
  const told = result.json<Record<string, unknown>>();
  strictEqual(told.version, "0.2.0");
  strictEqual(told.before, "0.1.0");
  strictEqual(told.restarted, `process ${pid}`);
  match(result.stderr, /no checksum was compared/);

  const after = await view(a);
  deepStrictEqual([after.version, after.pid, after.file], ["0.2.0", pid, installed]);
  strictEqual(a.child.status, undefined, "the process goes on");
  strictEqual((await a.status()).id, id);
  await watch.saw(
    "the new version",
    ({ node, key, value }) => node === "a" && key === "agent/version" && value === "0.2.0",
  );
  await place.meet(a, b, c);
  // A change still goes from one end to the other, and nothing was lost on the way.
  await c.set({ after: 1 });
  await watch.saw("a change by way of it", ({ node, key }) => node === "c" && key === "after");
  const gone = [...watch.events, ...far.events].filter(({ event }) =>
    event === "lost" || event === "unset"
  );
  deepStrictEqual(gone, []);
  strictEqual((await b.values())["a:door"], "open");
  strictEqual(b.logged(/lost peer/).length, 0, b.stderr);
  strictEqual(bytes(installed), bytes(fresh));
  deepStrictEqual(leftovers(installed), ["agent", "agent.previous"]);

  // And back, which has to be asked for.
  const older = await a.cli("upgrade", `${installed}.previous`);
  deepStrictEqual([older.code, older.complaints.length], [4, 1], older.stderr);
  match(older.stderr, /older than the installed 0\.2\.0.*--force/);
  strictEqual((await a.cli("upgrade", `${installed}.previous`, "--force")).code, 0);
  strictEqual((await view(a)).version, "0.1.0");
  deepStrictEqual([...watch.events, ...far.events].filter(({ event }) => event === "lost"), []);
  strictEqual((await a.stop()).code, 0);
});

Deno.test("upgrade: a version that crashes, hangs or refuses its config is rolled back", async () => {
  await using place = new Place();
  const { installed, a, b } = await scene(place);
  const old = bytes(installed);
  await using watch = await Watch.on(b);
  const id = (await a.status()).id;
  let last = await view(a);
  // A version that ends does so before its time is over, on a busy computer as well.
  const faults: [string, string, string, RegExp][] = [
    ["crash", "20s", "Deno.exit(1);", /ended instead of running/],
    ["config", "20s", "Deno.exit(78);", /ended instead of running/],
    ["hang", "3s", "await new Promise((resolve) => setTimeout(resolve, 1e9));", /ready within 3 s/],
  ];
  for (const [name, timeout, does, why] of faults) {
    const bad = build(place, name, "0.2.0", `if (Deno.args.includes("run")) { ${does} }`);
    const result = await a.cli("upgrade", bad, "--timeout", timeout);
    strictEqual(result.code, 4, result.stdout + result.stderr);
    strictEqual(result.complaints.length, 1, result.stderr);
    match(result.stderr, /version 0\.2\.0 did not take over .*; version 0\.1\.0 runs again/);
    match(result.stderr, why);
    strictEqual(bytes(installed), old);
    const now = await view(a);
    strictEqual(now.version, "0.1.0");
    ok(now.boot !== last.boot);
    last = now;
    strictEqual((await a.status()).id, id);
    deepStrictEqual(leftovers(installed), ["agent"]);
    await until("it is heard", async () => (await b.nodes()).length === 3);
  }
  // Even then: the old one was back before the others gave up on it.
  deepStrictEqual(watch.events.filter(({ event }) => event === "lost"), []);
  // What was started again is no child of the test's.
  Deno.kill(last.pid, "SIGTERM");
  await until("it has ended", () => a.logged(/stopped/).length > 0, () => a.stderr);
});

Deno.test("upgrade: what is not fit is refused, and nothing changes", async () => {
  await using place = new Place();
  const { installed, a } = await scene(place);
  const old = bytes(installed);
  const { boot } = await view(a);
  const fresh = build(place, "agent-new", "0.2.0");
  const write = (name: string, content: Uint8Array | string): string => {
    const path = `${place.dir}/${name}`;
    Deno.writeFileSync(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    return path;
  };
  const elf = new Uint8Array(4_096);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf[18] = Deno.build.arch === "x86_64" ? 183 : 62;
  const sum = "0".repeat(64);
  const cases: [string[], number, RegExp][] = [
    [[write("other-cpu", elf)], 4, /for another processor \((?:aarch64|x86_64), this one is/],
    [[write("empty", "")], 4, /is empty; copy it again/],
    [[write("text", "just a text, not a program at all".repeat(9))], 4, /is no program/],
    [[write("strange", "#!/bin/sh\necho hello\n")], 4, /does not run here: it is no agent/],
    [
      [write("stub", "#!/bin/sh\necho 'agent: for aarch64' >&2; exit 126\n")],
      4,
      /agent: for aarch64/,
    ],
    [
      [write("cut", new TextEncoder().encode(bytes(fresh)).subarray(0, 40))],
      4,
      /does not run here/,
    ],
    [[`${place.dir}/nowhere`], 1, /name an existing file/],
    [[place.dir], 4, /is not a file/],
    [[installed], 2, /is the installed file itself/],
    [[fresh, "--sha256", sum], 4, /another checksum than it should/],
    [[fresh, "--sha256", "12"], 2, /64 hexadecimal digits/],
  ];
  for (const [args, code, says] of cases) {
    const result = await a.cli("upgrade", ...args);
    strictEqual(result.code, code, `${args}: ${result.stderr}`);
    strictEqual(result.complaints.length, 1, result.stderr);
    match(result.stderr, says);
    strictEqual(bytes(installed), old);
    deepStrictEqual(leftovers(installed), ["agent"]);
  }
  // A list beside the file is believed, once it says otherwise and once it agrees.
  Deno.writeTextFileSync(`${place.dir}/SHA256SUMS`, `${sum}  agent-new\n`);
  match((await a.cli("upgrade", fresh)).stderr, /another checksum than it should/);
  strictEqual((await view(a)).boot, boot, "it was never started anew");
  const hash = new Uint8Array(
    await crypto.subtle.digest("SHA-256", Deno.readFileSync(fresh)),
  ).toHex();
  Deno.writeTextFileSync(`${place.dir}/SHA256SUMS`, `${sum}  other\n${hash} *agent-new\n`);
  const good = await a.cli("upgrade", fresh);
  deepStrictEqual([good.code, good.stderr], [0, ""], good.stderr);
});

Deno.test("upgrade: without a running agent only the file changes; two at once are one", async () => {
  await using place = new Place();
  Deno.mkdirSync(`${place.dir}/bin`);
  const installed = build(place, "bin/agent", "0.1.0");
  const fresh = build(place, "agent-new", "0.2.0");
  const upgrade = () =>
    place.start([
      "--socket",
      `${place.dir}/none.sock`,
      "upgrade",
      fresh,
      "--install-path",
      installed,
    ])
      .result();
  const both = await Promise.all([upgrade(), upgrade()]);
  const codes = both.map(({ code }) => code).sort();
  ok(codes.join() === "0,4" || codes.join() === "0,0", both.map(({ stderr }) => stderr).join());
  const loser = both.find(({ code }) => code === 4);
  if (loser) match(loser.stderr, /another upgrade is at work/);
  match(both.find(({ code }) => code === 0)!.stdout, /no agent runs here/);
  strictEqual(bytes(installed), bytes(fresh));
  const missing = await place.run("--socket", `${place.dir}/none.sock`, "upgrade", fresh);
  strictEqual(missing.code, 2);
  match(missing.stderr, /--install-path FILE/);
});

Deno.test("upgrade: a stop that was announced is one for a restart", async () => {
  await using place = new Place();
  const { installed, a, b } = await scene(place);
  const fresh = build(place, "agent-new", "0.2.0");
  await using watch = await Watch.on(b);
  const { boot } = await view(a);
  // The announced stop: what systemctl does then is a SIGTERM and a start.
  Deno.copyFileSync(fresh, `${installed}.new`);
  Deno.renameSync(`${installed}.new`, installed);
  await a.request("POST", "/v1/restart", { how: "stop" });
  strictEqual((await view(a)).boot, boot, "it waits for the signal");
  strictEqual((await a.stop()).code, 0);
  const again = await a.again();
  strictEqual((await view(again)).version, "0.2.0");
  await watch.saw(
    "the new version",
    ({ key, value }) => key === "agent/version" && value === "0.2.0",
  );
  deepStrictEqual(watch.events.filter(({ event }) => event === "lost"), []);
  // An ordinary stop is one still.
  strictEqual((await again.stop()).code, 0);
  await watch.saw("it left", ({ node, event }) => node === "a" && event === "lost");
});

/** Upgrades `a` to `file`, and kills the upgrade once the agent is about to be the new one. */
async function killedUpgrade({ a }: Scene, file: string): Promise<void> {
  const before = a.logged(/starts anew/).length;
  const upgrade = a.start("upgrade", file);
  await until("it starts anew", () => a.logged(/starts anew/).length > before, () => a.stderr);
  upgrade.kill("SIGKILL");
  await upgrade.exited;
}

Deno.test("upgrade: where it was killed, a version that cannot start gives way by itself", async () => {
  await using place = new Place();
  const all = await scene(place);
  const { installed, a, b } = all;
  const old = bytes(installed);
  const [id, pid] = [(await a.status()).id, a.child.pid];
  await using watch = await Watch.on(b);
  // Late enough for the upgrade to be dead by then.
  const slow = "await new Promise((resolve) => setTimeout(resolve, 1_500));";
  const refuses = "Deno.mkdirSync = () => { throw new Error('broken'); };";
  const bad = build(
    place,
    "refuses",
    "0.2.0",
    `if (Deno.args.includes("run")) { ${slow}${refuses} }`,
  );
  await killedUpgrade(all, bad);
  await until("the old one is back", async () => {
    return await view(a).then(({ version, ready }) => version === "0.1.0" && ready, () => false) &&
      a.logged(/does not start .*broken.*the version of before takes over/).length === 1;
  }, () => a.stderr);
  deepStrictEqual([(await view(a)).pid, (await a.status()).id], [pid, id]);
  strictEqual(bytes(installed), old);
  deepStrictEqual(leftovers(installed), ["agent"]);
  deepStrictEqual(watch.events.filter(({ event }) => event === "lost"), []);

  // One that crashes is started again by whoever looks after it.
  const crash = build(
    place,
    "crash",
    "0.3.0",
    `if (Deno.args.includes("run")) { ${slow} Deno.mkdirSync = () => Deno.exit(9); }`,
  );
  await killedUpgrade(all, crash);
  strictEqual((await a.child.exited).code, 9);
  const again = await a.again();
  strictEqual((await view(again)).version, "0.1.0");
  strictEqual(bytes(installed), old);
  deepStrictEqual(leftovers(installed), ["agent"]);
  await until("it is heard", async () => (await b.nodes()).length === 3);
});
