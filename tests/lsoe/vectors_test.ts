/**
 * The vectors of `lsoe.json` (spec §15) that need no session, in `tests/vectors/` or in the folder
 * `$VECTORS_DIR`. One test a vector.
 */
import { deepStrictEqual, fail, ok, strictEqual, throws } from "node:assert/strict";
import {
  checksum,
  type Datagram,
  decodeDatagram,
  decodePdu,
  type Encapsulation,
  type EncapsulationPdu,
  encodeDatagram,
  encodeDatagrams,
  encodePdu,
  isEncapsulation,
  MacCache,
  type Pdu,
  Reassembly,
  reportOf,
  SBOX,
} from "../../lib/lsoe/mod.ts";
import {
  fromHex,
  parseMac,
  readMac,
  readU16,
  readU32,
  toHex,
  WireError,
} from "../../lib/wire/mod.ts";
import { readVectors } from "../wire/vectors.ts";

/** Default of `reassembly-timeout`, `reorder-window` and `mac-address-cache-timeout`, in ms. */
const WINDOWS = { timeout: 1_000, reorderWindow: 100 };
const MAC_CACHE_TIMEOUT = 300_000;

interface Named {
  readonly name: string;
}

interface ChecksumVector extends Named {
  readonly version: number;
  readonly last: boolean;
  readonly number: number;
  readonly length: number;
  readonly payload: string;
  readonly checksum: number;
  readonly checksumHex?: string;
}

function checkChecksum(vector: ChecksumVector): void {
  const { last, number, length, version } = vector;
  const datagram = encodeDatagram({ last, number, payload: fromHex(vector.payload) });
  deepStrictEqual([datagram[0], datagram.length], [version, length]);
  strictEqual(checksum(datagram), vector.checksum);
  strictEqual(readU32(datagram, 4), vector.checksum);
  if (vector.checksumHex) strictEqual(toHex(datagram.subarray(4, 8)), vector.checksumHex);
}

interface DatagramVector extends Named {
  readonly hex: string;
  readonly valid: boolean;
  readonly version?: number;
  readonly last?: boolean;
  readonly number?: number;
  readonly length?: number;
  readonly checksum?: number;
  readonly payload?: string;
  readonly reason?: string;
}

function checkDatagram(vector: DatagramVector): void {
  const bytes = fromHex(vector.hex);
  const datagram = decodeDatagram(bytes);
  if (!vector.valid) {
    strictEqual(datagram, vector.reason);
    return;
  }
  const { last, number, payload } = takenDatagram(bytes);
  deepStrictEqual(
    {
      version: bytes[0],
      last,
      number,
      length: payload.length + 8,
      checksum: readU32(bytes, 4),
      payload: toHex(payload),
    },
    {
      version: vector.version,
      last: vector.last,
      number: vector.number,
      length: vector.length,
      checksum: vector.checksum,
      payload: vector.payload,
    },
  );
  // Without the padding, it is what we would have sent.
  const again = encodeDatagram({ last, number, payload });
  strictEqual(toHex(again), toHex(bytes.subarray(0, again.length)));
}

function takenDatagram(bytes: Uint8Array): Datagram {
  const datagram = decodeDatagram(bytes);
  if (typeof datagram === "string") fail(`refused: ${datagram}`);
  return datagram;
}

interface FragmentationVector extends Named {
  readonly datagramMax: number;
  readonly pdu: string;
  readonly datagrams: readonly string[];
}

function checkFragmentation({ pdu, datagramMax, datagrams }: FragmentationVector): void {
  deepStrictEqual(encodeDatagrams(fromHex(pdu), datagramMax).map(toHex), datagrams);
  // The other way, last one first.
  const reassembly = new Reassembly(WINDOWS);
  const got = datagrams.toReversed().map((hex) =>
    reassembly.receive(0, 1, 2, takenDatagram(fromHex(hex)))
  );
  strictEqual(toHex(got.at(-1) ?? new Uint8Array(0)), pdu);
}

interface ReassemblyVector extends Named {
  readonly frames: readonly {
    /** Seconds. */
    t: number;
    hex: string;
    src: string;
    ifname: string;
    pkttype: number;
  }[];
  readonly delivered: readonly { afterFrame: number; pdu: string; src: string; ifname: string }[];
}

