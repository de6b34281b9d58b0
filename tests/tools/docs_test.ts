/** What the pages say about commands, exit codes, routes and files is what the code has. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { commands } from "../../lib/cli/table.ts";
import { ExitCode } from "../../lib/core/mod.ts";
import { routes } from "../../lib/http/routes.ts";

const ROOT = new URL("../../", import.meta.url);
const page = (name: string) => Deno.readTextFileSync(new URL(name, ROOT));
const PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].concat(
  [...Deno.readDirSync(new URL("docs/", ROOT))].map(({ name }) => `docs/${name}`)
    .filter((name) => name.endsWith(".md")),
);

/** The first cells of the rows of the table under these column heads, without code marks. */
function firstCells(text: string, ...heads: string[]): string[] {
  const lines = text.split("\n");
  const cells = (line: string) => line.split("|").slice(1, -1).map((cell) => cell.trim());
  const start = lines.findIndex((line) => cells(line).join() === heads.join());
  ok(start >= 0, `a table of ${heads.join(", ")}`);
  const rows = lines.slice(start + 2);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith("|"))).map((line) =>
    cells(line)[0] ?? ""
  );
}

Deno.test("the README lists the commands that there are, and no others", () => {
  const listed = firstCells(page("README.md"), "command", "does")
    .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text ?? ""))
    .map((text) => text.replace(/^--leafy /, "").replace(/ [A-Z[].*$/, ""));
  deepStrictEqual(listed.sort(), commands.map(({ name }) => name).sort());
});

Deno.test("the README lists the exit codes that there are", () => {
  const listed = firstCells(page("README.md"), "exit code", "means").map(Number);
  // 70 is no AgentError but a fault of the program (lib/cli/mod.ts).
  deepStrictEqual(listed, [...Object.values(ExitCode), 70].sort((a, b) => a - b));
});

Deno.test("the page of the local API lists the routes that there are", () => {
  const listed = firstCells(page("docs/api.md"), "route", "answers").flatMap((cell) => {
    const method = /[A-Z]+/.exec(cell)?.[0];
    return [...cell.matchAll(/\/[a-z0-9/]*/g)].map(([path]) => `${method} ${path}`);
  });
  const real = routes.map(({ method, path }) => `${method} ${path}`);
  deepStrictEqual([...new Set(listed)].sort(), real.sort());
});

Deno.test("links between the pages lead to files", () => {
  for (const name of PAGES) {
    for (const [, target = ""] of page(name).matchAll(/\]\(([^)#]+)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      ok(Deno.statSync(new URL(target, new URL(name, ROOT))).isFile, `${name}: ${target}`);
    }
  }
});
