/**
 * The manual: what help texts, the manual page and `docs/commands/` say of a command beyond its row
 * in the table. It is apart from the table because every start of the program loads that.
 *
 * @module
 */
import type { JsonValue } from "../http/api.ts";
import type { Command } from "./call.ts";
import { cablesManual } from "./manual/cables.ts";
import type { Manual, Manuals } from "./manual/entry.ts";
import { houseManual } from "./manual/house.ts";
import { installManual, joinManual, upgradeManual } from "./manual/install.ts";
import { messagesManual } from "./manual/messages.ts";
import { nearbyManual } from "./manual/nearby.ts";
import { nodeManual } from "./manual/node.ts";
import { ringManual } from "./manual/ring.ts";
import { leafyManual, stateManual } from "./manual/state.ts";

export type { Manual } from "./manual/entry.ts";

/** By the name of the command. A test holds them against the table. */
export const manuals: Manuals = {
  ...nodeManual,
  ...cablesManual,
  ...stateManual,
  ...leafyManual,
  ...messagesManual,
  ...nearbyManual,
  ...ringManual,
  ...joinManual,
  ...installManual,
  ...upgradeManual,
  ...houseManual,
};

/** The manual of a command of the table. */
export function manualOf(name: string): Manual {
  return manuals[name] ?? { exits: [], examples: [] };
}

/** A command as it is typed, behind `agent`. */
export function typed({ name, leafy }: Pick<Command, "name" | "leafy">): string {
  return leafy ? `--leafy ${name}` : name;
}

/** A line of the table as a sentence. */
export function sentence(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

/** Codes that mean the same for every command. Commands that follow something end so on a signal. */
export const COMMON_EXITS: readonly (readonly [code: number, meaning: string])[] = [
  [0, "Done. Commands that follow something end so on SIGINT and SIGTERM."],
  [1, "Asked for something that is not there."],
  [2, "Wrong usage."],
  [3, "The agent is not running, or no node could be reached in time."],
  [4, "Refused: wrong key, no permission, no room, port taken."],
  [70, "A fault in the agent itself; please report it."],
  [78, "The config file is wrong."],
];

/** JSON in lines of at most `width` characters where that can be. */
export function jsonLines(value: JsonValue, width: number, indent = ""): string[] {
  const flat = spaced(value);
  if (indent.length + flat.length <= width || typeof value !== "object" || value === null) {
    return [flat];
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((item) => ["", item] as const)
    : Object.entries(value).map(([key, item]) => [`${JSON.stringify(key)}: `, item] as const);
  const lines = members.flatMap(([head, item], i) => {
    const [first = "", ...rest] = jsonLines(item, width - head.length - 1, inner);
    const comma = i < members.length - 1 ? "," : "";
    const whole = [`${inner}${head}${first}`, ...rest];
    return [...whole.slice(0, -1), `${whole.at(-1)}${comma}`];
  });
  return [open, ...lines, `${indent}${close}`];
}

/** On one line, with blanks behind `:` and `,`. */
function spaced(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, item]) =>
    `${JSON.stringify(key)}: ${spaced(item)}`
  );
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}
