import assert from "node:assert/strict";
import { manPage } from "../../lib/cli/man.ts";
import { commands, globalFlags } from "../../lib/cli/table.ts";
import { ExitCode } from "../../lib/core/errors.ts";
import { skipReason } from "../skip.ts";

const PAGE = new URL("../../docs/agent.1", import.meta.url);
const page = manPage(commands, globalFlags);

/** Text as it stands in the page. */
const escaped = (text: string) => text.replaceAll("-", "\\-");

function run(command: string, ...args: string[]) {
  try {
    const { success, stdout, stderr } = new Deno.Command(command, { args }).outputSync();
    const decoder = new TextDecoder();
    return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("man: docs/agent.1 is what `agent man` prints (agent man > docs/agent.1)", () => {
  const isSame = Deno.readTextFileSync(PAGE) === page;
  assert.ok(isSame, "the command table has changed: deno run -A main.ts man > docs/agent.1");
});

Deno.test("man: every command, flag and exit code is in it", () => {
  const sections = page.split(/^\.S[SH] /m);
  for (const { name, leafy, flags, summary } of commands) {
    const title = `"${escaped(leafy ? `--leafy ${name}` : name)}"\n`;
    const section = sections.find((text) => text.startsWith(title));
    assert.ok(section, name);
    assert.ok(section.toLowerCase().includes(escaped(summary).slice(0, 20).toLowerCase()), name);
    for (const flag of flags) assert.ok(section.includes(escaped(`--${flag.name}`)), flag.name);
  }
  const options = sections.find((text) => text.startsWith("OPTIONS")) ?? "";
  for (const { name } of globalFlags) assert.ok(options.includes(escaped(`--${name}`)), name);
  const exits = sections.find((text) => text.startsWith("EXIT STATUS")) ?? "";
  for (const code of Object.values(ExitCode)) {
    assert.ok(exits.includes(`\\fB${code}\\fR`), `${code}`);
  }
});

Deno.test("man: plain ASCII, and no line of text is taken for a macro", () => {
  assert.match(page, /^[\n -~]*$/);
  const macros = page.split("\n").filter((line) => /^[.']/.test(line)).map((line) =>
    line.slice(0, 3).trim()
  );
  assert.deepEqual(
    [...new Set(macros)].sort(),
    [".B", ".BR", ".PP", ".fi", ".in", ".nf", ".SH", ".SS", ".TH", ".TP", '.\\"'].sort(),
  );
});

for (
  const [command, args, packaged] of [
    ["groff", ["-man", "-ww", "-Tutf8"], "groff"],
    ["man", ["-l"], "man-db"],
    ["mandoc", ["-Tlint", "-Wwarning"], "mandoc"],
  ] as const
) {
  const name = `man: ${command} has nothing to complain about`;
  Deno.test({
    name,
    ignore: run(command, "--version") === undefined &&
      skipReason(name, `needs ${command} (Debian: ${packaged})`),
    fn() {
      const done = run(command, ...args, PAGE.pathname);
      assert.ok(done?.success, done?.stderr);
      assert.equal(done.stderr, "");
      if (command === "mandoc") return assert.equal(done.stdout, "");
      // deno-lint-ignore no-control-regex -- bold and underlined, as terminals and printers do it
      const text = done.stdout.replace(/\x1b\[[\d;]*m|.\x08/g, "");
      assert.match(
        text,
        /agent service install \[--user\]/,
      );
    },
  });
}
