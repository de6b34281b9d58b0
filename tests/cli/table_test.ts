import assert from "node:assert/strict";
import { helpFor, overview } from "../../lib/cli/help.ts";
import { commands, findCommand, globalFlags } from "../../lib/cli/table.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("every command has code, a line of help, and a name of its own", async () => {
  const names = commands.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const command of commands) {
    assert.equal(typeof (await command.load()).run, "function", command.name);
    assert.equal(findCommand(command.name.split(" "))?.command, command);
    assert.ok(overview({ commands, globalFlags }).includes(command.summary), command.name);
    assert.ok(!/[.]$/.test(command.summary), command.name);
  }
});

Deno.test("every file in commands/ is in the table", () => {
  const files = [...Deno.readDirSync(new URL("lib/cli/commands/", ROOT))].map(({ name }) => name);
  const loaded = commands.map(({ load }) => /commands\/(\w+\.ts)/.exec(String(load))?.[1] ?? "?");
  assert.deepEqual(loaded.sort(), files.sort());
});

Deno.test("flags: none hides a global one, and each is in its command's help", () => {
  const global = globalFlags.map(({ name }) => name);
  for (const command of commands) {
    const help = helpFor(command);
    for (const { name, value } of command.flags) {
      assert.ok(!global.includes(name), `${command.name} --${name}`);
      assert.ok(help.includes(`--${name}${value ? ` ${value}` : ""}`), `${command.name} --${name}`);
    }
    for (const line of help.split("\n")) assert.ok(line.length <= 100, line);
  }
  for (const line of overview({ commands, globalFlags }).split("\n")) {
    assert.ok(line.length <= 100, line);
  }
});

interface Graph {
  modules: {
    specifier: string;
    dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
  }[];
}

Deno.test("light commands load nothing of the daemon, no package and no node: module", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: ROOT,
    stdout: "piped",
  }).output();
  assert.ok(success);
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const byName = new Map(modules.map((module) => [module.specifier, module.dependencies ?? []]));
  const closure = (...roots: string[]) => {
    const seen = new Set<string>();
    const visit = (name: string) => {
      if (seen.has(name)) return;
      seen.add(name);
      for (const { code, isDynamic } of byName.get(name) ?? []) {
        if (code !== undefined && isDynamic !== true) visit(code.specifier);
      }
    };
    roots.forEach((root) => visit(new URL(root, ROOT).href));
    return [...seen].map((name) => name.replace(ROOT.href, ""));
  };
  const light = [
    "get",
    "leafy_read",
    "leafy_publish",
    "set",
    "unset",
    "watch",
    "status",
    "links",
    "interfaces",
    "lsoe_sessions",
    "lsoe_watch",
    "send",
    "inbox",
    "outbox",
    "call",
    "advertise",
    "unadvertise",
    "discover",
    "services",
    "news_publish",
    "version",
  ];
  for (const command of light) {
    const loaded = closure("main.ts", `lib/cli/commands/${command}.ts`, "lib/cli/output/text.ts");
    const heavy = loaded.filter((name) =>
      !/^(?:main\.ts|lib\/cli\/|lib\/core\/(?:errors|duration)\.ts|lib\/agent\/(?:config\/paths|version)\.ts)/
        .test(name)
    );
    assert.deepEqual(heavy, [], command);
    assert.ok(loaded.length > 5, "the graph was read");
  }
  // Besides the table itself, which the bundle keeps in one piece with the parser.
  const first = closure("main.ts").filter((name) => !name.startsWith("lib/cli/table/"));
  assert.ok(first.length <= 5, `main.ts loads ${first}`);
});
