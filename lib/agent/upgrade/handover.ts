/**
 * What one process of an agent leaves for the next one when it ends for a restart: whom it had for
 * peers, and what it published that is kept nowhere else. A file in the state folder, gone once an
 * agent has started; what is older than a minute, or from before a reboot, is of no use.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { PeerLink } from "../../dncp/mod.ts";
import type { HandedGuest } from "../../leafy/mod.ts";
import type { Held, HeldEntry } from "../../state/mod.ts";
import { type BootClock, bootClock } from "../boot_clock.ts";
import { writeDurably } from "../durable.ts";

/** For so long the others are asked to keep our place, in ms; they bear no longer silence anyway. */
export const PAUSE_LIMIT = 30_000;
/** Older than this it is not used, in ms. */
const USEFUL = 60_000;
const FILE = "handover.json";

/** What the next process goes on with in one network. */
export interface Legacy {
  readonly peers: readonly PeerLink[];
  /** The dictionary checks their entries. */
  readonly held: readonly Held[];
  readonly guests: readonly HandedGuest[];
}

/** By the name of the network. */
export type Handover = ReadonlyMap<string, Legacy>;

/** Leaves it for the next process. `report` gets a line where that cannot be done. */
export function leaveHandover(
  stateDir: string,
  networks: Handover,
  report: (line: string) => void,
  clock: () => BootClock = bootClock,
): void {
  try {
    const content = { ...clock(), networks: Object.fromEntries(networks) };
    writeDurably(`${stateDir}/${FILE}`, JSON.stringify(content), 0o600);
  } catch (error) {
    report(`the next start will look new to the others: ${messageOf(error)}`);
  }
}

/** What the process before left; empty where there is nothing of use. */
export function readHandover(stateDir: string, clock: () => BootClock = bootClock): Handover {
  let text: string;
  try {
    text = Deno.readTextFileSync(`${stateDir}/${FILE}`);
  } catch {
    // None, as after every ordinary end.
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
        held: listIn(legacy, "held").flatMap((held) => heldIn(held, age)),
        guests: listIn(legacy, "guests").filter(isGuest),
      }]),
    );
  } catch {
    // Cut off by a power failure, or no file of ours: a start without it is an ordinary one.
    return new Map();
  }
}

/** Forget it: an agent has started with it. Until then it may be of use to another try. */
export function removeHandover(stateDir: string): void {
  try {
    Deno.removeSync(`${stateDir}/${FILE}`);
  } catch {
    // There is none. One that cannot be removed is too old the next time.
  }
}

function listIn(value: unknown, key: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const list = (value as Record<string, unknown>)[key];
  return Array.isArray(list) ? list : [];
}

/** What is left of it after `age` ms. */
function heldIn(value: unknown, age: number): Held[] {
  if (typeof value !== "object" || value === null) return [];
  const { source, name, leftMs } = value as Record<string, unknown>;
  if (source !== "timed" && source !== "lease" && source !== "guest" && source !== "agent") {
    return [];
  }
  if (leftMs !== undefined && !Number.isFinite(leftMs)) return [];
  return [{
    source,
    ...(typeof name === "string" && { name }),
    ...(leftMs !== undefined && { leftMs: Number(leftMs) - age }),
    entries: listIn(value, "entries").filter(isEntry),
  }];
}

function isEntry(value: unknown): value is HeldEntry {
  if (typeof value !== "object" || value === null) return false;
  const { key, value: said, at } = value as Record<string, unknown>;
  return typeof key === "string" && said !== undefined && said !== null &&
    Number.isSafeInteger(at);
}

function isGuest(value: unknown): value is HandedGuest {
  if (typeof value !== "object" || value === null) return false;
  const { id, sequence, content } = value as Record<string, unknown>;
  return typeof id === "string" && Number.isInteger(sequence) && typeof content === "string" &&
    /^(?:[0-9a-f]{2})*$/.test(content);
}

function isLink(value: unknown): value is PeerLink {
  if (typeof value !== "object" || value === null) return false;
  const { endpoint, node, peerEndpoint } = value as Record<string, unknown>;
  const isId = (id: unknown) =>
    Number.isInteger(id) && (id as number) > 0 && (id as number) < 2 ** 32;
  return isId(endpoint) && isId(peerEndpoint) && typeof node === "string" &&
    /^(?:[0-9a-f]{8}|[0-9a-f]{16})$/.test(node);
}
