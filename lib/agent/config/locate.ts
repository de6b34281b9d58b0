/**
 * Where in a TOML text a key stands. The parser gives positions for broken syntax only; this finds
 * the line of a value that is good TOML and yet wrong for us.
 *
 * @module
 */

/** A place in a text, both from 1. Columns count UTF-16 units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type KeyPath = readonly (string | number)[];

/**
 * Position of a key in a TOML text that has been parsed without error. For an element of a list, the
 * place of the element. Where the path is not in the text (a key that is missing), the place of the
 * nearest table around it; `1:1` at the least.
 */
export function locate(toml: string, path: KeyPath): Position {
  const places = new Scanner(toml).scan();
  for (let length = path.length; length > 0; length--) {
    const offset = places.get(JSON.stringify(path.slice(0, length)));
    if (offset !== undefined) return positionOf(toml, offset);
  }
  return { line: 1, column: 1 };
}

/** All key paths of a TOML text, in the order of the text; for tests. */
export function keyPaths(toml: string): KeyPath[] {
  return [...new Scanner(toml).scan().keys()].map((text) => JSON.parse(text) as KeyPath);
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

/** Walks a valid TOML text and notes where each path begins. */
class Scanner {
  readonly #text: string;
  #at = 0;
  /** JSON of the path → offset. The first place wins. */
  readonly #places = new Map<string, number>();
  /** How many elements each array of tables has so far, by the JSON of its resolved path. */
  readonly #arrays = new Map<string, number>();

  constructor(text: string) {
    this.#text = text;
  }

  scan(): Map<string, number> {
    if (this.#text.startsWith("\ufeff")) this.#at++;
    let table: (string | number)[] = [];
    for (this.#skipVoid(); this.#at < this.#text.length; this.#skipVoid()) {
      if (this.#text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
    }
    return this.#places;
  }

  #note(path: KeyPath, offset: number): void {
    const key = JSON.stringify(path);
    if (!this.#places.has(key)) this.#places.set(key, offset);
  }

  /** `[a.b]` or `[[a.b]]`; answers the path with the indices of arrays of tables put in. */
  #header(): (string | number)[] {
    const start = this.#at;
    const isArray = this.#text.startsWith("[[", this.#at);
    this.#at += isArray ? 2 : 1;
    const keys = this.#key();
    this.#at = this.#text.indexOf("]", this.#at) + (isArray ? 2 : 1);
    let path: (string | number)[] = [];
    keys.forEach((key, i) => {
      path = [...path, key];
      const id = JSON.stringify(path);
      if (isArray && i === keys.length - 1) {
        const index = this.#arrays.get(id) ?? 0;
        this.#arrays.set(id, index + 1);
        this.#note(path, start);
        path = [...path, index];
      } else {
        const count = this.#arrays.get(id);
        if (count !== undefined) path = [...path, count - 1];
      }
      this.#note(path, start);
    });
    return path;
  }

  /** `a.b = value`. */
  #pair(table: KeyPath): void {
    const start = this.#at;
    let path = [...table];
    for (const key of this.#key()) {
      path = [...path, key];
      this.#note(path, start);
    }
    this.#at = this.#text.indexOf("=", this.#at) + 1;
    this.#skipVoid();
    this.#value(path);
  }

  /** A key of one or more parts; stops in front of what follows it. */
  #key(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#skipVoid();
      const c = this.#text[this.#at];
      if (c === '"' || c === "'") parts.push(this.#string());
      else {
        const bare = this.#match(/[A-Za-z0-9_-]*/y);
        this.#at += bare.length;
        parts.push(bare);
      }
      this.#skipVoid();
      if (this.#text[this.#at] !== ".") return parts;
      this.#at++;
    }
  }

  #value(path: KeyPath): void {
    const c = this.#text[this.#at];
    if (c === '"' || c === "'") this.#string();
    else if (c === "[") this.#list(path);
    else if (c === "{") this.#inlineTable(path);
    else this.#at += Math.max(1, this.#match(/[^,\]}\r\n#]*/y).length);
  }

  #list(path: KeyPath): void {
    this.#at++;
    for (let index = 0;; index++) {
      this.#skipVoid(",");
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === "]") {
        this.#at++;
        return;
      }
      const element = [...path, index];
      this.#note(element, this.#at);
      this.#value(element);
    }
  }

  #inlineTable(path: KeyPath): void {
    this.#at++;
    for (;;) {
      this.#skipVoid(",");
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === "}") {
        this.#at++;
        return;
      }
      this.#pair(path);
    }
  }

  /** A string of any of the four kinds; answers its content (escapes resolved in one-line ones). */
  #string(): string {
    const quote = this.#text[this.#at] as string;
    const basic = quote === '"';
    if (this.#text.startsWith(quote.repeat(3), this.#at)) {
      const pattern = basic ? /"""(?:\\[^]|[^\\])*?"{3,5}/y : /'''[^]*?'{3,5}/y;
      this.#at += Math.max(3, this.#match(pattern).length);
      return "";
    }
    const whole = this.#match(basic ? /"(?:\\.|[^"\\])*"/y : /'[^']*'/y);
    this.#at += Math.max(1, whole.length);
    return basic ? unescape(whole.slice(1, -1)) : whole.slice(1, -1);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0] ?? "";
  }

  /** Skips white space, line ends, comments, and the characters of `also`. */
  #skipVoid(also = ""): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] as string;
      if (c === "#") this.#at += this.#match(/[^\n]*/y).length - 1;
      else if (!" \t\r\n".includes(c) && !also.includes(c)) return;
    }
  }
}

const ESCAPES: Record<string, string> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\x1b" };

function unescape(text: string): string {
  return text.replace(
    /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g,
    (_, x?: string, u?: string, long?: string, c?: string) =>
      c === undefined ? String.fromCodePoint(parseInt(x ?? u ?? long ?? "0", 16)) : ESCAPES[c] ?? c,
  );
}
