/**
 * What people type for entries of the state: `KEY=VALUE`, and `[NODE:]KEY`.
 *
 * @module
 */
import type { Wanted } from "../agent/config/leafy.ts";
import type { Entries, JsonValue, StateTree } from "../http/api.ts";
import { usage } from "./args.ts";

/**
 * `KEY=VALUE…` → entries. VALUE is JSON where it is valid JSON, else text.
 *
 * @throws {AgentError} exit code 2
 */
export function parseEntries(args: readonly string[]): Entries {
  const entries = new Map<string, JsonValue>();
  for (const arg of args) {
    const equals = arg.indexOf("=");
    if (equals < 1) throw usage(`"${arg}" is not KEY=VALUE`);
    const key = arg.slice(0, equals);
    if (entries.has(key)) throw usage(`${key} is given twice`);
    const value = parseValue(key, arg.slice(equals + 1));
    if (value === null) throw usage(`null is no value; to remove ${key} use: agent unset ${key}`);
    entries.set(key, value);
  }
  // fromEntries, because a key may be called `__proto__`.
  return Object.fromEntries(entries);
}

function parseValue(key: string, text: string): JsonValue {
  let inexact: string | undefined;
  const check = (_: string, value: JsonValue, { source = "" }: { source?: string } = {}) => {
    if (typeof value === "number" && !isExact(value, source)) inexact = source;
    return value;
  };
  let value: JsonValue;
  try {
    value = JSON.parse(text, check);
  } catch {
    return text;
  }
  if (inexact === undefined) return value;
  throw usage(`${inexact} in ${key} is no number that can be kept exactly; quote it: "${inexact}"`);
}

/** Whether reading a number changed it: overflow, or a whole number above 2^53. */
function isExact(value: number, source: string): boolean {
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !/^-?\d+$/.test(source));
}

/** `[NODE:]KEY` → what is wanted. A KEY that ends in `/` means all that begins so. */
export function parseWanted(text: string): Wanted {
  const colon = text.indexOf(":");
  const node = colon > 0 ? { node: text.slice(0, colon) } : {};
  const key = text.slice(colon + 1);
  if (key === "") {
    if (colon > 0) return node;
    throw usage(`"${text}" is not [NODE:]KEY`);
  }
  return key.endsWith("/") ? { ...node, prefix: key } : { ...node, key };
}

/** Whether a node may be meant by a name, `name~ab12`, or the beginning of an id: the agent chose. */
function mayMean(wanted: string, shown: string): boolean {
  const bare = (name: string) => name.split("~")[0];
  return shown === wanted || bare(shown) === bare(wanted) || /^[0-9a-f]{4,32}$/i.test(wanted);
}

/** Whether anything in a tree is what was wanted. */
export function isIn(tree: StateTree, { node, key, prefix }: Wanted): boolean {
  return Object.entries(tree).some(([name, entries]) =>
    (node === undefined || mayMean(node, name)) &&
    Object.keys(entries).some((found) =>
      (key === undefined || found === key) && (prefix === undefined || found.startsWith(prefix))
    )
  );
}