/** Receives as §3, §3.3 and §3.4 say it, without a session above. */
function checkReassembly({ frames, delivered }: ReassemblyVector): void {
  const cache = new MacCache(MAC_CACHE_TIMEOUT);
  const reassembly = new Reassembly(WINDOWS);
  const names = [...new Set(frames.map(({ ifname }) => ifname))];
  const got: unknown[] = [];
  for (const [afterFrame, { t, hex, src, ifname, pkttype }] of frames.entries()) {
    const now = t * 1_000;
    for (const each of [cache, reassembly]) if (each.nextWake() <= now) each.wake(now);
    const bytes = fromHex(hex);
    const mac = parseMac(src);
    ok(mac !== undefined);
    const index = names.indexOf(ifname) + 1;
    if (pkttype === 4 || bytes.length < 8 || cache.accept(now, mac, index) !== "taken") continue;
    const datagram = decodeDatagram(bytes);
    if (typeof datagram === "string") continue;
    const pdu = reassembly.receive(now, index, mac, datagram);
    if (pdu) got.push({ afterFrame, pdu: toHex(pdu), src, ifname });
  }
  deepStrictEqual(got, delivered);
}

interface VectorLabel {
  readonly hex: string;
  readonly label: number;
  readonly exp: number;
  readonly s: number;
}

interface VectorPdu extends Named {
  readonly hex: string;
  readonly type: number;
  readonly length: number;
  readonly encaps?: readonly {
    flags: number;
    primary: boolean;
    loopback: boolean;
    ipaddr: string;
    prefixlen: number;
    labels?: readonly VectorLabel[];
  }[];
}

/** A decoded PDU in the words of the vectors. */
function described(pdu: Pdu, hex: string): Record<string, unknown> {
  const head = { hex, type: pdu.type, length: hex.length / 2 };
  switch (pdu.type) {
    case 1:
      return {
        ...head,
        nonce: pdu.nonce.toString(16).padStart(8, "0"),
        localId: toHex(pdu.id),
        attributes: toHex(pdu.attributes),
        authLength: pdu.authentication.length,
        authData: toHex(pdu.authentication),
      };
    case 3:
      return {
        ...head,
        ackedType: pdu.acknowledged,
        errorType: pdu.errorType,
        errorCode: pdu.errorCode,
        errorHint: pdu.errorHint,
      };
    case 255:
      return {
        ...head,
        enterpriseNumber: pdu.enterprise,
        enterpriseType: pdu.enterpriseType,
        enterpriseData: toHex(pdu.data),
      };
    default:
      if (!("encapsulations" in pdu)) return head;
      return {
        ...head,
        count: pdu.encapsulations.length,
        encaps: describedList(pdu),
      };
  }
}

function describedList(pdu: EncapsulationPdu): unknown[] {
  const { encaps } = reportOf(SUBJECT, pdu.type, pdu.encapsulations);
  return pdu.encapsulations.map(({ flags, labels }, i) => {
    const { labels: _texts, ...row } = encaps[i]!;
    return labels ? { flags, ...row, labels: labels.map(describedLabel) } : { flags, ...row };
  });
}

function describedLabel(label: number): VectorLabel {
  return {
    hex: label.toString(16).padStart(6, "0"),
    label: label >> 4,
    exp: label >> 1 & 7,
    s: label & 1,
  };
}

/** The PDU that the fields of a vector make, so that encoding starts from the vector. */
function pduOf(vector: VectorPdu): Pdu {
  const field = <T>(name: string) => (vector as unknown as Record<string, T>)[name] as T;
  const bytes = (name: string) => fromHex(field<string>(name));
  switch (vector.type) {
    case 0:
    case 2:
      return { type: vector.type };
    case 1:
      return {
        type: 1,
        nonce: parseInt(field("nonce"), 16),
        id: bytes("localId"),
        attributes: bytes("attributes"),
        authentication: bytes("authData"),
      };
    case 3:
      return {
        type: 3,
        acknowledged: field("ackedType"),
        errorType: field("errorType"),
        errorCode: field("errorCode"),
        errorHint: field("errorHint"),
      };
    case 255:
      return {
        type: 255,
        enterprise: field("enterpriseNumber"),
        enterpriseType: field("enterpriseType"),
        data: bytes("enterpriseData"),
      };
    default:
      if (!isEncapsulation(vector.type)) fail(`nobody here knows PDUs of type ${vector.type}`);
      return {
        type: vector.type,
        encapsulations: (vector.encaps ?? []).map((each): Encapsulation => ({
          flags: each.flags,
          address: each.ipaddr,
          prefixLength: each.prefixlen,
          ...(each.labels ? { labels: each.labels.map(({ hex }) => parseInt(hex, 16)) } : {}),
        })),
      };
  }
}

