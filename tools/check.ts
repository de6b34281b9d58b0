/**
 * `./denow task test`: format, lint, type check, doc tests, all tests, and the counts.
 *
 * The last line is `N passed, N failed[, N skipped]`. Passed and skipped are tests; a stage without
 * tests of its own (format, lint, types) counts only where it fails, as one failure. Exit code 1 if
 * anything failed or if no test ran.
 *
 * With arguments (`./denow task test tests/wire`, `./denow task test "replay window"`) only the tests
 * they name run: a path is a file or folder, `-x` a flag of `deno test`, anything else a filter.
 *
 * @module
 */
import { SKIP_LOG } from "../tests/skip.ts";
import { parseJunit, type TestCase, withoutSteps } from "./junit.ts";

/** Tests that start processes or make network interfaces. They run one file after the other. */
const SYSTEM_TESTS = ["tests/chaos/", "tests/e2e/", "tests/netns/", "tests/tools/"];
/**
 * Simulations of whole networks: minutes of pure computation under virtual time. They run beside the
 * system tests, which mostly wait, and at the lowest priority, so that they take only what is left.
 */
const SIMULATIONS = ["tests/sim/"];
/** No stage may hang longer than this, so that CI ends with counts, in milliseconds. */
const STAGE_LIMIT = 25 * 60_000;

/** The counts, and what there is to say about them. */
export interface Report {
  passed: number;
  failed: number;
  /** Name of the test → why. */
  skipped: [name: string, reason: string][];
  /** What failed beside tests: a stage, or a file that threw outside of its tests. */
  complaints: string[];
}

/** What `skipReason` wrote down: name of the test → why. */
export type Reasons = ReadonlyMap<string, string>;

/**
 * Counts the tests of one `deno test` run.
 *
 * @param cases what it reported; `undefined` where it never came to report.
 * @param exitCode of the run; where it failed and no test did, that is one failure.
 * @param output of the run. The report knows nothing of a file that could not be loaded; the runner's
 * own words do.
 */
export function countTests(
  cases: readonly TestCase[] | undefined,
  exitCode: number,
  output: string,
  reasons: Reasons,
): Report {
  const report: Report = { passed: 0, failed: 0, skipped: [], complaints: [] };
  if (cases === undefined) {
    report.failed++;
    report.complaints.push(`the test runner ended with exit code ${exitCode} before it reported`);
    return report;
  }
  for (const { name, outcome } of withoutSteps(cases)) {
    if (outcome === "failed") report.failed++;
    else if (outcome === "skipped" || outcome === "passed" && reasons.has(name)) {
      report.skipped.push([name, reasons.get(name) ?? "no reason given (tests/skip.ts)"]);
    } else if (outcome === "passed") report.passed++;
  }
  for (const [, file] of output.matchAll(/^Uncaught error from (\S+) FAILED$/gm)) {
    report.failed++;
    report.complaints.push(`${file} threw outside of its tests`);
  }
  if (exitCode !== 0 && report.failed === 0) {
    report.failed++;
    report.complaints.push(`the test runner ended with exit code ${exitCode}`);
  }
  return report;
}

/** The closing line, in the form that CI reads. */
export function closingLine({ passed, failed, skipped }: Report): string {
  const rest = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  return `${passed} passed, ${failed} failed${rest}`;
}

/** Arguments of `task test` → arguments of `deno test`. */
export function testArguments(words: readonly string[], exists: (path: string) => boolean) {
  const rest = words.filter((word) => word !== "--");
  const paths = rest.filter((word) => !word.startsWith("-") && exists(word));
  const filters = rest.filter((word) => !word.startsWith("-") && !exists(word));
  return [
    ...rest.filter((word) => word.startsWith("-")),
    ...filters.map((word) => `--filter=${word}`),
    ...(paths.length > 0 ? paths : ["tests"]),
  ];
}

interface RunOptions {
  readonly stderr: "piped" | "inherit";
  /** At the lowest priority. */
  readonly nice?: boolean;
  readonly env?: Record<string, string>;
}

/** Runs the stages one after the other and prints a line for each. */
class Check {
  readonly report: Report = { passed: 0, failed: 0, skipped: [], complaints: [] };
  readonly #folder = Deno.makeTempDirSync({ prefix: "agent-check-" });
  readonly #timings: string[] = [];

  /** A stage that is right or wrong as a whole. Its output is shown where it is wrong. */
  async whole(name: string, args: string[]): Promise<void> {
    const start = performance.now();
    const { code, stdout, stderr } = await this.#deno(args, { stderr: "piped" }).output();
    if (code !== 0) {
      await Deno.stdout.write(stdout);
      await Deno.stdout.write(stderr);
      this.report.failed++;
      this.report.complaints.push(`${name} is not clean`);
    }
    this.#close(name, code === 0 ? "clean" : "FAILED", start);
  }

