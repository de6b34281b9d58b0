/**
 * A dictionary to write to.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import type { AgentError } from "../../lib/core/mod.ts";
import {
  type Entry,
  NativeStateCodec,
  OwnDictionary,
  type OwnDictionaryOptions,
} from "../../lib/state/mod.ts";
import type { Json } from "../../lib/wire/cbor.ts";

export const WALL = 1_795_251_600_000;

/** A dictionary with what it persists and how often it asks to be published. */
export function made(options: Partial<OwnDictionaryOptions> = {}) {
  const stored = new Map<string, Entry>();
  const seen = { published: 0, persisted: 0 };
  const own = new OwnDictionary({
    codec: new NativeStateCodec(),
    onChanged: () => seen.published++,
    persist: (changes) => {
      seen.persisted++;
      for (const { key, entry } of changes) {
        if (entry) stored.set(key, entry);
        else stored.delete(key);
      }
    },
    ...options,
  });
  const shown = () =>
    Object.fromEntries(own.entries().map(({ key, value, at }) => [key, [value, at - WALL]]));
  return { own, stored, seen, shown };
}

export const writes = (object: Record<string, Json>) => Object.entries(object);

export function refusal(call: () => unknown): AgentError {
  try {
    call();
  } catch (error) {
    ok(error instanceof Error);
    ok(!error.message.includes("\n"), "one line");
    return error as AgentError;
  }
  throw new Error("it was not refused");
}
