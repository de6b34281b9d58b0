/**
 * Interfaces as tests make them up.
 *
 * @module
 */
import type { InterfaceInfo } from "../../lib/net/mod.ts";

/** One that is up and running; `lo` is loopback. */
export const interfaceInfo = (
  name: string,
  more: Partial<InterfaceInfo> = {},
): InterfaceInfo => ({
  name,
  index: 1,
  mac: "",
  up: true,
  running: true,
  mtu: 1_500,
  addresses: [],
  loopback: name === "lo",
  ethernet: name !== "lo",
  vlan: 0,
  ...more,
});
