/**
 * The manual of the commands about config, help, and the program itself.
 *
 * @module
 */
import { type Manuals, shape } from "./entry.ts";

export const houseManual: Manuals = {
  "config check": {
    exits: [[78, "Something is wrong: file, line and column are told."]],
    examples: [
      { line: "agent config check", about: "the config that would hold" },
      {
        line: "agent config check ./new.toml && sudo cp new.toml /etc/agent/config.toml",
        about: "before it counts",
      },
    ],
    json: shape(
      "value",
      { file: "/etc/agent/config.toml", ok: true },
      "file is null without a file; warnings: lines.",
    ),
  },
  "config show": {
    exits: [],
    examples: [
      { line: "agent config show", about: "with every default filled in" },
      { line: "agent config show --defaults > config.toml", about: "a file to begin with" },
    ],
    json: shape("value", {
      file: "/etc/agent/config.toml",
      agent: { name: "pi-1", state_dir: "/var/lib/agent" },
      network: [{ name: "home", profile: "native" }],
      http: { listen: "none" },
      lsoe: { enabled: false },
      piot: { enabled: true },
      routes: [],
      actions: [],
      nearby: { enabled: true },
      ring: { enabled: false },
    }, "Each table has all of its keys. With --defaults text, the file."),
  },
  demo: {
    exits: [],
    examples: [{ line: "agent demo", about: "20 seconds, and nothing is left" }],
  },
  help: {
    exits: [],
    examples: [
      { line: "agent help", about: "all commands" },
      { line: "agent help config", about: "those that begin so" },
    ],
    json: shape("value", { help: "…" }),
  },
  version: {
    exits: [],
    examples: [{ line: "agent version --json", about: "for a program" }],
    json: shape("value", { version: "0.1.0", deno: "2.9.5", target: "aarch64-unknown-linux-gnu" }),
  },
};
