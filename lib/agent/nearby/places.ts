/**
 * Where adverts go out, and which addresses of this computer they tell.
 *
 * @module
 */
import type { InterfaceInfo } from "../../net/mod.ts";
import type { BroadcastInterface } from "../../net/udp_broadcast.ts";
import { interfacesOf } from "../interfaces.ts";

/** What `[nearby]` and the networks say. */
export interface PlacesConfig {
  /** Of `[nearby]`. */
  readonly interfaces: readonly string[] | undefined;
  /** Of all networks. */
  readonly networks: readonly (readonly string[])[];
}

/** The patterns that hold: where `[nearby]` has none, those of the networks. */
export function globsOf({ interfaces, networks }: PlacesConfig): readonly string[] {
  return interfaces ?? [...new Set(networks.flat())];
}

/**
 * Whether the beacon may open its ports. An agent that was told to keep to itself does so, unless it
 * was told to have a beacon all the same.
 */
export function opensPorts(config: PlacesConfig): boolean {
  return globsOf(config).some((glob) => config.interfaces !== undefined || glob !== "lo");
}

/** IPv4 interfaces that adverts go out through; loopback only where it is named. */
export function broadcastPlaces(
  globs: readonly string[],
  all: readonly InterfaceInfo[],
): BroadcastInterface[] {
  return interfacesOf(globs, all).flatMap((info) => {
    if (!info.running || (info.loopback && !globs.includes(info.name))) return [];
    return info.addresses.flatMap((cidr): BroadcastInterface[] => {
      const [address = "", length] = cidr.split("/");
      const prefixLength = Number(length);
      if (address.includes(":") || prefixLength >= 31) return [];
      // 255.255.255.255 is no address of the loopback's.
      return info.loopback
        ? [{ address, prefixLength, destinations: ["127.255.255.255"] }]
        : [{ address, prefixLength }];
    });
  });
}

/** The IPv4 addresses at which services here can be reached, loopback last. */
export function ownAddresses(globs: readonly string[], all: readonly InterfaceInfo[]): string[] {
  const chosen = interfacesOf(globs.length > 0 ? globs : ["*"], all);
  const ip4 = (one: InterfaceInfo) =>
    one.addresses.filter((cidr) => !cidr.includes(":")).map((cidr) => cidr.split("/")[0] ?? "");
  return [
    ...chosen.filter(({ loopback }) => !loopback).flatMap(ip4),
    ...all.filter(({ loopback }) => loopback).flatMap(ip4),
  ];
}
