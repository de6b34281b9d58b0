/**
 * The pages that are rendered from the kept results: `docs/performance.md`, its drawings, and the
 * figures of `README.md`. What the README quotes is listed here.
 *
 * @module
 */
import { ROOT } from "./harness/context.ts";
import { type Described, renderPage } from "./harness/page.ts";
import { type Claim, type Quote, renderQuotes, withQuotes } from "./harness/quotes.ts";
import { readResults, type Result } from "./harness/result.ts";

/** Where results are kept. */
export const RESULTS = `${ROOT}docs/performance`;

/** The table of the README. */
export const QUOTES: readonly Quote[] = [
  {
    says: "one value read by a whole process, `agent --leafy read KEY`, from the agent there",
    bench: "leafy",
    what: "agent --leafy read KEY",
  },
  {
    says: "the same from another computer's agent, `--from HOST`",
    bench: "leafy",
    what: "agent --leafy read KEY --from HOST",
  },
  {
    says: "a change, with its commit to the disk, until the next agent shows it",
    bench: "hop",
    what: "set, seen one hop away",
    beside: "TCP",
  },
  {
    says: "the same without the commit, `--ttl`",
    bench: "hop",
    what: "set --ttl, seen one hop away",
    beside: "TCP",
  },
  {
    says: "a change until all of 20 nodes on one bridge have it",
    bench: "bridge",
    what: "20 nodes, set at the API: seen by ALL of the others",
    beside: "serf",
  },
  {
    says: "20 agents start at once on one bridge, on the cores of one computer",
    bench: "bridge",
    what: "cold start of 20 agents at once, until each knows all",
    beside: "serf",
  },
  {
    says: "idle with three peers, CPU of one core",
    bench: "idle",
    what: "three peers by streams: CPU, percent of a core",
  },
  {
    says: "the same, resident memory",
    bench: "idle",
    what: "three peers by streams: all windows together",
    figure: "RSS",
  },
  {
    says: "the same, written to the disk",
    bench: "idle",
    what: "three peers by streams: all windows together",
    figure: "written to disk",
  },
  {
    says: "the file for a 64-bit Pi",
    bench: "pack",
    what: "size of agent-linux-aarch64",
  },
  {
    says: "the first start, which unpacks it",
    bench: "pack",
    what: "agent version, first start",
  },
  {
    says: "a message of 100 bytes, from `send` to confirmed by the other agent",
    bench: "piot",
    what: "one message of 100 bytes: API request to confirmed",
    beside: "mosquitto",
  },
  {
    says: "cold start of 50 nodes on one link, simulated",
    bench: "sim",
    what: "shared of 50",
    figure: "cold",
  },
  {
    says: "memory that one node needs to know 10 000",
    bench: "scale",
    what: "one node of 10000",
    figure: "memory held",
  },
];

/** Round numbers in its prose. */
export const CLAIMS: readonly Claim[] = [
  {
    words: "The file has about 40 MB",
    value: 40,
    bench: "pack",
    what: "size of agent-linux-aarch64",
  },
  {
    words: "unpacks 90 MB into a cache",
    value: 90,
    bench: "pack",
    what: "in the cache behind the first start",
  },
];

/** Path from the root → text, as `deno fmt` leaves it. */
export async function pages(
  benches: readonly Described[],
  results: ReadonlyMap<string, Result>,
  readme: string,
): Promise<Map<string, string>> {
  const all = new Map([["docs/performance.md", renderPage(benches, results)]]);
  for (const bench of benches) {
    const result = results.get(bench.name);
    if (!result) continue;
    for (const { file, svg } of bench.pictures?.(result) ?? []) {
      all.set(`docs/performance/${file}`, await formatted(svg));
    }
  }
  return all.set("README.md", withQuotes(readme, renderQuotes(QUOTES, results)));
}

/** Writes the pages that differ. */
export async function writePages(benches: readonly Described[]): Promise<void> {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  for (const [path, text] of await pages(benches, readResults(RESULTS), readme)) {
    const before = await Deno.readTextFile(`${ROOT}${path}`).catch(() => undefined);
    if (before !== text) await Deno.writeTextFile(`${ROOT}${path}`, text);
  }
}

async function formatted(svg: string): Promise<string> {
  const format = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext", "svg", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = format.stdin.getWriter();
  await writer.write(new TextEncoder().encode(svg));
  await writer.close();
  const { success, stdout } = await format.output();
  if (!success) throw new Error("deno fmt does not take the drawing");
  return new TextDecoder().decode(stdout);
}
