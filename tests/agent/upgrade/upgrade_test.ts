/** Replacing a program file: at any moment the old one or the new one, and never neither. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { isOlder } from "../../../lib/agent/upgrade/file.ts";
import { unitIn } from "../../../lib/agent/upgrade/restart.ts";
import {
  leaveHandover,
  readHandover,
  removeHandover,
} from "../../../lib/agent/upgrade/handover.ts";
import { onTrial } from "../../../lib/agent/upgrade/trial.ts";
import { skipReason } from "../../skip.ts";
import type { HostOrder } from "./host.ts";

const HOST = new URL("host.ts", import.meta.url).pathname;

/** A temporary folder with an installed program of version 1 and a new one of version 2. */
class Bench implements Disposable {
  readonly dir: string;
  readonly target: string;
  readonly fresh: string;

  constructor(dir = Deno.makeTempDirSync({ prefix: "agent-upgrade-" })) {
    this.dir = dir;
    Deno.mkdirSync(`${dir}/bin`);
    this.target = program(`${dir}/bin/agent`, "1.0.0");
    this.fresh = program(`${dir}/agent-new`, "2.0.0");
  }

  get files(): string[] {
    return [...Deno.readDirSync(`${this.dir}/bin`)].map(({ name }) => name).sort();
  }

  async run(order: Partial<HostOrder> = {}, env: Record<string, string> = {}) {
    const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-A",
        HOST,
        JSON.stringify({ file: this.fresh, target: this.target, ...order }),
      ],
      env,
    }).output();
    const text = new TextDecoder();
    return { code, signal, stdout: text.decode(stdout), stderr: text.decode(stderr).trim() };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

function program(path: string, version: string, more = ""): string {
  const answer = `{"version":"${version}","target":"x"}`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n[ "$1" = version ] && echo '${answer}'\n${more}`);
  Deno.chmodSync(path, 0o755);
  return path;
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await new Deno.Command(path, { args: ["version", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).version;
}

Deno.test("upgrade: a power cut at any step leaves a program that runs, and the next run succeeds", async () => {
  for (const step of ["stage", "probe", "swap", "restart", "wait"]) {
    using bench = new Bench();
    const bootFile = `${bench.dir}/boot`;
    Deno.writeTextFileSync(bootFile, "1.0.0 one");
    using systemctl = new FakeSystemctl(bench, bootFile);
    const cut = await bench.run(
      { killBefore: step, bootFile, unit: "agent.service" },
      systemctl.env,
    );
    strictEqual(cut.signal, "SIGKILL", `${step}: ${cut.stderr}`);
    const swapped = step === "restart" || step === "wait";
    strictEqual(await versionOf(bench.target), swapped ? "2.0.0" : "1.0.0", step);
    strictEqual(onTrial(bench.target), swapped ? "2.0.0" : undefined, step);
    const third = program(`${bench.dir}/third`, "3.0.0");
    const next = await bench.run({ file: third, bootFile, unit: "agent.service" }, systemctl.env);
    strictEqual(next.code, 0, `${step}: ${next.stderr}`);
    strictEqual(await versionOf(bench.target), "3.0.0");
    deepStrictEqual(bench.files, ["agent", "agent.previous"], step);
    // One that was put there and never ran is nothing to go back to.
    if (step === "restart") strictEqual(await versionOf(`${bench.target}.previous`), "1.0.0");
  }
});

Deno.test("upgrade: a power cut on the way back leaves a whole file, too", async () => {
  for (const step of ["swap back", "start again"]) {
    using bench = new Bench();
    const bootFile = `${bench.dir}/boot`;
    Deno.writeTextFileSync(bootFile, "1.0.0 one");
    const order = { bootFile, unit: "agent.service" };
    {
      using failing = new FakeSystemctl(bench, bootFile, false);
      const cut = await bench.run({ ...order, killBefore: step }, failing.env);
      strictEqual(cut.signal, "SIGKILL", cut.stderr);
    }
    strictEqual(await versionOf(bench.target), step === "swap back" ? "2.0.0" : "1.0.0");
    using systemctl = new FakeSystemctl(bench, bootFile);
    const third = program(`${bench.dir}/third`, "3.0.0");
    const next = await bench.run({ ...order, file: third }, systemctl.env);
    strictEqual(next.code, 0, next.stderr);
    strictEqual(await versionOf(bench.target), "3.0.0");
  }
});

Deno.test("upgrade: a terminal that goes away does not stop it half-way", async () => {
  using bench = new Bench();
  const bootFile = `${bench.dir}/boot`;
  Deno.writeTextFileSync(bootFile, "1.0.0 one");
  using systemctl = new FakeSystemctl(bench, bootFile);
  const order = { bootFile, unit: "agent.service", hangUpBefore: "wait" };
  const result = await bench.run(order, systemctl.env);
  deepStrictEqual([result.code, result.signal], [0, null], result.stderr);
});

/** What systemctl does, as far as an upgrade asks for it: a start is a new line in the boot file. */
class FakeSystemctl implements Disposable {
  readonly env: Record<string, string>;
  readonly #dir: string;

  constructor(bench: Bench, bootFile: string, starts = true) {
    this.#dir = `${bench.dir}/fake`;
    Deno.mkdirSync(this.#dir);
    const script = `#!/bin/sh
echo "$@" >> ${bench.dir}/calls
[ "$1" = restart ] || exit 0
v=$(${bench.target} version | sed 's/.*version":"\\([^"]*\\).*/\\1/')
${starts ? "" : '[ "$v" = 2.0.0 ] && { echo "Job for agent.service failed." >&2; exit 1; }'}
echo "$v $$" > ${bootFile}
`;
    Deno.writeTextFileSync(`${this.#dir}/systemctl`, script);
    Deno.chmodSync(`${this.#dir}/systemctl`, 0o755);
    this.env = { PATH: `${this.#dir}:${Deno.env.get("PATH")}` };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#dir, { recursive: true });
  }
}

