import assert from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { AT, SELF, serveFake } from "../http/fake_agent.ts";
import { type Cli, cli } from "./run_cli.ts";

/** Runs and expects an exit code, stdout and stderr; a pattern, or the exact text. */
async function expect(
  around: Cli,
  args: string[],
  code: number,
  stdout: string | RegExp,
  stderr: string | RegExp = "",
): Promise<void> {
  const result = await cli(around, ...args);
  const told = `agent ${args.join(" ")} → ${result.code}\n${result.stdout}${result.stderr}`;
  assert.equal(result.code, code, told);
  for (const [text, wanted] of [[result.stdout, stdout], [result.stderr, stderr]] as const) {
    if (typeof wanted === "string") assert.equal(text, wanted, told);
    else assert.match(text, wanted, told);
  }
  assert.ok(!/^\s+at /m.test(result.stderr), `a stack trace:\n${told}`);
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

Deno.test("get: JSON is the shape that scripts rely on; missing keys give 1", async () => {
  await using served = await serveFake();
  const { agent } = served;
  await expect(served, ["get", "--json"], 0, json(agent.state({})));
  await expect(
    served,
    ["--json", "get", "door"],
    0,
    json({ "pi-2": { door: { value: "open", at: AT } } }),
  );
  await expect(
    served,
    ["get", "--json", "pi-2:door", "pi-1:agent/", "pi-2:heating/target"],
    0,
    json({
      "pi-2": { "heating/target": { value: 21.5, at: AT }, door: { value: "open", at: AT } },
      "pi-1": { "agent/version": { value: "0.1.0", at: AT } },
    }),
  );
  await expect(served, ["get", "--json", "nope"], 1, "{}\n", "not there: nope\n");
  await expect(served, ["get", "--json", "-q", "nope"], 1, "{}\n", "");
  await expect(served, ["get", "pi-1:door", "door"], 1, /open/, "not there: pi-1:door\n");
  await expect(
    served,
    ["get"],
    0,
    /^NODE +KEY +VALUE +CHANGED\npi-1 +agent\/version +0\.1\.0 .*ago\n/,
  );
  await expect(served, ["get", "--network", "lab"], 1, "", 'there is no network "lab"\n');
});

Deno.test("status, nodes, peers, interfaces: JSON as the agent tells it, and text", async () => {
  await using served = await serveFake();
  const { agent } = served;
  agent.problems = ["192.168.1.7 on eth0 sends with another key"];
  await expect(served, ["status", "--json"], 0, json(agent.status()));
  await expect(
    served,
    ["status"],
    0,
    /^pi-1 a1b2c3d4e5f60718 agent 0\.1\.0, up 1h 1m .*\nnetwork home .*2 nodes, 1 peer, all agree; key 1a2b3c4d;.*\nproblem: 192\.168\.1\.7 on eth0 sends with another key\n$/,
  );
  await expect(served, ["nodes", "--json"], 0, json(agent.nodes()));
  await expect(served, ["nodes"], 0, /^NODE +ID .*\npi-1 \(this node\) .*12s ago\npi-2 /);
  await expect(served, ["peers", "--json"], 0, json(agent.peers()));
  await expect(served, ["peers"], 0, /^NODE .*\npi-2 +eth0 +192\.0\.2\.2:8331 +3s ago +agrees\n$/);
  await expect(served, ["interfaces", "--json"], 0, json(agent.interfaces()));
  await expect(served, ["interfaces"], 0, /^INTERFACE .*\neth0 +up .*192\.0\.2\.1\/24\n$/);
});

Deno.test("set and unset: values, TTL, receipts, and what is refused", async () => {
  await using served = await serveFake();
  const { agent } = served;
  await expect(served, ["set", "a=1", "b=on"], 0, "");
  assert.deepEqual(agent.calls.at(-1), ["set", { a: 1, b: "on" }, undefined]);
  await expect(
    served,
    ["set", "a=1", "--ttl", "90", "--json"],
    0,
    json({
      ...SELF,
      until: "2026-11-21T09:01:30.000Z",
      ttlSeconds: 90,
    }),
  );
  await expect(served, ["set", "a=1", "--ttl=5m"], 0, /^set on pi-1 until .*:05:00 \(5m\)\n$/);
  await expect(served, ["unset", "a", "--json"], 0, json({ removed: ["a"], missing: [] }));
  await expect(served, ["unset", "b", "c"], 1, "", "c: not set by this node\n");
  await expect(served, ["unset", "c"], 1, "", "c: not set by this node\n");
  await expect(served, ["set", "a"], 2, "", '"a" is not KEY=VALUE\n');
  await expect(
    served,
    ["set", "a=null"],
    2,
    "",
    "null is no value; to remove a use: agent unset a\n",
  );
  await expect(served, ["set", "a=1", "--ttl", "soon"], 2, "", /^"soon" is not a duration; write/);
  await expect(served, ["set", "a=1", "--ttl", "0"], 2, "", "--ttl must be longer than nothing\n");
  agent.refusal = new AgentError("70000 bytes of state; 65536 are allowed", ExitCode.Refused);
  await expect(served, ["set", "a=1"], 4, "", "70000 bytes of state; 65536 are allowed\n");
  agent.refusal = new TypeError("a fault");
  await expect(served, ["set", "a=1"], 70, "", /^fault in the agent: .*a fault.*-vv\)\n$/);
});

