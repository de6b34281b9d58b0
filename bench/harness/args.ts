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
  /** The launcher of a bundle to measure; without it the bundle of this checkout, built anew. */
  readonly bundle: string | undefined;
  /** Empty: all. */
  readonly names: readonly string[];
}

/**
 * Reads `[--quick] [--json] [--bundle=FILE] [NAME…]`.
 * @throws {RangeError} for anything else, with one line for people.
 */
export function readArgs(words: readonly string[], known: readonly string[]): Asked {
  const flags = words.filter((word) => word.startsWith("-"));
  const names = words.filter((word) => !word.startsWith("-"));
  let bundle: string | undefined;
  for (const flag of flags) {
    if (flag.startsWith("--bundle=")) bundle = flag.slice("--bundle=".length);
    else if (!["--quick", "--json", "--help", "-h"].includes(flag)) {
      throw new RangeError(
        `bench: unknown option ${flag}; there are --quick, --json and --bundle=FILE`,
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
    help: flags.includes("--help") || flags.includes("-h"),
    bundle,
    names,
  };
}
