/** The rules of the house hold in the tree, and the checker would notice if they did not. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { violations } from "../tools/architecture.ts";
import { importsOf, maskSource } from "../tools/source.ts";

const ROOT = new URL("../", import.meta.url);

function sources(folder: string, into = new Map<string, string>()): Map<string, string> {
  for (const entry of Deno.readDirSync(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) sources(path, into);
    else if (/\.tsx?$/.test(entry.name)) into.set(path, Deno.readTextFileSync(new URL(path, ROOT)));
  }
  return into;
}

Deno.test("the tree keeps the rules of the house", () => {
  const files = sources("lib");
  const folders = [...Deno.readDirSync(ROOT)].filter((entry) => entry.isDirectory);
  if (folders.some(({ name }) => name === "ffi")) sources("ffi", files);
  files.set("main.ts", Deno.readTextFileSync(new URL("main.ts", ROOT)));
  ok(files.size > 20, "the source was found");
  const found = violations(files).map(({ file, line, text }) => `${file}:${line} ${text}`);
  deepStrictEqual(found, []);
});

const FACE = "/**\n * A room.\n *\n * @module\n */\n";

/** The only violation of one file in an otherwise tidy house, as text. */
function only(file: string, source: string): string {
  const files = new Map([[file, source]]);
  const room = /^lib\/[^/]+/.exec(file)?.[0];
  if (room && !file.endsWith("/mod.ts")) files.set(`${room}/mod.ts`, FACE);
  const found = violations(files);
  strictEqual(found.length, 1, JSON.stringify(found));
  return `${found[0]!.line} ${found[0]!.text}`;
}

function fine(file: string, source: string): void {
  deepStrictEqual(violations(new Map([["lib/dncp/mod.ts", FACE], [file, source]])), []);
}

Deno.test("an import upwards is a violation, also as a type or dynamically", () => {
  match(
    only("lib/wire/a.ts", 'import { x } from "../net/mod.ts";'),
    /^1 imports upwards.*lib\/net/,
  );
  match(only("lib/dncp/a.ts", '\nimport type { X } from "../agent/mod.ts";'), /^2 imports upwards/);
  match(only("lib/http/a.ts", 'await import("../cli/mod.ts");'), /imports upwards/);
  match(only("lib/agent/a.ts", 'export * from "../../main.ts";'), /imports upwards/);
});

Deno.test("rooms of one floor do not know each other, but for the ways that are on the plan", () => {
  match(only("lib/dncp/a.ts", 'import { x } from "../state/mod.ts";'), /neighbour lib\/state/);
  match(only("lib/core/a.ts", 'import { x } from "../wire/mod.ts";'), /neighbour lib\/wire/);
  match(only("lib/leafy/a.ts", 'import { x } from "../dncp/peers.ts";'), /inside of lib\/dncp/);
  deepStrictEqual(
    violations(
      new Map([
        ["lib/leafy/mod.ts", `${FACE}import { x } from "../dncp/mod.ts";`],
        ["lib/state/mod.ts", `${FACE}import { x } from "../dncp/mod.ts";`],
      ]),
    ),
    [],
  );
});

Deno.test("machines import no I/O, except its types", () => {
  match(only("lib/dncp/a.ts", 'import { open } from "../net/mod.ts";'), /does no I\/O/);
  fine("lib/dncp/a.ts", 'import type { Conn } from "../net/mod.ts";');
  fine("lib/dncp/a.ts", 'import { type Conn, type Link } from "../net/mod.ts";');
});

Deno.test("the face for learners does I/O, and nobody below it knows it", () => {
  const face = `${FACE}export * from "../learn/functions.ts";`;
  const files = new Map([["lib/nearby/mod.ts", face], ["lib/learn/mod.ts", FACE]]);
  deepStrictEqual(violations(files), []);
  match(only("lib/learn/a.ts", 'import { x } from "../nearby/mod.ts";'), /^1 imports upwards/);
  match(only("lib/nearby/a.ts", 'import { x } from "./mod.ts";'), /^1 imports upwards/);
  match(only("lib/nearby/a.ts", 'import { x } from "../learn/mod.ts";'), /^1 imports upwards/);
  match(only("lib/nearby/a.ts", "const f = Deno.listen;"), /^1 uses the Deno API/);
});

