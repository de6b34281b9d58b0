/** The commands themselves; what they plan and do is tested in tests/agent/service. */
import assert from "node:assert/strict";
import { skipReason } from "../skip.ts";
import { cli } from "./run_cli.ts";

async function withDir(fn: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "agent-service-cli-" });
  try {
    await fn(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("service install --print: text and JSON, wherever it is called, and nothing is written", () =>
  withDir(async (dir) => {
    const args = ["service", "install", "--user", "--print", "--network", "garden"];
    const text = await cli({ dir }, ...args);
    assert.equal(text.code, 0, text.stderr);
    assert.ok(
      text.stdout.includes(`# write ${dir}/.config/systemd/user/agent.service (mode 0644)`),
    );
    assert.match(text.stdout, /^ExecStart=\S+ --config \S+ run$/m);
    const json = await cli({ dir }, "--json", ...args);
    const { changed, steps, start } = JSON.parse(json.stdout);
    assert.equal(changed, false);
    assert.deepEqual(start, ["systemctl", "--user", "start", "agent.service"]);
    assert.ok(steps.some((step: { do: string }) => step.do === "key"));
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), []);
  }));

Deno.test("service remove --print: nothing to remove", () =>
  withDir(async (dir) => {
    const { code, stdout } = await cli({ dir }, "service", "remove", "--user", "--print");
    assert.equal(code, 0);
    assert.match(stdout, /nothing to change/);
  }));

Deno.test("completion, man: to stdout; another shell is wrong usage", () =>
  withDir(async (dir) => {
    assert.match((await cli({ dir }, "completion", "bash")).stdout, /^complete -F _agent agent$/m);
    assert.match((await cli({ dir }, "man")).stdout, /^\.TH AGENT 1 /m);
    const { code, stderr } = await cli({ dir }, "completion", "tcsh");
    assert.equal(code, 2);
    assert.match(stderr, /"tcsh" is none of: bash, zsh, fish\n$/);
  }));

{
  const name = "service install: without systemd it is one line, and exit code 4";
  const hasSystemd = (() => {
    try {
      return Deno.statSync("/run/systemd/system").isDirectory;
    } catch {
      return false;
    }
  })();
  Deno.test({
    name,
    // Never on a computer where it would do something.
    ignore: hasSystemd && skipReason(name, "this computer has systemd"),
    fn: () =>
      withDir(async (dir) => {
        const { code, stdout, stderr } = await cli({ dir }, "service", "install", "--user");
        assert.equal(code, 4);
        assert.equal(stdout, "");
        assert.match(stderr, /^there is no systemd on this computer.*\n$/);
        assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), []);
      }),
  });
}
