/** One line joins the next computer: `agent invite`, `agent join`. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Invitation, InviteRow } from "../../lib/http/api.ts";
import { InviteKey } from "../../lib/wire/invite.ts";
import { type AgentProcess, type Child, Place, until } from "./harness.ts";

async function invite(agent: AgentProcess, ...args: string[]): Promise<Invitation> {
  const { code, stdout, stderr } = await agent.cli("invite", "--json", ...args);
  strictEqual(code, 0, stderr);
  return JSON.parse(stdout) as Invitation;
}

/** A join in a home of its own, that does not run. */
function join(place: Place, name: string, code: string, ...args: string[]): Child {
  const home = `${place.dir}/${name}-home`;
  Deno.mkdirSync(home, { recursive: true });
  return place.start(["join", code, "--no-run", "--name", name, ...args], {
    env: { HOME: home, AGENT_CONFIG: `${home}/agent.toml`, AGENT_SOCKET: `${home}/agent.sock` },
    label: `join ${name}`,
  });
}

const keyOf = (place: Place, name: string) =>
  Deno.readTextFileSync(`${place.dir}/${name}-home/.local/state/agent/home.key`).trim();

Deno.test("join: one line, and the next computer is a node of the network", async () => {
  await using place = new Place();
  const a = await place.agent("pi-1");
  const { stdout, stderr } = await a.cli("invite", "--for", "1m");
  match(stdout, /^agent join 127\.0\.0\.1:\d+\/(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}\n$/);
  match(stderr, /^good for one computer, until \d\d:\d\d; /);
  const code = stdout.trim().split(" ").at(-1)!;

  const home = `${place.dir}/home`;
  const socket = `${place.dir}/b.sock`;
  const env = { AGENT_CONFIG: `${home}/agent.toml` };
  const b = place.start(
    [
      "--socket",
      socket,
      "join",
      code,
      "--name",
      "pi-2",
      "--interfaces",
      "",
      "--listen",
      "127.0.0.1:0",
    ],
    { env, label: "pi-2" },
  );
  await until("pi-2 runs", () => /"pi-2" runs/.test(b.stderr), () => b.stderr + b.stdout);
  match(b.stdout, /^joined network "home" of pi-1 \(key [0-9a-f]{8} in \S+\/home\.key\)\nwrote /);
  await until("they see each other", async () => (await a.nodes()).length === 2, () => b.stderr);
  match(
    a.logged(/joined/).join(),
    /pi-2 at 127\.0\.0\.1 joined network "home" with the invitation of \d\d:\d\d/,
  );

  const keyFile = `${home}/.local/state/agent/home.key`;
  strictEqual(Deno.readTextFileSync(keyFile).trim(), place.key.toText());
  strictEqual(Deno.statSync(keyFile).mode! & 0o777, 0o600);
  match(Deno.readTextFileSync(env.AGENT_CONFIG), /connect = \["127\.0\.0\.1:\d+"\]/);
  const [row] = (await a.cli("invite", "--list", "--json")).json<InviteRow[]>();
  strictEqual(row?.state, "used");
  strictEqual(row?.by, "pi-2 at 127.0.0.1");
  b.kill("SIGTERM");
  strictEqual((await b.exited).code, 0);

  // What was written is enough: the next start needs no flags but where to listen.
  const again = place.start(
    ["--socket", socket, "run", "--interfaces", "", "--listen", "127.0.0.1:0"],
    { env, label: "pi-2 again" },
  );
  await until("pi-2 is back", async () => (await a.nodes()).length === 2, () => again.stderr);
  match(again.stderr, /"pi-2" runs: network "home"/);
});

Deno.test("join: wrong, mistyped, used, withdrawn and old codes are refused, and both sides say so", async () => {
  await using place = new Place();
  const a = await place.agent("pi-1");
  const refused = async (name: string, code: string, exit: number, says: RegExp) => {
    const result = await join(place, name, code).result();
    strictEqual(result.code, exit, result.stderr);
    strictEqual(result.complaints.length, 1, result.stderr);
    match(result.complaints[0]!, says);
    try {
      Deno.statSync(`${place.dir}/${name}-home/.local/state/agent/home.key`);
    } catch (error) {
      ok(error instanceof Deno.errors.NotFound);
      return;
    }
    throw new Error("a key was written");
  };

  const strange = `${a.address}/${new InviteKey(new Uint8Array(16).fill(3)).toText()}`;
  await refused("strange", strange, 4, /does not know this code.*agent invite/);
  await until("it says so", () => a.logged(/this node did not give out/).length === 1);

  const { code } = await invite(a);
  const wrongLetter = code.endsWith("0") ? `${code.slice(0, -1)}1` : `${code.slice(0, -1)}0`;
  await refused("typo", wrongLetter, 2, /mistyped or cut off: its letters do not fit/);
  await refused("cut", code.slice(0, -3), 2, /mistyped or cut off: it has only 25 of the 28/);

  strictEqual((await join(place, "first", code).result()).code, 0);
  strictEqual(keyOf(place, "first"), place.key.toText());
  await refused("second", code, 4, /this code has been used already/);
  await until("it says so", () => a.logged(/127\.0\.0\.1:\d+ tried to join/).length > 0);

  const other = await invite(a);
  strictEqual((await a.cli("invite", "--revoke", other.id)).code, 0);
  strictEqual((await a.cli("invite", "--revoke", other.id)).code, 1);
  await refused("late", other.code, 4, /no longer valid/);

  const short = await invite(a, "--for", "1s");
  await until("its time is over", async () => {
    const rows = (await a.cli("invite", "--list", "--json")).json<InviteRow[]>();
    return rows.find(({ id }) => id === short.id)?.state === "expired";
  });
  await refused("old", short.code, 4, /the time of this code is over/);

  await a.stop();
  await refused("nobody", code, 3, /nothing listens at/);
});

