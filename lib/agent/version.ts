/** The version of this program; `deno.json` says the same, and a test compares them. */
export const VERSION = "0.1.0";
/** The day of that version, for its manual page. */
export const RELEASED = "2026-11-21";
