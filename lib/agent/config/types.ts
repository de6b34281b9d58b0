/**
 * The types that a config value can have. Each turns what TOML gave into what the agent uses, or
 * says in words what would have been right.
 *
 * @module
 */
import { formatDuration, parseDuration } from "../../core/duration.ts";

/** A value that is not what its key wants. */
export class WrongValue extends Error {
  override readonly name = "WrongValue";
  /** Where inside the value: indices and keys, outermost first. */
  readonly path: readonly (string | number)[];
  /** Further ones in the same value. */
  readonly others: readonly WrongValue[];

  constructor(
    message: string,
    path: readonly (string | number)[] = [],
    others: readonly WrongValue[] = [],
  ) {
    super(message);
    this.path = path;
    this.others = others;
  }

  /** The same, seen from one step further out. */
  inside(step: string | number): WrongValue {
    const others = this.others.map((other) => other.inside(step));
    return new WrongValue(this.message, [step, ...this.path], others);
  }
}

/** One type of value. */
export interface ValueType<T> {
  /** In an error: `interfaces must be NAME`. */
  readonly name: string;
  /** @throws {WrongValue} */
  parse(value: unknown): T;
  /** The value as it would stand in the file; absent where it stands there as it is. */
  write?(value: T): Written;
}

/** A parsed value as it would stand in the file. */
export function writeValue<T>(type: ValueType<T>, value: T): Written {
  // What has no `write` of its own is text, a number, a boolean or a flat table of them.
  return type.write?.(value) ?? value as Written;
}

/** `HOST[:PORT]`, with the port where one was given. */
export interface HostPort {
  readonly host: string;
  readonly port?: number;
}

/** A value as it may stand in the config; what the default of a key is written in. */
export type Written = string | number | boolean | readonly Written[] | {
  readonly [key: string]: Written;
};

function wrong(name: string, value: unknown): WrongValue {
  return new WrongValue(`must be ${name}, not ${describe(value)}`);
}