Deno.test("machines use no clock, timer, randomness, network, console or Deno API", () => {
  const impure = [
    "const f = Deno.readFileSync;",
    "const t = performance.now();",
    "const t = Date.now();",
    "const t = new Date();",
    "const t = Date();",
    "setTimeout(() => {}, 1);",
    "setInterval(f, 1);",
    "const r = Math.random();",
    "crypto.getRandomValues(bytes);",
    "const id = crypto.randomUUID();",
    "fetch(url);",
    "console.log(1);",
    "const t = `now: ${Date.now()}`;",
  ];
  for (const code of impure) {
    match(only("lib/dncp/a.ts", `// first\n${code}\n`), /^2 uses /, code);
    match(only("lib/core/a.ts", `// first\n${code}\n`), /^2 uses /, code);
    deepStrictEqual(violations(new Map([["lib/net/mod.ts", `${FACE}${code}`]])), [], code);
  }
});

Deno.test("the real clock stands in two files of lib/core only", () => {
  const code = "export const now = () => performance.now();\nsetTimeout(now, 1);\n";
  const files = new Map([["lib/core/mod.ts", FACE], ["lib/core/clock.ts", code]]);
  deepStrictEqual(violations(files), []);
});

Deno.test("words in comments, texts and patterns are no violation", () => {
  fine("lib/dncp/a.ts", "/** Never Date.now(). */\n// Deno.\nconst t = 'Math.random()';\n");
  fine("lib/dncp/a.ts", 'const p = /["Deno]/.test(x);\nconst q = a / b; const s = "Deno";\n');
  fine("lib/dncp/a.ts", "const t = `setTimeout ${a + `Deno ${b}`} performance`;\n");
  fine("lib/dncp/a.ts", "const t = new Date(at).toISOString();\n");
});

Deno.test("product code imports two modules of Node, each in its room", () => {
  match(only("lib/net/a.ts", 'import fs from "node:fs";'), /imports node:fs/);
  match(only("lib/http/a.ts", 'import { parseArgs } from "node:util";'), /imports node:util/);
  deepStrictEqual(
    violations(new Map([["lib/cli/mod.ts", `${FACE}await import("node:util");`]])),
    [],
  );
});

Deno.test("the product imports neither tests nor tools", () => {
  match(only("lib/cli/a.ts", 'import { x } from "../../tests/skip.ts";'), /no part of the product/);
});

Deno.test("a room has a face that says what it is for, and a floor", () => {
  match(only("lib/net/mod.ts", 'export * from "./a.ts";\n'), /opens with a comment/);
  const faceless = violations(new Map([["lib/net/a.ts", ""]]));
  deepStrictEqual(faceless, [{
    file: "lib/net",
    line: 1,
    text: "has no mod.ts, the face of a room",
  }]);
  match(only("lib/attic/mod.ts", FACE), /has no floor/);
});

Deno.test("a file of more than 450 lines is a violation", () => {
  fine("lib/dncp/a.ts", "//\n".repeat(450));
  match(only("lib/dncp/a.ts", "//\n".repeat(451)), /^451 451 lines/);
});

Deno.test("imports are found in all their forms", () => {
  const source = `
import a from "./a.ts";
import {
  b, // from "./not.ts"
  type C,
} from './b.ts';
import type { D } from "./d.ts";
import { type E, type F } from "./e.ts";
export * as g from "./g.ts";
import "./h.ts";
/* import i from "./i.ts"; */
const j = await import("./j.ts");
const text = "import k from './k.ts'";
export const l = 1;
import m, { n } from "./m.ts";
import o from "./o.json" with { type: "json" };
`;
  deepStrictEqual(
    importsOf(source).map(({ specifier, typeOnly, line }) =>
      `${line} ${specifier}${typeOnly ? " type" : ""}`
    ),
    [
      "2 ./a.ts",
      "6 ./b.ts",
      "7 ./d.ts type",
      "8 ./e.ts type",
      "9 ./g.ts",
      "10 ./h.ts",
      "12 ./j.ts",
      "15 ./m.ts",
      "16 ./o.json",
    ],
  );
});

Deno.test("masking keeps offsets, lines and code", () => {
  const source = "a = 'x\\'y' /* c\n */ + `t${f({ b: '}' })}u` / 2; // end";
  const masked = maskSource(source);
  strictEqual(masked.length, source.length);
  strictEqual(masked.split("\n").length, 2);
  strictEqual(masked.replace(/\s+/g, ""), "a=''+`${f({b:''})}`/2;");
});
