/**
 * Which interfaces a network uses.
 *
 * @module
 */
import { type InterfaceInfo, selectInterfaces } from "../net/mod.ts";

/**
 * The interfaces that the patterns mean. `*` alone stands for all but those that lead nowhere
 * (containers, tunnels), and for loopback, over which the agents of one computer find each other;
 * every other pattern means what it says.
 */
export function interfacesOf(
  globs: readonly string[],
  all: readonly InterfaceInfo[],
): InterfaceInfo[] {
  const named = globs.filter((glob) => glob !== "*");
  const chosen = new Set(selectInterfaces(named, all));
  if (globs.includes("*")) {
    for (const info of selectInterfaces(undefined, all)) chosen.add(info);
    for (const info of all) if (info.loopback) chosen.add(info);
  }
  return all.filter((info) => chosen.has(info));
}
