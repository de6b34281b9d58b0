/**
 * The vectors `sessions` of `lsoe.json` (spec §15): traces of lsoed under a virtual clock. One test a
 * vector.
 *
 * What they do not hold is left out of the comparison, and nothing else: HELLOs (multicast; lsoed's
 * beacon is not its session engine), and events that only ours tells. Frames are addressed as §11
 * wants it, because the vectors do not say.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type Encapsulation,
  type EncapsulationType,
  FLAG_LOOPBACK,
  FLAG_PRIMARY,
  type LsoeConfig,
  PduType,
  type Report,
} from "../../lib/lsoe/mod.ts";
import { fromHex, isGroup, macText, parseMac, toHex } from "../../lib/wire/mod.ts";
import { readVectors } from "../wire/vectors.ts";
import { type Deed, ETH1, Lone, NEAREST_BRIDGE } from "./lone.ts";

interface VectorEncapsulation {
  readonly primary: boolean;
  readonly loopback: boolean;
  readonly ipaddr: string;
  readonly prefixlen: number;
  readonly labels?: readonly string[] | null;
}

type VectorEvent =
  & { readonly t: number }
  & (
    | { readonly in: "rx"; readonly pdu: string; readonly src: string; readonly ifname: string }
    | {
      readonly in: "encapsChanged";
      readonly pduType: EncapsulationType;
      readonly encaps: readonly VectorEncapsulation[];
    }
    | VectorOut
  );

type VectorOut =
  | { readonly out: "tx"; readonly pdu: string; readonly pduType: number; readonly dst: string }
  | { readonly out: "report"; readonly json: Omit<Report, "session_pyid"> }
  | {
    readonly out: "open";
    readonly peer: string;
    readonly peerId: string;
    readonly peerAttributes: string;
  }
  | { readonly out: "closed"; readonly peer: string; readonly wasOpen: boolean };

interface SessionVector {
  readonly name: string;
  readonly localId: string;
  readonly config: Readonly<Record<string, string>>;
  readonly localNonces: readonly string[];
  readonly initialEncaps: Readonly<Record<string, readonly VectorEncapsulation[]>>;
  /** Seconds, as all times here. */
  readonly until: number;
  readonly closeTolerance?: number;
  readonly events: readonly VectorEvent[];
}

/** Milliseconds. */
const TOLERANCE = 1;

/** Settings as lsoed's configuration file has them. */
const SETTINGS: Readonly<Record<string, (text: string) => Partial<LsoeConfig>>> = {
  "retransmit-exponential-backoff": (text) => ({
    retransmitExponentialBackoff: ["yes", "true", "on", "1"].includes(text.toLowerCase()),
  }),
  "retransmit-initial-interval": (text) => ({ retransmitInitialInterval: Number(text) * 1_000 }),
  "retransmit-max-drop": (text) => ({ retransmitMaxDrop: Number(text) }),
  "keepalive-send-interval": (text) => ({ keepaliveSendInterval: Number(text) * 1_000 }),
  "keepalive-receive-timeout": (text) => ({ keepaliveReceiveTimeout: Number(text) * 1_000 }),
  "hello-interval": (text) => ({ helloInterval: Number(text) * 1_000 }),
};

function configOf(vector: SessionVector): Partial<LsoeConfig> {
  return Object.assign(
    {},
    ...Object.entries(vector.config).map(([key, text]) => {
      const setting = SETTINGS[key];
      ok(setting, `the setting ${key} of this vector is not known to the test`);
      return setting(text);
    }),
  );
}

function encapsulationOf(each: VectorEncapsulation): Encapsulation {
  const { primary, loopback, ipaddr: address, prefixlen: prefixLength, labels } = each;
  const flags = (primary ? FLAG_PRIMARY : 0) | (loopback ? FLAG_LOOPBACK : 0);
  if (!labels) return { flags, address, prefixLength };
  return { flags, address, prefixLength, labels: labels.map((text) => parseInt(text, 16)) };
}

/** A deed in the words of the vectors; `undefined` for what they do not hold. */
function outOf(deed: Deed): VectorOut | undefined {
  if (deed.kind === "sent") {
    if (isGroup(deed.to)) {
      strictEqual(deed.to, NEAREST_BRIDGE);
      strictEqual(deed.pdu.type, PduType.Hello, "only HELLOs go to a group");
      return undefined;
    }
    return { out: "tx", pdu: toHex(deed.bytes), pduType: deed.pdu.type, dst: macText(deed.to) };
  }
  if (deed.kind === "report") {
    const { session_pyid: _, ...json } = deed.report;
    return { out: "report", json };
  }
  if (deed.kind !== "event") return undefined;
  const { event } = deed;
  if (event.kind === "opened") {
    const { peerMac, peerId, peerAttributes } = event.session;
    return {
      out: "open",
      peer: peerMac,
      peerId: peerId.replaceAll(":", ""),
      peerAttributes: toHex(Uint8Array.from(peerAttributes)),
    };
  }
  if (event.kind !== "closed") return undefined;
  return { out: "closed", peer: event.session.peerMac, wasOpen: event.session.state === "open" };
}

function play(vector: SessionVector): { at: number; out: VectorOut }[] {
  const lone = new Lone({
    config: configOf(vector),
    localId: fromHex(vector.localId),
    nonces: vector.localNonces.map((hex) => parseInt(hex, 16)),
  });
  for (const [type, list] of Object.entries(vector.initialEncaps)) {
    const entries = list.map(encapsulationOf);
    lone.lsoe.announce(0, ETH1.index, Number(type) as EncapsulationType, entries);
  }
  for (const event of vector.events) {
    if (!("in" in event)) continue;
    lone.run(event.t * 1_000);
    if (event.in === "rx") {
      strictEqual(event.ifname, ETH1.name);
      lone.receive(parseMac(event.src) as number, fromHex(event.pdu));
    } else {
      const entries = event.encaps.map(encapsulationOf);
      lone.lsoe.announce(lone.now, ETH1.index, event.pduType, entries);
    }
  }
  lone.run(vector.until * 1_000);
  return lone.deeds.flatMap((deed) => {
    const out = outOf(deed);
    return out ? [{ at: deed.at, out }] : [];
  });
}

for (const vector of readVectors<{ sessions: SessionVector[] }>("lsoe.json").sessions) {
  Deno.test(`lsoe session: ${vector.name}`, () => {
    const expected = vector.events.flatMap((event) => {
      if (!("out" in event)) return [];
      const { t, ...out } = event;
      return [{ at: t * 1_000, out }];
    });
    const found = play(vector);
    deepStrictEqual(found.map(({ out }) => out), expected.map(({ out }) => out));
    const closing = expected.findIndex(({ out }) => out.out === "closed");
    for (const [i, { at, out }] of expected.entries()) {
      // A close, with the reports that belong to it, may come earlier where the vector says so.
      const early =
        i <= closing && i >= closing - 4 && (out.out === "closed" || out.out === "report")
          ? (vector.closeTolerance ?? 0) * 1_000
          : 0;
      const when = found[i]?.at as number;
      ok(
        when >= at - early - TOLERANCE && when <= at + TOLERANCE,
        `${out.out} ${i} at ${when} ms instead of ${at}`,
      );
    }
  });
}
