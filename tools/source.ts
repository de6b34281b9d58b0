/**
 * Reads just enough TypeScript for the rules of the house: what a file imports, and its code with
 * comments and texts blanked out, so that a word in a comment is not taken for a call.
 *
 * @module
 */

/** One import or re-export of a file. */
export interface Import {
  readonly specifier: string;
  /** Gone after compilation: `import type`, `export type`, or only `type` names in the braces. */
  readonly typeOnly: boolean;
  /** 1-based. */
  readonly line: number;
}

/** Words after which a `/` begins a regular expression and is no division. */
const BEFORE_REGEX = /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|await))$/;

/**
 * The source with comments, and the insides of texts and regular expressions, replaced by blanks.
 * Offsets and line numbers stay as they are. Code inside `${…}` stays too.
 */
export function maskSource(source: string): string {
  const out = source.split("");
  let at = 0;
  const blank = (to: number) => {
    for (; at < to; at++) if (out[at] !== "\n") out[at] = " ";
  };

  /** Up to and including the quote that ends a text; the quotes stay. */
  const text = (quote: string) => {
    at++;
    let end = at;
    while (end < source.length && source[end] !== quote) end += source[end] === "\\" ? 2 : 1;
    blank(Math.min(end, source.length));
    at++;
  };

  const template = () => {
    at++;
    while (at < source.length && source[at] !== "`") {
      if (source[at] === "\\") blank(Math.min(at + 2, source.length));
      else if (source.startsWith("${", at)) {
        at += 2;
        code("}");
      } else blank(at + 1);
    }
    at++;
  };

  const regex = () => {
    let end = at + 1;
    for (let inClass = false; end < source.length && source[end] !== "\n"; end++) {
      if (source[end] === "\\") end++;
      else if (source[end] === "[") inClass = true;
      else if (source[end] === "]") inClass = false;
      else if (source[end] === "/" && !inClass) break;
    }
    blank(Math.min(end + 1, source.length));
  };

  /** Up to the brace that closes the `${` it stands in, or to the end. */
  const code = (until: string) => {
    let depth = 0;
    let before = "";
    while (at < source.length) {
      const char = source[at]!;
      if (char === until && depth === 0) {
        at++;
        return;
      }
      if (source.startsWith("//", at)) blank(endOf("\n", at));
      else if (source.startsWith("/*", at)) blank(Math.min(endOf("*/", at + 2) + 2, source.length));
      else {
        if (char === '"' || char === "'") text(char);
        else if (char === "`") template();
        else if (char === "/" && BEFORE_REGEX.test(before.trimEnd())) regex();
        else {
          if (char === "{") depth++;
          if (char === "}") depth--;
          at++;
        }
        if (!/\s/.test(char)) before = (before + char).slice(-12);
        else if (/\w$/.test(before)) before += " ";
      }
    }
  };

  const endOf = (mark: string, from: number) => {
    const end = source.indexOf(mark, from);
    return end < 0 ? source.length : end;
  };

  code("");
  return out.join("");
}

/** Static, dynamic and re-exporting imports, in the order of the file. */
export function importsOf(source: string): Import[] {
  const masked = maskSource(source);
  const found: (Import & { readonly at: number })[] = [];
  const add = (end: number, length: number, typeOnly: boolean) => {
    const at = end - 1 - length;
    const line = source.slice(0, at).split("\n").length;
    found.push({ specifier: source.slice(at, at + length), typeOnly, line, at });
  };
  const statement = /\b(?:import|export)\s+(type\s+)?(?:([\w$*{}\s,]*?)\s*\bfrom\s*)?(["'])( *)\3/g;
  for (const match of masked.matchAll(statement)) {
    const names = /^\{([^}]*)\}$/.exec(match[2]?.trim() ?? "")?.[1];
    const onlyTypes = names !== undefined && names.trim() !== "" &&
      names.split(",").every((name) => /^\s*(type\s|$)/.test(name));
    add(match.index + match[0].length, match[4]!.length, Boolean(match[1]) || onlyTypes);
  }
  for (const match of masked.matchAll(/\bimport\s*\(\s*(["'])( *)\1/g)) {
    add(match.index + match[0].length, match[2]!.length, false);
  }
  return found.sort((a, b) => a.at - b.at).map(({ specifier, typeOnly, line }) => ({
    specifier,
    typeOnly,
    line,
  }));
}
