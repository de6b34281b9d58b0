/**
 * A tar archive that the same files always give the same bytes of: owner 0, mode 644, no times.
 *
 * @module
 */
import { concat } from "../../lib/wire/bytes.ts";

const BLOCK = 512;

/** Packs files in the given order (POSIX `ustar`). Names have at most 100 bytes. */
export function tar(files: Iterable<readonly [name: string, content: Uint8Array]>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, content] of files) {
    parts.push(header(name, content.length), content, new Uint8Array(-content.length & BLOCK - 1));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return concat(parts);
}

function header(name: string, size: number): Uint8Array {
  const encoder = new TextEncoder();
  if (encoder.encode(name).length > 100) throw new RangeError(`too long a name: ${name}`);
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  const octal = (value: number, digits: number, at: number) =>
    put(value.toString(8).padStart(digits, "0"), at);
  put(name, 0);
  octal(0o644, 7, 100); // mode
  octal(0, 7, 108); // owner
  octal(0, 7, 116); // group
  octal(size, 11, 124);
  octal(0, 11, 136); // time
  put(" ".repeat(8), 148); // the checksum counts itself as blanks
  put("0", 156); // a regular file
  put("ustar\x0000", 257);
  octal(block.reduce((sum, byte) => sum + byte, 0), 6, 148);
  block[154] = 0;
  return block;
}