Deno.test("leafy read and publish through the local agent", async () => {
  await using served = await serveFake();
  const { agent } = served;
  await expect(
    served,
    ["--leafy", "read", "heating/target", "--json"],
    0,
    json({
      "pi-2": { "heating/target": { value: 21.5, at: AT } },
    }),
  );
  await expect(served, ["read", "nope", "--json", "--leafy"], 1, "{}\n", "not there: nope\n");
  agent.reasons = ["synchronising with pi-3", "just started"];
  await expect(
    served,
    ["--leafy", "read", "door", "--json"],
    0,
    json({ "pi-2": { door: { value: "open", at: AT } } }),
    "note: the picture may be partial: synchronising with pi-3; just started\n",
  );
  await expect(served, ["--leafy", "read", "door", "-q"], 0, /open/, "");
  await expect(
    served,
    ["--leafy", "publish", "t=1", "--ttl", "--json"],
    0,
    json({ ...SELF, until: "2026-11-21T09:01:00.000Z", ttlSeconds: 60 }),
  );
  assert.deepEqual(agent.calls.at(-1), ["set", { t: 1 }, "default"]);
  await expect(
    served,
    ["--leafy", "publish", "--ttl", "10m", "t=1"],
    0,
    /^published through pi-1 until .*:10:00 \(10m\)\n$/,
  );
  assert.deepEqual(agent.calls.at(-1), ["set", { t: 1 }, 600_000]);
});

