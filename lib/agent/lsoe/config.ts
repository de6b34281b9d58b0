/**
 * `[lsoe]` of the config as the LSOE machine takes it, and the id that this agent has on the wire.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import type { LabelBinding, LsoeConfig } from "../../lsoe/mod.ts";
import { type InterfaceInfo, selectInterfaces } from "../../net/mod.ts";
import { fromHex, parseMac } from "../../wire/mod.ts";
import type { Config } from "../config/config.ts";
import { interfacesOf } from "../interfaces.ts";

export type LsoeTable = Config["lsoe"];

/** EtherTypes (`spec/lsoe.md` §2): Local Experimental 1, and what an unpatched lsoed uses. */
const ETHERTYPE = 0x88b5;
const LSOED_ETHERTYPE = 0x8885;
/** Octets of an id (§4, OPEN). */
const ID_BYTES = 10;
/** A label on the wire: 20 bits, then Exp (3), then 1 at the bottom of the stack. */
const LABEL_SHIFT = 4;
const BOTTOM_OF_STACK = 1;

/** The EtherType of its frames. */
export function etherTypeOf(table: LsoeTable): number {
  return table.ethertype ?? (table.compat === "lsoed" ? LSOED_ETHERTYPE : ETHERTYPE);
}

/** Which interfaces the patterns of the config mean now. */
export interface ChosenInterfaces {
  readonly speaking: ReadonlySet<string>;
  readonly exported: ReadonlySet<string>;
}

/** `interfaces` without `exclude-interfaces`, and `export-loopbacks`. */
export function chooseInterfaces(
  table: LsoeTable,
  all: readonly InterfaceInfo[],
): ChosenInterfaces {
  const names = (list: readonly InterfaceInfo[]) => list.map(({ name }) => name);
  const excluded = new Set(names(selectInterfaces(table["exclude-interfaces"], all)));
  return {
    speaking: new Set(
      names(interfacesOf(table.interfaces, all)).filter((name) => !excluded.has(name)),
    ),
    exported: new Set(names(selectInterfaces(table["export-loopbacks"], all))),
  };
}

/** The machine's config. `chosen` is asked whenever the machine looks at an interface. */
export function machineConfig(table: LsoeTable, chosen: () => ChosenInterfaces): LsoeConfig {
  const compatLsoed = table.compat === "lsoed";
  return {
    speaksOn: (name) => chosen().speaking.has(name),
    helloInterval: table["hello-interval"],
    helloDestination: parseMac(table["hello-multicast-macaddr"]) as number,
    retransmitInitialInterval: table["retransmit-initial-interval"],
    retransmitMaxDrop: table["retransmit-max-drop"],
    retransmitExponentialBackoff: table["retransmit-exponential-backoff"],
    keepaliveSendInterval: table["keepalive-send-interval"],
    keepaliveReceiveTimeout: table["keepalive-receive-timeout"],
    attributes: Uint8Array.from(table.attributes),
    exportLoopbacks: (name) => chosen().exported.has(name),
    primaryAddresses: table["primary-address"],
    announceScope: table["announce-scope"] ?? (compatLsoed ? "all" : "interface"),
    keepStateOnTimeout: table["keep-state-on-timeout"],
    closeOnCarrierLoss: table["close-on-carrier-loss"],
    reassemblyTimeout: table["reassembly-timeout"],
    reorderWindow: table["reorder-window"],
    macCacheTimeout: table["mac-address-cache-timeout"],
    hopelessHold: table["hopeless-hold"],
    maxDatagram: table["max-datagram"],
    compatLsoed,
  };
}

/** Labels as they stand on the wire. Those of the config win over the kernel's for the same prefix. */
export function labelsOf(table: LsoeTable, kernel: readonly LabelBinding[]): LabelBinding[] {
  const all = new Map(kernel.map((binding) => [binding.prefix, binding]));
  for (const { prefix, labels } of table["mpls-labels"]) {
    all.set(prefix, { prefix, labels: labels.map(onWire) });
  }
  return [...all.values()];
}

function onWire(label: number, at: number, stack: readonly number[]): number {
  return (label << LABEL_SHIFT) | (at === stack.length - 1 ? BOTTOM_OF_STACK : 0);
}

/** The value of a label on the wire, 20 bits. */
export function labelValue(onWire: number): number {
  return onWire >>> LABEL_SHIFT;
}

/** The configured id, left-padded; `undefined` where none is configured. */
export function configuredId(table: LsoeTable): { id: Uint8Array; padded: boolean } | undefined {
  const text = table["local-id"];
  if (text === undefined) return undefined;
  const octets = fromHex(text.replace(/[:-]/g, ""));
  const id = new Uint8Array(ID_BYTES);
  id.set(octets, ID_BYTES - octets.length);
  return { id, padded: octets.length < ID_BYTES };
}

/**
 * An id for an agent whose config names none. The node id alone would be that of the original on a
 * copied SD card, and the hardware alone is not known everywhere: so both go in.
 */
export function derivedId(nodeId: string, hardware: string): Uint8Array {
  const seed = new TextEncoder().encode(`LSOE id\n${nodeId}\n${hardware}`);
  return sha256(seed).slice(0, ID_BYTES);
}

/** Where computers keep what tells them from others of their kind. Some are for root alone. */
const SERIAL_FILES = [
  "/sys/firmware/devicetree/base/serial-number",
  "/sys/class/dmi/id/product_uuid",
];

/**
 * What tells this computer from its copies: its serial number; where it cannot be read, the MAC address
 * of its first real network device; else nothing. `read` throws where there is no such file.
 */
export function hardwareIdentity(
  interfaces: readonly InterfaceInfo[],
  read: (path: string) => string = (path) => Deno.readTextFileSync(path),
): string {
  const attempt = (path: string) => {
    try {
      return read(path).replaceAll("\0", "").trim();
    } catch {
      return "";
    }
  };
  for (const path of SERIAL_FILES) {
    const serial = attempt(path);
    if (serial !== "") return serial;
  }
  const real = interfaces.find(({ name, mac }) =>
    mac !== "" && attempt(`/sys/class/net/${name}/device/uevent`) !== ""
  );
  return real?.mac ?? "";
}
