/**
 * Messages: frames, headers, records and plans.
 *
 * @module
 */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { AgentError, type Random } from "../../../lib/core/mod.ts";
import {
  decodeFrame,
  decodeHeader,
  encodeFrame,
  encodeHeader,
  type Frame,
  LENGTH_BYTES,
  parseAggregate,
  parsePlan,
} from "../../../lib/piot/mod.ts";
import { decodeBody, readResult } from "../../../lib/piot/actions/api.ts";
import { FRAMES } from "../../../lib/piot/frame.ts";
import { readConfirm, readMsg } from "../../../lib/piot/message_frames.ts";
import * as records from "../../../lib/piot/records.ts";
import { WireError } from "../../../lib/wire/bytes.ts";
import type { Json } from "../../../lib/wire/cbor.ts";
import { readCborItem } from "../../../lib/wire/cbor_items.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";
import { nodes } from "./piot_nodes.ts";

const NAMES = Object.keys(FRAMES);

/** Name of the type of a frame that is not whole otherwise. */
function nameIn(input: Uint8Array): string {
  try {
    const item = readCborItem(input);
    const type: unknown = Array.isArray(item) ? item[0] : undefined;
    return Object.entries(FRAMES).find(([, row]) => row.type === type)?.[0] ?? "other";
  } catch {
    return "no CBOR";
  }
}

const frame = decoder<Frame | undefined>({
  name: "piot/piot-frame",
  covers: [
    "lib/piot/frame.ts decodeFrame",
    "lib/piot/fields.ts readFields",
    "lib/piot/message_frames.ts readMsg",
    "lib/piot/message_frames.ts readConfirm",
  ],
  share: 3,
  decode(input) {
    // The short way reads what the tables read, or leaves it to them.
    const [msg, confirm] = [readMsg(input), readConfirm(input)];
    const short = msg ? { frame: "msg", ...msg } : confirm && { frame: "confirm", ...confirm };
    const frame = decodeFrame(input);
    if (short) deepStrictEqual(short, frame);
    return frame;
  },
  check(_input, result) {
    if (result === undefined) return;
    deepStrictEqual(decodeFrame(encodeFrame(result).slice(LENGTH_BYTES)), result);
  },
  sort: (tally, input, result) => tally.type(result?.frame ?? nameIn(input), result !== undefined),
  types: { taken: NAMES, refused: [...NAMES, "other", "no CBOR"] },
});

const header = decoder({
  name: "piot/piot-header",
  covers: ["lib/piot/header.ts decodeHeader"],
  decode: decodeHeader,
  check: (_input, result) => deepStrictEqual(decodeHeader(encodeHeader(result)), result),
  sort: (tally, _input, result) => tally.type(result?.kind ?? "none", result !== undefined),
  types: { taken: ["0", "1", "2", "3", "4", "15"], refused: ["none"] },
});

/** Name → codec, of everything that is kept in `messages.db`. */
const RECORDS = Object.entries(records).filter((
  entry,
): entry is [string, records.RecordType<never>] => entry[0].endsWith("Record"));
const KINDS = RECORDS.map(([name]) => name);

const record = machine({
  name: "piot/records",
  covers: [`lib/piot/records.ts RecordType.decode`],
  corpus: ["piot-record"],
  share: 2,
  types: { taken: KINDS, refused: KINDS },
  begin: (_seed, tally) => ({
    step(input) {
      let any = false;
      for (const [name, codec] of RECORDS) {
        try {
          const value = codec.decode(input);
          deepStrictEqual(codec.decode(codec.encode(value)), value);
          deepStrictEqual(codec.decodeAll(codec.encode(value)), [value]);
          tally.type(name, true);
          any = true;
        } catch (error) {
          ok(error instanceof WireError, `${name}: ${error}`);
          tally.type(name, false);
        }
      }
      return any;
    },
  }),
});

const body = decoder({
  name: "piot/body",
  covers: ["lib/piot/actions/api.ts decodeBody", "lib/piot/actions/api.ts readResult"],
  corpus: ["cbor"],
  share: 0.5,
  decode(input) {
    const { status, value } = readResult(0, input);
    ok(Number.isInteger(status) && value !== undefined);
    return decodeBody(input);
  },
});

/** A plan or an aggregate, or one line with what is wrong. */
const json = machine({
  name: "piot/json",
  covers: ["lib/piot/plan/parse.ts parsePlan", "lib/piot/aggregate/parse.ts parseAggregate"],
  corpus: ["piot-json"],
  share: 2,
  types: { taken: ["plan", "aggregate"], refused: ["plan", "aggregate", "text"] },
  begin: (_seed, tally) => ({
    step(input, random) {
      let value: unknown;
      try {
        value = JSON.parse(textOf(input));
      } catch {
        tally.type("text", false);
        value = random.pick(PLANS);
      }
      if (random.chance(0.5)) value = damaged(value, random);
      let taken = false;
      for (const [name, parse] of Object.entries({ plan: parsePlan, aggregate: parseAggregate })) {
        try {
          parse(value as Json);
          tally.type(name, true);
          taken = true;
        } catch (error) {
          ok(error instanceof AgentError, String(error));
          match(error.message, /^[^\n]{1,1000}$/);
          tally.type(name, false);
        }
      }
      return taken;
    },
  }),
});

const PLANS: readonly Json[] = [
  { steps: { do: "echo", on: ["a", "b"], args: { $ref: "x" }, retries: 2, timeout: "5s" } },
  {
    id: "p",
    timeout: "1h",
    resume: true,
    steps: {
      seq: [
        { id: "x", do: "echo", on: "a" },
        { par: [{ do: "y", on: "k=v", optional: true }], limit: 2 },
        { do: "z", on: "a", args: [{ $ref: "x/0" }], undo: { do: "u", args: null } },
      ],
    },
  },
  { targets: ["a"], name: "echo", mode: { quorum: 1 }, timeout: 5, reduce: "sum", concurrency: 2 },
];

/** A copy with one value of another kind, one member less, or one more. */
function damaged(value: unknown, random: Random): unknown {
  const odd = () =>
    random.pick<unknown>([null, -1, 1e308, "", "x".repeat(200), [], {}, true, "5s"]);
  if (typeof value !== "object" || value === null || random.chance(0.15)) return odd();
  if (Array.isArray(value)) {
    const copy = [...value];
    const at = random.below(copy.length + 1);
    copy[at] = at < copy.length ? damaged(copy[at], random) : odd();
    return copy;
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || random.chance(0.1)) return { ...value, [random.pick(WORDS)]: odd() };
  const at = random.below(entries.length);
  const [key, inner] = entries[at] as [string, unknown];
  if (random.chance(0.1)) entries.splice(at, 1);
  else entries[at] = [key, damaged(inner, random)];
  return Object.fromEntries(entries);
}

const WORDS = ["do", "seq", "par", "on", "args", "undo", "__proto__", "limit", "steps", "mode"];

/** All of them. */
export const targets: readonly Target[] = [frame, header, record, body, json, ...nodes];
