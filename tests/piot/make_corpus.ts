/**
 * Writes the corpus files for `lib/piot`: `deno run -A tests/piot/make_corpus.ts`. Run it by hand after
 * a format changed; the files are committed. Inputs that once broke something are added by hand.
 *
 * @module
 */
import {
  encodeFrame,
  encodeHeader,
  type Frame,
  LENGTH_BYTES,
  MessageKind,
} from "../../lib/piot/mod.ts";
import * as records from "../../lib/piot/records.ts";
import { fromHex } from "../../lib/wire/bytes.ts";
import { encodeCbor } from "../../lib/wire/cbor.ts";
import { writeCorpus } from "../fuzz/corpus.ts";

const id = "0123456789abcdef".repeat(2);
const other = "f".repeat(32);
const epoch = "e".repeat(16);
const text = (value: string) => new TextEncoder().encode(value);
const header = encodeHeader({
  kind: MessageKind.Data,
  name: "weather",
  created: 1_795_251_600_000,
});
const body = encodeCbor({ temperature: 21.5 });

const frames: Record<string, Frame> = {
  hello: {
    frame: "hello",
    version: 1,
    node: id,
    name: "pi",
    boot: epoch,
    nonce: id,
    inherit: true,
  },
  "hello-full": {
    frame: "hello",
    version: 1,
    node: id,
    name: "pi",
    boot: epoch,
    nonce: id,
    inherit: false,
    to: other,
    link: other,
    auth: 1,
    maxFrame: 65_536,
    idle: 30,
    features: ["ordered-ids"],
  },
  auth: { frame: "auth", proof: new Uint8Array(32).fill(7) },
  "link-request": { frame: "linkRequest", wanted: ["tags"] },
  "link-info": {
    frame: "linkInfo",
    name: "pi",
    addresses: ["192.0.2.1:8333"],
    tags: new Map([["room", "kitchen"]]),
  },
  "link-accept": { frame: "linkAccept", link: id, created: true, name: "pi", addresses: [] },
  resume: {
    frame: "resume",
    inherit: true,
    txEpoch: epoch,
    lastSeq: 7,
    rxEpoch: null,
    rxSeq: 0,
    held: 2,
    waiting: [id],
    running: [other],
  },
  "resume-known": {
    frame: "resume",
    inherit: true,
    txEpoch: epoch,
    lastSeq: 7,
    rxEpoch: epoch,
    rxSeq: 2 ** 40,
    held: 0,
    waiting: [],
    running: [],
  },
  ready: { frame: "ready", outcome: 1, txEpoch: epoch, firstSeq: 1, session: id },
  msg: { frame: "msg", seq: 1, id, header, body },
  confirm: {
    frame: "confirm",
    seq: 1,
    id,
    length: 40,
    hash: 0xdeadbeef,
    status: 2,
    reason: "full",
  },
  ping: { frame: "ping", token: 7 },
  pong: { frame: "pong", token: 7 },
  close: { frame: "close", code: 1, text: "going away", resumable: true },
};
/** Without the length in front. */
const files: Record<string, Uint8Array> = {
  later: fromHex("8210a0"),
  "bad-later": fromHex("820da0"),
  "bad-empty": new Uint8Array(0),
  "bad-map": fromHex("a0"),
  "bad-three": fromHex("8301a000"),
  "bad-type": fromHex("8220a0"),
  "bad-fields": fromHex("820180"),
  "bad-missing": fromHex("820aa0"),
};
for (const [name, frame] of Object.entries(frames)) {
  files[name] = encodeFrame(frame).slice(LENGTH_BYTES);
}
writeCorpus("piot-frame", files);

