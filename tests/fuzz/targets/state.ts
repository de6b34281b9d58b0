/**
 * Node data as entries, addresses, and the dictionaries that take what others say.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import { AgentError, type Random } from "../../../lib/core/mod.ts";
import type { NodeView } from "../../../lib/dncp/api.ts";
import {
  type DecodedState,
  type Entry,
  entryOf,
  NativeStateCodec,
  NetworkView,
  OwnDictionary,
  SHSP_KEYED,
  SHSP_PAIR,
  ShspStateCodec,
  STATE_TLV,
  type StateCodec,
} from "../../../lib/state/mod.ts";
import { parseAddress } from "../../../lib/state/address.ts";
import { decodeShspPair, openShspContainer, shspDigest } from "../../../lib/state/shsp.ts";
import { concat, decodeCbor, type Json, TlvFormat } from "../../../lib/wire/mod.ts";
import { pass } from "../time.ts";
import { decoder, machine, type Subject, type Target, textOf } from "../target.ts";

const KEY = new TextEncoder().encode("fuzz");
const native = new NativeStateCodec();
const shsp = new ShspStateCodec();
const keyed = new ShspStateCodec(KEY);

/** Only entries that may be, and that can be told to others and to people. */
function checkEntries(codec: StateCodec, { entries }: DecodedState): void {
  for (const entry of entries.values()) {
    if (entry.value !== null) ok(entryOf(entry.key, entry.at, entry.value) !== undefined);
    codec.encode([{ ...entry }]);
    new Date(entry.at).toISOString();
    JSON.stringify(entry);
  }
}

function codecTarget(
  name: string,
  codec: StateCodec,
  format: TlvFormat,
  type: number,
  covers: string[],
  mend?: (input: Uint8Array) => Uint8Array,
): Target {
  return decoder<DecodedState>({
    name: `state/${name}`,
    covers,
    decode: (input) => codec.decode(input),
    refused: ({ bad }) => bad > 0,
    check: (_input, result) => checkEntries(codec, result),
    sort(tally, input) {
      for (const tlv of format.decode(input).tlvs) {
        if (tlv.type === type) tally.type("entry", codec.decode(tlv.encoded).bad === 0);
      }
    },
    types: { taken: ["entry"], refused: ["entry"] },
    ...(mend && { mend }),
  });
}

const codecs = [
  codecTarget("state-native", native, TlvFormat.native, STATE_TLV, [
    "lib/state/codec.ts NativeStateCodec.decode",
  ]),
  codecTarget("state-shsp", shsp, TlvFormat.rfc7787, SHSP_PAIR, [
    "lib/state/shsp.ts ShspStateCodec.decode",
    "lib/state/shsp.ts decodeShspPair",
  ]),
  // The digest is made right, so that the damage behind it is looked at.
  codecTarget("state-keyed", keyed, TlvFormat.rfc7787, SHSP_KEYED, [
    "lib/state/shsp.ts ShspStateCodec.decode",
    "lib/state/shsp.ts openShspContainer",
  ], (input) => {
    const [first] = TlvFormat.rfc7787.decode(input).tlvs;
    const body = first && first.value.length >= 16 ? first.value.slice(16) : input;
    return TlvFormat.rfc7787.encode(SHSP_KEYED, shspDigest(KEY, body), body);
  }),
];

const pair = decoder({
  name: "state/shsp-pair",
  covers: ["lib/state/shsp.ts decodeShspPair", "lib/state/shsp.ts openShspContainer"],
  corpus: ["shsp-json"],
  decode(input) {
    ok(openShspContainer(KEY, input) === undefined);
    return decodeShspPair(input);
  },
  refused: ({ warning }) => warning !== undefined,
  sort: (tally, _input, result) => tally.type(result?.warning ?? "pair", true),
  types: { taken: ["pair"] },
});

/** One line for people, with an exit code. */
function isOneLine(error: unknown): boolean {
  return error instanceof AgentError && !/\n/.test(error.message) && error.message.length < 5_000;
}

