/**
 * What a network's profile decides: the protocol's values, how entries stand in node data and how much
 * of them there may be, what else a node publishes, and what carries the bytes.
 *
 * @module
 */
import { encodeHncpVersion, hncpProfile, nativeProfile, type Profile } from "../../dncp/mod.ts";
import { HNCP_GUEST_TLV_ROOM } from "../../leafy/mod.ts";
import {
  NativeStateCodec,
  type OwnDictionaryOptions,
  ShspStateCodec,
  type StateCodec,
} from "../../state/mod.ts";
import type { NetworkConfig } from "../config/config.ts";
import { HncpTransport } from "./hncp_transport.ts";
import type { NetworkSecrets } from "../keys.ts";
import { NativeTransport } from "./native_transport.ts";
import type { NetworkTransport, TransportOptions } from "./transport.ts";
import { VERSION } from "../version.ts";

/** What a profile brings, besides its values. */
export interface ProfileKit {
  readonly codec: (secrets: NetworkSecrets) => StateCodec;
  /** For the own dictionary, in bytes. */
  readonly limits:
    & Required<Pick<OwnDictionaryOptions, "limit">>
    & Pick<OwnDictionaryOptions, "agentReserve" | "maxGuestBytes">;
  /** TLVs that every node publishes besides its entries. */
  readonly announced: readonly Uint8Array[];
  readonly transport: (options: TransportOptions) => NetworkTransport;
}

/** The most node data that every HNCP node is sure to take (`spec/dncp.md` §4.1). */
const HNCP_NODE_DATA = 3_960;
/** Peer TLVs of 16 bytes each: room for 40. */
const HNCP_PEER_ROOM = 640;
/** A node that is no router: no capabilities (RFC 7788 §10.1). */
const hncpVersion = encodeHncpVersion({
  m: 0,
  p: 0,
  h: 0,
  l: 0,
  userAgent: `edge-agent/${VERSION}`,
});

const kits: Readonly<Record<NetworkConfig["profile"], ProfileKit>> = {
  native: {
    codec: () => new NativeStateCodec(),
    limits: { limit: 65_536 },
    announced: [],
    transport: (options) => new NativeTransport(options),
  },
  hncp: {
    codec: ({ shspKey }) => new ShspStateCodec(shspKey),
    limits: {
      limit: HNCP_NODE_DATA - HNCP_PEER_ROOM - HNCP_GUEST_TLV_ROOM - hncpVersion.length,
      agentReserve: 256,
      maxGuestBytes: 1_024,
    },
    announced: [hncpVersion],
    transport: (options) => new HncpTransport(options),
  },
};

/** What the profile of a network brings. */
export function kitOf({ profile }: NetworkConfig): ProfileKit {
  return kits[profile];
}

/** The DNCP profile that a network runs: that of its name, with the timers that the config sets. */
export function profileOf({ profile, timers }: NetworkConfig): Profile {
  const base = profile === "native" ? nativeProfile : hncpProfile;
  return {
    ...base,
    trickle: {
      imin: timers.trickleImin ?? base.trickle.imin,
      imax: timers.trickleImax ?? base.trickle.imax,
      k: timers.trickleK ?? base.trickle.k,
    },
    keepAlive: {
      interval: timers.keepAlive ?? base.keepAlive.interval,
      multiplier: timers.keepAliveMultiplier ?? base.keepAlive.multiplier,
    },
    grace: timers.grace ?? base.grace,
  };
}
