/**
 * One file out of a zip archive: the base binaries of `deno compile` come in such.
 *
 * Layout: PKWARE APPNOTE 6.3 §4.3.7 (local header), §4.3.12 (central directory), §4.3.16 (its end).
 *
 * @module
 */

const END = 0x06054b50;
const END_SIZE = 22;
const ENTRY = 0x02014b50;
const ENTRY_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
const STORED = 0;
const DEFLATED = 8;

/** An archive that is broken, or does not hold what is asked for. */
export class ZipError extends Error {
  override readonly name = "ZipError";
}

/**
 * The content of the file `name`.
 *
 * @throws {ZipError} where it is no zip archive, is broken, or has no such file.
 */
export async function unzip(bytes: Uint8Array, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (at: number, size: number, what: string) => {
    if (at + size > bytes.length) throw new ZipError(`${what} lies outside of the archive`);
  };
  let end = bytes.length - END_SIZE;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) throw new ZipError("not a zip archive");
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    need(at, ENTRY_SIZE, "the directory");
    if (view.getUint32(at, true) !== ENTRY) throw new ZipError("the directory is broken");
    const nameSize = view.getUint16(at + 28, true);
    need(at + ENTRY_SIZE, nameSize, "a name");
    const found = bytes.subarray(at + ENTRY_SIZE, at + ENTRY_SIZE + nameSize);
    if (new TextDecoder().decode(found) === name) {
      const method = view.getUint16(at + 10, true);
      const packed = view.getUint32(at + 20, true);
      const size = view.getUint32(at + 24, true);
      const local = view.getUint32(at + 42, true);
      need(local, LOCAL_SIZE, "a file");
      if (view.getUint32(local, true) !== LOCAL) throw new ZipError(`${name} is broken`);
      const start = local + LOCAL_SIZE + view.getUint16(local + 26, true) +
        view.getUint16(local + 28, true);
      need(start, packed, name);
      return await unpack(bytes.slice(start, start + packed), method, size, name);
    }
    at += ENTRY_SIZE + nameSize + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  throw new ZipError(`there is no ${name} in it`);
}

async function unpack(
  packed: Uint8Array<ArrayBuffer>,
  method: number,
  size: number,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (method !== STORED && method !== DEFLATED) {
    throw new ZipError(`${name} is compressed in a way (${method}) that is not known here`);
  }
  let bytes = packed;
  if (method === DEFLATED) {
    try {
      const stream = new Blob([packed]).stream();
      bytes = await new Response(stream.pipeThrough(new DecompressionStream("deflate-raw")))
        .bytes();
    } catch (cause) {
      throw new ZipError(`${name} is broken`, { cause });
    }
  }
  if (bytes.length !== size) throw new ZipError(`${name} has ${bytes.length} bytes, not ${size}`);
  return bytes;
}