writeCorpus("piot-header", {
  data: header,
  least: encodeHeader({ kind: 0 }),
  request: encodeHeader({
    kind: MessageKind.Request,
    name: "echo",
    correlation: id,
    timeout: 5_000,
  }),
  result: encodeHeader({ kind: MessageKind.Result, correlation: id, status: 3 }),
  cancel: encodeHeader({ kind: MessageKind.Cancel, correlation: id }),
  progress: encodeHeader({ kind: MessageKind.Progress, correlation: id, group: other }),
  tombstone: encodeHeader({ kind: MessageKind.Tombstone }),
  relayed: encodeHeader({
    kind: MessageKind.Request,
    name: "x",
    correlation: id,
    origin: id,
    target: other,
    hops: 3,
    original: other,
    nesting: 2,
    type: "text/plain",
  }),
  later: fromHex("a2010018c801"),
  "bad-empty": fromHex("a0"),
  "bad-correlation": encodeHeader({ kind: MessageKind.Request, name: "echo" }),
  "bad-kind": fromHex("a10120"),
  "bad-array": fromHex("8101"),
});

const part = { node: "pi", name: "echo", corr: id, status: 0, value: body, unknown: false };
writeCorpus("piot-record", {
  node: records.nodeRecord.encode({ id }),
  link: records.linkRecord.encode({
    id,
    peer: other,
    name: "pi",
    addresses: ["192.0.2.1:8333"],
    tags: new Map([["room", "kitchen"]]),
    state: "linked",
    dial: true,
    inherit: true,
    maxFrame: 65_536,
  }),
  sending: records.sendingRecord.encode({ epoch, lastSeq: 9, sent: [3, 1, 1, 1] }),
  receiving: records.receivingRecord.encode({
    epoch,
    seq: 4,
    origins: [epoch],
    highest: [9],
    gaps: [1, 2, 3],
  }),
  entry: records.entryRecord.encode({ id, header, body, created: 1, expires: 2 }),
  received: records.receivedRecord.encode({ id, header, body, received: 1 }),
  notice: records.noticeRecord.encode({ id, name: "pi", reason: "expired", when: 1 }),
  gone: records.goneRecord.encode({ gone: [0, 3] }),
  recent: records.recentRecord.encode({ id }),
  waiting: records.waitingRecord.encode({
    link: 1,
    message: id,
    name: "x",
    deadline: 9,
    target: id,
  }),
  answer: records.answerRecord.encode({ link: 1, name: "x", status: 0, body }),
  running: records.runningRecord.encode({ name: "x" }),
  result: records.resultRecord.encode({ status: 0, body, when: 1 }),
  plan: records.planRecord.encode({
    plan: encodeCbor({ steps: { do: "echo", on: "pi" } }),
    phase: "forward",
    started: 1,
    deadline: 2,
    reason: "x",
    cancelled: false,
    restarts: 1,
  }),
  step: records.stepRecord.encode({
    state: "running",
    attempts: 1,
    parts: [part],
    started: 1,
    order: 1,
    undo: "running",
    undoAttempts: 1,
    undoParts: [part],
  }),
});

/** JSON that people and other nodes hand over. */
const plans: Record<string, unknown> = {
  simple: { steps: { do: "echo", on: "pi", args: [1] } },
  full: {
    steps: {
      seq: [
        { id: "a", do: "echo", on: ["pi", "~ff"], args: 1, timeout: "5s", retries: 2 },
        {
          par: [{ do: "x", on: "tag=value", optional: true }, {
            do: "y",
            on: "pi",
            undo: { do: "z", args: 1 },
          }],
          limit: 2,
        },
        { do: "echo", on: "pi", args: { "$ref": "a" } },
      ],
    },
    timeout: "1h",
  },
  aggregate: {
    targets: ["pi", "room=kitchen"],
    name: "echo",
    args: null,
    mode: { quorum: 2 },
    timeout: 5,
    reduce: "sum",
    concurrency: 3,
    hold: true,
  },
  settled: { targets: [], name: "echo", mode: "settled" },
};
writeCorpus(
  "piot-json",
  Object.fromEntries(
    Object.entries(plans).map(([name, value]) => [name, text(JSON.stringify(value))]),
  ),
);