Deno.test("wrong usage gives 2 and one line with the right word", async () => {
  const dir = Deno.makeTempDirSync();
  const around = { dir };
  try {
    const cases: [string[], RegExp | string][] = [
      [["statsu"], 'unknown command "statsu"; did you mean "status"?\n'],
      [["xyzzy"], 'unknown command "xyzzy"; see: agent help\n'],
      [["key"], "key needs one of: generate\n"],
      [["config", "chek"], 'unknown command "config chek"; did you mean "config check"?\n'],
      [["get", "--jsn"], 'unknown flag --jsn; did you mean "--json"?\n'],
      [["status", "--leafy"], "status has no leafy form; try: agent --leafy read or publish\n"],
      [["read", "x"], "read needs --leafy: agent --leafy read\n"],
      [["watch", "a", "b"], 'unexpected argument "b"; see: agent help watch\n'],
      [["unset"], "unset needs KEY; see: agent help unset\n"],
      [["--leafy", "read", "--timeout", "x"], /^"x" is not a duration/],
      [["run", "--listen", "a b"], /^--listen must be "HOST:PORT"/],
      [["help", "sett"], 'unknown command "sett"; did you mean "set"?\n'],
      [
        ["--leafy", "read", "--key-file", "none", "--from", "127.0.0.1:1"],
        /none is not there; copy/,
      ],
    ];
    for (const [args, stderr] of cases) await expect(around, args, 2, "", stderr);
    await expect(around, [], 2, "", /^agent: .*\nUsage: agent /s);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("help and version need nothing", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    await expect({ dir }, ["help"], 0, /Usage: agent \[FLAGS\] COMMAND/);
    await expect({ dir }, ["--help"], 0, /Usage: agent \[FLAGS\] COMMAND/);
    await expect({ dir }, ["help", "set"], 0, /^Usage: agent set KEY=VALUE… \[--ttl 5m\]\n/);
    await expect({ dir }, ["set", "-h"], 0, /^Usage: agent set /);
    await expect({ dir }, ["help", "config"], 0, /config check[^]*config show/);
    await expect({ dir }, ["version"], 0, /^agent \d+\.\d+\.\d+ \(Deno /);
    await expect({ dir }, ["version", "--json"], 0, /^\{"version":"\d+\.\d+\.\d+"/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("no agent gives 3 and the command to start one", async () => {
  const dir = Deno.makeTempDirSync();
  const around = { dir, socket: `${dir}/none.sock` };
  const stderr = `no agent answers on ${dir}/none.sock; start it with: agent run\n`;
  try {
    for (
      const args of [["get"], ["status"], ["set", "a=1"], ["watch"], ["interfaces", "--watch"]]
    ) {
      await expect(around, args, 3, "", stderr);
    }
    await expect({ dir }, ["get", "--socket", `${dir}/none.sock`], 3, "", stderr);
    await expect(
      around,
      ["--leafy", "read", "a"],
      3,
      "",
      /^no agent runs here, and without the network key/,
    );
    await expect(
      around,
      ["--leafy", "publish", "a=1", "--via", "127.0.0.1:1"],
      3,
      "",
      /^the network key is needed to ask 127\.0\.0\.1:1: --key-file FILE\n$/,
    );
    const listener = Deno.listen({ transport: "unix", path: `${dir}/deaf.sock` });
    await expect(
      { dir, socket: `${dir}/deaf.sock` },
      ["--leafy", "read", "a", "--timeout", "100ms"],
      3,
      "",
      `the agent on ${dir}/deaf.sock does not answer; look at its log, or restart it\n`,
    );
    listener.close();
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("-v adds the cause, -vv the stack; a message stays one line", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const path = `${dir}/missing.toml`;
    const first = `${path}: there is no such config file\n`;
    await expect({ dir }, ["config", "check", path], 78, "", first);
    await expect({ dir }, ["config", "check", path, "-v"], 78, "", /^.*\ncause: .*os error 2.*\n$/);
    const { stderr } = await cli({ dir }, "config", "check", path, "-vv");
    assert.match(stderr, /\n +at /);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("config check and show; wrong config gives 78 in every command that reads it", async () => {
  const dir = Deno.makeTempDirSync();
  const around = { dir };
  try {
    await expect(
      around,
      ["config", "check"],
      0,
      /^no config file \(.*\/config\.toml, .*\): the defaults hold\n$/,
    );
    await expect(around, ["config", "check", "--json"], 0, json({ file: null, ok: true }));
    const path = `${dir}/c.toml`;
    Deno.writeTextFileSync(
      path,
      '[agent]\nname = "pi-9"\nsocket = "s.sock"\n[[network]]\nkey_file = "k"\n',
    );
    await expect(
      around,
      ["--config", path, "config", "check"],
      78,
      "",
      `${dir}/k is not there; copy it from a node of the network (mode 0600)\n`,
    );
    await expect(around, ["key", "generate", "--output", "k"], 0, /^wrote k \(mode 0600\)/);
    await expect(around, ["config", "check", path], 0, `${path}: nothing wrong\n`);
    Deno.chmodSync(`${dir}/k`, 0o644);
    await expect(
      around,
      ["config", "check", path],
      4,
      "",
      `${dir}/k is readable by others; run: chmod 600 ${dir}/k\n`,
    );
    const second = `[[network]]\nname = "b"\nlisten = "none"\nkey_file = "no.key"\n`;
    Deno.writeTextFileSync(path, second, { append: true });
    await expect(
      around,
      ["config", "check", path],
      4,
      "",
      `${dir}/k is readable by others; run: chmod 600 ${dir}/k\n` +
        `${dir}/no.key is not there; copy it from a node of the network (mode 0600)\n`,
    );
    const faulty = `${dir}/faulty.toml`;
    Deno.writeTextFileSync(faulty, "[agent]\nnmae = 1\n[lsoe]\nenabled = 1\n");
    const unknown = `${faulty}:2:1: unknown key "nmae" in [agent]; did you mean "name"?`;
    await expect(
      around,
      ["config", "check", faulty],
      78,
      "",
      `${unknown}\n${faulty}:4:1: enabled must be true or false, not the number 1\n`,
    );
    await expect(
      around,
      ["--config", faulty, "config", "show"],
      78,
      "",
      `${unknown} (and 1 more: agent config check)\n`,
    );
    await expect(
      around,
      ["config", "show", "--config", path],
      0,
      /^# From .*c\.toml\.\n\n\[agent\]\nname = "pi-9"\n/,
    );
    await expect(
      around,
      ["get", "--config", path],
      3,
      "",
      `no agent answers on ${dir}/s.sock; start it with: agent run\n`,
    );
    await expect(
      around,
      ["config", "show", "--defaults"],
      0,
      Deno.readTextFileSync(new URL("../../config.toml", import.meta.url)),
    );

    Deno.mkdirSync(`${dir}/.config/agent`, { recursive: true });
    Deno.writeTextFileSync(`${dir}/.config/agent/config.toml`, '[agent]\nnmae = "x"\n');
    const wrong =
      `${dir}/.config/agent/config.toml:2:1: unknown key "nmae" in [agent]; did you mean "name"?\n`;
    for (const args of [["config", "check"], ["config", "show"], ["run"], ["get"]]) {
      await expect(around, args, 78, "", wrong);
    }
    await expect({ ...around, socket: `${dir}/none` }, ["get"], 3, "", /^no agent answers on/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("key generate: 32 bytes, each time others, never over a file", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const first = await cli({ dir }, "key", "generate");
    const second = await cli({ dir }, "key", "generate", "--json");
    assert.match(first.stdout, /^[A-Za-z0-9+/]{43}=\n$/);
    assert.equal(atob(JSON.parse(second.stdout).key).length, 32);
    assert.notEqual(first.stdout.trim(), JSON.parse(second.stdout).key);
    await expect({ dir }, ["key", "generate", "--output", "k", "--json"], 0, json({ file: "k" }));
    assert.equal((Deno.statSync(`${dir}/k`).mode ?? 0) & 0o777, 0o600);
    await expect(
      { dir },
      ["key", "generate", "--output", "k"],
      4,
      "",
      /^k is there already and is not overwritten/,
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
