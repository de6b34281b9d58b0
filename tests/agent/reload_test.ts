/** A reload on running agents: what it takes over, and the one line about what it cannot. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { loopback, Place, TestInterfaces, until, valuesIn } from "./in_process.ts";
import { monotonicClock } from "../../lib/core/mod.ts";

const network = (name: string, more: string) =>
  `[[network]]\nname = "${name}"\nlisten = "127.0.0.1:0"\ninterfaces = []\n` +
  `key_file = "home.key"\n${more}\n`;

Deno.test("reload: what it cannot take over is one line, each time, and in status as long as it lasts", async () => {
  await using place = new Place();
  const a = await place.start("a", { toml: network("home", "") });
  const { agent, log } = a;
  const reload = (toml: string) => {
    log.length = 0;
    return agent.reload(place.config("a", { toml }));
  };
  const changed = network("home", 'keep_alive = "3s"\npublish_ttl = "5s"') + network("lab", "") +
    '[agent]\nlog_level = "notice"\n[http]\nlisten = "127.0.0.1:1"\n';
  const line = 'keep_alive in network "home", network "lab" (new) and listen in [http] changed: ' +
    "restart the agent to use them";
  for (let time = 1; time <= 2; time++) {
    strictEqual(reload(changed), line);
    deepStrictEqual(log.slice(-2), ["notice: the config was read again", `warning: ${line}`]);
    deepStrictEqual(agent.problems.current(), [line]);
  }
  strictEqual(a.network.publishTtl, 5_000, "the rest is taken over");
  strictEqual(reload(network("home", "")), undefined);
  deepStrictEqual(agent.problems.current(), []);
  strictEqual(log.at(-1), "notice: the config was read again");
  // Another profile has other keys, so nothing of it may reach what runs.
  match(
    reload('[[network]]\nprofile = "hncp"\ninterfaces = []\n')!,
    /^profile in network "home", listen in network "home" and /,
  );
  strictEqual(a.network.keys.length, 1);
});

Deno.test("reload: keys and tokens are read first; where one is missing, nothing changes", async () => {
  await using place = new Place();
  const token = `${place.dir}/token`;
  Deno.writeTextFileSync(token, "0123456789abcdef\n", { mode: 0o600 });
  const toml = (more: string) => network("home", more) + '[http]\ntoken_file = "token"\n';
  const a = await place.start("a", { toml: toml("") });
  throws(
    () => a.agent.reload(place.config("a", { toml: toml('share = ["x"]').replace("home.k", "k") })),
    /k?ey.* is not there/,
  );
  deepStrictEqual(a.network.share, []);
  throws(
    () =>
      a.agent.reload(place.config("a", { toml: toml("").replace('key_file = "home.key"', "") })),
    /^AgentError: network "home": its key \S+a\/home\.key is gone; put it back$/,
    "no new network begins by a reload",
  );
  Deno.writeTextFileSync(token, "fedcba9876543210\n");
  match(
    a.agent.reload(place.config("a", { toml: toml("") }))!,
    /^token_file in \[http\] changed: /,
  );
});

Deno.test("reload: in an hncp network, another key of the same file is named", async () => {
  await using place = new Place();
  const key = `${place.dir}/shsp`;
  Deno.writeTextFileSync(key, "foo", { mode: 0o600 });
  const toml = `[[network]]\nprofile = "hncp"\ninterfaces = []\nport = 18231\nkey_file = "shsp"\n`;
  const a = await place.start("a", { toml });
  strictEqual(a.agent.reload(a.config), undefined);
  Deno.writeTextFileSync(key, "bar");
  strictEqual(
    a.agent.reload(a.config),
    'key_file in network "home" changed: restart the agent to use it',
  );
});

Deno.test("reload: interfaces and share are taken over", async () => {
  await using place = new Place();
  const interfaceSource = new TestInterfaces(loopback());
  const toml = (interfaces: string, share: string) =>
    network("home", `share = ${share}`).replace("interfaces = []", `interfaces = ${interfaces}`) +
    network("lab", "");
  const a = await place.start("a", { toml: toml("[]", "[]"), interfaceSource });
  const b = await place.start("b", { connect: [a.address] });
  b.network.own.set(monotonicClock.now(), monotonicClock.wall(), [["door", 1]]);
  await until("they have met", () => valuesIn(a.network)["b:door"] === 1);
  deepStrictEqual(a.network.interfaces, []);
  strictEqual(a.agent.reload(place.config("a", { toml: toml('["lo"]', '["door"]') })), undefined);
  deepStrictEqual(a.network.interfaces, ["lo"]);
  const lab = a.agent.networks[1]!;
  await until("it crosses", () => valuesIn(lab)["a:b/door"] === 1);
  strictEqual(a.agent.reload(place.config("a", { toml: toml("[]", "[]") })), undefined);
  await until("it goes", () => !("a:b/door" in valuesIn(lab)));
  ok(a.network.interfaces.length === 0);
});
