/** The manual speaks of every command, its examples can be typed, and docs/commands/ is made of it. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseArguments } from "../../lib/cli/args.ts";
import { helpFor } from "../../lib/cli/help.ts";
import { COMMON_EXITS, jsonLines, manuals } from "../../lib/cli/manual.ts";
import { commands, findCommand, globalFlags } from "../../lib/cli/table.ts";
import { ExitCode } from "../../lib/core/errors.ts";
import { commandPages } from "../../tools/command_pages.ts";

Deno.test("manual: one of each command, with an example, and no other", () => {
  deepStrictEqual(Object.keys(manuals).sort(), commands.map(({ name }) => name).sort());
  for (const [name, { examples }] of Object.entries(manuals)) ok(examples.length > 0, name);
});

Deno.test("manual: exit codes are those that there are", () => {
  const known = [...Object.values(ExitCode), 70].sort((a, b) => a - b);
  deepStrictEqual(COMMON_EXITS.map(([code]) => code), known);
  for (const [name, { exits }] of Object.entries(manuals)) {
    const codes = exits.map(([code]) => code);
    deepStrictEqual(codes, [...new Set(codes)].sort((a, b) => a - b), name);
    for (const code of codes) ok(known.includes(code), `${name} ${code}`);
  }
});

/** The words of a line up to its first pipe, list or redirection, as a shell of POSIX has them. */
function words(line: string): string[] {
  const found: string[] = [];
  for (
    const [whole, ...quoted] of line.matchAll(/(?:"([^"]*)"|'([^']*)'|[^\s"'|<>&;])+|[|<>&;]+/g)
  ) {
    if (/^[|<>&;]/.test(whole)) break;
    const plain = quoted.every((text) => text === undefined);
    found.push(plain ? whole : whole.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"));
  }
  return found;
}

Deno.test("manual: each example is a command line that its command takes", async () => {
  for (const [name, { examples }] of Object.entries(manuals)) {
    for (const { line, about } of examples) {
      ok(!/[.\n]$/.test(about), about);
      const [first, ...rest] = words(line.replace(/^sudo /, ""));
      strictEqual(first, "agent", line);
      const { positionals } = await parseArguments(rest, (given) => {
        const command = findCommand(given)?.command;
        return command === undefined ? globalFlags : [...globalFlags, ...command.flags];
      });
      const found = findCommand(positionals);
      strictEqual(found?.command.name, name, line);
      const { least, most } = found.command.arguments;
      const count = positionals.length - found.words;
      ok(count >= least && count <= most, `${line}: ${count} arguments`);
      strictEqual(rest.includes("--leafy"), found.command.leafy === true, line);
    }
  }
});

Deno.test("manual: help shows exit codes, JSON and examples", () => {
  for (const command of commands) {
    const help = helpFor(command);
    const { exits, examples, json } = manuals[command.name]!;
    for (const [code] of exits) ok(help.includes(`\n  ${code} `), `${command.name} ${code}`);
    for (const { line } of examples) ok(help.includes(`\n  ${line}`), line);
    strictEqual(help.includes("With --json"), json !== undefined, command.name);
  }
});

Deno.test("manual: JSON in lines is still the same JSON", () => {
  for (const [name, { json }] of Object.entries(manuals)) {
    if (json === undefined) continue;
    const lines = jsonLines(json.example, 40);
    deepStrictEqual(JSON.parse(lines.join("\n")), json.example, name);
  }
  deepStrictEqual(jsonLines({ a: [1, 2], b: {} }, 12), [
    "{",
    '  "a": [',
    "    1,",
    "    2",
    "  ],",
    '  "b": {}',
    "}",
  ]);
});

Deno.test("docs/commands/ is what tools/command_pages.ts writes", async () => {
  const pages = await commandPages();
  const folder = new URL("../../docs/commands/", import.meta.url);
  const there = [...Deno.readDirSync(folder)].map(({ name }) => name);
  deepStrictEqual(there.sort(), [...pages.keys()].sort());
  for (const [name, text] of pages) {
    const same = Deno.readTextFileSync(new URL(name, folder)) === text;
    ok(same, `docs/commands/${name}: the table has changed: deno run -A tools/command_pages.ts`);
  }
});