function checkPdu(vector: VectorPdu): void {
  const { name: _name, ...fields } = vector;
  const pdu = decodePdu(fromHex(vector.hex));
  deepStrictEqual(described(pdu, vector.hex), fields);
  strictEqual(toHex(encodePdu(pdu)), vector.hex);
  strictEqual(toHex(encodePdu(pduOf(vector))), vector.hex);
}

function checkLiberal({ hex, sameAs }: Named & { hex: string; sameAs: string }): void {
  const pdu = decodePdu(fromHex(hex));
  deepStrictEqual(pdu, decodePdu(fromHex(sameAs)));
  strictEqual(toHex(encodePdu(pdu)), sameAs);
}

function checkBad(vector: Named & { hex: string; expect: string; ack?: string }): void {
  const bytes = fromHex(vector.hex);
  // A PDU whose own length contradicts its octets decodes nowhere (§4), whatever a vector expects of
  // it: see "OPEN, Auth Length not zero" in tests/vectors/README.md.
  const whole = bytes.length >= 3 && readU16(bytes, 1) === bytes.length;
  if (vector.expect === "refuse" && whole) {
    // What the session layer answers is held against sessions; here: both can be said.
    strictEqual(toHex(encodePdu(decodePdu(bytes))), vector.hex);
  } else {
    ok(["reject", "refuse"].includes(vector.expect), vector.expect);
    throws(() => decodePdu(bytes), WireError);
  }
  if (vector.ack) strictEqual(toHex(encodePdu(decodePdu(fromHex(vector.ack)))), vector.ack);
}

const SUBJECT = {
  session: 1,
  localId: "00:00:00:00:00:00:00:00:0a:01",
  peerId: "00:00:00:00:00:00:00:00:0b:01",
  peerMac: "02:00:00:00:0b:01",
  interface: "eth1",
  peerAttributes: [],
};

function checkReport({ pdu, encaps }: Named & { pdu: string; encaps: unknown }): void {
  const decoded = decodePdu(fromHex(pdu));
  ok("encapsulations" in decoded);
  const report = reportOf(SUBJECT, decoded.type, decoded.encapsulations);
  deepStrictEqual(JSON.parse(JSON.stringify(report)).encaps, encaps);
}

interface CaptureFrame {
  readonly hex: string;
  readonly dst: string;
  readonly src: string;
  readonly etherType: number;
}

/** An Ethernet frame of real daemons: its datagram, and the PDU in it, encode to themselves. */
function checkCapture({ hex, dst, src, etherType }: CaptureFrame): void {
  const frame = fromHex(hex);
  const view = new DataView(frame.buffer);
  deepStrictEqual(
    [readMac(view, 0), readMac(view, 6), readU16(frame, 12)],
    [parseMac(dst), parseMac(src), etherType],
  );
  const datagram = takenDatagram(frame.subarray(14));
  const again = encodeDatagram(datagram);
  strictEqual(toHex(again), toHex(frame.subarray(14, 14 + again.length)));
  if (!datagram.last || datagram.number !== 0) return;
  strictEqual(toHex(encodePdu(decodePdu(datagram.payload))), toHex(datagram.payload));
}

/** Group → the test of one vector. The shapes are those of spec §15. */
const groups: Readonly<Record<string, (vector: never) => void>> = {
  checksums: checkChecksum,
  datagrams: checkDatagram,
  fragmentation: checkFragmentation,
  reassembly: checkReassembly,
  pdus: checkPdu,
  pdusLiberal: checkLiberal,
  badPdus: checkBad,
  reportsSpec: checkReport,
};
/** What others test: what the file says of itself, and groups that need a session or the kernel. */
const elsewhere = ["meta", "sessions", "netlink"];

const file = readVectors<
  Record<string, readonly Named[]> & { sbox?: string; capture?: { frames: CaptureFrame[] } }
>("lsoe.json");

Deno.test("lsoe.json holds vectors, and no group that nobody knows", () => {
  const known = ["sbox", "capture", ...elsewhere, ...Object.keys(groups)];
  deepStrictEqual(Object.keys(file).filter((group) => !known.includes(group)), []);
  ok(Object.keys(groups).some((group) => (file[group]?.length ?? 0) > 0));
});

if (file.sbox !== undefined) {
  Deno.test("sbox", () => strictEqual(toHex(SBOX), file.sbox));
}

for (const [group, check] of Object.entries(groups)) {
  for (const vector of file[group] ?? []) {
    Deno.test(`${group} ${vector.name}`, () => check(vector as never));
  }
}

for (const [i, frame] of (file.capture?.frames ?? []).entries()) {
  Deno.test(`capture frame ${i}`, () => checkCapture(frame));
}
