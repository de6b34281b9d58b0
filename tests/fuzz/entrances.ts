/**
 * Finds where bytes and texts from outside come into the product, by a rule that is simple enough to be
 * checked:
 *
 * - exported functions named `decode…`, `parse…`, `read…`, `open…`, `find…`, `locate…`, `authorize` or
 *   `answer`,
 * - methods of classes named `receive…`, `feed…`, `decode…`, `parse…`, `read…`, `open…`, `load…`, `take`,
 *   `push`, `accept`, `restore`, `inherit` or `handle…`,
 *
 * each where a parameter is bytes, text, a request, something unknown, or what was made of such.
 *
 * @module
 */
import { maskSource } from "../../tools/source.ts";

const FUNCTIONS = /^(?:decode|parse|read|open|find|locate|authorize|answer)(?=[A-Z]|$)/;
const METHODS =
  /^(?:(?:receive|received|feed|decode|parse|read|open|load|handle)(?=[A-Z]|$)|(?:take|push|accept|restore|inherit)$)/;
const OUTSIDE =
  /\b(?:Uint8Array|DataView|RawTlv|Request|unknown|Json|JsonValue|Entry|PiotStore|NetlinkMessage|LsoeFrame|Frame|LeafPublish)\b|\b(?:text|toml|code|line|host|address|path|cgroup): string\b/;

/** Where something comes in. */
export interface Entrance {
  /** `lib/wire/cbor.ts decodeCbor`, `lib/wire/tlv.ts TlvFormat.decode`. */
  readonly name: string;
  /** Whether the rule says that it takes something from outside. */
  readonly outside: boolean;
}

/** All functions and methods of a file that may be named by a target. */
export function entrancesOf(file: string, source: string): Entrance[] {
  const text = maskSource(source);
  const found: Entrance[] = [];
  let room: string | undefined;
  let at = 0;
  for (const line of text.split("\n")) {
    const start = at;
    at += line.length + 1;
    const type = /^(?:export )?(?:abstract )?(class|interface) (\w+)/.exec(line);
    if (type) room = type[1] === "class" || type[1] === "interface" ? type[2] : undefined;
    else if (/^\}/.test(line)) room = undefined;
    const free = /^export (?:async )?function\*? (\w+)/.exec(line);
    const method = room === undefined
      ? null
      : /^ {2}(?:(?:static|override|async|protected) )*\*?(\w+)(?:<[^(]*>)?\(/.exec(line);
    const name = free?.[1] ?? method?.[1];
    if (name === undefined || name === "constructor") continue;
    const parameters = parametersAt(text, start + line.indexOf("(", line.indexOf(name)));
    const rule = free ? FUNCTIONS : METHODS;
    found.push({
      name: `${file} ${free ? name : `${room}.${name}`}`,
      outside: rule.test(name) && OUTSIDE.test(parameters) &&
        !isInterface(text, room, free !== null),
    });
  }
  return found;
}

/** What stands between the parentheses that open at a place. */
function parametersAt(text: string, open: number): string {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return text.slice(open + 1, i);
  }
  return "";
}

/** A method of an interface is somebody else's entrance. */
function isInterface(text: string, room: string | undefined, free: boolean): boolean {
  return !free && new RegExp(`^(?:export )?interface ${room}\\b`, "m").test(text);
}
