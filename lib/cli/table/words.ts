/**
 * Words that several commands of the table use.
 *
 * @module
 */
import type { Flag } from "../args.ts";

/** No arguments. */
export const none = { least: 0, most: 0, name: "" };
export const entries = { least: 1, most: Infinity, name: "KEY=VALUE" };
export const keys = { least: 0, most: Infinity, name: "[NODE:]KEY" };

export const ABOUT_KEYS =
  "KEY is a key of any node, NODE:KEY of one (its name or id), NODE: everything of it. A KEY that ends" +
  " in / means all that begins so.";
export const ABOUT_VALUES =
  "VALUE is JSON where it is valid JSON, else text: 21.5, true, [1,2], open. Durations are 250ms, 5s," +
  " 10m, 2h, or bare seconds.";

export const keyFile: Flag = { name: "key-file", value: "FILE", help: "file of the network key" };
