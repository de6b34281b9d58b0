/**
 * Programs of others that benches compare with, where they are installed.
 *
 * @module
 */
import type { Context } from "./context.ts";

/** Where Debian puts programs, also those that are not on every user's path. */
const FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

/** The path of a program; without it `undefined`, and a note that names the Debian package. */
export function findProgram(
  context: Context,
  name: string,
  debianPackage: string,
): string | undefined {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  for (const folder of [...path, ...FOLDERS]) {
    const file = `${folder}/${name}`;
    if (folder !== "" && isFile(file)) return file;
  }
  context.report.note(`not compared: no ${name} here (Debian: ${debianPackage})`);
  return undefined;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
