/** What joining changes on a computer, and whose service it is. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { loadConfig } from "../../../lib/agent/config/config.ts";
import { writeKeyFile } from "../../../lib/agent/config/keys.ts";
import { carryOut, checkWritable, planJoin } from "../../../lib/agent/join/plan.ts";
import { findService } from "../../../lib/agent/join/service.ts";
import { AgentError } from "../../../lib/core/mod.ts";
import { NetworkKey } from "../../../lib/wire/mod.ts";

const KEYS = [1, 2].map((n) => NetworkKey.fromBytes(new Uint8Array(32).fill(n)));
const offer = {
  type: "offer" as const,
  network: "home",
  node: "pi-1",
  keyIds: [KEYS[0]!.id],
  port: 8331,
  streamPort: 8331,
};
const from = { host: "192.0.2.20", port: 8331 };
const lan = [{ name: "eth0", address: "192.0.2.7", cidr: "192.0.2.7/24" }];
const elsewhere = [{ name: "eth0", address: "198.51.100.7", cidr: "198.51.100.7/24" }];

function inFolder(work: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync({ prefix: "agent-join-" });
  try {
    work(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const envOf = (dir: string) => ({
  get: (name: string) => name === "HOME" ? dir : undefined,
});

Deno.test("plan: a fresh computer gets a key and a config that is enough", () => {
  inFolder((dir) => {
    const config = loadConfig({ path: "/dev/null", env: envOf(dir), cwd: dir });
    const wishes = { newConfig: `${dir}/etc/config.toml`, name: "pi-2", force: false };
    const near = planJoin(config, offer, from, wishes, lan);
    strictEqual(near.connect, undefined, "multicast finds it");
    const plan = planJoin(config, { ...offer, port: 9000 }, from, wishes, elsewhere);
    strictEqual(plan.connect, "192.0.2.20:8331");
    checkWritable(plan);
    carryOut(plan, KEYS.slice(0, 1));
    const [file] = plan.keyFiles;
    strictEqual(file, `${dir}/.local/state/agent/home.key`);
    strictEqual(Deno.statSync(file!).mode! & 0o777, 0o600);
    const written = loadConfig({ path: wishes.newConfig, env: envOf(dir), cwd: dir });
    strictEqual(written.agent.name, "pi-2");
    const [network] = written.networks;
    deepStrictEqual(network!.keyFiles, [{ path: file, from: "config" }]);
    deepStrictEqual(network!.connect, [from]);
    strictEqual(network!.port, 9000);
    strictEqual(planJoin(written, offer, from, wishes, lan).already, true);
  });
});

Deno.test("plan: a name that is always the same is worth a connect, also nearby", () => {
  inFolder((dir) => {
    const config = loadConfig({ path: "/dev/null", env: envOf(dir), cwd: dir });
    const wishes = { newConfig: undefined, force: false };
    const plan = (host: string, local = lan) =>
      planJoin(config, offer, { host, port: 8331 }, wishes, local).connect;
    strictEqual(plan("pi-1.local"), "pi-1.local:8331");
    strictEqual(
      plan("127.0.0.1", [{ name: "lo", address: "127.0.0.1", cidr: "127.0.0.1/8" }]),
      "127.0.0.1:8331",
    );
    const six = [{ name: "eth0", address: "fd00::7", cidr: "fd00::7/64" }];
    strictEqual(plan("fd00::20", six), undefined);
    strictEqual(plan("fd00:0:0:1::20", six), "[fd00:0:0:1::20]:8331");
  });
});

Deno.test("plan: an older key of the same network, and another profile, are refused with a line", () => {
  inFolder((dir) => {
    const path = `${dir}/config.toml`;
    Deno.mkdirSync(`${dir}/.local/state/agent`, { recursive: true });
    writeKeyFile(`${dir}/.local/state/agent/home.key`, Uint8Array.fromBase64(KEYS[1]!.toText()));
    Deno.writeTextFileSync(path, "");
    const config = loadConfig({ path, env: envOf(dir), cwd: dir });
    const rotated = { ...offer, keyIds: KEYS.map((key) => key.id) };
    const wishes = { newConfig: undefined, force: true };
    throws(() => planJoin(config, rotated, from, wishes, lan), /older key of this very network/);
    Deno.writeTextFileSync(path, '[[network]]\nname = "home"\nprofile = "hncp"\n');
    const hncp = loadConfig({ path, env: envOf(dir), cwd: dir });
    throws(() => planJoin(hncp, offer, from, wishes, lan), /profile "hncp", which has no key/);
  });
});

Deno.test("plan: what cannot be written is told before anything is taken", () => {
  inFolder((dir) => {
    Deno.writeTextFileSync(`${dir}/file`, "");
    const config = loadConfig({
      path: "/dev/null",
      env: envOf(dir),
      cwd: dir,
      overrides: { stateDir: `${dir}/file/state` },
    });
    const plan = planJoin(config, offer, from, { newConfig: undefined, force: false }, lan);
    throws(() => checkWritable(plan), (error) => {
      ok(error instanceof AgentError);
      match(error.message, /cannot be written .*--state-dir/);
      return true;
    });
  });
});

Deno.test("service: the unit that is installed, and where it takes its keys from", () => {
  inFolder((dir) => {
    const env = { get: (name: string) => name === "HOME" ? "/home/pi" : undefined };
    strictEqual(findService(env, 1000, dir), undefined);
    Deno.mkdirSync(`${dir}/etc/systemd/system`, { recursive: true });
    Deno.writeTextFileSync(
      `${dir}/etc/systemd/system/agent.service`,
      "[Service]\nLoadCredential=home.key:/etc/agent/home.key\nLoadCredential=lab.key:/srv/lab.key\n",
    );
    const system = findService(env, 0, dir);
    strictEqual(system?.user, false);
    strictEqual(system?.stateDir, "/var/lib/agent");
    deepStrictEqual([...system!.credentials], [
      ["home.key", "/etc/agent/home.key"],
      ["lab.key", "/srv/lab.key"],
    ]);
    Deno.mkdirSync(`${dir}/home/pi/.config/systemd/user`, { recursive: true });
    Deno.writeTextFileSync(`${dir}/home/pi/.config/systemd/user/agent.service`, "[Service]\n");
    strictEqual(findService(env, 1000, dir)?.user, true);
    strictEqual(findService(env, 0, dir)?.user, false, "root has the system's");
  });
});
