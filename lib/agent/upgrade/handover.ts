/**
 * What one process of an agent leaves for the next one when it ends for a restart: whom it had for
 * peers, and what it said of itself. A file in the state folder, read once; what is older than a minute, or from before a
 * reboot, is of no use.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { PeerLink } from "../../dncp/mod.ts";
import type { Entry } from "../../state/mod.ts";
import { writeDurably } from "../durable.ts";

/** For so long the others are asked to keep our place, in ms; they bear no longer silence anyway. */
export const PAUSE_LIMIT = 30_000;
/** Older than this it is not used, in ms. */
const USEFUL = 60_000;
const FILE = "handover.json";

/** What the next process goes on with in one network. */
export interface Legacy {
  readonly peers: readonly PeerLink[];
  /** `agent/…`; the dictionary checks them. */
  readonly agentEntries: readonly Entry[];
}

/** By the name of the network. */
export type Handover = ReadonlyMap<string, Legacy>;

/** Where time since boot comes from; one clock for all processes, which nobody sets. */
export interface BootClock {
  /** Another text after each boot. */
  readonly boot: string;
  /** ms since then. */
  readonly now: number;
}

/** The kernel's. */
export function bootClock(): BootClock {
  return {
    boot: Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim(),
    now: 1_000 * Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]),
  };
}

/** Leaves it for the next process. `report` gets a line where that cannot be done. */
export function leaveHandover(
  stateDir: string,
  networks: Handover,
  report: (line: string) => void,
  clock: () => BootClock = bootClock,
): void {
  try {
    const content = { ...clock(), networks: Object.fromEntries(networks) };
    writeDurably(`${stateDir}/${FILE}`, JSON.stringify(content));
  } catch (error) {
    report(`the next start will look new to the others: ${messageOf(error)}`);
  }
}

/** What the process before left; empty where there is nothing of use. Gone after that. */
export function takeHandover(stateDir: string, clock: () => BootClock = bootClock): Handover {
  const path = `${stateDir}/${FILE}`;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
    Deno.removeSync(path);
  } catch {
    // None, as after every ordinary end. One that cannot be removed is too old the next time.
    return new Map();
  }
  try {
    const { boot, now } = clock();
    const content = JSON.parse(text) as { boot: unknown; now: unknown; networks: object };
    const age = now - Number(content.now);
    if (content.boot !== boot || !(age >= 0 && age < USEFUL)) return new Map();
    return new Map(
      Object.entries(content.networks).map(([name, legacy]) => [name, {
        peers: listIn(legacy, "peers").filter(isLink),
        agentEntries: listIn(legacy, "agentEntries").filter(isEntry),
      }]),
    );
  } catch {
    // Cut off by a power failure, or no file of ours: a start without it is an ordinary one.
    return new Map();
  }
}

function listIn(value: unknown, key: keyof Legacy): unknown[] {
  const list = (value as Partial<Legacy> | null)?.[key];
  return Array.isArray(list) ? list : [];
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { key, value: said, at } = value as Record<string, unknown>;
  return typeof key === "string" && said !== undefined && said !== null &&
    Number.isSafeInteger(at);
}

function isLink(value: unknown): value is PeerLink {
  if (typeof value !== "object" || value === null) return false;
  const { endpoint, node, peerEndpoint } = value as Record<string, unknown>;
  const isId = (id: unknown) =>
    Number.isInteger(id) && (id as number) > 0 && (id as number) < 2 ** 32;
  return isId(endpoint) && isId(peerEndpoint) && typeof node === "string" &&
    /^(?:[0-9a-f]{8}|[0-9a-f]{16})$/.test(node);
}