Deno.test("upgrade: a service is stopped quietly and started by systemctl; one that fails goes back", async () => {
  using bench = new Bench();
  const bootFile = `${bench.dir}/boot`;
  Deno.writeTextFileSync(bootFile, "1.0.0 one");
  const calls = () => Deno.readTextFileSync(`${bench.dir}/calls`).trim().split("\n");
  {
    using systemctl = new FakeSystemctl(bench, bootFile, false);
    const failed = await bench.run({ bootFile, unit: "agent.service" }, systemctl.env);
    strictEqual(failed.code, 4);
    match(
      failed.stderr,
      /^version 2\.0\.0 did not take over \(systemctl says: Job for agent.service failed\.\); version 1\.0\.0 runs again$/,
    );
    strictEqual(await versionOf(bench.target), "1.0.0");
    deepStrictEqual(bench.files, ["agent"]);
  }
  using systemctl = new FakeSystemctl(bench, bootFile);
  const good = await bench.run({ bootFile, unit: "agent.service" }, systemctl.env);
  strictEqual(good.code, 0, good.stderr);
  strictEqual(JSON.parse(good.stdout).restarted, "agent.service");
  strictEqual(Deno.readTextFileSync(`${bootFile}.asked`), "stop");
  ok(
    calls().every((call) => /^(?:restart|reset-failed) agent\.service$/.test(call)),
    calls().join(),
  );
  match(Deno.readTextFileSync(bootFile), /^2\.0\.0 /);
});

Deno.test("upgrade: a link is followed, and mode and owner stay", async () => {
  using bench = new Bench();
  Deno.chmodSync(bench.target, 0o750);
  const link = `${bench.dir}/link`;
  Deno.symlinkSync(bench.target, link);
  const result = await bench.run({ target: link });
  strictEqual(result.code, 0, result.stderr);
  ok(Deno.lstatSync(link).isSymlink);
  strictEqual(await versionOf(link), "2.0.0");
  strictEqual(Deno.statSync(bench.target).mode! & 0o777, 0o750);
});

Deno.test("upgrade: without a checksum a packed file unpacks all of itself once, and leaves nothing", async () => {
  using bench = new Bench();
  const seen = `${bench.dir}/seen`;
  const wary = program(
    `${bench.dir}/wary`,
    "2.0.0",
    `echo "$AGENT_CACHE" > ${seen}; touch "$AGENT_CACHE/unpacked"\n`,
  );
  strictEqual((await bench.run({ file: wary })).code, 0);
  const cache = Deno.readTextFileSync(seen).trim();
  match(cache, /agent-upgrade-/);
  strictEqual(await Deno.stat(cache).then(() => true, () => false), false);
  const digest = await crypto.subtle.digest("SHA-256", Deno.readFileSync(wary));
  Deno.writeTextFileSync(`${bench.dir}/SHA256SUMS`, `${new Uint8Array(digest).toHex()}  wary\n`);
  strictEqual((await bench.run({ file: wary })).code, 0);
  strictEqual(Deno.readTextFileSync(seen).trim(), Deno.env.get("AGENT_CACHE") ?? "");
});

const name = "upgrade: a full disk and a read-only one are told, and change nothing";
const isRoot = Deno.uid() === 0;
Deno.test({
  name,
  ignore: !isRoot && skipReason(name, "needs root, to mount a small file system"),
  async fn() {
    const dir = Deno.makeTempDirSync({ prefix: "agent-upgrade-" });
    const mount = (...args: string[]) =>
      new Deno.Command("mount", { args: [...args, dir] }).output();
    ok((await mount("-t", "tmpfs", "-o", "size=64k", "tmpfs")).success);
    try {
      const bench = new Bench(dir);
      const big = `${Deno.makeTempDirSync({ prefix: "agent-upgrade-" })}/big`;
      program(big, "2.0.0", `# ${"x".repeat(100_000)}\n`);
      const full = await bench.run({ file: big });
      Deno.removeSync(big.slice(0, -4), { recursive: true });
      strictEqual(full.code, 4, full.stderr);
      match(full.stderr, /has no room for a second program file.*nothing was changed/);
      deepStrictEqual(bench.files, ["agent"]);
      ok((await mount("-o", "remount,ro")).success);
      const readOnly = await bench.run();
      strictEqual(readOnly.code, 4);
      match(readOnly.stderr, /is on a read-only disk/);
      strictEqual(await versionOf(bench.target), "1.0.0");
    } finally {
      await new Deno.Command("umount", { args: [dir] }).output();
      Deno.removeSync(dir);
    }
  },
});

