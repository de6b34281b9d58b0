/**
 * Texts for trying a ring (`spec/pzog.md` §6).
 *
 * @module
 */
import type { Random } from "../core/mod.ts";

/**
 * `shortest` to `longest` printing ASCII characters. Spaces stand alone and inside, so that no tool
 * that trims or squeezes changes the text.
 */
export function randomText(random: Random, shortest: number, longest: number): string {
  const length = shortest + random.below(longest - shortest + 1);
  let text = "";
  while (text.length < length) {
    const inner = text.length > 0 && text.length < length - 1 && !text.endsWith(" ");
    const lowest = inner ? 0x20 : 0x21;
    text += String.fromCharCode(lowest + random.below(0x7f - lowest));
  }
  return text;
}
