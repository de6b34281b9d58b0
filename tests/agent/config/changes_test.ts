/** Each key of the schema: a reload takes it over, or says that it does not. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { needsRestart, restartLine } from "../../../lib/agent/config/changes.ts";
import { type Config, loadConfig } from "../../../lib/agent/config/config.ts";
import { effective, toml } from "../../../lib/agent/config/render.ts";
import type { Row } from "../../../lib/agent/config/row.ts";
import { sections } from "../../../lib/agent/config/schema.ts";
import type { Written } from "../../../lib/agent/config/types.ts";
import { machineConfig, whatNeedsRestart } from "../../../lib/agent/piot/piot_config.ts";

function load(text: string): Config {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  try {
    Deno.writeTextFileSync(path, text);
    const env = { get: (name: string) => ({ HOME: "/nowhere" })[name] };
    return { ...loadConfig({ path, env, hostname: "pi" }), path: undefined };
  } finally {
    Deno.removeSync(path);
  }
}

/** Values of all kinds; at least one of them is right for each key and not its default. */
const POOL: readonly Written[] = [
  ...[true, false, 1, 2, 3, 77, 5_000, "7s", "77s", "2h", "0s", "x", "/x", "none", "h:1"],
  ...["127.0.0.1:1", "debug", "closed", "reject", "all", "lsoed", "hncp", "http://x/"],
  ...["01-80-C2-00-00-03", "00:01", [], ["x"], ["h:1"], ["192.0.2.1"], [1]],
  [{ prefix: "192.0.2.1/24", labels: [16] }],
];

function changes(section: string, repeated: boolean, key: string, row: Row<unknown>) {
  // What a table must have besides.
  const companions: Record<string, string> = {
    "piot.action": key === "name" ? 'run = ["x"]\n' : key === "run" ? 'name = "n"\n' : "",
  };
  const base = {
    "piot.action": 'name = "a"\nrun = ["a"]\n',
    "piot.route": 'run = ["a"]\n',
    "ring": 'members = ["pi", "other"]\n',
  }[section] ?? "";
  const title = repeated ? `[[${section}]]` : `[${section}]`;
  const own = new RegExp(`^${key} = .*\\n`, "m");
  const before = load(`${title}\n${base}`);
  for (const value of [...(row.example === undefined ? [] : [row.example]), ...POOL]) {
    const others = companions[section] || base.replace(own, "");
    const exclusive = section === "piot.route" && ["forward", "publish"].includes(key)
      ? ""
      : others;
    let after: Config;
    try {
      after = load(`${title}\n${exclusive}${key} = ${toml(value)}\n`);
    } catch {
      continue;
    }
    const differs = JSON.stringify(effective(before)) !== JSON.stringify(effective(after));
    if (differs) return { before, after };
  }
  throw new Error(`no other value found for ${key} in ${title}; add one to POOL`);
}

/** Keys of `[[network]]` that `Network.reload` and the gateway take over, with a test for each. */
const LIVE_IN_NETWORKS = ["key_file", "keys", "interfaces", "connect", "share", "publish_ttl"];

Deno.test("reload: each key of the schema is taken over, or named", () => {
  const live: string[] = [];
  for (const { name: section, repeated, rows } of sections) {
    for (const [key, row] of Object.entries(rows)) {
      const { before, after } = changes(section, repeated, key, row);
      const named = needsRestart(before, after);
      const where = section === "network" ? 'network "home"' : `[${section}]`;
      if (section === "network" && key === "name") {
        const fresh = after.networks[0]!.name;
        deepStrictEqual(named, ['network "home" (gone)', `network "${fresh}" (new)`]);
      } else if (row.atStart === true) {
        ok(named.includes(`${key} in ${where}`), `${section} ${key}`);
      } else {
        deepStrictEqual(named, [], `${section} ${key}`);
        live.push(`${section} ${key}`);
      }
      if (section === "piot") {
        const taken = (config: Config) => JSON.stringify(machineConfig(config.piot, {}));
        ok(whatNeedsRestart(before, after) || taken(before) !== taken(after), key);
      }
    }
  }
  // The tables of the protocols are compared and taken over as a whole.
  const others = live.filter((one) => /^(?:agent|network|http) /.test(one));
  deepStrictEqual(others, ["agent log_level", ...LIVE_IN_NETWORKS.map((key) => `network ${key}`)]);
});

Deno.test("reload: in an hncp network the key is named, too", () => {
  const hncp = (more: string) => load(`[[network]]\nprofile = "hncp"\n${more}`);
  deepStrictEqual(needsRestart(hncp(""), hncp('key_file = "/k"\n')), [
    'key_file in network "home"',
  ]);
  deepStrictEqual(needsRestart(load(""), load('[[network]]\nkey_file = "/k"\n')), []);
});

Deno.test("reload: one line names all of it", () => {
  strictEqual(restartLine([]), undefined);
  strictEqual(
    restartLine(['listen in network "home"']),
    'listen in network "home" changed: restart the agent to use it',
  );
  match(restartLine(["a", "b", "c"]) ?? "", /^a, b and c changed: restart the agent to use them$/);
});
