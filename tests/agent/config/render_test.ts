/** The config as text: `config.toml`, the defaults it tells, and `agent config show`. */
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { parseConfig } from "../../../lib/agent/config/parse.ts";
import { effective, renderDefaults, renderEffective } from "../../../lib/agent/config/render.ts";
import { networkRows, sections } from "../../../lib/agent/config/schema.ts";
import { hncpProfile, nativeProfile } from "../../../lib/dncp/profile.ts";
import { formatDuration } from "../../../lib/core/duration.ts";
import { load, ROOT } from "./loading.ts";

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
