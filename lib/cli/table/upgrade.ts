/**
 * Commands: another version of the program.
 *
 * @module
 */
import type { Command } from "../call.ts";

export const upgradeCommands: readonly Command[] = [
  {
    name: "upgrade",
    usage: "FILE [--sha256 SUM] [--timeout 30s]",
    summary: "put another version in place, and run it",
    details: [
      "Checks FILE before anything changes, replaces the installed file in one step, and starts the" +
      " running agent anew; the other nodes do not see it leave. If the new version does not become" +
      " ready in time, the old one is put back and started (exit code 4).",
    ],
    flags: [
      { name: "sha256", value: "SUM", help: "refuse another one (else SHA256SUMS beside FILE)" },
      { name: "timeout", value: "DURATION", help: "how long it may take to become ready (30s)" },
      { name: "install-path", value: "FILE", help: "the file to replace, if not the running one" },
      { name: "force", help: "also put an older version in place" },
    ],
    arguments: { least: 1, most: 1, name: "FILE" },
    load: () => import("../commands/upgrade.ts"),
  },
];
