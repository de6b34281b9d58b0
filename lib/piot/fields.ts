/**
 * Tables of fields: CBOR maps with small integer keys, as frames and message headers are made of
 * (spec/piot.md §2, §9). One row a field; encoding, checking and the TypeScript type follow from it.
 *
 * @module
 */
import { ByteWriter, WireError } from "../wire/bytes.ts";
import { Major, writeCborHead, writeCborText } from "../wire/cbor.ts";
import { type Item, OtherItem } from "../wire/cbor_items.ts";

/** 16 octets as 32 lower-case hexadecimal digits: nodes, links, messages, actions, sessions. */
export type Id = string;
/** 8 octets as 16 lower-case hexadecimal digits: one sequence space (§4), or one process start. */
export type Epoch = string;

/** How a value stands on the wire. */
export interface Kind<T> {
  /** For messages: "16 octets". */
  readonly what: string;
  /** The value, or `undefined` where the item is of another kind. */
  read(item: Item): T | undefined;
  write(writer: ByteWriter, value: T): void;
}

/** Non-negative, below 2⁵³. */
export const uint: Kind<number> = {
  what: "an integer from 0 to 2^53 - 1",
  read: (item) =>
    typeof item === "number" && Number.isSafeInteger(item) && item >= 0 ? item : undefined,
  write: (writer, value) => writeCborHead(writer, Major.Unsigned, value),
};

export const bool: Kind<boolean> = {
  what: "true or false",
  read: (item) => typeof item === "boolean" ? item : undefined,
  write: (writer, value) => writer.u8(value ? 0xf5 : 0xf4),
};

export const text: Kind<string> = {
  what: "text",
  read: (item) => typeof item === "string" ? item : undefined,
  write: writeCborText,
};

/** Octets of any number; a view of what was read. */
export const octets: Kind<Uint8Array> = {
  what: "octets",
  read: (item) => item instanceof Uint8Array ? item : undefined,
  write(writer, value) {
    writeCborHead(writer, Major.Bytes, value.length);
    writer.put(value);
  },
};

/** Exactly `length` octets, as hexadecimal digits. */
function hex(length: number): Kind<string> {
  return {
    what: `${length} octets`,
    read: (item) => item instanceof Uint8Array && item.length === length ? item.toHex() : undefined,
    write(writer, value) {
      writeCborHead(writer, Major.Bytes, value.length >>> 1);
      writer.hex(value);
    },
  };
}

export const id: Kind<Id> = hex(16);
export const epoch: Kind<Epoch> = hex(8);
/** HMAC-SHA-256. */
export const proof: Kind<Uint8Array> = {
  ...octets,
  what: "32 octets",
  read: (item) => item instanceof Uint8Array && item.length === 32 ? item : undefined,
};

/** An array of one kind. */
export function list<T>(kind: Kind<T>): Kind<readonly T[]> {
  return {
    what: `a list, each ${kind.what}`,
    read(item) {
      if (!Array.isArray(item)) return undefined;
      const values: T[] = [];
      for (const element of item) {
        const value = kind.read(element);
        if (value === undefined) return undefined;
        values.push(value);
      }
      return values;
    },
    write(writer, values) {
      writeCborHead(writer, Major.Array, values.length);
      for (const value of values) kind.write(writer, value);
    },
  };
}

/** Text to text; keys are written in the order of their encodings. */
export const tags: Kind<ReadonlyMap<string, string>> = {
  what: "a map of texts",
  read(item) {
    if (!(item instanceof Map)) return undefined;
    for (const [key, value] of item) {
      if (typeof key !== "string" || typeof value !== "string") return undefined;
    }
    return item;
  },
  write(writer, value) {
    const rows = [...value].map(([key, text]) => ({ key: encoded(key), text }));
    rows.sort((a, b) => a.key.length - b.key.length || (a.key.toHex() < b.key.toHex() ? -1 : 1));
    writeCborHead(writer, Major.Map, rows.length);
    for (const { key, text } of rows) {
      writer.put(key);
      writeCborText(writer, text);
    }
  },
};

