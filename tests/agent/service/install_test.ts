import assert from "node:assert/strict";
import { parseKey } from "../../../lib/agent/config/keys.ts";
import { loadConfig } from "../../../lib/agent/config/config.ts";
import { AgentError } from "../../../lib/core/errors.ts";
import { skipReason } from "../../skip.ts";
import { Computer } from "./computer.ts";

const UNIT = "/etc/systemd/system/agent.service";

/** An error for people: one line, this exit code. */
function oneLine(code: number, words: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof AgentError, String(error));
    assert.match(error.message, words);
    assert.ok(!error.message.includes("\n"), error.message);
    assert.equal(error.exitCode, code);
    return true;
  };
}

Deno.test("service install: unit, config, key and user on an empty computer, and it starts", async () => {
  using computer = new Computer();
  const { code, changed, lines } = await computer.install({ name: "shed", network: "garden" });
  assert.equal(code, 0);
  assert.ok(changed);
  assert.match(
    computer.read(UNIT),
    /^ExecStart=\/opt\/agent --config \/etc\/agent\/config\.toml run$/m,
  );
  assert.match(computer.read(UNIT), /^LoadCredential=garden\.key:\/etc\/agent\/garden\.key$/m);
  assert.equal(parseKey(computer.read("/etc/agent/garden.key"))?.length, 32);
  assert.equal(computer.mode("/etc/agent/garden.key"), 0o600);
  assert.equal(computer.mode("/etc/agent/config.toml"), 0o644);
  assert.deepEqual(computer.calls(), [
    "useradd --system --user-group --home-dir /var/lib/agent --no-create-home --shell /usr/sbin/nologin agent",
    "systemctl daemon-reload",
    "systemctl enable agent.service",
    "systemctl start agent.service",
  ]);
  assert.ok(lines.some((line) => /to join another Pi: .*\/etc\/agent\/garden\.key/.test(line)));
  const key = computer.read("/etc/agent/garden.key").trim();
  assert.ok(!JSON.stringify(lines).includes(key), "the key itself is never shown");
});

Deno.test("service install: the new config is one that the agent takes, with name and key", async () => {
  using computer = new Computer();
  await assert.rejects(computer.install({ name: "pi shed" }), oneLine(2, /--name must be a name/));
  await assert.rejects(
    computer.install({ network: "../x" }),
    oneLine(2, /--network must be a name/),
  );
  await computer.install({ name: 'pi-"shed"', network: "garden" });
  const { agent, networks } = loadConfig({
    path: `${computer.root}/etc/agent/config.toml`,
    env: { get: () => undefined },
  });
  assert.equal(agent.name, 'pi-"shed"');
  assert.deepEqual(networks.map(({ name }) => name), ["garden"]);
  assert.deepEqual(networks[0]?.keyFiles, [{ path: "/etc/agent/garden.key", from: "config" }]);
});

Deno.test("service install: the second time there is nothing to change", async () => {
  using computer = new Computer();
  await computer.install();
  const before = computer.tree();
  computer.calls();
  const { code, changed, lines } = await computer.install();
  assert.equal(code, 0);
  assert.ok(!changed);
  assert.match(lines.join("\n"), /nothing to change/);
  assert.deepEqual(computer.tree(), before);
  assert.deepEqual(computer.calls(), []);
});

Deno.test("service install: cut off after any step, the same command does the rest", async () => {
  using whole = new Computer();
  const { steps } = await whole.install();
  for (const step of steps) {
    if (step.do === "run") continue;
    using computer = new Computer();
    // What a power cut leaves behind: some of it is there, and a half file beside.
    for (const done of steps.slice(0, steps.indexOf(step))) {
      if (done.do === "folder") Deno.mkdirSync(computer.root + done.path);
      if (done.do === "write") computer.write(done.path, done.text, done.mode);
      if (done.do === "key") computer.write(done.path, whole.read(done.path), 0o600);
    }
    if (step.do !== "folder") computer.write(`${step.path}.new`, "half");
    assert.equal((await computer.install()).code, 0);
    const without = ({ ...tree }: Record<string, string>) => {
      delete tree["/etc/agent/home.key"];
      return tree;
    };
    assert.deepEqual(without(computer.tree()), without(whole.tree()), step.path);
  }
});

