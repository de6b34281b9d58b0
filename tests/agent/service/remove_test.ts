import assert from "node:assert/strict";
import { Computer } from "./computer.ts";

const UNIT = "/etc/systemd/system/agent.service";

Deno.test("service remove: the unit goes; config, key and state stay", async () => {
  using computer = new Computer();
  await computer.install();
  computer.write("/var/lib/agent/agent.db", "state");
  const key = computer.read("/etc/agent/home.key");
  computer.calls();
  const { code, changed, lines } = await computer.remove();
  assert.equal(code, 0);
  assert.ok(changed);
  assert.deepEqual(computer.calls(), [
    "systemctl disable --now agent.service",
    "systemctl daemon-reload",
  ]);
  assert.equal(computer.tree()[UNIT], undefined);
  assert.equal(computer.read("/etc/agent/home.key"), key);
  assert.equal(computer.read("/var/lib/agent/agent.db"), "state");
  assert.ok(lines.some((line) => /--purge removes them too/.test(line)));
  const again = await computer.remove();
  assert.equal(again.code, 0);
  assert.ok(!again.changed);
  // And back again, in the same network.
  await computer.install();
  assert.equal(computer.read("/etc/agent/home.key"), key);
});

Deno.test("service remove --purge: the computer is as before the installation", async () => {
  using computer = new Computer();
  const before = computer.tree();
  await computer.install();
  computer.write("/var/lib/agent/agent.db", "state");
  await computer.remove({ purge: true });
  const { ["/var/lib"]: lib, ["/var"]: parent, ...after } = computer.tree();
  assert.ok(lib && parent);
  assert.deepEqual(after, before);
});

Deno.test("service remove --purge: other files, other people's keys and accounts are left alone", async () => {
  using computer = new Computer();
  computer.write("/etc/passwd", "agent:x:1001:1001::/home/agent:/bin/sh\n");
  computer.write("/srv/home.key", "k", 0o600);
  computer.write("/etc/agent/config.toml", '[[network]]\nkey_file = "/srv/home.key"\n');
  computer.write("/etc/agent/token", "mine", 0o600);
  await computer.install();
  const { lines } = await computer.remove({ purge: true });
  assert.equal(computer.read("/srv/home.key"), "k");
  assert.equal(computer.read("/etc/agent/token"), "mine");
  assert.match(computer.read("/etc/passwd"), /^agent:/);
  assert.ok(lines.some((line) => /kept: \/etc\/agent,/.test(line)));
  assert.equal(computer.tree()["/etc/agent/config.toml"], undefined);
});

Deno.test("service remove: an edited unit is put aside; a wrong config is no obstacle", async () => {
  using computer = new Computer();
  await computer.install();
  const edited = `${computer.read(UNIT)}# mine\n`;
  computer.write(UNIT, edited);
  computer.write("/etc/agent/config.toml", "nonsense");
  assert.equal((await computer.remove()).code, 0);
  assert.equal(computer.tree()[UNIT], undefined);
  assert.equal(computer.read(`${UNIT}.bak`), edited);
});

Deno.test("service remove --print: changes nothing", async () => {
  using computer = new Computer();
  await computer.install();
  const before = computer.tree();
  computer.calls();
  const { lines } = await computer.remove({ print: true, purge: true });
  assert.ok(lines.includes(`# remove ${UNIT}`), lines.join("\n"));
  assert.ok(lines.includes("# run systemctl disable --now agent.service"));
  assert.deepEqual(computer.tree(), before);
  assert.deepEqual(computer.calls(), []);
});

Deno.test("service remove: where it cannot be stopped, all stays", async () => {
  using computer = new Computer();
  await computer.install();
  const before = computer.tree();
  computer.fail("systemctl", "disable --now", "no");
  await assert.rejects(computer.remove(), /disable --now agent\.service failed/);
  assert.deepEqual(computer.tree(), before);
});
