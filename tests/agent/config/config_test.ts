import assert from "node:assert/strict";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { type Config, interfaceMatcher, loadConfig } from "../../../lib/agent/config/config.ts";
import { keyPaths, locate } from "../../../lib/agent/config/locate.ts";
import { didYouMean, editDistance, nearest } from "../../../lib/agent/config/nearest.ts";
import { ConfigMistakes, parseConfig } from "../../../lib/agent/config/parse.ts";
import { socketCandidates } from "../../../lib/agent/config/paths.ts";
import { effective, renderDefaults, renderEffective } from "../../../lib/agent/config/render.ts";
import { networkRows, sections } from "../../../lib/agent/config/schema.ts";
import { formatHostPort, parseHostPort } from "../../../lib/agent/config/types.ts";
import { hncpProfile, nativeProfile } from "../../../lib/dncp/profile.ts";
import { formatDuration } from "../../../lib/core/duration.ts";
import { VERSION } from "../../../lib/agent/version.ts";

const ROOT = new URL("../../../", import.meta.url);

function env(variables: Record<string, string> = {}) {
  return { get: (name: string) => variables[name] };
}

function load(toml: string, variables: Record<string, string> = {}, overrides = {}): Config {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  try {
    Deno.writeTextFileSync(path, toml);
    return loadConfig({
      path,
      env: env({ HOME: "/home/pi", ...variables }),
      overrides,
      hostname: "pi-1",
    });
  } finally {
    Deno.removeSync(path);
  }
}

function refused(call: () => unknown, exitCode: number, message: RegExp | string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof AgentError, `not an AgentError: ${error}`);
    assert.equal(error.exitCode, exitCode, error.message);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"), "one line");
    return true;
  });
}

function wrong(toml: string, message: string): void {
  refused(() => parseConfig(toml, "c.toml"), ExitCode.Config, `c.toml:${message}`);
}

Deno.test("config.toml is the schema, rendered", () => {
  assert.equal(Deno.readTextFileSync(new URL("config.toml", ROOT)), renderDefaults());
});

Deno.test("config.toml as it stands says nothing but the defaults", () => {
  const file = Deno.readTextFileSync(new URL("config.toml", ROOT));
  const { network, ...rest } = parseConfig(file, "config.toml");
  const { network: none, ...defaults } = parseConfig("", "");
  assert.deepEqual(rest, defaults);
  assert.deepEqual(none, []);
  assert.deepEqual(network, parseConfig("[[network]]", "").network);
});

