/**
 * Files that are whole after a power cut: written beside, flushed, and moved into place.
 *
 * @module
 */

/**
 * Writes a text in place of a file, or as a new one of this mode. Mode and owner of a file that is
 * there stay. Throws what the runtime throws; then the file is as it was.
 */
export function writeDurably(path: string, text: string, newMode = 0o644): void {
  path = followLinks(path);
  const beside = `${path}.new-${Deno.pid}`;
  let before: Deno.FileInfo | undefined;
  try {
    before = Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    const mode = (before?.mode ?? newMode) & 0o7777;
    {
      using file = Deno.openSync(beside, { write: true, create: true, truncate: true, mode });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    }
    if (before) {
      Deno.chmodSync(beside, mode);
      if (before.uid !== Deno.uid() || before.gid !== Deno.gid()) {
        Deno.chownSync(beside, before.uid, before.gid);
      }
    }
    Deno.renameSync(beside, path);
  } catch (error) {
    try {
      Deno.removeSync(beside);
    } catch {
      // It was never made.
    }
    throw error;
  }
  syncFolder(folderOf(path));
}

/** The file itself, where the path is a link to it. */
function followLinks(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** The folder that a file of this absolute path is in. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Flushes a folder, so that what was renamed in it stays so. */
export function syncFolder(folder: string): void {
  using handle = Deno.openSync(folder);
  handle.syncSync();
}