Deno.test("service install: whatever step fails, everything is as it was", async () => {
  const failures: [string, (computer: Computer) => void, RegExp][] = [
    [
      "useradd",
      (c) => c.fail("useradd", "--system", "no room for users"),
      /useradd .*no room for users/,
    ],
    [
      "daemon-reload",
      (c) => c.fail("systemctl", "daemon-reload", "busy"),
      /daemon-reload failed.*busy/,
    ],
    ["enable", (c) => c.fail("systemctl", "enable agent", "not now"), /enable .*failed.*not now/],
    [
      "unit",
      (c) => Deno.mkdirSync(`${c.root}${UNIT}.new/x`, { recursive: true }),
      /agent\.service cannot be written/,
    ],
  ];
  for (const [name, arrange, words] of failures) {
    using computer = new Computer();
    arrange(computer);
    const before = computer.tree();
    await assert.rejects(computer.install(), oneLine(4, words), name);
    assert.deepEqual(computer.tree(), before, name);
  }
});

Deno.test("service install: a failed step gives back the unit that it replaced", async () => {
  using computer = new Computer();
  await computer.install();
  computer.write(
    "/etc/agent/config.toml",
    `${computer.read("/etc/agent/config.toml")}\n[lsoe]\nenabled = true\n`,
  );
  const before = computer.tree();
  computer.fail("systemctl", "daemon-reload", "busy");
  await assert.rejects(computer.install(), oneLine(4, /busy/));
  assert.deepEqual(computer.tree(), before);
  computer.heal("systemctl");
  computer.calls();
  assert.equal((await computer.install()).code, 0);
  assert.match(computer.read(UNIT), /^AmbientCapabilities=CAP_NET_RAW$/m);
  assert.deepEqual(computer.calls(), [
    "systemctl daemon-reload",
    "systemctl restart agent.service",
  ]);
});

Deno.test("service install: an unwritable folder is one line, and nothing is half done", async () => {
  using computer = new Computer();
  computer.write("/etc/agent", "a file where the folder should be");
  const before = computer.tree();
  await assert.rejects(computer.install(), oneLine(4, /\/etc\/agent\/\S+ cannot be written/));
  assert.deepEqual(computer.tree(), before);
});