Deno.test("upgrade: which version comes first", () => {
  const order = ["0.1.0", "0.2.0-rc.1", "0.2.0-rc.2", "0.2.0-rc.10", "0.2.0", "0.10.0", "1.0.0"];
  for (const [i, a] of order.entries()) {
    for (const [j, b] of order.entries()) strictEqual(isOlder(a, b), i < j, `${a} ${b}`);
  }
  strictEqual(isOlder("1.0.0+a", "1.0.0+b"), false);
});

Deno.test("upgrade: the unit of a process, and what only looks like one", () => {
  deepStrictEqual(unitIn("0::/system.slice/agent.service\n"), {
    name: "agent.service",
    user: false,
  });
  deepStrictEqual(
    unitIn("0::/user.slice/user-1000.slice/user@1000.service/app.slice/agent.service\n"),
    { name: "agent.service", user: true },
  );
  deepStrictEqual(unitIn("1:name=systemd:/system.slice/agent.service\n"), {
    name: "agent.service",
    user: false,
  });
  for (
    const none of [
      "0::/user.slice/user-1000.slice/session-3.scope\n",
      "0::/\n",
      "",
      "0::/user.slice/user-1000.slice/user@1000.service\n",
    ]
  ) {
    strictEqual(unitIn(none), undefined);
  }
});

Deno.test("handover: only while it is of use, with the time that is left", () => {
  const dir = Deno.makeTempDirSync({ prefix: "agent-handover-" });
  try {
    const peer = { endpoint: 1, node: "00112233445566ff", peerEndpoint: 2 };
    const entry = { key: "door", value: { id: "a", at: [] }, at: 1_700_000_000_000 };
    const timed = { source: "timed", leftMs: 5_000, entries: [entry] } as const;
    const guest = { id: "0011", sequence: 7, content: "a1ff" };
    const legacy = {
      peers: [peer],
      held: [timed, { source: "agent", entries: [{ ...entry, under: true }] } as const],
      guests: [guest],
    };
    const leave = () =>
      leaveHandover(dir, new Map([["home", legacy]]), (line) => {
        throw new Error(line);
      }, () => ({ boot: "b", now: 1_000 }));
    const read = (boot: string, now: number) =>
      readHandover(dir, () => ({ boot, now })).get("home");
    leave();
    strictEqual(Deno.statSync(`${dir}/handover.json`).mode! & 0o777, 0o600);
    const after = { ...legacy, held: [{ ...timed, leftMs: 4_000 }, legacy.held[1]] };
    deepStrictEqual(read("b", 2_000), after);
    deepStrictEqual(read("b", 2_000), after, "a second try, where the first one failed");
    for (const [boot, now] of [["other", 2_000], ["b", 61_001], ["b", 999]] as const) {
      deepStrictEqual(read(boot, now), undefined, `${boot} ${now}`);
    }
    removeHandover(dir);
    deepStrictEqual(read("b", 2_000), undefined);
    removeHandover(dir);
    for (const damage of ["", "{", "null", '{"boot":"b","now":1000,"networks":7}']) {
      Deno.writeTextFileSync(`${dir}/handover.json`, damage);
      deepStrictEqual(read("b", 2_000), undefined);
    }
    const nothing = { peers: [], held: [], guests: [] };
    const damaged = [
      [1, {}],
      7,
      null,
      [peer],
      { peers: [1, {}], held: [null, {}, "x", { source: "set" }], guests: [0, { id: 1 }] },
      {
        peers: [{ ...peer, endpoint: 0 }],
        held: [{ ...timed, leftMs: "1" }],
        guests: [{ ...guest, content: "abc" }],
      },
    ];
    for (const damage of damaged) {
      const content = { boot: "b", now: 1_000, networks: { home: damage } };
      Deno.writeTextFileSync(`${dir}/handover.json`, JSON.stringify(content));
      deepStrictEqual(read("b", 2_000), nothing);
    }
    const held = [{ source: "lease", entries: [{ ...entry, at: 0.5 }, 1, { key: "x" }] }];
    const content = { boot: "b", now: 1_000, networks: { home: { held } } };
    Deno.writeTextFileSync(`${dir}/handover.json`, JSON.stringify(content));
    deepStrictEqual(read("b", 2_000)?.held, [{ source: "lease", entries: [] }]);
    leave();
    deepStrictEqual(readHandover(dir).size, 0, "another boot");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
