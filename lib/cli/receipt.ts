/**
 * The words for who holds entries, and until when.
 *
 * @module
 */
import { formatDuration } from "../core/duration.ts";
import type { SetReceipt } from "../http/api.ts";
import { clock } from "./output/text.ts";

/** `published through pi-2 until 12:01:30 (60s)` */
export function acknowledgement(
  verb: "set" | "published",
  { node, until, ttlSeconds }: SetReceipt,
): string {
  const where = verb === "set" ? "on" : "through";
  const begin = `${verb} ${where} ${node}`;
  if (until === undefined || ttlSeconds === undefined) return begin;
  return `${begin} until ${clock(until)} (${span(ttlSeconds * 1_000)})`;
}

/** Below two minutes in seconds, as people say it. */
function span(ms: number): string {
  return ms < 120_000 && ms % 1_000 === 0 ? `${ms / 1_000}s` : formatDuration(ms);
}
