/**
 * Lines of the logs (`spec/pzog.md` §5): `YYYY-MM-DD HH:MM:SS text`, in 80 columns.
 *
 * @module
 */

/** Columns before the text. */
export const STAMP_COLUMNS = 20;
/** Columns of text in a line. */
const TEXT_COLUMNS = 80 - STAMP_COLUMNS;

/** Local time with a space behind it. `wall`: ms since 1970. */
export function stamp(wall: number): string {
  const at = new Date(wall);
  const two = (n: number) => String(n).padStart(2, "0");
  const year = String(at.getFullYear()).padStart(4, "0");
  return `${year}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} `;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const CONTINUED = `\n${" ".repeat(STAMP_COLUMNS)}`;

/**
 * A text in so many lines of 60 columns as it takes: those after the first begin with 20 spaces, where
 * the first has its time. What fits into one line comes back as it is.
 */
export function foldLine(text: Uint8Array): Uint8Array {
  // No character takes more columns than octets.
  if (text.length <= TEXT_COLUMNS) return text;
  let folded = "";
  let column = 0;
  for (const character of decoder.decode(text)) {
    const width = columnsOf(character);
    if (column + width > TEXT_COLUMNS) {
      folded += CONTINUED;
      column = 0;
    }
    folded += character;
    column += width;
  }
  return encoder.encode(folded);
}

/** Columns of a character, rather too many than too few. */
function columnsOf(character: string): number {
  return (character.codePointAt(0) as number) < 0x1100 ? 1 : 2;
}