  /** A stage that is a run of `deno test`. `beside`: it leaves the processor and the screen to others. */
  async tests(name: string, args: string[], { beside = false } = {}): Promise<void> {
    const start = performance.now();
    const junit = `${this.#folder}/${name}.xml`;
    const notes = `${this.#folder}/${name}.skipped`;
    const run = this.#deno(["test", "-A", `--junit-path=${junit}`, ...args], {
      stderr: beside ? "piped" : "inherit",
      nice: beside,
      env: { [SKIP_LOG]: notes },
    }).spawn();
    const read = beside
      ? Promise.all([gather(run.stdout), gather(run.stderr)])
      : passOn(run.stdout).then((text) => [text, ""]);
    const [[output = "", complaint = ""], { code }] = await Promise.all([read, run.status]);
    if (beside) {
      console.log(`\n${name}, beside the others:\n${output}${code === 0 ? "" : complaint}`);
    }
    const xml = await readIfThere(junit);
    const reasons = parseReasons(await readIfThere(notes) ?? "");
    const cases = xml === undefined ? undefined : parseJunit(xml);
    const { passed, failed, skipped, complaints } = countTests(cases, code, output, reasons);
    if (performance.now() - start >= STAGE_LIMIT) {
      complaints.push(`stopped after ${STAGE_LIMIT / 60_000} minutes`);
    }
    this.report.passed += passed;
    this.report.failed += failed;
    this.report.skipped.push(...skipped);
    this.report.complaints.push(...complaints.map((text) => `${name}: ${text}`));
    this.#close(name, `${passed} passed, ${failed} failed, ${skipped.length} skipped`, start);
  }

  /** Prints the summary and gives the exit code. */
  end(): number {
    const { report } = this;
    Deno.removeSync(this.#folder, { recursive: true });
    if (report.passed + report.failed === 0) {
      report.failed++;
      report.complaints.push("no test ran");
    }
    console.log(`\n${this.#timings.join("\n")}`);
    for (const [name, reason] of report.skipped) console.log(`SKIPPED ${name}: ${reason}`);
    for (const text of report.complaints) console.log(`FAILED ${text}`);
    console.log(closingLine(report));
    return report.failed === 0 ? 0 : 1;
  }

  #deno(args: string[], { stderr, nice = false, env = {} }: RunOptions): Deno.Command {
    const [program, ...before] = nice
      ? ["nice", "-n", "19", Deno.execPath()] as const
      : [Deno.execPath()] as const;
    return new Deno.Command(program, {
      args: [...before, ...args],
      stdin: "null",
      stdout: "piped",
      stderr,
      env: { ...env, ...(Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" }) },
      signal: AbortSignal.timeout(STAGE_LIMIT),
    });
  }

  #close(name: string, result: string, start: number): void {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const line = `${name.padEnd(11)}${seconds.padStart(6)} s  ${result}`;
    this.#timings.push(line);
    console.log(line);
  }
}

/** Passes a stream on to our stdout, and answers what it said, without colours. */
async function passOn(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return await gather(stream, async (bytes) => {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  });
}

/** The text of a stream without its colours. `each` is handed what comes, as it comes. */
async function gather(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  each?: (bytes: Uint8Array) => Promise<void>,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    await each?.(bytes);
  }
  // deno-lint-ignore no-control-regex -- a colour begins with an escape character
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "");
}

function parseReasons(lines: string): Reasons {
  return new Map(
    lines.split("\n").filter((line) => line !== "").map((line) => {
      const { name, reason } = JSON.parse(line) as { name: string; reason: string };
      return [name, reason];
    }),
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** All test files below a folder, sorted. */
function testFiles(folder: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...testFiles(path));
    else if (entry.name.endsWith("_test.ts")) files.push(path);
  }
  return files.sort();
}

async function main(): Promise<number> {
  const check = new Check();
  if (Deno.args.some((word) => word !== "--")) {
    console.log("Only the tests that are named; format, lint and types are not checked.");
    await check.tests("tests", ["--no-check", ...testArguments(Deno.args, exists)]);
    return check.end();
  }
  await check.whole("format", ["fmt", "--check"]);
  await check.whole("lint", ["lint", "--quiet"]);
  await check.whole("types", ["check", "--quiet", "."]);
  await check.tests("docs", ["--quiet", "--doc", "--permit-no-files", "lib"]);
  const files = testFiles("tests");
  const isIn = (folders: readonly string[]) => (file: string) =>
    folders.some((folder) => file.startsWith(folder));
  const system = files.filter(isIn(SYSTEM_TESTS));
  const simulations = files.filter(isIn(SIMULATIONS));
  const unit = files.filter((file) => !system.includes(file) && !simulations.includes(file));
  const stage = async (name: string, of: readonly string[], args: string[], beside = false) => {
    if (of.length > 0) await check.tests(name, ["--no-check", ...args, ...of], { beside });
  };
  await stage("tests", unit, ["--parallel"]);
  await Promise.all([
    stage("system", system, []),
    stage("simulations", simulations, ["--parallel"], true),
  ]);
  return check.end();
}

if (import.meta.main) Deno.exit(await main());
