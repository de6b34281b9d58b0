/**
 * Request bodies: JSON of bounded size, depth and patience.
 *
 * @module
 */
import { ExitCode } from "../core/errors.ts";
import type { Entries, JsonValue } from "./api.ts";
import { HttpError } from "./errors.ts";

/**
 * What a body may take where nothing else is said: six times what a node may publish, because JSON
 * may write each byte as `\u00xx`.
 */
const MAX_BYTES = 6 * 65_536;
/** A client that does not send its body within this is let go, in ms. */
const MAX_WAIT = 10_000;
const MAX_DEPTH = 64;

/** The JSON value of a request's body. Throws HttpError. */
export async function readJson(request: Request, limit = MAX_BYTES): Promise<JsonValue> {
  return parseJson(await readText(request, limit));
}

/** The JSON values of a body that has one on each line. Throws HttpError. */
export async function readJsonLines(request: Request, limit = MAX_BYTES): Promise<JsonValue[]> {
  const text = await readText(request, limit);
  return text.split("\n").filter((line) => line.trim() !== "").map(parseJson);
}

function parseJson(text: string): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError(400, "the body is not JSON; text needs quotes, as in '\"on\"'");
  }
  checkValue(value, 0);
  return value;
}

/** A body `{"KEY": value, …}`. */
export async function readEntries(request: Request): Promise<Entries> {
  return asEntries(await readJson(request), "the body");
}

/** A JSON object as entries, none of which is null. */
export function asEntries(value: JsonValue, what: string): Entries {
  if (!isObject(value)) {
    throw new HttpError(400, `${what} must be a JSON object: {"KEY": value, …}`);
  }
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) throw nullValue(key);
  }
  return value;
}

/** Whether it is a JSON object: neither an array nor null. */
export function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** null as a value means "delete", and that is another method. */
export function nullValue(key: string): HttpError {
  return new HttpError(400, `null is no value; to remove ${JSON.stringify(key)} use DELETE`);
}

async function readText(request: Request, limit: number): Promise<string> {
  const tooLarge = () =>
    new HttpError(413, `the body is above the limit of ${limit} bytes`, ExitCode.Refused);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, MAX_WAIT);
  try {
    let text = "";
    let size = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.length;
      if (size > limit) throw tooLarge();
      text += decoder.decode(part.value, { stream: true });
    }
    if (late) throw new HttpError(408, `the body did not arrive within ${MAX_WAIT / 1_000} s`);
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "the body is not UTF-8 text, or broke off");
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

function checkValue(value: JsonValue, depth: number): void {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new HttpError(400, "a number in the body is too large for JSON's readers");
  }
  if (typeof value !== "object" || value === null) return;
  if (depth >= MAX_DEPTH) throw new HttpError(400, `the body nests deeper than ${MAX_DEPTH}`);
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    checkValue(inner, depth + 1);
  }
}