Deno.test("config.toml shows every key of the schema, each with its default", () => {
  const file = Deno.readTextFileSync(new URL("config.toml", ROOT));
  const shown = parse(file.replace(/^#([a-z0-9_-]+ = )/gm, "$1"));
  for (const { name, repeated, rows } of sections) {
    const found = name.split(".").reduce<unknown>(
      (table, part) => (table as Record<string, unknown>)[part],
      shown,
    );
    const table = repeated ? (found as Record<string, unknown>[])[0] : found;
    const inner = sections.map(({ name }) => name.split(".")).filter(([outer, inner]) =>
      outer === name && inner !== undefined
    ).map(([, inner]) => inner);
    assert.deepEqual(
      Object.keys(table as object).sort(),
      [...Object.keys(rows), ...inner].sort(),
      name,
    );
    for (const [key, row] of Object.entries(rows)) {
      const value = (table as Record<string, unknown>)[key];
      row.type.parse(value);
      if (row.fallback !== undefined) assert.deepEqual(value, row.fallback, `${name}.${key}`);
    }
  }
});

Deno.test("config.toml: no line is wider than the rest of the house", () => {
  for (const line of renderDefaults().split("\n")) assert.ok(line.length <= 100, line);
});

Deno.test("the defaults that the schema tells are those of the profiles", () => {
  const timers = (p: typeof nativeProfile) => ({
    trickle_imin: formatDuration(p.trickle.imin),
    trickle_imax: p.trickle.imax % 1000 === 0
      ? formatDuration(p.trickle.imax)
      : `${p.trickle.imax / 1000}s`,
    trickle_k: `${p.trickle.k}`,
    keep_alive: `${p.keepAlive.interval / 1000}s`,
    keep_alive_multiplier: `${p.keepAlive.multiplier}`,
    grace: `${p.grace / 1000}s`,
  });
  const native = timers(nativeProfile);
  const hncp = timers(hncpProfile);
  for (const key of Object.keys(native) as (keyof typeof native)[]) {
    const told = networkRows[key].absent;
    const expected = native[key] === hncp[key]
      ? native[key]
      : `${native[key]} (native), ${hncp[key]} (hncp)`;
    assert.equal(told, expected, key);
  }
});

Deno.test("the version is that of deno.json", () => {
  const { version } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  assert.equal(VERSION, version);
});

Deno.test("without a file the defaults hold", () => {
  const config = loadConfig({ env: env({ HOME: "/nowhere" }), hostname: "pi 1", cwd: "/" });
  assert.equal(config.path, undefined);
  assert.equal(config.agent.name, "pi-1");
  assert.equal(config.agent.stateDir, "/nowhere/.local/state/agent");
  assert.equal(config.agent.logLevel, "info");
  assert.equal(config.networks.length, 1);
  const home = config.networks[0] as Config["networks"][number];
  assert.equal(home.name, "home");
  assert.equal(home.profile, "native");
  assert.deepEqual(home.listen, { host: "::", port: 8331 });
  assert.deepEqual(home.connect, []);
  assert.deepEqual(home.interfaces, ["*"]);
  assert.deepEqual(home.keyFiles, []);
  assert.equal(home.newKeyFile, "/nowhere/.local/state/agent/home.key");
  assert.equal(home.port, 8331);
  assert.equal(home.publishTtl, 60_000);
  assert.equal(config.http.listen, undefined);
  assert.equal(config.nearby.enabled, true);
  assert.equal(config.lsoe["hello-interval"], 60_000);
});

Deno.test("values are resolved: durations, addresses, paths against the file", () => {
  const config = load(`
    [agent]
    name = "pi-kitchen"
    state_dir = "state"
    socket = "~/agent.sock"
    [[network]]
    name = "lab"
    key_file = "./lab.key"
    connect = ["pi-2", "pi-3:9000", "[fe80::1%eth0]:9001", "fd00::1"]
    publish_ttl = 90
    keep_alive = "500ms"
    [[network]]
    name = "old"
    profile = "hncp"
    [http]
    listen = "127.0.0.1:8380"
  `);
  const folder = (config.path as string).replace(/\/[^/]*$/, "");
  assert.equal(config.agent.stateDir, `${folder}/state`);
  assert.deepEqual(config.agent.sockets, ["/home/pi/agent.sock"]);
  const [lab, old] = config.networks as [Config["networks"][number], Config["networks"][number]];
  assert.deepEqual(lab.keyFiles, [{ path: `${folder}/lab.key`, from: "config" }]);
  assert.deepEqual(lab.connect, [
    { host: "pi-2", port: 8331 },
    { host: "pi-3", port: 9000 },
    { host: "fe80::1%eth0", port: 9001 },
    { host: "fd00::1", port: 8331 },
  ]);
  assert.equal(lab.publishTtl, 90_000);
  assert.equal(lab.timers.keepAlive, 500);
  assert.equal(old.listen, undefined);
  assert.equal(old.port, 8231);
  assert.deepEqual(config.http.listen, { host: "127.0.0.1", port: 8380 });
});

Deno.test("an unknown key: place, and the nearest known one", () => {
  wrong(
    '[agent]\nname = "a"\n\n[[network]]\n  intrfaces = ["eth0"]\n',
    '5:3: unknown key "intrfaces" in [[network]]; did you mean "interfaces"?',
  );
  wrong('[agent]\nzzzzzz = "a"\n', '2:1: unknown key "zzzzzz" in [agent]');
  wrong("[nearbye]\n", '1:1: unknown table [nearbye]; did you mean "nearby"?');
  wrong('name = "x"\n', '1:1: the key "name" stands outside every table; put it below [agent]');
  wrong(
    "[network]\nport = 1\n",
    "1:1: network is a table; write it as [[network]] on a line of its own",
  );
  wrong("[[agent]]\n", "1:1: agent is a table; write it as [agent] on a line of its own");
});

Deno.test("a wrong type or value: place, what is wanted, what was found", () => {
  wrong(
    '[[network]]\n[[network]]\nname = "b"\nport = "x"\n',
    '4:1: port must be a whole number from 1 to 65535, not the text "x"',
  );
  wrong("[lsoe]\nenabled = 1\n", "2:1: enabled must be true or false, not the number 1");
  wrong(
    '[[network]]\ninterfaces = [\n  "eth0",\n  7,\n]\n',
    '4:3: interfaces[1] must be an interface name, perhaps with * or ?, such as "eth*", not the number 7',
  );
  wrong(
    '[ring]\nmembers = [{name = "a", host = "h", port = 0}]\n',
    "2:37: members[0].port must be a whole number from 1 to 65535, not the number 0",
  );
  wrong(
    '[agent]\nlog_level = "loud"\n',
    '2:1: log_level must be "debug" or "info" or "notice" or "warning" or "error", not the text "loud"',
  );
  wrong(
    '[[network]]\npublish_ttl = "soon"\n',
    '2:1: publish_ttl must be a duration such as "250ms", "5s", "10m" or bare seconds, not the text "soon"',
  );
  wrong(
    "[agent]\nname = 2026-11-21\n",
    "2:1: name must be a name of 1 to 63 characters without space, colon or slash, not a date",
  );
  wrong(
    '[agent]\nname = "a:b"\n',
    '2:1: name must be a name of 1 to 63 characters without space, colon or slash, not the text "a:b"',
  );
});

Deno.test("broken TOML: line and column of the parser, in one line", () => {
  refused(
    () => parseConfig("[agent]\nname = \n", "c.toml"),
    ExitCode.Config,
    /^c\.toml:2:8: not TOML: /,
  );
  refused(() => parseConfig("[agent", "c.toml"), ExitCode.Config, /^c\.toml:1:\d+: not TOML: /);
  refused(
    () => parseConfig(`[a]\nx = ${"[".repeat(5000)}`, "c"),
    ExitCode.Config,
    /^c:2:\d+: not TOML/,
  );
});

Deno.test("what no single key can be blamed for", () => {
  wrong(
    '[[network]]\nname = "a"\n[[network]]\nlisten = "none"\nname = "a"\n',
    '5:1: two networks are called "a"; give each its own name',
  );
  wrong(
    '[[network]]\nkeys = ["a"]\nkey_file = "b"\n',
    "2:1: give either key_file or keys, not both",
  );
  wrong(
    '[[network]]\ntrickle_imin = "2s"\ntrickle_imax = "1s"\n',
    "2:1: trickle_imin is above trickle_imax",
  );
  wrong(
    '[[network]]\n[[network]]\nname = "b"\n',
    '2:1: two networks listen on [::]:8331; give one of them another listen, or "none"',
  );
  parseConfig('[[network]]\nlisten = ":0"\n[[network]]\nname = "b"\nlisten = ":0"\n', "");
  wrong("[ring]\nindex = 0\n", "2:1: index 0 is none of the 0 members; they count from 0");
});

Deno.test("all mistakes of a file are known, in its order; as one error it is the first", () => {
  const toml = `
[agent]
nmae = "a"
log_level = 7
key_file = "k"
[[network]]
name = "a"
interfaces = [1, "eth0", "a b"]
[[network]]
name = "a"
[htpt]
[lsoe]
mpls-labels = [{ prefix = "192.0.2.1/24", labels = [-1, 5, "x"] }, {}]
[ring]
index = 3
`;
  assert.throws(() => parseConfig(toml, "c"), (error) => {
    assert.ok(error instanceof ConfigMistakes);
    assert.equal(error.exitCode, ExitCode.Config);
    assert.deepEqual(error.mistakes.map(({ message }) => message.replace(/, not .*/, "")), [
      'c:3:1: unknown key "nmae" in [agent]; did you mean "name"?',
      'c:4:1: log_level must be "debug" or "info" or "notice" or "warning" or "error"',
      'c:5:1: unknown key "key_file" in [agent]; it belongs below [[network]] or [piot]',
      'c:8:15: interfaces[0] must be an interface name, perhaps with * or ?, such as "eth*"',
      'c:8:26: interfaces[2] must be an interface name, perhaps with * or ?, such as "eth*"',
      // That two networks have one name is said once the tables themselves are right.
      'c:11:1: unknown table [htpt]; did you mean "http"?',
      "c:13:53: mpls-labels[0].labels[0] must be a whole number from 0 to 1048575",
      "c:13:60: mpls-labels[0].labels[2] must be a whole number from 0 to 1048575",
      "c:13:68: mpls-labels[1] lacks prefix; it is a table {prefix, labels}",
      "c:15:1: index 3 is none of the 0 members; they count from 0",
    ]);
    assert.equal(
      error.message,
      'c:3:1: unknown key "nmae" in [agent]; did you mean "name"? (and 9 more: agent config check)',
    );
    return true;
  });
});

Deno.test("names are taken with hyphen and underscore alike, and once", () => {
  const { lsoe } = parseConfig('[lsoe]\nhello_interval = 2\nreport_url = "http://x/"\n', "");
  assert.equal(lsoe["hello-interval"], 2_000);
  assert.equal(lsoe["report-rfc7752-url"], "http://x/");
  wrong("[lsoe]\nhello_interval = 2\nhello-interval = 3\n", "3:1: hello-interval is given twice");
});

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

Deno.test("a name that others would not show is refused, with the reason; a host name is mended", () => {
  const why = "so others would show this node by its id; choose another name";
  for (
    const [name, problem] of [
      ["pi~1", 'contains "~", which has a meaning in NODE:KEY'],
      ["pi*", 'contains "*", which has a meaning in NODE:KEY'],
      ["deadbeef", "looks like a node id"],
      ["00112233445566FF", "looks like a node id"],
      ["\u00e4".repeat(40), "is longer than 64 bytes"],
    ] as const
  ) {
    wrong(`[agent]\nname = "${name}"`, `2:1: name "${name}" ${problem}, ${why}`);
    refused(() => load("", {}, { name }), ExitCode.Usage, `--name "${name}" ${problem}, ${why}`);
  }
  // A node that is meant, not named, may be written as it is shown.
  parseConfig('[[piot.route]]\nforward = "pi~ab12"\n[ring]\nmembers = ["pi~ab12"]\n', "");
  const named = (hostname: string) => loadConfig({ env: env(), hostname, cwd: "/" }).agent.name;
  assert.equal(named("pi 1~a*"), "pi-1-a-");
  assert.equal(named("deadbeef"), "agent-deadbeef");
  assert.equal(named("\u00e4".repeat(40)), "agent");
  assert.equal(named(""), "agent");
});

Deno.test("HOST:PORT, and back", () => {
  const cases: [string, ReturnType<typeof parseHostPort>][] = [
    ["pi-kitchen.local", { host: "pi-kitchen.local" }],
    ["pi-kitchen.local:8331", { host: "pi-kitchen.local", port: 8331 }],
    ["192.0.2.1:1", { host: "192.0.2.1", port: 1 }],
    ["[::1]:8331", { host: "::1", port: 8331 }],
    ["[::1]", { host: "::1" }],
    ["::1", { host: "::1" }],
    ["fe80::1%eth0", { host: "fe80::1%eth0" }],
    [":80", { host: "", port: 80 }],
    ["a:65536", undefined],
    ["a:b", undefined],
    ["a b", undefined],
    ["http://a", undefined],
    ["[a]:1", undefined],
  ];
  for (const [text, parsed] of cases) assert.deepEqual(parseHostPort(text), parsed, text);
  assert.equal(formatHostPort({ host: "::1", port: 1 }), "[::1]:1");
  fc.assert(fc.property(
    fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
    (host, port) => {
      const value = port === undefined ? { host } : { host, port };
      assert.deepEqual(parseHostPort(formatHostPort(value)), value);
    },
  ));
});

Deno.test("interface patterns: * leaves out loopback and container bridges, names do not", () => {
  const matches = (globs: string[], name: string) => interfaceMatcher(globs)(name);
  for (const name of ["eth0", "wlan0", "enp3s0", "br0", "br-lan", "usb0"]) {
    assert.equal(matches(["*"], name), true, name);
  }
  for (const name of ["lo", "docker0", "br-0123456789ab", "veth1a2b", "virbr0", "lxcbr0"]) {
    assert.equal(matches(["*"], name), false, name);
    assert.equal(matches([name], name), true, name);
  }
  assert.equal(matches(["eth*", "wlan?"], "eth10"), true);
  assert.equal(matches(["eth*", "wlan?"], "wlan10"), false);
  assert.equal(matches(["veth*"], "veth0"), true);
  assert.equal(matches(["e.h0"], "eth0"), false);
  assert.equal(matches([], "eth0"), false);
});

Deno.test("nearest words", () => {
  assert.equal(editDistance("listen", "listne"), 1);
  assert.equal(editDistance("key_file", "key-file"), 0);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(nearest("statsu", ["state", "status"]), "status");
  assert.equal(nearest("inter", ["interfaces", "listen"]), "interfaces");
  assert.equal(nearest("x", ["status"]), undefined);
  assert.equal(didYouMean("qqqqqq", ["status"]), "");
});

Deno.test("the place of a key, also in quoted, dotted and inline forms", () => {
  const toml = [
    "# a comment with x = 1",
    'title = """',
    "[not.a.table]",
    '"""',
    "[a.'b c'] # comment",
    '"d\\u0065" = { x = 1, y.z = [1, [2, { w = 3 }]] }',
    "lit = 'it''' # odd",
    "[[list]]",
    "k = 1979-05-27 07:32:00",
    "[[list]]",
    "[list.sub]",
    "v = [ # c, ]",
    '  "a,]", 2 ]',
  ].join("\n").replace("'it'''", "'it'");
  const at = (...path: (string | number)[]) => {
    const { line, column } = locate(toml, path);
    return `${line}:${column}`;
  };
  assert.equal(at("title"), "2:1");
  assert.equal(at("a", "b c"), "5:1");
  assert.equal(at("a", "b c", "de"), "6:1");
  assert.equal(at("a", "b c", "de", "y", "z"), "6:22");
  assert.equal(at("a", "b c", "de", "y", "z", 1, 1, "w"), "6:38");
  assert.equal(at("list", 0, "k"), "9:1");
  assert.equal(at("list", 1), "10:1");
  assert.equal(at("list", 1, "sub", "v", 1), "13:10");
  assert.equal(at("list", 1, "sub", "missing"), "11:1");
  assert.equal(at("nowhere"), "1:1");
});

/** Every key path of a parsed document. */
function pathsOf(value: unknown, path: (string | number)[] = []): string[] {
  const own = path.length === 0 ? [] : [JSON.stringify(path)];
  if (value instanceof Date || typeof value !== "object" || value === null) return own;
  const children = Array.isArray(value)
    ? value.flatMap((element, i) => pathsOf(element, [...path, i]))
    : Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
  return [...own, ...children];
}

Deno.test("property: every key that the TOML parser sees has a place", () => {
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: "grapheme" }),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie("value"), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), value, { maxKeys: 4, noNullPrototype: true }),
      (document) => {
        const toml = stringify(document);
        const seen = new Set(keyPaths(toml).map((path) => JSON.stringify(path)));
        for (const path of pathsOf(parse(toml))) assert.ok(seen.has(path), `${path} in\n${toml}`);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("property: a mutated config is a config or one AgentError, never another exception", () => {
  const whole = renderDefaults().replace(/^#([a-z0-9_-]+ = )/gm, "$1").replace(/^#.*\n/gm, "")
    .replace(/^(?:key_file|index|forward|publish) = .*\n/gm, "");
  parseConfig(whole, "");
  const noise = [
    ..."[]{}=.,\"'#\\\n\r\t \0-_:0aZé\u{1f600}",
    "[[",
    "]]",
    '"""',
    "'''",
    "__proto__",
    "\ufeff",
    "\ud800",
  ];
  const edit = fc.record({
    at: fc.nat(whole.length),
    cut: fc.nat(12),
    put: fc.array(fc.constantFrom(...noise), { maxLength: 4 }).map((parts) => parts.join("")),
  });
  let good = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let toml = whole;
      for (const { at, cut, put } of edits) toml = toml.slice(0, at) + put + toml.slice(at + cut);
      try {
        parseConfig(toml, "c.toml");
        good++;
      } catch (error) {
        assert.ok(error instanceof AgentError, `${error}`);
        assert.equal(error.exitCode, ExitCode.Config);
        assert.match(error.message, /^c\.toml:\d+:\d+: [^\n]+$/);
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(good > 0, "no mutation left it whole: the test proves nothing");
});

Deno.test("property: values of any type under any key", () => {
  const names = sections.flatMap(({ name, rows }) =>
    Object.keys(rows).map((key) => [name, key] as const)
  );
  const value: fc.Arbitrary<unknown> = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant({})), { maxLength: 3 }),
    fc.dictionary(fc.string(), fc.integer(), { maxKeys: 2, noNullPrototype: true }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...names), value, ([table, key], value) => {
      const repeated = sections.some(({ name, repeated }) => name === table && repeated);
      const inside = { [key]: value };
      const toml = stringify({ [table]: repeated ? [inside] : inside });
      try {
        parseConfig(toml, "c.toml");
      } catch (error) {
        assert.ok(error instanceof AgentError, `${error}\n${toml}`);
        assert.match(error.message, /^c\.toml:\d+:\d+: [^\n]+$/);
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("config show says what holds, as a file that would say the same", () => {
  const toml =
    '[agent]\nname = "a"\nsocket = "/s"\nstate_dir = "/d"\n[[network]]\nconnect = ["x"]\n' +
    'keys = ["/k1", "/k2"]\nlisten = "none"\nkeep_alive = "3s"\n[lsoe]\nhello-interval = 0.5\n' +
    '[http]\nlisten = "127.0.0.1"\n[ring]\nmembers = [{ name = "a", host = "h", port = 1 }]\n';
  const config = load(toml);
  const again = load(renderEffective(config));
  assert.deepEqual({ ...again, path: "" }, { ...config, path: "" });
  const shown = effective(config);
  assert.equal(shown.network[0]?.["keep_alive"], "3s");
  assert.equal(shown.lsoe["hello-interval"], "500ms");
  assert.equal(shown.http["listen"], "127.0.0.1:8380");
});