{
  const name = "service install: no room on the disk is one line, and nothing is half done";
  const isRoot = Deno.uid() === 0;
  Deno.test({
    name,
    ignore: !isRoot && skipReason(name, "needs root, to mount a small disk"),
    async fn() {
      using computer = new Computer();
      const small = `${computer.root}/etc/systemd/system`;
      const mount = (...args: string[]) =>
        new Deno.Command(args[0] as string, { args: args.slice(1) }).outputSync();
      if (!mount("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small).success) {
        skipReason(name, "no tmpfs can be mounted here");
        return;
      }
      try {
        Deno.writeTextFileSync(`${small}/full`, "x".repeat(4_000));
        const before = computer.tree();
        await assert.rejects(computer.install(), oneLine(4, /no room left on the disk/));
        assert.deepEqual(computer.tree(), before);
      } finally {
        mount("umount", small);
      }
    },
  });
}

Deno.test("service install: a unit edited by hand is kept, and the difference shown", async () => {
  using computer = new Computer();
  await computer.install();
  const edited = computer.read(UNIT).replace("WatchdogSec=30", "WatchdogSec=99");
  computer.write(UNIT, edited);
  const before = computer.tree();
  computer.calls();
  const { code, changed, problem, lines } = await computer.install();
  assert.equal(code, 4);
  assert.ok(!changed);
  assert.match(problem ?? "", /^[^\n]* was edited by hand, and is kept; --force/);
  assert.ok(
    lines.includes("-WatchdogSec=99") && lines.includes("+WatchdogSec=30"),
    lines.join("\n"),
  );
  assert.deepEqual(computer.tree(), before);
  assert.deepEqual(computer.calls(), []);

  assert.equal((await computer.install({ force: true })).code, 0);
  assert.match(computer.read(UNIT), /^WatchdogSec=30$/m);
  assert.equal(computer.read(`${UNIT}.bak`), edited);
});

Deno.test("service install: a service that does not get ready is told with its log, and stays", async () => {
  using computer = new Computer();
  computer.fail("systemctl", "start agent.service", "Job for agent.service failed.");
  computer.answer("journalctl", 'echo "port 8331 is taken"');
  const { code, problem, lines } = await computer.install();
  assert.equal(code, 3);
  assert.match(
    problem ?? "",
    /did not get ready.*Job for agent\.service failed.*and then: systemctl start/,
  );
  assert.ok(lines.includes("  port 8331 is taken"));
  assert.ok(computer.read(UNIT));
  computer.heal("systemctl");
  computer.calls();
  assert.equal((await computer.install()).code, 0);
  assert.deepEqual(computer.calls(), ["systemctl start agent.service"]);
});

Deno.test("service install: a program in a home folder is copied, one elsewhere is not", async () => {
  using computer = new Computer();
  const program = { kind: "file", path: "/home/pi/agent", runtime: undefined } as const;
  await computer.install({ program });
  assert.equal(computer.read("/usr/local/bin/agent"), "the program");
  assert.equal(computer.mode("/usr/local/bin/agent"), 0o755);
  assert.match(computer.read(UNIT), /^ExecStart=\/usr\/local\/bin\/agent /m);
  assert.ok(!(await computer.install({ program })).changed);

  computer.write("/home/pi/agent", "the program, newer", 0o755);
  const { code, problem } = await computer.install({ program });
  assert.equal(code, 4);
  assert.match(problem ?? "", /agent upgrade \/home\/pi\/agent/);
  assert.equal(computer.read("/usr/local/bin/agent"), "the program");
  assert.equal((await computer.install({ program, force: true })).code, 0);
  assert.equal(computer.read("/usr/local/bin/agent"), "the program, newer");
  assert.equal(computer.read("/usr/local/bin/agent.bak"), "the program");
});

Deno.test("service install: source code, and a bundle that the service cannot read, are refused", async () => {
  using computer = new Computer();
  const runtime = "/opt/agent";
  await assert.rejects(
    computer.install({ program: { kind: "checkout", path: "/opt/main.ts", runtime } }),
    oneLine(4, /task build/),
  );
  await assert.rejects(
    computer.install({ program: { kind: "bundle", path: "/home/pi/agent", runtime } }),
    oneLine(4, /\/home\/pi\/agent cannot be read by the service/),
  );
  computer.write("/opt/closed", "", 0o700);
  await assert.rejects(
    computer.install({ program: { kind: "bundle", path: "/opt/agent", runtime: "/opt/closed" } }),
    oneLine(4, /\/opt\/closed cannot be read/),
  );
});

Deno.test("service install: a config that is there is kept, and all of its keys are handed over", async () => {
  using computer = new Computer();
  const config =
    '[[network]]\nname = "a"\nkeys = ["new.key", "/srv/old.key"]\n[[network]]\nname = "b"\nlisten = "none"\n' +
    '[[network]]\nname = "c"\nprofile = "hncp"\n';
  computer.write("/etc/agent/config.toml", config);
  computer.write("/etc/agent/new.key", "k", 0o600);
  await assert.rejects(computer.install(), oneLine(78, /\/srv\/old\.key.*is not there/));
  computer.write("/srv/old.key", "k", 0o600);
  assert.equal((await computer.install()).code, 0);
  assert.equal(computer.read("/etc/agent/config.toml"), config);
  assert.deepEqual(computer.read(UNIT).match(/^LoadCredential=.*$/gm), [
    "LoadCredential=new.key:/etc/agent/new.key",
    "LoadCredential=old.key:/srv/old.key",
    "LoadCredential=b.key:/etc/agent/b.key",
  ]);
  await assert.rejects(computer.install({ network: "d" }), oneLine(2, /has no network "d"/));
  await assert.rejects(computer.install({ name: "n" }), oneLine(2, /instead of --name/));
});

Deno.test("service install: what the config or a key has wrong stops it before anything is done", async () => {
  using computer = new Computer();
  computer.write("/etc/agent/config.toml", "[agent]\nnam = 1\n");
  const before = computer.tree();
  await assert.rejects(computer.install(), oneLine(78, /config\.toml:2:1.*name/));
  assert.deepEqual(computer.tree(), before);
  computer.write("/etc/agent/config.toml", "");
  computer.write("/etc/agent/home.key", "k", 0o644);
  await assert.rejects(computer.install(), oneLine(4, /readable by others; run: chmod 600/));
  Deno.chmodSync(`${computer.root}/etc/agent/home.key`, 0o600);
  Deno.chmodSync(`${computer.root}/etc/agent/config.toml`, 0o600);
  await assert.rejects(
    computer.install(),
    oneLine(4, /config\.toml cannot be read by the service's user/),
  );
});

Deno.test("service install: who ran the agent by hand, and calls sudo, stays in that network", async () => {
  using computer = new Computer({ SUDO_USER: "pi" });
  computer.write("/home/pi/.local/state/agent/home.key", "pi's own key\n", 0o600);
  const { notes } = await computer.install();
  assert.equal(computer.read("/etc/agent/home.key"), "pi's own key\n");
  assert.equal(computer.mode("/etc/agent/home.key"), 0o600);
  assert.ok(notes.some((note) => /stays in network "home" of pi/.test(note)), notes.join("\n"));
});

Deno.test("service install --user: in the home folder, without root, and lingering", async () => {
  using computer = new Computer({ HOME: "/home/pi" });
  computer.uid = 1000;
  const program = { kind: "file", path: "/home/pi/agent", runtime: undefined } as const;
  assert.equal((await computer.install({ user: true, program })).code, 0);
  const unit = computer.read("/home/pi/.config/systemd/user/agent.service");
  assert.match(
    unit,
    /^ExecStart=\/home\/pi\/agent --config \/home\/pi\/\.config\/agent\/config\.toml run$/m,
  );
  assert.doesNotMatch(
    unit,
    /^(?:User|LoadCredential|StateDirectory|Protect\w+|CapabilityBoundingSet)=/m,
  );
  assert.equal(computer.mode("/home/pi/.config/agent/home.key"), 0o600);
  assert.deepEqual(computer.calls(), [
    "systemctl --user daemon-reload",
    "systemctl --user enable agent.service",
    "loginctl enable-linger",
    "systemctl --user start agent.service",
  ]);
  assert.ok(!(await computer.install({ user: true, program })).changed);
});

Deno.test("service install --user: without lingering it says what to run, and goes on", async () => {
  using computer = new Computer({ HOME: "/home/pi" });
  computer.uid = 1000;
  computer.fail("loginctl", "enable-linger", "no");
  const { code, lines } = await computer.install({ user: true });
  assert.equal(code, 0);
  assert.ok(lines.some((line) => /sudo loginctl enable-linger/.test(line)));
});

Deno.test("service install: without root, without systemd, --user with sudo: one line each", async () => {
  using computer = new Computer({ SUDO_USER: "pi" });
  const before = computer.tree();
  computer.uid = 1000;
  await assert.rejects(computer.install(), oneLine(4, /needs root: use sudo, or --user/));
  await assert.rejects(computer.remove(), oneLine(4, /needs root/));
  computer.uid = 0;
  await assert.rejects(computer.install({ user: true }), oneLine(4, /without sudo/));
  assert.deepEqual(computer.tree(), before);
  using bare = new Computer({}, { systemd: false });
  await assert.rejects(bare.install(), oneLine(4, /no systemd.*cron/));
  await assert.rejects(bare.remove(), oneLine(4, /no systemd/));
});

Deno.test("service install --print: all of it, changing nothing, without root and systemd", async () => {
  using computer = new Computer({}, { systemd: false });
  computer.uid = 1000;
  const before = computer.tree();
  const { code, changed, lines } = await computer.install({ print: true });
  const text = lines.join("\n");
  assert.equal(code, 0);
  assert.ok(!changed);
  for (
    const part of [
      "ExecStart=/opt/agent ",
      'key_file = "/etc/agent/home.key"',
      "a fresh network key",
      "# run useradd",
      "# run systemctl daemon-reload",
      "# run systemctl enable agent.service",
      "# run systemctl start agent.service",
      "there is no systemd",
    ]
  ) assert.ok(text.includes(part), part);
  assert.deepEqual(computer.tree(), before);
  assert.deepEqual(computer.calls(), []);
});

Deno.test("service install --print: shows what of an edited unit would change", async () => {
  using computer = new Computer();
  await computer.install();
  computer.write(UNIT, computer.read(UNIT).replace("WatchdogSec=30", "WatchdogSec=99"));
  const { code, problem, lines } = await computer.install({ print: true });
  assert.equal(code, 4);
  assert.ok(lines.includes("-WatchdogSec=99") && lines.includes("+WatchdogSec=30"));
  assert.match(problem ?? "", /--force/);
});
