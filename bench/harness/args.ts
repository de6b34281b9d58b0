/**
 * The command line of the benches.
 *
 * @module
 */

/** What was asked for. */
export interface Asked {
  readonly quick: boolean;
  readonly json: boolean;
  readonly help: boolean;
  /** Keep the results, and render the pages from all kept ones. */
  readonly write: boolean;
  /** Measure nothing: only render the pages. */
  readonly render: boolean;
  /** The launcher of a bundle to measure; without it the bundle of this checkout, built anew. */
  readonly bundle: string | undefined;
  /** Empty: all. */
  readonly names: readonly string[];
}

const FLAGS = ["--quick", "--write", "--render", "--json", "--help", "-h"];

/**
 * Reads `[--quick] [--write | --render] [--json] [--bundle=FILE] [NAME…]`.
 * @throws {RangeError} for anything else, with one line for people.
 */
export function readArgs(words: readonly string[], known: readonly string[]): Asked {
  const flags = words.filter((word) => word.startsWith("-"));
  const names = words.filter((word) => !word.startsWith("-"));
  let bundle: string | undefined;
  for (const flag of flags) {
    if (flag.startsWith("--bundle=")) bundle = flag.slice("--bundle=".length);
    else if (!FLAGS.includes(flag)) {
      throw new RangeError(
        `bench: unknown option ${flag}; there are ${FLAGS.slice(0, -2).join(", ")}, --bundle=FILE`,
      );
    }
  }
  for (const name of names) {
    if (!known.includes(name)) {
      throw new RangeError(`bench: no bench "${name}"; there are ${known.join(", ")}`);
    }
  }
  return {
    quick: flags.includes("--quick"),
    json: flags.includes("--json"),
    write: flags.includes("--write"),
    render: flags.includes("--render"),
    help: flags.includes("--help") || flags.includes("-h"),
    bundle,
    names,
  };
}
