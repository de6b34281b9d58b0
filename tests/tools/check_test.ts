/** The counts that CI reads are the real ones, and nothing that failed or was skipped gets lost. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { closingLine, countTests, testArguments } from "../../tools/check.ts";
import { parseJunit, withoutSteps } from "../../tools/junit.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** As Deno 2.9.5 wrote it, shortened. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="7" failures="1" errors="1" time="0.104">
    <testsuite name="./tests/a_test.ts" tests="6" disabled="2" errors="0" failures="1">
        <testcase name="plain &amp; &lt;odd&gt; &quot;name&quot;" classname="./tests/a_test.ts" time="0.001" line="1" col="6">
        </testcase>
        <testcase name="not here" classname="./tests/a_test.ts" time="0.000" line="2" col="6">
            <skipped/>
        </testcase>
        <testcase name="fails" classname="./tests/a_test.ts" time="0.000" line="3" col="6">
            <failure message="Uncaught Error: boom &lt;x&gt;">Error: boom &lt;skipped/&gt;
    at file:///tmp/j/tests/a_test.ts:3:34</failure>
        </testcase>
        <testcase name="steps" classname="./tests/a_test.ts" time="0.000" line="4" col="6">
        </testcase>
        <testcase name="steps &gt; one" classname="./tests/a_test.ts" time="0.000" line="4" col="43">
        </testcase>
        <testcase name="a &gt; b, no step" classname="./tests/a_test.ts" time="0.000" line="5" col="6">
        </testcase>
        <testcase name="left out" classname="./tests/a_test.ts" line="6" col="6">
            <skipped/>
        </testcase>
    </testsuite>
    <testsuite name="./tests/c_test.ts" tests="1" disabled="0" errors="1" failures="0">
        <testcase name="never" classname="./tests/c_test.ts" time="0.000" line="1" col="6">
            <error message="Cancelled"/>
        </testcase>
    </testsuite>
</testsuites>
`;

Deno.test("a report of deno test is read with names, files and outcomes", () => {
  deepStrictEqual(
    parseJunit(REPORT).map(({ file, name, outcome }) => `${file} ${name}: ${outcome}`),
    [
      './tests/a_test.ts plain & <odd> "name": passed',
      "./tests/a_test.ts not here: skipped",
      "./tests/a_test.ts fails: failed",
      "./tests/a_test.ts steps: passed",
      "./tests/a_test.ts steps > one: passed",
      "./tests/a_test.ts a > b, no step: passed",
      "./tests/a_test.ts left out: filtered",
      "./tests/c_test.ts never: failed",
    ],
  );
  deepStrictEqual(parseJunit(""), []);
});

Deno.test("a step is not a test of its own", () => {
  const names = withoutSteps(parseJunit(REPORT)).map(({ name }) => name);
  ok(!names.includes("steps > one"));
  ok(names.includes("a > b, no step"));
});

Deno.test("tests are counted by outcome, and those that a filter left out not at all", () => {
  const report = countTests(parseJunit(REPORT), 1, "", new Map([["not here", "no root"]]));
  strictEqual(closingLine(report), "3 passed, 2 failed, 1 skipped");
  deepStrictEqual(report.skipped, [["not here", "no root"]]);
  deepStrictEqual(report.complaints, []);
});

Deno.test("a test that gave a reason and returned is skipped, not passed", () => {
  const report = countTests(parseJunit(REPORT), 1, "", new Map([["steps", "no network"]]));
  strictEqual(closingLine(report), "2 passed, 2 failed, 2 skipped");
});

Deno.test("a file that threw outside of its tests is a failure", () => {
  const output = "Uncaught error from ./tests/b_test.ts FAILED\nfails ... FAILED (1ms)\n";
  const report = countTests(parseJunit(REPORT), 1, output, new Map());
  strictEqual(report.failed, 3);
  deepStrictEqual(report.complaints, ["./tests/b_test.ts threw outside of its tests"]);
});

Deno.test("a runner that fails without a failed test is one failure", () => {
  strictEqual(closingLine(countTests([], 1, "", new Map())), "0 passed, 1 failed");
});

Deno.test("a runner that was stopped before it reported is one failure", () => {
  const report = countTests(undefined, 143, "", new Map());
  strictEqual(closingLine(report), "0 passed, 1 failed");
});

Deno.test("arguments are paths, flags or a filter", () => {
  const exists = (path: string) => path === "tests/wire";
  deepStrictEqual(testArguments(["--", "tests/wire", "--trace-leaks"], exists), [
    "--trace-leaks",
    "tests/wire",
  ]);
  deepStrictEqual(testArguments(["replay window"], exists), ["--filter=replay window", "tests"]);
});

/** Runs the whole check in a little project. */
async function checkProject(files: Record<string, string>, args: string[] = []) {
  const folder = await Deno.makeTempDir({ prefix: "agent-check-test-" });
  try {
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      '{ "lock": false, "fmt": { "lineWidth": 100 } }\n',
    );
    await Deno.mkdir(`${folder}/lib`);
    await Deno.mkdir(`${folder}/tests`);
    await Deno.copyFile(`${ROOT}tests/skip.ts`, `${folder}/tests/skip.ts`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", `${ROOT}deno.json`, `${ROOT}tools/check.ts`]
        .concat(args),
      cwd: folder,
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    return { code, lines, last: lines.at(-1) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PASSING = 'Deno.test("good", () => {});\n';

Deno.test("a clean project: all stages, real counts, exit code 0", async () => {
  const doc = "/**\n * One.\n *\n * ```ts\n * if (one !== 1) throw new Error();\n * ```\n */\n";
  const { code, lines, last } = await checkProject({
    "lib/one.ts": `${doc}export const one = 1;\n`,
    "tests/good_test.ts": PASSING,
    "tests/skipped_test.ts": [
      'import { skipReason } from "./skip.ts";',
      'const name = "on a real Pi";',
      'Deno.test({ name, ignore: skipReason(name, "there is none here"), fn() {} });',
      "",
    ].join("\n"),
  });
  strictEqual(last, "2 passed, 0 failed, 1 skipped", lines.join("\n"));
  strictEqual(code, 0);
  ok(lines.includes("SKIPPED on a real Pi: there is none here"));
  for (const stage of ["format", "lint", "types", "docs", "tests"]) {
    ok(lines.some((line) => line.startsWith(stage)), stage);
  }
});

Deno.test("format, lint, types, a failing test and a file that does not load: each counts", async () => {
  const { code, lines, last } = await checkProject({
    "lib/bad.ts": "export const a: number =    'text';\nvar b = 1;\nexport { b };\n",
    "tests/bad_test.ts": 'Deno.test("bad", () => {\n  throw new Error("boom");\n});\n' + PASSING,
    "tests/broken_test.ts": 'throw new Error("at load");\n',
  });
  strictEqual(code, 1);
  strictEqual(last, "1 passed, 5 failed", lines.join("\n"));
  for (
    const what of ["format is not", "lint is not", "types is not", "tests/broken_test.ts threw"]
  ) {
    ok(lines.some((line) => line.startsWith("FAILED ") && line.includes(what)), what);
  }
});

Deno.test("a run without any test fails", async () => {
  const empty = await checkProject({});
  strictEqual(empty.last, "0 passed, 1 failed");
  strictEqual(empty.code, 1);
  const filtered = await checkProject({ "tests/good_test.ts": PASSING }, ["no such test"]);
  strictEqual(filtered.last, "0 passed, 1 failed");
  strictEqual(filtered.code, 1);
});

Deno.test("with a filter only the tests that match are counted", async () => {
  const two = `${PASSING}Deno.test("bad", () => {\n  throw new Error();\n});\n`;
  const { last, lines } = await checkProject({ "tests/two_test.ts": two }, ["good"]);
  strictEqual(last, "1 passed, 0 failed", lines.join("\n"));
  ok(!lines.some((line) => line.startsWith("format ")));
});

/**
 * Runs `.ci/run` beside a `denow` that prints and exits as told, on a computer without `ip` whose
 * `apt-get` does as told.
 */
async function runCi(denow: string, apt = "exit 0") {
  const folder = await Deno.makeTempDir({ prefix: "agent ci " });
  const script = (path: string, text: string) =>
    Deno.writeTextFile(`${folder}/${path}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  try {
    await Deno.mkdir(`${folder}/.ci`);
    await Deno.mkdir(`${folder}/bin`);
    await Deno.copyFile(`${ROOT}.ci/run`, `${folder}/.ci/run`);
    await script("denow", denow);
    await script("bin/apt-get", `echo "$@" >>'${folder}/asked'; ${apt}`);
    for (const name of ["bash", "dirname", "mktemp", "tee", "tail", "rm"]) {
      const found = ["/usr/bin", "/bin"].map((place) => `${place}/${name}`).find((path) => {
        try {
          return Deno.statSync(path).isFile;
        } catch {
          return false;
        }
      });
      await Deno.symlink(found ?? "", `${folder}/bin/${name}`);
    }
    const { code, stdout } = await new Deno.Command(`${folder}/bin/bash`, {
      args: [`${folder}/.ci/run`],
      cwd: "/",
      clearEnv: true,
      env: { PATH: `${folder}/bin` },
    }).output();
    const asked = await Deno.readTextFile(`${folder}/asked`);
    return { code, last: new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1), asked };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("CI's last line is the suite's, and its exit code too", async () => {
  const good = await runCi('echo "task $*" >&2; echo "3 passed, 0 failed, 1 skipped"');
  strictEqual(good.last, "3 passed, 0 failed, 1 skipped");
  strictEqual(good.code, 0);
  const bad = await runCi('echo "2 passed, 1 failed"; exit 1');
  strictEqual(bad.last, "2 passed, 1 failed");
  strictEqual(bad.code, 1);
});

Deno.test("CI fails with counts where the suite never came to its end", async () => {
  for (const denow of ['echo "denow: no npm" >&2; exit 1', "exit 0"]) {
    const { code, last } = await runCi(denow);
    strictEqual(last, "0 passed, 1 failed");
    strictEqual(code, 1);
  }
});

Deno.test("CI installs iproute2 where it can, and goes on where it cannot", async () => {
  match((await runCi('echo "1 passed, 0 failed"')).asked, /^install .*iproute2$/m);
  const { code, last } = await runCi('echo "1 passed, 0 failed"', "exit 100");
  strictEqual(last, "1 passed, 0 failed");
  strictEqual(code, 0);
});