function encoded(key: string): Uint8Array {
  const writer = new ByteWriter();
  writeCborText(writer, key);
  return writer.finish();
}

/** What stands for nothing: `null` on the wire. */
export function orNull<T>(kind: Kind<T>): Kind<T | null> {
  return {
    what: `${kind.what} or null`,
    read: (item) => item === null ? null : kind.read(item),
    write(writer, value) {
      if (value === null) writer.u8(0xf6);
      else kind.write(writer, value);
    },
  };
}

/** A field that must be there. */
export interface Required<T> {
  readonly key: number;
  readonly kind: Kind<T>;
  readonly optional: false;
}
/** A field that may be there. */
export interface Optional<T> {
  readonly key: number;
  readonly kind: Kind<T>;
  readonly optional: true;
}

export function required<T>(key: number, kind: Kind<T>): Required<T> {
  return { key, kind, optional: false };
}
export function optional<T>(key: number, kind: Kind<T>): Optional<T> {
  return { key, kind, optional: true };
}

// The rows' types vary, so their common type has to leave the value's open.
type AnyField = Required<never> | Optional<never>;
/** Name → row, keys ascending. */
export type Fields = Readonly<Record<string, AnyField | Required<unknown> | Optional<unknown>>>;

/** The values of a table. */
export type ValuesOf<F> =
  & {
    readonly [N in keyof F as F[N] extends Required<infer _> ? N : never]: F[N] extends
      Required<infer T> ? T : never;
  }
  & {
    readonly [N in keyof F as F[N] extends Optional<infer _> ? N : never]?: F[N] extends
      Optional<infer T> ? T : never;
  };

/** A row of a table, with its name. */
interface NamedRow {
  readonly name: string;
  readonly key: number;
  readonly kind: Kind<unknown>;
  readonly optional: boolean;
}

const tables = new WeakMap<Fields, readonly NamedRow[]>();

/** The rows of a table; every message goes through several. */
function rowsOf(fields: Fields): readonly NamedRow[] {
  let rows = tables.get(fields);
  if (!rows) {
    rows = Object.entries(fields).map(([name, { key, kind, optional }]) => ({
      name,
      key,
      kind: kind as Kind<unknown>,
      optional,
    }));
    tables.set(fields, rows);
  }
  return rows;
}

/** Appends the map of a table's values. `undefined` stands for an absent field. */
export function writeFields(
  writer: ByteWriter,
  fields: Fields,
  values: Readonly<Record<string, unknown>>,
): void {
  const rows = rowsOf(fields);
  let present = 0;
  for (const { name } of rows) if (values[name] !== undefined) present++;
  writeCborHead(writer, Major.Map, present);
  for (const { name, key, kind } of rows) {
    const value = values[name];
    if (value === undefined) continue;
    writeCborHead(writer, Major.Unsigned, key);
    kind.write(writer, value);
  }
}

/**
 * The values of a table out of a map; keys that the table does not know are passed over.
 *
 * @param offset of the map, for the error.
 * @throws {WireError} where the item is no map, a field is missing or of another kind.
 */
export function readFields<F extends Fields>(
  fields: F,
  item: Item | undefined,
  what: string,
  offset: number,
): ValuesOf<F> {
  if (!(item instanceof Map)) throw new WireError(`${what} without a map of fields`, offset);
  const values: Record<string, unknown> = {};
  for (const { name, key, kind, optional } of rowsOf(fields)) {
    const field = item.get(key);
    if (field === undefined) {
      if (optional) continue;
      throw new WireError(`${what} without ${name}`, offset);
    }
    const value = kind.read(field);
    if (value === undefined) {
      throw new WireError(`${what}: ${name} is not ${kind.what}${told(field)}`, offset);
    }
    values[name] = value;
  }
  return values as ValuesOf<F>;
}

function told(item: Item): string {
  return item instanceof OtherItem ? ` but ${item.what}` : "";
}
