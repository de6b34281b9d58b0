/**
 * Small helpers for learners: words of a command, octets as text (`spec/networkzero.md §6`).
 *
 * @module
 */
import { NetworkZeroError } from "./errors.ts";

/** The words of a text, separated by white space, with the quoting of a POSIX shell. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === "'" || c === '"') {
      word ??= "";
      for (i++; text[i] !== c; i++) {
        const escapes = c === '"' && text[i] === "\\" && /["\\]/.test(text[i + 1] ?? "");
        if (escapes) i++;
        if (i >= text.length) {
          throw new NetworkZeroError(`a quotation mark ${c} is opened and never closed: ${text}`);
        }
        word += text[i];
      }
    } else if (c === "\\") {
      i++;
      if (i >= text.length) {
        throw new NetworkZeroError(`a backslash at the end has nothing to stand before: ${text}`);
      }
      word = (word ?? "") + text[i];
    } else if (/[ \t\r\n]/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + c;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** `"forward 10 slow"` → `["forward", ["10", "slow"]]`. @throws {NetworkZeroError} without a word. */
export function actionAndParams(text: string): [action: string, params: string[]] {
  const [action, ...params] = splitWords(text);
  if (action === undefined) {
    throw new NetworkZeroError("a command needs at least one word, and this one is empty");
  }
  return [action, params];
}

/** A text of which {@linkcode splitWords} makes these words. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) =>
    word !== "" && !/['"\\ \t\r\n]/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}

/** Octets as base64 text, standard alphabet, padded. */
export function bytesToString(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** The octets of base64 text. @throws {NetworkZeroError} where it is none. */
export function stringToBytes(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(text);
  } catch (cause) {
    throw new NetworkZeroError("this text was not made by bytesToString", { cause });
  }
}
