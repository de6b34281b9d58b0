/**
 * The manual of the commands by which an agent gets onto a computer, into a network, and away again.
 *
 * @module
 */
import type { Invitation } from "../../http/api.ts";
import type { Upgraded } from "../../agent/upgrade/upgrade.ts";
import { ASKS, type Manuals, shape } from "./entry.ts";

export const joinManual: Manuals = {
  "key generate": {
    exits: [[4, "The file is there already, or cannot be written."]],
    examples: [
      { line: "agent key generate --output new.key", about: "for a rotation" },
      { line: "agent key generate", about: "to stdout" },
    ],
    json: shape("value", { file: "new.key" }, "Without --output key, the key itself."),
  },
  invite: {
    exits: [[1, "There is no such network or invitation."], ...ASKS],
    examples: [
      { line: "agent invite", about: "the line for the next Pi" },
      { line: "agent invite --for 1h --address pi-1.local", about: "for longer, by a name" },
      { line: "agent invite --list", about: "what became of the latest" },
    ],
    json: shape<Invitation>(
      "value",
      {
        id: "5a0c11de",
        network: "home",
        expires: "2026-11-21T09:10:00.000Z",
        code: "192.168.1.20/6XQ3-CSBJ-JBRQ-NFH6-T1R3-A9Q4-KEB5",
        line: "agent join 192.168.1.20/6XQ3-CSBJ-JBRQ-NFH6-T1R3-A9Q4-KEB5",
      },
      "With --list an array of id, network, state (open, taken, used, expired, withdrawn), expires," +
        " perhaps by.",
    ),
  },
  join: {
    exits: [
      [3, "No address of CODE answered."],
      [
        4,
        "Refused: the invitation was used, has ended or is not known; another network has the name;" +
        " a file cannot be written.",
      ],
    ],
    examples: [
      {
        line: "agent join 192.168.1.20/6XQ3-CSBJ-JBRQ-NFH6-T1R3-A9Q4-KEB5",
        about: "join, and be a node",
      },
      {
        line: "sudo agent join 192.168.1.20/6XQ3-CSBJ-JBRQ-NFH6-T1R3-A9Q4-KEB5",
        about: "where the agent is a service",
      },
    ],
    json: shape("value", {
      network: "home",
      node: "pi-1",
      keyId: "92934e0d",
      keyFile: "/home/pi/.local/state/agent/home.key",
      already: false,
      config: "/home/pi/.config/agent/config.toml",
    }, "config is missing where none was written."),
  },
};

export const installManual: Manuals = {
  "service install": {
    exits: [
      [3, "The service did not get ready; the last lines of its journal are shown."],
      [4, "Not root, no systemd, or a unit that was edited by hand; the difference is shown."],
    ],
    examples: [
      { line: "agent service install --print", about: "what it would do" },
      { line: "sudo agent service install", about: "do it" },
      { line: "agent service install --user", about: "for yourself, without root" },
    ],
    json: shape(
      "value",
      { changed: true, steps: [], start: null, notes: [] },
      "steps: what was or would be done, by kind and path. Where it failed, problem: lines.",
    ),
  },
  "service remove": {
    exits: [[4, "Not root, or a step failed."]],
    examples: [
      { line: "sudo agent service remove", about: "config, key and state stay" },
      { line: "agent service remove --purge --print", about: "what would be removed" },
    ],
    json: shape(
      "value",
      { changed: true, steps: [], start: null, notes: [] },
      "As for service install.",
    ),
  },
  completion: {
    exits: [],
    examples: [
      { line: "agent completion bash > /etc/bash_completion.d/agent", about: "for all users" },
    ],
    json: shape("value", { script: "…" }),
  },
  man: {
    exits: [],
    examples: [
      { line: "agent man | man -l -", about: "read it" },
      { line: "agent man > /usr/local/share/man/man1/agent.1", about: "keep it" },
    ],
    json: shape("value", { page: "…" }),
  },
};

export const upgradeManual: Manuals = {
  upgrade: {
    exits: [
      [3, "The agent does not answer."],
      [4, "Refused, with nothing changed; or tried and taken back. The line says which."],
    ],
    examples: [
      { line: "sudo agent upgrade ./agent-linux-aarch64", about: "put it in place, and run it" },
      {
        line: "sudo agent upgrade /usr/local/bin/agent.previous --force",
        about: "back to the version before",
      },
    ],
    json: shape<Upgraded>("value", {
      version: "0.2.0",
      before: "0.1.0",
      sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      compared: true,
      file: "/usr/local/bin/agent",
      previous: "/usr/local/bin/agent.previous",
      restarted: "agent.service",
    }, "before, previous and restarted are missing where there is nothing to say."),
  },
};
