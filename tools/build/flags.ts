/**
 * What the bundled program runs with: nothing is looked up or fetched, so that starting costs no more
 * than it must.
 *
 * @module
 */
export const RUN_FLAGS: readonly string[] = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  "--no-prompt",
  "--unstable-net",
  "-A",
];
