/**
 * Where the members of a ring are: as the config says, or, for those that are named only, as the nodes
 * with these names publish it (`agent/ring`: the port and the addresses), and as DNCP's peers show.
 *
 * @module
 */
import type { InterfaceInfo } from "../../net/mod.ts";
import { addressOf, inSubnet4, isLinkLocal6 } from "../../net/address.ts";
import { AGENT_PREFIX, type Value } from "../../state/mod.ts";
import type { Endpoint } from "../config/config.ts";
import type { RingMember } from "../config/ring.ts";
import type { Network } from "../network/network.ts";
import { hostOfPeer } from "../network/peers.ts";
import type { Whereabouts } from "./server.ts";

/** The entry by which a node tells where its ring server is. */
export const RING_KEY = `${AGENT_PREFIX}ring`;
/** Addresses that a node tells. */
const MOST_ADDRESSES = 8;

/** Only what the config says. */
export class FixedPlaces implements Whereabouts {
  readonly members: readonly RingMember[];
  #resolved: Map<string, number[]> | undefined;

  constructor(members: readonly RingMember[]) {
    this.members = members;
  }

  addresses(member: number): readonly Endpoint[] {
    const { host, port } = this.members[member] ?? {};
    return host === undefined || port === undefined ? [] : [{ host, port }];
  }

  /** Of members that are written with an IP address. Names are found out with {@linkcode lookUp}. */
  membersAt(address: string): readonly number[] {
    const written = this.members.flatMap(({ host }, index) => host === address ? [index] : []);
    return [...new Set([...written, ...(this.#resolved?.get(address) ?? [])])];
  }

  /** The IP addresses of members that are written with a name. */
  async lookUp(): Promise<void> {
    const found = new Map<string, number[]>();
    await Promise.all(this.members.map(async ({ host }, index) => {
      if (host === undefined || /^[\d.]+$|:/.test(host)) return;
      const answers = await Promise.allSettled(
        (["A", "AAAA"] as const).map((kind) => Deno.resolveDns(host, kind)),
      );
      for (const answer of answers) {
        for (const ip of answer.status === "fulfilled" ? answer.value : []) {
          found.set(ip, [...(found.get(ip) ?? []), index]);
        }
      }
    }));
    this.#resolved = found;
  }
}

/** A network in which members are looked for. */
export type PlacesNetwork = Pick<Network, "view"> & {
  readonly machine: Pick<Network["machine"], "peers">;
};

/** What the config says, and for the others what the networks tell. */
export class NodePlaces extends FixedPlaces {
  readonly #networks: readonly PlacesNetwork[];
  readonly #interfaces: () => readonly InterfaceInfo[];

  constructor(
    members: readonly RingMember[],
    networks: readonly PlacesNetwork[],
    interfaces: () => readonly InterfaceInfo[],
  ) {
    super(members);
    this.#networks = networks;
    this.#interfaces = interfaces;
  }

  override addresses(index: number): readonly Endpoint[] {
    const member = this.members[index];
    if (member === undefined || member.host !== undefined) return super.addresses(index);
    const places = this.#networks.flatMap((network) => this.#inNetwork(network, member));
    const near = places.filter(({ host }) => this.#isNear(host));
    const all = [...near, ...places];
    return all.filter(({ host, port }, i) =>
      all.findIndex((other) => other.host === host && other.port === port) === i
    );
  }

  override membersAt(address: string): readonly number[] {
    const bare = (host: string) => host.split("%")[0];
    const named = this.members.flatMap(({ host }, index) =>
      host === undefined && this.addresses(index).some((one) => bare(one.host) === bare(address))
        ? [index]
        : []
    );
    return [...super.membersAt(address), ...named];
  }

  #inNetwork({ view, machine }: PlacesNetwork, { name, port }: RingMember): Endpoint[] {
    const nodes = view.names.resolve(name);
    if (nodes.length === 0) return [];
    const told = view.get({ nodes, keys: [RING_KEY] }).flatMap(({ entries }) =>
      entries.map(({ value }) => readPlace(value))
    ).find((place) => place !== undefined);
    const at = told?.port ?? port;
    // Where DNCP meets it: with a link-local address this is the only one that leads there.
    const seen = machine.peers().filter((peer) => nodes.includes(peer.node)).map(hostOfPeer);
    return [...(told?.addresses ?? []), ...seen].map((host) => ({ host, port: at }));
  }

  #isNear(host: string): boolean {
    return this.#interfaces().some(({ addresses }) =>
      addresses.some((address) => inSubnet4(host, address))
    );
  }
}

/** What this node tells of its own server. */
export function placeValue(port: number, interfaces: readonly InterfaceInfo[]): Value {
  const addresses = interfaces.filter(({ loopback, up }) => up && !loopback)
    .flatMap((one) => one.addresses.map(addressOf))
    .filter((address) => !isLinkLocal6(address) && !address.startsWith("169.254."));
  return { port, addresses: [...new Set(addresses)].slice(0, MOST_ADDRESSES) };
}

/** What another node tells; undefined where it is nothing of use. Any value is taken. */
function readPlace(value: Value): { port: number; addresses: string[] } | undefined {
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  const { port, addresses } = value;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return undefined;
  }
  if (!Array.isArray(addresses)) return undefined;
  const texts = addresses.filter((one) => typeof one === "string");
  return {
    port,
    addresses: texts.filter((one) => /^[0-9A-Fa-f.:]{2,45}$/.test(one)).slice(0, MOST_ADDRESSES),
  };
}
