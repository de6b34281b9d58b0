/** Another user of this computer: which files they could read, and what is told without a key. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { generateKey, writeKeyFile } from "../../lib/agent/config/keys.ts";
import { renderEffective } from "../../lib/agent/config/render.ts";
import { RingLogs } from "../../lib/agent/ring/log.ts";
import { unitText } from "../../lib/agent/service/unit.ts";
import { apiOf } from "../agent/piot/api.ts";
import { Place, until, valuesIn } from "../agent/in_process.ts";

const TOKEN = "correct-horse-battery-staple";

/** All below a folder, with their modes. */
function* files(folder: string): Generator<{ path: string; mode: number }> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    yield { path, mode: Deno.statSync(path).mode! & 0o777 };
    if (isDirectory) yield* files(path);
  }
}

/** An agent that keeps all the secrets that there are. */
async function secretive(place: Place) {
  writeKeyFile(`${place.dir}/piot.key`, generateKey());
  Deno.writeTextFileSync(`${place.dir}/token`, `${TOKEN}\n`, { mode: 0o600 });
  const running = await place.start("a", {
    logLevel: "debug",
    toml: '[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = []\n' +
      '[http]\nlisten = "127.0.0.1:0"\ntoken_file = "token"\n' +
      '[piot]\nkey_file = "piot.key"\nlisten = "127.0.0.1:0"\n',
  });
  const api = apiOf(running);
  const invite = await api.ask<{ code: string }>("POST", "/v1/invites", { addresses: ["h"] });
  const secrets = [
    TOKEN,
    Deno.readTextFileSync(place.keyFile).trim(),
    Deno.readTextFileSync(`${place.dir}/piot.key`).trim(),
    invite.code.split("/").at(-1)!,
  ];
  return { running, api, secrets };
}

Deno.test("files: what an agent writes can be read by its user alone, and its socket by its group", async () => {
  await using place = new Place();
  const { running, api } = await secretive(place);
  using _ = api;
  await api.ask("PUT", "/v1/state/door", "open");
  await api.send({ to: "later", text: "kept" }, "0s");
  const all = [...files(`${place.dir}/a`)];
  ok(all.some(({ path }) => path.endsWith("/agent.db")));
  ok(all.some(({ path }) => path.endsWith("/messages.db")));
  deepStrictEqual(all.filter(({ mode }) => (mode & 0o077) !== 0), []);
  strictEqual(Deno.statSync(`${place.dir}/a`).mode! & 0o777, 0o700);
  strictEqual(Deno.statSync(running.agent.socket!).mode! & 0o777, 0o660);
});

Deno.test("files: what other nodes publish is on no disk but their own", async () => {
  await using place = new Place();
  const a = await place.start("a");
  const b = await place.start("b", { connect: [a.address] });
  using api = apiOf(b);
  await api.ask("PUT", "/v1/state/diary", "dear diary");
  await until("it is told", () => valuesIn(a.network)["b:diary"] === "dear diary");
  await place.stop(a);
  await place.stop(b);
  const holders = (name: string) =>
    [...files(`${place.dir}/${name}`)].filter(({ path }) =>
      new TextDecoder("latin1").decode(Deno.readFileSync(path)).includes("dear diary")
    );
  strictEqual(holders("a").length, 0);
  ok(holders("b").length > 0);
});

Deno.test("files: the folder of the ring's logs is its owner's", async () => {
  await using place = new Place();
  const dir = `${place.dir}/state/agent/ring`;
  const logs = new RingLogs({ dir, limit: 0, wall: () => 0, trouble() {} });
  logs.write("ring", [new TextEncoder().encode("hello\n")]);
  logs.close();
  for (const folder of [dir, `${place.dir}/state/agent`]) {
    strictEqual(Deno.statSync(folder).mode! & 0o777, 0o700, folder);
  }
});

Deno.test("secrets: keys, tokens and codes are told by no route, no log and no config show", async () => {
  await using place = new Place();
  const { running, api, secrets } = await secretive(place);
  using _ = api;
  const told: Record<string, string> = {
    log: running.log.join("\n"),
    told: running.told.join("\n"),
    config: renderEffective(running.config),
    inspected: Deno.inspect([running.network, running.agent], { depth: 12 }),
  };
  const routes = ["status", "nodes", "peers", "state", "invites", "program", "piot/links"];
  for (const route of routes) {
    told[route] = JSON.stringify(await api.ask("GET", `/v1/${route}`));
  }
  const client = Deno.createHttpClient({
    proxy: { transport: "unix", path: running.agent.socket! },
  });
  told.metrics = await (await fetch("http://127.0.0.1/metrics", { client })).text();
  client.close();
  for (const [where, text] of Object.entries(told)) {
    for (const [i, secret] of secrets.entries()) {
      ok(!text.includes(secret), `secret ${i} in ${where}`);
    }
  }
  // So that this test can fail.
  match(told.status!, /keyId/);
  match(told.config!, /token_file/);
});

Deno.test("service: key files stay root's, and its folders are closed to others", async () => {
  const unit = await unitText({
    user: false,
    program: ["/bin/true"],
    config: "/etc/agent/config.toml",
    credentials: [{ name: "home.key", path: "/etc/agent/home.key" }],
    rawFrames: false,
    writable: [],
    denoCache: false,
  });
  for (
    const line of [
      "User=agent",
      "StateDirectoryMode=0700",
      "CacheDirectoryMode=0700",
      "UMask=0077",
      "ProtectProc=invisible",
      "NoNewPrivileges=yes",
      "LimitCORE=0",
    ]
  ) ok(unit.split("\n").includes(line), line);
  match(unit, /^LoadCredential=home\.key:\/etc\/agent\/home\.key$/m);
});
