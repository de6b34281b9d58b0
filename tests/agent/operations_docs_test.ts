/** docs/operations.md has every problem line that `agent status` can show, and every exit code. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { Client } from "../../lib/cli/client.ts";
import { ExitCode } from "../../lib/core/mod.ts";
import { Place } from "./in_process.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = Deno.readTextFileSync(new URL("docs/operations.md", ROOT));
const page = PAGE.replaceAll(/\s+/g, " ");

/**
 * Where lines of problems are made: which files, which call, and which of its arguments is the text.
 * What a call is only handed on to stands in a row of its own.
 */
const MAKERS: readonly [files: RegExp, call: RegExp, argument: number][] = [
  [/^lib\/agent\//, /[pP]roblems\.note\(/g, 1],
  [/^lib\/agent\//, /#refusal = new AgentError\(/g, 0],
  [/^lib\/agent\/config\/changes\.ts$/, /return (?=`\$\{all\})/g, 0],
  [/^lib\/agent\/ring\/ring\.ts$/, /#refuse\(/g, 0],
  [/^lib\/agent\/ring\/server\.ts$/, /\bproblem\(/g, 1],
  [/^lib\/agent\/kernel\.ts$|^ffi\/netlink\.ts$/, /\bonProblem\(/g, 0],
  [/^lib\/http\//, /\bonProblem\(/g, 0],
  [/^lib\/net\//, /complaints\.about\(/g, 2],
  [/^lib\/net\/secure_listener\.ts$/, /new Refused\(/g, 1],
  [/^lib\/net\/silent_streams\.ts$/, /this\.#dropped\(/g, 1],
  [/^lib\/net\/dial\.ts$/, /\bunreachable\(/g, 0],
  [/^lib\/store\/errors\.ts$/, /\bsay\(/g, 0],
  [/^lib\/piot\//, /\bevent\(\{ kind: "problem", text: /g, 0],
  [/^lib\/piot\//, /\bevent\(\{ kind: "problem", (?=text \})/g, 0],
];

/**
 * Calls whose text is made elsewhere: by the rows above, by lines that the page has, or of words that
 * mean nothing without their place.
 */
const HANDED_ON = new Set([
  // From lib/net: multicast, listeners, dialling.
  "lib/agent/network/hncp_transport.ts message",
  "lib/agent/network/native_transport.ts `${remote} ${message}`",
  "lib/agent/network/native_links.ts message",
  "lib/agent/network/native_transport.ts messageOf(error)",
  "lib/agent/piot/connections.ts messageOf(error)",
  "lib/net/secure_listener.ts why",
  "lib/net/secure_listener.ts messageOf(error)",
  "lib/net/secure_listener.ts error.message",
  "lib/net/plain_stream.ts messageOf(error)",
  // From lib/store.
  "lib/agent/network/network.ts messageOf(error)",
  // From lib/piot, this.#refusal, the kernel, the ring's server.
  "lib/agent/piot/tell.ts event.text",
  "lib/agent/piot/service.ts this.#refusal.message",
  "lib/agent/lsoe/lsoe.ts this.#refusal.message",
  "lib/agent/kernel.ts message",
  "lib/agent/ring/ring.ts message",
  "lib/agent/ring/serve.ts message",
  // From lib/agent/config/changes.ts, and from lib/http.
  "lib/agent/agent.ts line",
  "lib/agent/agent.ts message",
]);

/** The arguments of a call whose opening parenthesis is in front of `at`, or the rest of a member. */
function argumentsAt(source: string, at: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = at;
  for (let i = at; i < source.length; i++) {
    const c = source[i] as string;
    if (`"'\``.includes(c)) i = endOfText(source, i);
    else if ("([{".includes(c)) depth++;
    else if (")]}".includes(c)) {
      if (depth-- === 0) return [...found, source.slice(start, i)];
    } else if (c === "," && depth === 0) {
      found.push(source.slice(start, i));
      start = i + 1;
    }
  }
  return found;
}

/** Where the text ends that begins at `at`; inside `${…}` there may be others. */
function endOfText(source: string, at: number): number {
  const quote = source[at];
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === quote) return i;
    else if (quote === "`" && source.startsWith("${", i)) i = endOfHole(source, i + 2);
  }
  return source.length;
}

function endOfHole(source: string, at: number): number {
  for (let i = at, depth = 0; i < source.length; i++) {
    if (`"'\``.includes(source[i] as string)) i = endOfText(source, i);
    else if (source[i] === "{") depth++;
    else if (source[i] === "}" && depth-- === 0) return i;
  }
  return source.length;
}

/** What stands fast of all texts in an expression: in pieces, between what differs. */
function pieces(expression: string): string[] {
  const found: string[] = [];
  let text = "";
  const end = () => {
    found.push(text);
    text = "";
  };
  for (let i = 0; i < expression.length; i++) {
    const c = expression[i] as string;
    if (!`"'\``.includes(c)) {
      // What is joined by + goes on; anything else begins another text.
      if (!/[\s+]/.test(c)) end();
      continue;
    }
    const stop = endOfText(expression, i);
    for (let j = i + 1; j < stop; j++) {
      if (c === "`" && expression.startsWith("${", j)) {
        const close = endOfHole(expression, j + 2);
        end();
        found.push(...pieces(expression.slice(j + 2, close)));
        j = close;
      } else if (expression[j] === "\\") text += expression[++j];
      else text += expression[j];
    }
    i = stop;
  }
  end();
  return found.map((piece) => piece.replaceAll(/\s+/g, " ").trim());
}

function sources(folder: string, into = new Map<string, string>()): Map<string, string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) sources(path, into);
    else if (name.endsWith(".ts")) into.set(path, Deno.readTextFileSync(new URL(path, ROOT)));
  }
  return into;
}

