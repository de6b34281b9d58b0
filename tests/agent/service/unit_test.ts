import assert from "node:assert/strict";
import fc from "fast-check";
import { unifiedDiff } from "../../../lib/agent/service/diff.ts";
import { isEdited, type UnitOptions, unitText, unitWord } from "../../../lib/agent/service/unit.ts";
import { skipReason } from "../../skip.ts";

const OPTIONS: UnitOptions = {
  user: false,
  // Something that is there: systemd-analyze looks.
  program: ["/bin/true"],
  config: "/etc/agent/config.toml",
  credentials: [{ name: "home.key", path: "/etc/agent/home.key" }],
  rawFrames: false,
  writable: [],
  denoCache: false,
};

function has(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test("unit: what the platform asks for, and never MemoryDenyWriteExecute", async () => {
  const unit = await unitText(OPTIONS);
  for (
    const line of [
      "Type=notify",
      "WatchdogSec=30",
      "Restart=on-failure",
      "RestartPreventExitStatus=78",
      "ExecStartPre=-/bin/true --config /etc/agent/config.toml config check",
      "ExecReload=/bin/kill -HUP $MAINPID",
      "StateDirectory=agent",
      "CacheDirectory=agent",
      "RuntimeDirectory=agent",
      "LoadCredential=home.key:/etc/agent/home.key",
      "ProtectSystem=strict",
      "CapabilityBoundingSet=",
      "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ]
  ) assert.ok(unit.split("\n").includes(line), line);
  assert.doesNotMatch(unit, /^MemoryDenyWriteExecute|^AmbientCapabilities|AF_PACKET/m);
});

Deno.test("unit: raw frames only with LSOE", async () => {
  const unit = await unitText({ ...OPTIONS, rawFrames: true });
  assert.match(unit, /^AmbientCapabilities=CAP_NET_RAW$/m);
  assert.match(unit, /^CapabilityBoundingSet=CAP_NET_RAW$/m);
  assert.match(unit, /^RestrictAddressFamilies=.* AF_PACKET$/m);
});

Deno.test("unit: edited is whatever is not as it was made", async () => {
  const unit = await unitText(OPTIONS);
  assert.equal(await isEdited(unit), false);
  assert.equal(await isEdited(`${unit}\n`), true);
  assert.equal(await isEdited(unit.replace("RestartSec=5", "RestartSec=6")), true);
  assert.equal(await isEdited("[Service]\nExecStart=/bin/true\n"), true);
  assert.equal(await isEdited(""), true);
});

Deno.test("unit: words with blanks, quotes, percents and dollars stay words", () => {
  assert.equal(unitWord("/opt/agent"), "/opt/agent");
  assert.equal(unitWord("/opt/my agent"), '"/opt/my agent"');
  assert.equal(unitWord("/opt/100%"), "/opt/100%%");
  assert.equal(unitWord("/opt/$HOME"), "/opt/$$HOME");
  assert.equal(unitWord('/opt/"a\\b"'), '"/opt/\\"a\\\\b\\""');
  assert.throws(() => unitWord("/opt/a\nExecStart=/bin/evil"), /control characters/);
});

for (
  const [what, options] of [
    ["the system's", OPTIONS],
    ["the one with LSOE", { ...OPTIONS, rawFrames: true }],
    ["the one with paths of all kinds", {
      ...OPTIONS,
      config: "/etc/a b%/$x/config.toml",
      writable: ["/srv/a b", "/srv/c"],
      denoCache: true,
    }],
    ["a user's", { ...OPTIONS, user: true, credentials: [] }],
  ] as const
) {
  const name = `unit: systemd-analyze verify finds nothing in ${what}`;
  Deno.test({
    name,
    ignore: !has("systemd-analyze", "--version") &&
      skipReason(name, "needs systemd-analyze (Debian: systemd)"),
    async fn() {
      const dir = Deno.makeTempDirSync({ prefix: "agent-unit-" });
      try {
        Deno.writeTextFileSync(`${dir}/agent.service`, await unitText(options));
        const { code, stderr, stdout } = new Deno.Command("systemd-analyze", {
          args: ["verify", "--man=no", ...(options.user ? ["--user"] : []), `${dir}/agent.service`],
          env: { XDG_RUNTIME_DIR: dir },
        }).outputSync();
        const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        const about = said.split("\n").filter((line) => line.includes("agent.service"));
        assert.deepEqual(about, []);
        assert.equal(code, 0, said);
      } finally {
        Deno.removeSync(dir, { recursive: true });
      }
    },
  });
}

{
  const name = "unit: systemd-analyze security rates it as docs/service.md says";
  Deno.test({
    name,
    ignore: !has("systemd-analyze", "security", "--offline=yes", "--no-pager") &&
      !has("systemd-analyze", "--version") &&
      skipReason(name, "needs systemd-analyze (Debian: systemd)"),
    async fn() {
      const dir = Deno.makeTempDirSync({ prefix: "agent-unit-" });
      try {
        Deno.writeTextFileSync(`${dir}/agent.service`, await unitText(OPTIONS));
        const { stdout } = new Deno.Command("systemd-analyze", {
          args: ["security", "--offline=yes", "--no-pager", `${dir}/agent.service`],
        }).outputSync();
        const rated = /exposure level for agent\.service: ([\d.]+)/.exec(
          new TextDecoder().decode(stdout),
        )?.[1];
        // Other versions of systemd weigh otherwise; what may not happen is that it gets lax.
        assert.ok(Number(rated) <= 2.5, `rated ${rated}`);
      } finally {
        Deno.removeSync(dir, { recursive: true });
      }
    },
  });
}

Deno.test("diff: as diff -u shows it", () => {
  const before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n";
  const after = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\nk\nl\n";
  assert.equal(
    unifiedDiff(before, after, ["old", "new"]),
    "--- old\n+++ new\n@@ -2,10 +2,11 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n i\n j\n k\n+l",
  );
  assert.equal(unifiedDiff("a\n", "a\n", ["old", "new"]), "");
  assert.equal(unifiedDiff("", "a\n", ["old", "new"]), "--- old\n+++ new\n@@ -0,0 +1,1 @@\n+a");
});

Deno.test("property: applying a diff gives the new text", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 });
  const text = (all: readonly string[]) => all.map((line) => `${line}\n`).join("");
  fc.assert(fc.property(lines, lines, (before, after) => {
    const diff = unifiedDiff(text(before), text(after), ["old", "new"]);
    assert.deepEqual(applied(before, diff), after);
  }));
});

/** `patch`, by the line numbers of the hunks. */
function applied(before: readonly string[], diff: string): string[] {
  const out: string[] = [];
  let at = 0;
  for (const line of diff.split("\n").slice(2)) {
    const hunk = /^@@ -(\d+),(\d+) /.exec(line);
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === "0" ? 0 : 1);
      while (at < start) out.push(before[at++] as string);
    } else if (line.startsWith("+")) out.push(line.slice(1));
    else {
      assert.equal(before[at], line.slice(1));
      if (line.startsWith(" ")) out.push(line.slice(1));
      at++;
    }
  }
  return [...out, ...before.slice(at)];
}