const addresses = decoder<boolean>({
  name: "state/addresses",
  covers: ["lib/state/address.ts parseAddress"],
  corpus: ["texts"],
  share: 0.5,
  maxBytes: 300,
  decode(input) {
    const { node, key, prefix } = parseAddress(textOf(input));
    const again = parseAddress(`${node ?? ""}:${key}${prefix ? "*" : ""}`);
    ok(key === again.key && prefix === again.prefix);
    return true;
  },
  allows: isOneLine,
});

/** What anybody may publish; a number and text for each node, as DNCP hands it over. */
const view = machine({
  name: "state/view",
  covers: ["lib/state/view.ts NetworkView.nodeChanged", "lib/state/names.ts NodeNames.set"],
  corpus: ["state-native"],
  steps: 300,
  begin() {
    const network = new NetworkView(native);
    const nodes = new Map<string, NodeView>();
    let told = 0;
    network.onChange(() => told++);
    let seqno = 0;
    return {
      step(data, random) {
        const id = (1 + random.below(12)).toString(16).padStart(16, "0");
        const before = nodes.get(id);
        if (before && random.chance(0.2)) {
          nodes.delete(id);
          network.nodeChanged(1_000, { before });
        } else {
          const after = {
            id,
            self: id.endsWith("1"),
            seqno: ++seqno,
            data,
            hash: data,
            origination: 0,
          };
          nodes.set(id, after);
          network.nodeChanged(1_000, before ? { before, after } : { after });
        }
        ok(network.size === nodes.size);
        const entries = [...network.select([]).nodes].reduce(
          (sum, one) => sum + one.entries.length,
          0,
        );
        const bytes = [...nodes.values()].reduce((sum, { data }) => sum + data.length, 0);
        ok(entries * 4 <= bytes, `${entries} entries of ${bytes} bytes`);
        const one = nodes.get(id);
        return one && native.decode(one.data).bad === 0;
      },
      end: () => ok(told > 0),
    };
  },
});

const LIMIT = 4_000;

/** Everything that can be done to the own dictionary, by people, guests and the store. */
const own = machine({
  name: "state/own",
  covers: ["lib/state/own.ts OwnDictionary.restore", "lib/state/own.ts OwnDictionary.inherit"],
  corpus: ["state-native", "cbor"],
  steps: 200,
  begin(): Subject {
    const dictionary = new OwnDictionary({ codec: native, onChanged: () => {}, limit: LIMIT });
    let now = 0;
    const entriesOf = (input: Uint8Array): Entry[] => [...native.decode(input).entries.values()];
    const value = (input: Uint8Array): Json => {
      try {
        return decodeCbor(input);
      } catch {
        return null;
      }
    };
    const acts: ((input: Uint8Array, random: Random) => void)[] = [
      (input) => void dictionary.restore(entriesOf(input)),
      (_input, random) => {
        const held = dictionary.handOver(now);
        dictionary.inherit(now, held.slice(0, random.below(5)), random.below(2_000));
      },
      (input, random) => {
        const key = random.pick(["a", "b/c", "agent/x", textOf(input.subarray(0, 9))]);
        dictionary.set(now, now, new Map([[key, { value: value(input) as never }]]));
      },
      (input, random) =>
        void dictionary.setFor(
          now,
          now,
          new Map(entriesOf(input).map(({ key, value }) => [key, { value }])),
          random.pick([0, 1, 1_000, 1e9]),
        ),
      (_input, random) => void dictionary.unset([random.pick(["a", "b/c"])]),
      (_input, random) => {
        now = pass(dictionary, now, random.below(2_000));
      },
    ];
    return {
      step(input, random) {
        let taken = true;
        try {
          random.pick(acts)(input, random);
        } catch (error) {
          ok(isOneLine(error), String(error));
          taken = false;
        }
        now = pass(dictionary, now, 0);
        ok(concat(dictionary.encoded()).length <= LIMIT + 1_024);
        return taken;
      },
    };
  },
});

/** All of them. */
export const targets: readonly Target[] = [...codecs, pair, addresses, view, own];