/** Shorter pieces stand in any text. */
const LONG_ENOUGH = 12;

function isKnown(file: string, given: string, all: readonly string[]): boolean {
  return HANDED_ON.has(`${file} ${given}`) ||
    all.some((piece) => piece !== "" && page.includes(piece));
}

/** Every piece of every problem line: where it is made, and the words. */
function problemLines(files: ReadonlyMap<string, string>): [place: string, words: string][] {
  const found: [string, string][] = [];
  for (const [file, source] of files) {
    for (const [where, call, argument] of MAKERS) {
      if (!where.test(file)) continue;
      for (const match of source.matchAll(call)) {
        const given = argumentsAt(source, match.index + match[0].length)[argument]?.trim() ?? "";
        if (given === "undefined" || given.startsWith("message: ")) continue;
        let text = given;
        // A text that was made before.
        if (/^\w+$/.test(text)) {
          const before = source.slice(0, match.index);
          const made = before.lastIndexOf(`const ${text} = `);
          text = made < 0 ? "" : source.slice(made).split(";\n")[0] ?? "";
        }
        const line = source.slice(0, match.index).split("\n").length;
        const words = pieces(text).filter((piece) => piece.length >= LONG_ENOUGH);
        if (words.length === 0 && !isKnown(file, given, pieces(text))) {
          found.push([`${file}:${line}`, `whatever this says: ${given}`]);
        }
        for (const piece of words) found.push([`${file}:${line}`, piece]);
      }
    }
  }
  return found;
}

Deno.test("operations: every line that status can show as a problem is on the page", () => {
  const files = sources("lib");
  sources("ffi", files);
  const lines = problemLines(files);
  ok(lines.length > 70, `${lines.length} pieces of lines were found`);
  const missing = lines.filter(([, words]) => !page.includes(words));
  deepStrictEqual(missing, [], "docs/operations.md does not have these");
});

Deno.test("operations: a line that is not on the page would be noticed", () => {
  const note = (text: string) => `\nthis.#problems.note("x", ${text}, { lasts: true });`;
  const of = (source: string) =>
    problemLines(new Map([["lib/agent/a.ts", source]])).map(([, words]) => words);
  deepStrictEqual(of(note('`the cat of ${f(`x ${y}`)} sleeps` + " on the keyboard"')), [
    "sleeps on the keyboard",
  ]);
  deepStrictEqual(
    of(`const line = \`a dog \${n === 1 ? "was" : "were"} barking all night\`;${note("line")}`),
    [
      "barking all night",
    ],
  );
});

Deno.test("operations: every exit code", () => {
  const codes = [...PAGE.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
  // 70: a fault (lib/cli/fail.ts). 126: the launcher of the packed file.
  deepStrictEqual(codes, [...Object.values(ExitCode), 70, 126].sort((a, b) => a - b));
});

Deno.test("operations: the metrics that it names are there", async () => {
  await using place = new Place();
  const { agent } = await place.start("a");
  const { body } = await new Client([agent.socket as string]).request("GET", "/metrics");
  for (const [, name] of PAGE.matchAll(/`(agent_[a-z_]+)`/g)) {
    ok(body.includes(`# TYPE ${name} `), name);
  }
});