Deno.test("join: of two at the same time exactly one wins", async () => {
  await using place = new Place();
  const a = await place.agent("pi-1");
  const { code } = await invite(a);
  const both = [join(place, "one", code), join(place, "two", code)];
  const results = await Promise.all(both.map((child) => child.result()));
  deepStrictEqual(results.map((result) => result.code).sort(), [0, 4], results[1]!.stderr);
  const loser = results.find((result) => result.code === 4)!;
  match(loser.stderr, /has taken this code before|has been used/);
  strictEqual(a.logged(/ joined network /).length, 1);
});

Deno.test("join: another network's key is not overwritten, an edited config is added to", async () => {
  await using place = new Place();
  const a = await place.agent("pi-1");
  const home = `${place.dir}/x-home`;
  Deno.mkdirSync(`${home}/.local/state/agent`, { recursive: true });
  const mine = place.makeKey("mine.key");
  const before = Deno.readTextFileSync(mine);
  Deno.copyFileSync(mine, `${home}/.local/state/agent/home.key`);
  const { code } = await invite(a);
  const refused = await join(place, "x", code).result();
  strictEqual(refused.code, 4);
  match(refused.stderr, /holds the key of another network .*--network NAME.*--force/);
  strictEqual(keyOf(place, "x"), before.trim());

  // The same invitation is good still: under another name, beside a config with comments.
  const toml = '# mine, do not touch\n[[network]]\nname = "home" # the old one\n';
  Deno.writeTextFileSync(`${home}/agent.toml`, toml);
  const beside = await join(place, "x", code, "--network", "away").result();
  strictEqual(beside.code, 0, beside.stderr);
  const text = Deno.readTextFileSync(`${home}/agent.toml`);
  ok(text.startsWith(toml));
  match(
    text,
    /\[\[network\]\]\nname = "away"\nkey_file = "\S+\/away\.key"\nlisten = "\[::\]:8332"\n/,
  );
  const check = await place.run("config", "check", `${home}/agent.toml`);
  strictEqual(check.code, 0, check.stderr);

  const forced = await join(place, "x", (await invite(a)).code, "--force").result();
  strictEqual(forced.code, 0, forced.stderr);
  strictEqual(keyOf(place, "x"), place.key.toText());
  const aside = /is now (\S+)/.exec(forced.stdout)![1]!;
  strictEqual(Deno.readTextFileSync(aside), before);

  // Once more: nothing to do, and the invitation stays.
  const last = await invite(a);
  const already = await join(place, "x", last.code).result();
  strictEqual(already.code, 0, already.stderr);
  match(already.stdout, /already/);
  const rows = (await a.cli("invite", "--list", "--json")).json<InviteRow[]>();
  strictEqual(rows.find(({ id }) => id === last.id)?.state, "open");
});

Deno.test("join: a rotation's keys all come along, and the sealing one stays first", async () => {
  await using place = new Place();
  const [fresh, old] = [place.makeKey("new.key"), place.makeKey("old.key")];
  const a = await place.agent("pi-1", {
    toml: `[[network]]\nname = "home"\nlisten = "127.0.0.1:0"\ninterfaces = []\n` +
      `keys = ["${fresh}", "${old}"]\n`,
  });
  const { code } = await invite(a);
  strictEqual((await join(place, "b", code).result()).code, 0);
  strictEqual(keyOf(place, "b"), Deno.readTextFileSync(fresh).trim());
  const state = `${place.dir}/b-home/.local/state/agent`;
  strictEqual(Deno.readTextFileSync(`${state}/home-2.key`), Deno.readTextFileSync(old));
  match(
    Deno.readTextFileSync(`${place.dir}/b-home/agent.toml`),
    /keys = \[".*home\.key", ".*home-2\.key"\]/,
  );
});

Deno.test("invite: what has no key or no door is refused with a line", async () => {
  await using place = new Place();
  const agent = await place.agent("pi-1", {
    toml: `[[network]]\nname = "lab"\nprofile = "hncp"\ninterfaces = []\n` +
      `[[network]]\nname = "shy"\nlisten = "none"\ninterfaces = []\n`,
  });
  const hncp = await agent.cli("--network", "lab", "invite");
  deepStrictEqual([hncp.code, hncp.complaints.length], [4, 1]);
  match(hncp.stderr, /profile "hncp" and no key to give out/);
  const shy = await agent.cli("--network", "shy", "invite");
  strictEqual(shy.code, 4);
  match(shy.stderr, /does not listen/);
  strictEqual((await agent.cli("--network", "none", "invite")).code, 1);
});
