/** Which interfaces a network uses. */
import { deepStrictEqual } from "node:assert/strict";
import { interfacesOf } from "../../lib/agent/interfaces.ts";
import { interfaceInfo } from "../net/interface_info.ts";

const all = ["lo", "eth0", "wlan0", "docker0", "veth12ab", "wg0"].map((name, i) =>
  interfaceInfo(name, { index: i + 1 })
);
const chosen = (...globs: string[]) => interfacesOf(globs, all).map(({ name }) => name);

Deno.test("interfaces: * stands for what leads somewhere, and loopback; names mean what they say", () => {
  deepStrictEqual(chosen("*"), ["lo", "eth0", "wlan0"]);
  deepStrictEqual(chosen(), []);
  deepStrictEqual(chosen("eth*"), ["eth0"]);
  deepStrictEqual(chosen("lo"), ["lo"]);
  deepStrictEqual(chosen("docker0", "wlan?"), ["wlan0", "docker0"]);
  // In the order of the system, each once.
  deepStrictEqual(chosen("veth*", "*", "eth0"), ["lo", "eth0", "wlan0", "veth12ab"]);
  deepStrictEqual(chosen("nothing*"), []);
});
