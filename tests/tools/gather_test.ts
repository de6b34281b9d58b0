/** Chunks that one command loads are gathered into few. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { gathered } from "../../tools/build/gather.ts";

const [RUN, PAGE, GET] = ["run-00000000000a.js", "page-00000000000b.js", "get-00000000000c.js"];
const FILES = new Map([
  [
    "main.js",
    `import{E}from"./errors.js";({run:()=>import("./${RUN}"),get:()=>import("./${GET}")})`,
  ],
  ["errors.js", "export class E{}"],
  [RUN, `import"./errors.js";import{a}from"./a.js";import"./only.js";()=>import("./${PAGE}")`],
  [PAGE, 'import{a}from"./a.js"'],
  [GET, 'import{a}from"./a.js"'],
  ["a.js", 'export var a=1;import"./errors.js"'],
  ["only.js", ""],
]);

/** What a bundler makes of them: it keeps the names of the entries. */
const COPIES = new Map([
  [RUN, `import"./errors.js";import"./chunk-ABCDEFGH.js";()=>import("./${PAGE}")`],
  [PAGE, 'import"./chunk-ABCDEFGH.js"'],
  ["chunk-ABCDEFGH.js", "var a=1"],
]);

Deno.test("a command has copies of its own; others keep what they had, and errors are not copied", async () => {
  const asked: unknown[] = [];
  let folder = "";
  const result = await gathered(FILES, ["run", "missing"], (entries, external) => {
    folder = entries[0]!.replace(/[^/]*$/, "");
    for (const [name, text] of FILES) strictEqual(Deno.readTextFileSync(folder + name), text);
    asked.push([entries.map((path) => path.replace(folder, "")), external]);
    return Promise.resolve(new Map(COPIES));
  });
  deepStrictEqual(asked, [[[PAGE, RUN], ["./errors.js", "./main.js"]]]);
  await rejects(Deno.stat(folder), Deno.errors.NotFound);
  deepStrictEqual([...result.keys()].sort(), [
    ...["a.js", "errors.js", GET, "main.js"],
    ...["run_chunk-ABCDEFGH.js", `run_${PAGE}`, `run_${RUN}`],
  ]);
  strictEqual(
    result.get("main.js"),
    FILES.get("main.js")!.replace(`./${RUN}`, `./run_${RUN}`),
  );
  strictEqual(
    result.get(`run_${RUN}`),
    `import"./errors.js";import"./run_chunk-ABCDEFGH.js";()=>import("./run_${PAGE}")`,
  );
  for (const name of [GET, "a.js", "errors.js"]) strictEqual(result.get(name), FILES.get(name));
});

Deno.test("a program without such a command stays as it is", async () => {
  const files = new Map([["main.js", 'import"./a.js"'], ["a.js", ""]]);
  const result = await gathered(files, ["run"], () => {
    ok(false, "nothing is to be bundled");
  });
  deepStrictEqual(result, files);
});
