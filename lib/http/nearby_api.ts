/**
 * What the agent hands to the local API about services nearby (networkzero).
 *
 * @module
 */
import type { JsonValue } from "./json.ts";

/** `services --json`, one element. */
export interface ServiceRow {
  name: string;
  /** The best of its addresses: `192.168.1.5:5000`. */
  address: string;
  /** The node that tells of it; null where only its adverts were heard. */
  node: string | null;
  /** How long it is known after its last advert; null: for ever. */
  ttlSeconds: number | null;
}

/** `discover --json` is its first two members. */
export interface FoundService {
  name: string;
  address: string;
  /** All addresses, best first. */
  addresses: string[];
}

/** A service to tell of. */
export interface AdvertiseRequest {
  name: string;
  /** `ip:port`, a port, a host, a pattern (`192.168.*`); absent: this computer, at a free port. */
  address?: string;
  ttlSeconds?: number | null;
  /** Refuse where it is advertised here already. */
  failIfExists?: boolean;
}

/** Throws AgentError with code 1 where `[nearby]` is switched off. */
export interface NearbyApi {
  services(): ServiceRow[] | Promise<ServiceRow[]>;
  /** Waits so long for somebody to advertise it; `undefined` where nobody did. */
  discover(name: string, waitMs: number): Promise<FoundService | undefined>;
  advertise(request: AdvertiseRequest): Promise<FoundService>;
  /** False where it is not advertised here. */
  unadvertise(name: string): Promise<boolean>;
  /** News from a publisher of that name, which the agent keeps; the first opens and advertises it. */
  publish(name: string, topic: string, data: JsonValue): Promise<FoundService>;
}
