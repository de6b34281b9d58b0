/**
 * networkzero for learners: find programs on other computers by name, ask them, and hear their news.
 *
 * ```ts ignore
 * import { advertise, discover, sendMessageTo, sendReplyTo, waitForMessageFrom } from "…/lib/nearby/mod.ts";
 *
 * // On one computer:                              // On another one:
 * const here = await advertise("robot");           const robot = await discover("robot");
 * const said = await waitForMessageFrom(here);     await sendMessageTo(robot, "Hello");
 * await sendReplyTo(here, `You said ${said}`);
 * ```
 *
 * It works with an agent on the computer and without one, and talks with Python's networkzero.
 *
 * This face stands above the floor of its room, because it does I/O: it is what `lib/learn` makes of
 * the machines here. The rest of the agent takes those from `machines.ts`, and never imports this.
 *
 * @module
 */
export * from "../learn/functions.ts";
export { FOREVER } from "../learn/waiting.ts";
export type { News } from "../learn/messenger.ts";
export * from "./errors.ts";
export type { Service } from "./group.ts";
export type { Json } from "./json.ts";
export { actionAndParams, bytesToString, stringToBytes } from "./words.ts";
