/** The security page is held against the tests: what cannot be done has a test that is there. */
import { deepStrictEqual, ok } from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const PAGE = read("docs/security.md");

/** Rows of all tables with these columns in a text. */
function rows(text: string, ...heads: string[]): string[][] {
  const cells = (line: string) => line.split("|").slice(1, -1).map((cell) => cell.trim());
  const found: string[][] = [];
  const lines = text.split("\n");
  for (const [i, line] of lines.entries()) {
    if (cells(line).join("|") !== heads.join("|")) continue;
    for (let at = i + 2; lines[at]?.startsWith("|"); at++) found.push(cells(lines[at]!));
  }
  return found;
}

const attackers = PAGE.split(/^## /m).filter((part) => /^\d\. /.test(part));
const claims = (part: string) => rows(part, "", "what", "what you can do about it, or the tests");
const numbersIn = (cell: string) => [...cell.matchAll(/\[(\d+)\]/g)].map(([, n]) => Number(n));
const listed = rows(PAGE, "", "file", "test");

Deno.test("security.md: each test that it names is there", () => {
  ok(listed.length >= 60, `${listed.length} tests`);
  deepStrictEqual(listed.map(([n]) => Number(n)), listed.map((_, i) => i + 1));
  const missing = listed.filter(([, file = "", name = ""]) => {
    const path = file.replaceAll("`", "");
    try {
      const text = read(path);
      return !["Deno.test(", "netnsTest(", "mountTest(", "const name = "].some((before) =>
        new RegExp(`${RegExp.escape(before)}\\s*${RegExp.escape(JSON.stringify(name))}`).test(text)
      );
    } catch {
      return true;
    }
  });
  deepStrictEqual(missing, []);
});

Deno.test("security.md: each attacker can and cannot, with advice or with tests", () => {
  ok(attackers.length === 7, `${attackers.length} attackers`);
  const used = new Set<number>();
  for (const part of attackers) {
    const all = claims(part);
    const kinds = new Set(all.map(([kind]) => kind));
    deepStrictEqual([...kinds].sort(), ["**cannot**", "can"], part.slice(0, 40));
    for (const [kind, what = "", last = ""] of all) {
      const numbers = numbersIn(last);
      for (const n of numbers) used.add(n);
      if (kind === "can") ok(numbers.length === 0 && last.length > 6, what);
      else ok(numbers.length > 0 && numbers.every((n) => n <= listed.length), what);
    }
  }
  deepStrictEqual([...used].sort((a, b) => a - b), listed.map((_, i) => i + 1));
});
