/**
 * DNCP in both profiles.
 *
 * @module
 */
import { type Decoded, decodeTlvs, hncpProfile, nativeProfile } from "../../../lib/dncp/mod.ts";
import type { Profile } from "../../../lib/dncp/profile.ts";
import { tlvName } from "../../../lib/dncp/tlv.ts";
import {
  decodeExternalConnection,
  decodeHncpVersion,
  decodeTrustVerdict,
} from "../../../lib/dncp/hncp_tlvs.ts";
import type { RawTlv } from "../../../lib/wire/tlv.ts";
import { checkDecoded, SETUPS } from "../../dncp/torture.ts";
import { decoder, machine, type Tally, type Target, type Types } from "../target.ts";

/** More than any fixed part of a TLV. */
const ROOM = new Uint8Array(100);

/** The types that a profile's table reads. */
function knownTypes(profile: Profile): number[] {
  const all = Array.from({ length: Math.min(profile.tlv.maxType, 1_023) + 1 }, (_, type) => type);
  return all.filter((type) =>
    decodeTlvs(profile, profile.tlv.encode(type, ROOM)).tlvs[0]?.fields !== undefined
  );
}

/** Those, and which of them can be too short. */
function typesOf(profile: Profile): Types {
  const taken = knownTypes(profile);
  const refused = taken.filter((type) =>
    decodeTlvs(profile, profile.tlv.encode(type)).warnings.includes("short-fixed-fields")
  );
  const name = (type: number) => tlvName(profile, type) as string;
  return { taken: taken.map(name), refused: refused.map(name) };
}

function sortTlvs(profile: Profile, tally: Tally, input: Uint8Array): void {
  const { tlvs } = decodeTlvs(profile, input);
  const read = new Set(tlvs.map(({ raw }) => raw.encoded.byteOffset));
  for (const { type, encoded } of profile.tlv.decode(input).tlvs) {
    const name = tlvName(profile, type);
    if (name !== undefined) tally.type(name, read.has(encoded.byteOffset));
  }
}

const decoders = [hncpProfile, nativeProfile].map((profile) => {
  const isClean = ({ error, warnings }: Decoded) => error === null && warnings.length === 0;
  const types = knownTypes(profile);
  return decoder<Decoded>({
    name: `dncp/dncp-${profile.name}`,
    covers: ["lib/dncp/tlv.ts decodeTlvs"],
    share: 2,
    decode: (input) => decodeTlvs(profile, input),
    refused: (result) => !isClean(result),
    check: (input) => checkDecoded(profile, input),
    // Now and then one TLV is of another type.
    mend(input, random) {
      const { tlvs } = profile.tlv.decode(input);
      if (tlvs.length === 0 || random.chance(0.7)) return input;
      const { length, value, encoded } = random.pick(tlvs);
      const other = profile.tlv.encode(random.pick(types), value.slice(0, length));
      input.set(other.subarray(0, encoded.length), encoded.byteOffset - input.byteOffset);
      return input;
    },
    sort: (tally, input) => sortTlvs(profile, tally, input),
    types: typesOf(profile),
  });
});

const hncpTlvs = decoder<readonly unknown[]>({
  name: "dncp/hncp-tlvs",
  covers: [
    "lib/dncp/hncp_tlvs.ts decodeTrustVerdict",
    "lib/dncp/hncp_tlvs.ts decodeHncpVersion",
    "lib/dncp/hncp_tlvs.ts decodeExternalConnection",
  ],
  corpus: ["hncp-tlvs", "dncp-hncp"],
  share: 0.5,
  decode: (input) =>
    hncpProfile.tlv.decode(input).tlvs.flatMap((raw) => contentsOf(raw).filter((one) => one)),
  sort(tally, input) {
    for (const raw of hncpProfile.tlv.decode(input).tlvs) {
      const name = tlvName(hncpProfile, raw.type);
      if (name !== undefined) tally.type(name, contentsOf(raw).some((one) => one !== undefined));
    }
  },
  types: {
    taken: ["trust-verdict", "hncp-version", "external-connection"],
    refused: ["trust-verdict", "hncp-version"],
  },
});

function contentsOf(raw: RawTlv): unknown[] {
  return [decodeTrustVerdict(raw), decodeHncpVersion(raw), decodeExternalConnection(raw)];
}

/** What an episode's machine has counted that tells how deep the inputs went. */
const DEPTHS = ["malformed", "hashMismatches"] as const;

const machines: Target[] = SETUPS.map(([name, profile, make]) =>
  machine({
    name: `dncp/${name.replaceAll(" ", "-")}`,
    covers: [
      "lib/dncp/machine.ts Dncp.receiveMulticast",
      "lib/dncp/machine.ts Dncp.receiveDatagram",
      "lib/dncp/machine.ts Dncp.receiveStream",
      "lib/dncp/datagrams.ts DatagramEndpoint.receive",
      "lib/dncp/streams.ts Streams.receive",
      "lib/dncp/session.ts Session.feed",
    ],
    corpus: [`dncp-${profile}`],
    share: 2,
    steps: 2_000,
    maxBytes: 3_000,
    types: { taken: [...DEPTHS, "other nodes"] },
    begin(seed, tally) {
      const torture = make(seed);
      return {
        step(damaged, random) {
          const kind = random.below(12);
          torture.step(kind, { damaged, random });
        },
        end() {
          torture.finish();
          const { counters } = torture.lone.machine;
          for (const depth of DEPTHS) if (counters[depth] > 0) tally.type(depth, true);
          if (torture.mostNodes > 1) tally.type("other nodes", true);
        },
      };
    },
  })
);

/** All of them. */
export const targets: readonly Target[] = [...decoders, hncpTlvs, ...machines];
