/**
 * What commands say, apart from how it looks: each hands over its data, and a view of them that only
 * the text writer asks for.
 *
 * @module
 */
import type { JsonValue } from "../../http/api.ts";

/** Something to show, by its meaning. Plain text and numbers stand for themselves. */
export type Cell =
  | string
  | number
  /** A value of the shared state. */
  | { readonly value: JsonValue }
  /** So many seconds in the past. */
  | { readonly ago: number }
  /** A moment, as ISO 8601: in a table its age, in a line the time of day. */
  | { readonly at: string }
  | { readonly seconds: number }
  | { readonly bytes: number }
  | { readonly text: string; readonly tone: "strong" | "dim" | "good" | "bad" };

/** Rows under headings, or lines. */
export type View =
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
  | { readonly lines: readonly (readonly Cell[])[] };

/** Where a command's data go. Throws Deno.errors.BrokenPipe where nobody reads them any more. */
export interface Output {
  /** The command's one answer. */
  print(data: unknown, view: () => View): void;
  /** One of many answers that come as time goes. */
  line(data: unknown, view: () => readonly Cell[]): void;
  /** A word to the person, on stderr; `-q` silences it. */
  note(text: string): void;
}