function describe(value: unknown): string {
  if (typeof value === "string") return `the text ${JSON.stringify(shorten(value))}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  return "a table";
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** Text that a pattern allows whole; `what` names it. */
export function text(what: string, pattern = /^[^\p{Cc}]+$/u): ValueType<string> {
  return {
    name: what,
    parse(value) {
      if (typeof value !== "string" || !pattern.test(value)) throw wrong(what, value);
      return value;
    },
  };
}

/** A path; made absolute by whoever knows the folder of the config file. */
export const path: ValueType<string> = text("a path in quotes");

export const boolean: ValueType<boolean> = {
  name: "true or false",
  parse(value) {
    if (typeof value !== "boolean") throw wrong("true or false", value);
    return value;
  },
};

export function integer(low: number, high: number): ValueType<number> {
  const name = `a whole number from ${low} to ${high}`;
  return {
    name,
    parse(value) {
      if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
        throw wrong(name, value);
      }
      return value;
    },
  };
}

export function number(low: number, high: number): ValueType<number> {
  const name = `a number from ${low} to ${high}`;
  return {
    name,
    parse(value) {
      if (typeof value !== "number" || !(value >= low && value <= high)) throw wrong(name, value);
      return value;
    },
  };
}

/** The longest duration that a config takes: what a 32-bit timer can sleep, about 24 days. */
const LONGEST_MS = 0x7fff_ffff;

/** A duration, as milliseconds. Written as `"5s"` or as bare seconds. */
export function duration(lowMs = 1, highMs = LONGEST_MS): ValueType<number> {
  const name = 'a duration such as "250ms", "5s", "10m" or bare seconds';
  return {
    name,
    parse(value) {
      let ms: number;
      if (typeof value === "number") ms = Math.round(value * 1_000);
      else if (typeof value === "string") {
        try {
          ms = parseDuration(value);
        } catch {
          throw wrong(name, value);
        }
      } else throw wrong(name, value);
      if (!(ms >= lowMs && ms <= highMs)) {
        throw new WrongValue(`must be a duration from ${lowMs}ms to ${highMs}ms`);
      }
      return ms;
    },
    write: formatDuration,
  };
}

export function choice<const T extends string>(...words: readonly T[]): ValueType<T> {
  const name = words.map((word) => `"${word}"`).join(" or ");
  return {
    name,
    parse(value) {
      const found = words.find((word) => word === value);
      if (found === undefined) throw wrong(name, value);
      return found;
    },
  };
}

/** The longest list that a config takes. */
const LONGEST_LIST = 1_024;

export function listOf<T>(type: ValueType<T>): ValueType<readonly T[]> {
  const name = `a list, each ${type.name}`;
  return {
    name,
    parse(value) {
      if (!Array.isArray(value)) throw wrong(name, value);
      if (value.length > LONGEST_LIST) {
        throw new WrongValue(`has ${value.length} elements; ${LONGEST_LIST} are allowed`);
      }
      return eachOf(value.map((element, index) => () => within(index, () => type.parse(element))));
    },
    write: (list) => list.map((element) => writeValue(type, element)),
  };
}

/** A list of small tables, all of whose keys must be there. */
export function records<T extends Record<string, unknown>>(
  fields: { readonly [K in keyof T]: ValueType<T[K]> },
): ValueType<readonly T[]> {
  const names = Object.keys(fields);
  const one: ValueType<T> = {
    name: `a table {${names.join(", ")}}`,
    parse(value) {
      if (!isTable(value)) throw wrong(this.name, value);
      for (const key of Object.keys(value)) {
        if (!names.includes(key)) {
          throw new WrongValue(`has no key "${key}"; it is ${this.name}`, [key]);
        }
      }
      const out: Record<string, unknown> = {};
      for (const key of names) {
        if (!Object.hasOwn(value, key)) throw new WrongValue(`lacks ${key}; it is ${this.name}`);
        out[key] = within(key, () => fields[key as keyof T].parse(value[key]));
      }
      return out as T;
    },
  };
  return listOf(one);
}

/** What `parse` says is wrong is wrong at this step: an index, or a key. */
export function within<T>(step: string | number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof WrongValue ? error.inside(step) : error;
  }
}

/** What all of them give; where some are wrong, the first mistake with the others beside it. */
function eachOf<T>(parses: readonly (() => T)[]): T[] {
  const values: T[] = [];
  const mistakes: WrongValue[] = [];
  for (const parse of parses) {
    try {
      values.push(parse());
    } catch (error) {
      if (!(error instanceof WrongValue)) throw error;
      mistakes.push(error, ...error.others);
    }
  }
  const [first, ...others] = mistakes;
  if (first === undefined) return values;
  throw new WrongValue(first.message, first.path, others);
}

/** Whether TOML gave a table here. Dates are objects too. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/** `HOST[:PORT]`, `[v6]:PORT`, or a bare IPv6 address. */
export const hostPort: ValueType<HostPort> = {
  name: '"HOST" or "HOST:PORT", an IPv6 address as "[ADDRESS]:PORT"',
  parse(value) {
    const parsed = typeof value === "string" ? parseHostPort(value) : undefined;
    if (parsed === undefined || parsed.host === "" || parsed.port === 0) {
      throw wrong(this.name, value);
    }
    return parsed;
  },
  write: formatHostPort,
};

/** Where to listen: `HOST:PORT`, `:PORT` or a bare port (all addresses), or `"none"`. */
export const listenAddress: ValueType<HostPort | "none"> = {
  name: '"HOST:PORT", or "none"',
  parse(value) {
    if (value === "none") return value;
    const text = typeof value === "number" ? `:${value}` : value;
    if (typeof text !== "string") throw wrong(this.name, value);
    const parsed = parseHostPort(/^\d+$/.test(text) ? `:${text}` : text);
    if (parsed === undefined || (parsed.host === "" && parsed.port === undefined)) {
      throw wrong(this.name, value);
    }
    return parsed.host === "" ? { ...parsed, host: "::" } : parsed;
  },
  write: (value) => value === "none" ? value : formatHostPort(value),
};

/**
 * The parts of `HOST[:PORT]`, or undefined where it is none. The host may come out empty (`:8331`),
 * brackets are taken off.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const bracketed = /^\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(\d{1,5}))?$/.exec(text);
  const bare = /^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?$/.exec(text);
  // Letters of all scripts are compiled from Unicode's tables, which takes longer than all the rest.
  const named = /^([\w.-]{0,253})(?::(\d{1,5}))?$/.exec(text) ??
    /^([\p{L}\p{N}_.-]{0,253})(?::(\d{1,5}))?$/u.exec(text);
  const host = bare?.[0] ?? bracketed?.[1] ?? named?.[1];
  if (host === undefined) return undefined;
  if (bare !== null) return { host };
  const digits = bracketed?.[2] ?? named?.[2];
  if (digits === undefined) return { host };
  const port = Number(digits);
  return port <= 65_535 ? { host, port } : undefined;
}

/** `HOST:PORT` again, with brackets where the host is an IPv6 address. */
export function formatHostPort({ host, port }: HostPort): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}
