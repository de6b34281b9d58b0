/**
 * The pages of the commands, `docs/commands/`, made from the command table and the manual as help
 * texts are: `deno run -A tools/command_pages.ts` writes them anew, and tests/cli/manual_test.ts
 * fails where they are not what it would write.
 *
 * @module
 */
import type { Flag } from "../lib/cli/args.ts";
import type { Command } from "../lib/cli/call.ts";
import { COMMON_EXITS, jsonLines, manualOf, sentence, typed } from "../lib/cli/manual.ts";
import { commands, globalFlags } from "../lib/cli/table.ts";

const ROOT = new URL("../", import.meta.url);
const FOLDER = new URL("docs/commands/", ROOT);

/** All pages as Markdown that nobody has wrapped yet: file name → text. */
function rawPages(): Map<string, string> {
  const pages = new Map([["README.md", overview()]]);
  for (const command of commands) pages.set(fileOf(command), pageOf(command));
  return pages;
}

/** All pages as they stand in the repository. */
export async function commandPages(): Promise<Map<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "agent-pages-" });
  try {
    const raw = rawPages();
    for (const [name, text] of raw) await Deno.writeTextFile(`${folder}/${name}`, text);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "--quiet", "--config", new URL("deno.json", ROOT).pathname, folder],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const pages = new Map<string, string>();
    for (const name of raw.keys()) pages.set(name, await Deno.readTextFile(`${folder}/${name}`));
    return pages;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function overview(): string {
  return [
    "# Commands",
    "",
    "`agent [FLAGS] COMMAND …`. These pages are made from the program's own table, as `agent help" +
    " COMMAND` and `agent man` are.",
    "",
    "| command | does |",
    "| --- | --- |",
    ...commands.map((command) =>
      `| [\`${typed(command)}\`](${fileOf(command)}) | ${plain(command.summary)} |`
    ),
    "",
    "## Flags of every command",
    "",
    "They stand before or after the command.",
    "",
    ...globalFlags.map(flagItem),
    "",
    "## Exit codes",
    "",
    ...COMMON_EXITS.map(([code, meaning]) => `- \`${code}\`: ${plain(meaning)}`),
    "",
    "A page names those that mean something particular there. Commands that ask the running agent" +
    " find it at `--socket`, else `$AGENT_SOCKET`, else where the config says.",
    "",
    "With `--json` an answer is one JSON value or, of commands that follow something, a line for each" +
    " thing that is told. Members may be added in later versions; those on these pages stay.",
    "",
  ].join("\n");
}

function pageOf(command: Command): string {
  const { name, usage, summary, details, flags } = command;
  const { exits, examples, json } = manualOf(name);
  return [
    `# agent ${typed(command)}`,
    "",
    plain(sentence(summary)),
    "",
    "```text",
    `agent ${typed(command)} ${usage}`.trimEnd(),
    "```",
    ...details.flatMap((text) => ["", plain(text)]),
    "",
    ...section("Flags", flags.map(flagItem)),
    ...section("Exit codes", exits.map(([code, meaning]) => `- \`${code}\`: ${plain(meaning)}`)),
    ...section(
      "With --json",
      json === undefined ? [] : [
        ...(json.each === "line" ? ["A line each:", ""] : []),
        "```json",
        ...jsonLines(json.example, 100),
        "```",
        ...(json.note === undefined ? [] : ["", plain(json.note)]),
      ],
    ),
    ...section(examples.length === 1 ? "Example" : "Examples", [
      "```sh",
      ...examples.flatMap(({ line, about }) => [`# ${about}`, line]),
      "```",
    ]),
    "[All commands, and the flags and exit codes of every command](README.md)",
    "",
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, "", ...lines, ""];
}

function flagItem({ name, short, value, help }: Flag): string {
  const both = `${short ? `-${short}, ` : ""}--${name}${value ? ` ${value}` : ""}`;
  return `- \`${both}\`: ${plain(help)}`;
}

function fileOf({ name }: Command): string {
  return `${name.replaceAll(" ", "-")}.md`;
}

/** Text in which Markdown sees nothing of its own. */
function plain(text: string): string {
  return text.replace(/[\\`*[\]<>|]|\b_\B|\B_\b/g, "\\$&");
}

if (import.meta.main) {
  const pages = await commandPages();
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const { name } of Deno.readDirSync(FOLDER)) {
    if (!pages.has(name)) await Deno.remove(new URL(name, FOLDER));
  }
  for (const [name, text] of pages) await Deno.writeTextFile(new URL(name, FOLDER), text);
  console.log(`${pages.size} pages in docs/commands`);
}
