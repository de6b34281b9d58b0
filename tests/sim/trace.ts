/**
 * What happened in a run, as one number and, where somebody listens, as lines for people. Two runs
 * with the same seed must give the same digest.
 *
 * @module
 */
import type { Profile } from "../../lib/dncp/profile.ts";

/** Kinds of trace entries. Their numbers enter the digest, their names the lines. */
export const Entry = {
  wake: 1,
  multicastSent: 2,
  multicastReceived: 3,
  datagramSent: 4,
  datagramReceived: 5,
  written: 6,
  streamReceived: 7,
  dialled: 8,
  streamOpened: 9,
  dialFailed: 10,
  streamClosed: 11,
  streamWritable: 12,
  closed: 13,
  started: 14,
  crashed: 15,
  powerCut: 16,
  endpointUp: 17,
  endpointDown: 18,
  published: 19,
  peerChanged: 20,
  nodeChanged: 21,
} as const;
export type Entry = typeof Entry[keyof typeof Entry];

const NAMES: string[] = [];
for (const [name, value] of Object.entries(Entry)) {
  NAMES[value] = name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`);
}

/** TLV types of RFC 7787 by the names that fit a line. */
const TLV_NAMES: Record<number, string> = {
  1: "ReqNet",
  2: "ReqNode",
  3: "Endpoint",
  4: "Net",
  5: "Node",
  8: "Peer",
  9: "KeepAlive",
};

export class Trace {
  #a = 0x811c_9dc5;
  #b = 0x9e37_79b9;
  /** Set it to read along; a line an entry. */
  log: ((line: string) => void) | undefined;
  readonly #profile: Profile;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  /**
   * `node` is an index and `number` whatever tells two such entries apart; `text` is for the lines
   * only.
   */
  record(
    now: number,
    entry: Entry,
    node: number,
    number: number,
    text = "",
    bytes?: Uint8Array,
  ): void {
    // Virtual times are sums of random fractions: all 53 bits of them count.
    this.#mix(Math.floor(now * 1024));
    this.#mix((now * 1024 * 65_536) % 4_294_967_296);
    this.#mix((entry << 24) ^ node);
    this.#mix(number);
    if (bytes) {
      this.#mix(bytes.length);
      const step = bytes.length > 64 ? bytes.length >> 5 : 1;
      for (let i = 0; i < bytes.length; i += step) this.#mix(bytes[i] as number);
    }
    if (this.log) {
      const what = bytes ? ` ${describe(this.#profile, bytes)}` : "";
      this.log(`${now.toFixed(3).padStart(12)}  n${node} ${NAMES[entry]} ${number} ${text}${what}`);
    }
  }

  /** Of all entries so far, as 16 hexadecimal digits. */
  digest(): string {
    const hex = (n: number) => (n >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x0100_0193);
    this.#b = Math.imul((this.#b ^ value ^ (this.#a >>> 15)) + 0x7ed5_5d16, 0x85eb_ca6b);
  }
}

/** The TLVs of a message in a few words: `148 B Endpoint Net Node×3`. */
export function describe(profile: Profile, bytes: Uint8Array): string {
  const { tlvs, error } = profile.tlv.decode(bytes);
  const parts: string[] = [];
  let run = 0;
  tlvs.forEach((tlv, i) => {
    run++;
    if (tlvs[i + 1]?.type === tlv.type) return;
    const name = TLV_NAMES[tlv.type] ?? `T${tlv.type}`;
    const value = tlv.length > 0 && run === 1 ? `:${tlv.value.subarray(0, 4).toHex()}` : "";
    parts.push(run > 1 ? `${name}×${run}` : name + value);
    run = 0;
  });
  return `${bytes.length} B ${parts.join(" ")}${error ? ` (${error})` : ""}`;
}
