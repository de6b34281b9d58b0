/** Where the config and what it names are looked for: flags, environment, the usual places. */
import assert from "node:assert/strict";
import { ExitCode } from "../../../lib/core/mod.ts";
import { loadConfig } from "../../../lib/agent/config/config.ts";
import { socketCandidates } from "../../../lib/agent/config/paths.ts";
import { env, load, refused } from "./loading.ts";

Deno.test("search order: --config, $AGENT_CONFIG, $XDG_CONFIG_HOME, ~/.config", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const write = (path: string, name: string) => {
      Deno.mkdirSync(`${dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${dir}/${path}`, `[agent]\nname = "${name}"\n`);
    };
    write("a.toml", "flag");
    write("b.toml", "variable");
    write("xdg/agent/config.toml", "xdg");
    write("home/.config/agent/config.toml", "home");
    const variables: Record<string, string> = {
      AGENT_CONFIG: `${dir}/b.toml`,
      XDG_CONFIG_HOME: `${dir}/xdg`,
      HOME: `${dir}/home`,
    };
    const name = (path?: string) => loadConfig({ path, env: env(variables) }).agent.name;
    assert.equal(name(`${dir}/a.toml`), "flag");
    assert.equal(name(), "variable");
    delete variables["AGENT_CONFIG"];
    assert.equal(name(), "xdg");
    delete variables["XDG_CONFIG_HOME"];
    assert.equal(name(), "home");
    variables["AGENT_CONFIG"] = `${dir}/missing.toml`;
    refused(() => name(), ExitCode.Config, `${dir}/missing.toml: there is no such config file`);
    refused(() => name(dir), ExitCode.Config, `${dir} is not a file`);
    Deno.writeFileSync(`${dir}/latin.toml`, new Uint8Array([0x23, 0xe9, 0x0a]));
    refused(
      () => name(`${dir}/latin.toml`),
      ExitCode.Config,
      `${dir}/latin.toml: is not UTF-8 text`,
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("state folder: flag, file, $STATE_DIRECTORY, $XDG_STATE_HOME, home, /var/lib", () => {
  const dir = (variables: Record<string, string>, toml = "", overrides = {}) =>
    load(toml, variables, overrides).agent.stateDir;
  const all = { STATE_DIRECTORY: "/s/agent:/s/more", XDG_STATE_HOME: "/x" };
  assert.equal(dir(all, '[agent]\nstate_dir = "/f"', { stateDir: "/o" }), "/o");
  assert.equal(dir(all, '[agent]\nstate_dir = "/f"'), "/f");
  assert.equal(dir(all), "/s/agent");
  assert.equal(dir({ XDG_STATE_HOME: "/x" }), "/x/agent");
  assert.equal(dir({}), "/home/pi/.local/state/agent");
  assert.equal(dir({ HOME: "" }), "/var/lib/agent");
});

Deno.test("socket: flag, $AGENT_SOCKET, file; else the usual places in order", () => {
  const named = { flag: "/flag", config: "/file" };
  const all = { AGENT_SOCKET: "/env", XDG_RUNTIME_DIR: "/run/user/1" };
  assert.deepEqual(socketCandidates(env(all), named, "/s"), ["/flag"]);
  assert.deepEqual(socketCandidates(env(all), { config: "/file" }, "/s"), ["/env"]);
  assert.deepEqual(socketCandidates(env(), { config: "/file" }, "/s"), ["/file"]);
  assert.deepEqual(socketCandidates(env({ XDG_RUNTIME_DIR: "/run/user/1" }), {}, "/s"), [
    "/run/user/1/agent.sock",
    "/run/agent/agent.sock",
    "/s/agent.sock",
  ]);
  assert.deepEqual(socketCandidates(env({ RUNTIME_DIRECTORY: "/run/agent" }), {}, "/s"), [
    "/run/agent/agent.sock",
    "/s/agent.sock",
  ]);
});

Deno.test("key files: flag, file, credentials of systemd, the agent's own", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const files = (toml: string, variables = {}, overrides = {}) =>
      load(toml, variables, { stateDir: dir, ...overrides }).networks[0]?.keyFiles;
    assert.deepEqual(files(""), []);
    Deno.writeTextFileSync(`${dir}/home.key`, "");
    assert.deepEqual(files(""), [{ path: `${dir}/home.key`, from: "state" }]);
    const credentials = `${dir}/credentials`;
    Deno.mkdirSync(credentials);
    const systemd = { CREDENTIALS_DIRECTORY: credentials };
    assert.deepEqual(files("", systemd), [{ path: `${dir}/home.key`, from: "state" }]);
    Deno.writeTextFileSync(`${credentials}/network.key`, "");
    assert.deepEqual(files("", systemd), [{
      path: `${credentials}/network.key`,
      from: "credentials",
    }]);
    Deno.writeTextFileSync(`${credentials}/home.key`, "");
    assert.deepEqual(files("", systemd), [{
      path: `${credentials}/home.key`,
      from: "credentials",
    }]);
    assert.deepEqual(files(`[[network]]\nkey_file = "${credentials}/x"`, systemd), [
      { path: `${credentials}/x`, from: "credentials" },
    ]);
    assert.deepEqual(files('[[network]]\nkeys = ["/a", "/b"]', systemd), [
      { path: "/a", from: "config" },
      { path: "/b", from: "config" },
    ]);
    assert.deepEqual(files('[[network]]\nkey_file = "/a"', systemd, { keyFile: "/f" }), [
      { path: "/f", from: "flag" },
    ]);
    assert.deepEqual(files('[[network]]\nprofile = "hncp"', systemd), []);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("flags replace the file, in the network that --network names", () => {
  const toml = '[[network]]\nname = "a"\n[[network]]\nname = "b"\nlisten = "none"\n';
  const config = load(toml, {}, {
    name: "n",
    network: "b",
    listen: "127.0.0.1:0",
    connect: ["x", "y:1"],
    interfaces: "eth*, wlan0",
  });
  assert.equal(config.agent.name, "n");
  const [a, b] = config.networks;
  assert.deepEqual(a?.listen, { host: "::", port: 8331 });
  assert.deepEqual(b?.listen, { host: "127.0.0.1", port: 0 });
  assert.deepEqual(b?.connect, [{ host: "x", port: 8331 }, { host: "y", port: 1 }]);
  assert.deepEqual(b?.interfaces, ["eth*", "wlan0"]);
  assert.deepEqual(load("", {}, { interfaces: "" }).networks[0]?.interfaces, []);
  assert.equal(load("", {}, { listen: "none" }).networks[0]?.listen, undefined);
  assert.equal(load("", {}, { network: "lab" }).networks[0]?.name, "lab");
  refused(
    () => load('[[network]]\nname = "kitchen"', {}, { network: "kichen" }),
    ExitCode.Usage,
    'the config has no network "kichen"; did you mean "kitchen"?',
  );
  refused(
    () => load("", {}, { listen: "a b" }),
    ExitCode.Usage,
    '--listen must be "HOST:PORT", or "none", not the text "a b"',
  );
  refused(() => load("", {}, { name: "a b" }), ExitCode.Usage, /^--name must be a name/);
  refused(() => load("", {}, { connect: ["a:0"] }), ExitCode.Usage, /^--connect must be "HOST"/);
});
