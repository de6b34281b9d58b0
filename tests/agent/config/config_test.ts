/** What a config says: defaults, values, names, addresses, interface patterns. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ExitCode } from "../../../lib/core/mod.ts";
import { type Config, interfaceMatcher, loadConfig } from "../../../lib/agent/config/config.ts";
import { parseConfig } from "../../../lib/agent/config/parse.ts";
import { formatHostPort, parseHostPort } from "../../../lib/agent/config/types.ts";
import { VERSION } from "../../../lib/agent/version.ts";
import { env, load, refused, ROOT, wrong } from "./loading.ts";

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

Deno.test("names are taken with hyphen and underscore alike, and once", () => {
  const { lsoe } = parseConfig('[lsoe]\nhello_interval = 2\nreport_url = "http://x/"\n', "");
  assert.equal(lsoe["hello-interval"], 2_000);
  assert.equal(lsoe["report-rfc7752-url"], "http://x/");
  wrong("[lsoe]\nhello_interval = 2\nhello-interval = 3\n", "3:1: hello-interval is given twice");
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
