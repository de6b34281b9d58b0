/**
 * The rules of the house (docs/architecture.md) as a check over the source text: who may import whom,
 * where clocks, timers, randomness and I/O may stand, and how a room looks from the outside.
 *
 * @module
 */
import { importsOf, maskSource } from "./source.ts";

/** A broken rule: where, and which. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Room → floor. Nothing imports upwards. */
export const FLOORS: ReadonlyMap<string, number> = new Map([
  ["lib/core", 0],
  ["lib/wire", 0],
  ["lib/net", 1],
  ["lib/store", 1],
  ["ffi", 1],
  ["lib/dncp", 2],
  ["lib/lsoe", 2],
  ["lib/ring", 2],
  ["lib/piot", 2],
  ["lib/nearby", 2],
  ["lib/state", 2],
  ["lib/leafy", 2],
  ["lib/http", 3],
  ["lib/learn", 3],
  ["lib/agent", 4],
  ["lib/cli", 5],
  ["main.ts", 5],
]);

/**
 * Single files that stand on another floor than their room. `lib/nearby/mod.ts` is the one import
 * path of learners: the machines of its room already put on sockets by `lib/learn`. Whoever composes
 * machines takes them from `lib/nearby/machines.ts`.
 */
const FACES: ReadonlyMap<string, number> = new Map([["lib/nearby/mod.ts", 4]]);

/** The only ways from one room to another on its own floor. */
const ACROSS: ReadonlyMap<string, readonly string[]> = new Map([
  ["lib/wire", ["lib/core"]],
  // The kernel, behind the seams that `lib/net` names and a simulated kernel implements too.
  ["ffi", ["lib/net"]],
  ["lib/state", ["lib/dncp"]],
  ["lib/leafy", ["lib/dncp", "lib/state"]],
  ["main.ts", ["lib/cli"]],
]);

/** Files on floors 0 and 2 that may touch the real clock and the real timer. */
const REAL_TIME = new Set(["lib/core/clock.ts", "lib/core/scheduler.ts"]);

/** What makes a machine depend on the computer it runs on. */
const IMPURE: readonly [pattern: RegExp, what: string][] = [
  [/\bDeno\b/g, "the Deno API"],
  [/\bperformance\b/g, "a clock"],
  [
    /\bDate\.now\b|\bnew\s+Date\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()|(?<!new\s+)\bDate\s*\(/g,
    "a clock",
  ],
  [/\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/g, "a timer"],
  [/\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b/g, "unseeded randomness"],
  [/\bfetch\s*\(|\bnew\s+(?:WebSocket|Worker|EventSource)\b/g, "the network"],
  [/\bconsole\b/g, "the console"],
];

/** Modules of Node that product code may use, because each costs start-up time. */
const NODE_MODULES: ReadonlyMap<string, string> = new Map([
  ["node:sqlite", "lib/store"],
  ["node:util", "lib/cli"],
]);

const LONGEST_FILE = 450;

/** All broken rules in these files: path from the repository's root → source text. */
export function violations(files: ReadonlyMap<string, string>): Violation[] {
  const found: Violation[] = [];
  for (const [file, source] of files) {
    const report = (line: number, text: string) => found.push({ file, line, text });
    const room = roomOf(file);
    const floor = FACES.get(file) ?? FLOORS.get(room);
    if (floor === undefined) {
      report(
        1,
        `${room} has no floor; give it one in tools/architecture.ts, and a place in tools/picture.ts`,
      );
      continue;
    }
    checkImports(file, source, room, floor, report);
    if ((floor === 0 || floor === 2) && !REAL_TIME.has(file)) checkPurity(source, report);
    const lines = source.split("\n").length - 1;
    if (lines > LONGEST_FILE) report(lines, `${lines} lines; a file has at most ${LONGEST_FILE}`);
    if (file.endsWith("/mod.ts") && !/^\/\*\*[\s\S]*?@module\s*\*\//.test(source)) {
      report(1, "a mod.ts opens with a comment that says what the room is for (/** … @module */)");
    }
  }
  for (const room of new Set([...files.keys()].map(roomOf))) {
    if (room.startsWith("lib/") && !files.has(`${room}/mod.ts`)) {
      found.push({ file: room, line: 1, text: "has no mod.ts, the face of a room" });
    }
  }
  return found;
}

type Report = (line: number, text: string) => void;

function checkImports(file: string, source: string, room: string, floor: number, report: Report) {
  for (const { specifier, typeOnly, line } of importsOf(source)) {
    if (specifier.startsWith("node:")) {
      if (NODE_MODULES.get(specifier) !== room) {
        const rooms = [...NODE_MODULES].map(([name, home]) => `${name} in ${home}`).join(", ");
        report(line, `imports ${specifier}; allowed are ${rooms}`);
      }
      continue;
    }
    if (!specifier.startsWith(".")) continue;
    const target = resolve(file, specifier);
    const there = roomOf(target);
    if (target === "deno.json" || (there === room && !FACES.has(target))) continue;
    const otherFloor = FACES.get(target) ?? FLOORS.get(there);
    if (otherFloor === undefined) {
      report(line, `imports ${target}, which is no part of the product`);
    } else if (otherFloor > floor) {
      report(
        line,
        `imports upwards: ${target} is on floor ${otherFloor}, ${room} on floor ${floor}`,
      );
    } else if (otherFloor === floor && !ACROSS.get(room)?.includes(there)) {
      report(line, `${room} may not know its neighbour ${there}`);
    } else if (floor === 2 && otherFloor === 1 && !typeOnly) {
      report(line, `a machine does no I/O, but imports ${target} (a type is fine)`);
    } else if (floor === 2 && otherFloor === 2 && !/\/(?:mod|api|machines)\.ts$/.test(target)) {
      report(line, `imports an inside of ${there}; go through its mod.ts`);
    }
  }
}

function checkPurity(source: string, report: Report) {
  const code = maskSource(source);
  for (const [pattern, what] of IMPURE) {
    for (const match of code.matchAll(pattern)) {
      const line = code.slice(0, match.index).split("\n").length;
      report(line, `uses ${what} (${match[0].trim()}); a machine is handed what it needs`);
    }
  }
}

/** `lib/dncp/peers.ts` → `lib/dncp`; `main.ts` and `ffi/…` are rooms of their own. */
export function roomOf(file: string): string {
  const parts = file.split("/");
  return parts[0] === "lib" ? parts.slice(0, 2).join("/") : parts[0]!;
}

/** A relative import as a path from the repository's root. */
export function resolve(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
