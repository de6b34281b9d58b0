/**
 * Names that belong together because they begin alike (`spec/networkzero.md §6`, discover_group).
 *
 * @module
 */

/** A service: its name and its address. */
export type Service = [name: string, address: string];

/** Those of a group: names that begin with `group` and `separator`, but for the excluded ones. */
export function selectGroup(
  all: readonly Service[],
  group: string,
  separator = "/",
  exclude: string | readonly string[] = [],
): Service[] {
  const start = group + separator;
  const left = new Set(typeof exclude === "string" ? [exclude] : exclude);
  return all.filter(([name]) => name.startsWith(start) && !left.has(name));
}
