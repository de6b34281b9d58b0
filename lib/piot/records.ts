/**
 * What is kept in the store, and under which keys (§13). A link's entries stand side by side, so that
 * one message touches few pages of the disk.
 *
 * @module
 */
import { ByteWriter, WireError } from "../wire/bytes.ts";
import { readCborItem, readCborItems } from "../wire/cbor_items.ts";
import {
  bool,
  epoch,
  type Fields,
  id,
  type Kind,
  list,
  octets,
  optional,
  readFields,
  required,
  tags,
  text,
  uint,
  type ValuesOf,
  writeFields,
} from "./fields.ts";

const NODE = { id: required(1, id) } as const;

const LINK = {
  /** The link id that both ends know. */
  id: optional(1, id),
  peer: optional(2, id),
  name: required(3, text),
  addresses: required(4, list(text)),
  tags: required(5, tags),
  state: required(6, text),
  /** Whether we dial it. */
  dial: required(7, bool),
  inherit: optional(8, bool),
  /** Largest frame that the peer takes, as it said last. */
  maxFrame: optional(9, uint),
} as const;

/** Our direction of a link. */
const SENDING = {
  epoch: required(1, epoch),
  lastSeq: required(2, uint),
  /**
   * Entries that have a number, as earlier versions wrote them: number and place, each as the distance
   * from the one before.
   */
  sent: optional(3, list(uint)),
  /** The same as runs of both: distances from the end of the run before, and how many. */
  runs: optional(4, list(uint)),
} as const;

/** The peer's direction. */
const RECEIVING = {
  epoch: required(1, epoch),
  seq: required(2, uint),
  /** Of ordered message ids (`seen.ts`). */
  origins: required(3, list(epoch)),
  highest: required(4, list(uint)),
  gaps: required(5, list(uint)),
} as const;

const ENTRY = {
  id: required(1, id),
  header: required(2, octets),
  body: required(3, octets),
  /** Steady time (`steady.ts`), like all deadlines. */
  created: required(4, uint),
  expires: required(5, uint),
} as const;

const RECEIVED = {
  id: required(1, id),
  header: required(2, octets),
  body: required(3, octets),
  received: required(4, uint),
} as const;

/** Both clocks at one moment (`steady.ts`), in ms. */
const CLOCK = {
  steady: required(1, uint),
  wall: required(2, uint),
  /** A third one: which start of the computer it was, and for how long it was on. */
  boot: optional(3, text),
  up: optional(4, uint),
} as const;

/** Which records of a bundle have left: distances from the first (`bundles.ts`). */
const GONE = { gone: required(1, list(uint)) } as const;

/** A message that was not delivered. */
const NOTICE = {
  id: required(1, id),
  name: required(2, text),
  reason: required(3, text),
  when: required(4, uint),
} as const;

const RECENT = { id: required(1, id) } as const;

/** A request of ours without its answer (§9). */
const WAITING = {
  link: required(1, uint),
  /** The message that carries it. */
  message: optional(2, id),
  name: required(3, text),
  /** Steady time. */
  deadline: required(4, uint),
  /** Where it is to end, where that is not the peer. */
  target: optional(5, id),
} as const;

/** The answer to a request of ours that nobody has been told yet. */
const ANSWER = {
  link: required(1, uint),
  name: required(2, text),
  status: required(3, uint),
  body: required(4, octets),
} as const;

/** A request of a peer's without our answer. */
const RUNNING = { name: required(1, text) } as const;

/** What we answered. */
const RESULT = {
  status: required(1, uint),
  body: required(2, octets),
  /** Steady time. */
  when: required(3, uint),
} as const;

/** A plan that we coordinate (§12). */
const PLAN = {
  /** The plan as it was given, a CBOR value. */
  plan: required(1, octets),
  phase: required(2, text),
  /** ms since 1970. */
  started: required(3, uint),
  /** Steady time. */
  deadline: required(4, uint),
  /** Why it is rolled back. */
  reason: optional(5, text),
  cancelled: required(6, bool),
  /** Of a plan that has ended: its result, a CBOR value. */
  result: optional(7, octets),
  /** Restarts of the coordinator while it went on. */
  restarts: optional(8, uint),
} as const;

/** What one target of a step was asked, and answered. */
const PART = {
  /** Id; of a node that nobody has met, its name. */
  node: required(1, text),
  name: required(2, text),
  corr: optional(3, id),
  status: optional(4, uint),
  /** A CBOR value. */
  value: optional(5, octets),
  /** One attempt may have done something although it did not end well. */
  unknown: required(6, bool),
} as const;

/** A step of a plan, once it has begun. */
const STEP = {
  state: required(1, text),
  attempts: required(2, uint),
  parts: required(3, list(nested("part", PART))),
  /** ms since 1970. */
  started: required(4, uint),
  ended: optional(5, uint),
  /** Its place in the order of completion. */
  order: optional(6, uint),
  undo: optional(7, text),
  undoAttempts: required(8, uint),
  undoParts: required(9, list(nested("part", PART))),
  /** Why it failed without having asked anybody, or why its undo did. */
  error: optional(10, text),
  undoError: optional(11, text),
} as const;

/** A table within a table. */
function nested<const F extends Fields>(what: string, fields: F): Kind<ValuesOf<F>> {
  return {
    what: `a map of the fields of a ${what}`,
    read(item) {
      try {
        return readFields(fields, item, what, 0);
      } catch (error) {
        if (error instanceof WireError) return undefined;
        throw error;
      }
    },
    write: (writer, value) => writeFields(writer, fields, value as Record<string, unknown>),
  };
}

/** A kind of record: its codec. */
export interface RecordType<T> {
  encode(value: T): Uint8Array;
  /** Appends one; several stand side by side as they are. */
  write(writer: ByteWriter, value: T): void;
  /** @throws {WireError} */
  decode(bytes: Uint8Array): T;
  /** @throws {WireError} */
  decodeAll(bytes: Uint8Array): T[];
}

/** One for all: records are written one after the other. */
const scratch = new ByteWriter(512);

function record<const F extends Fields>(what: string, fields: F): RecordType<ValuesOf<F>> {
  return {
    encode(value) {
      writeFields(scratch.clear(), fields, value as Record<string, unknown>);
      return scratch.take();
    },
    write: (writer, value) => writeFields(writer, fields, value as Record<string, unknown>),
    decodeAll: (bytes) => readCborItems(bytes).map((item) => readFields(fields, item, what, 0)),
    decode: (bytes) => readFields(fields, readCborItem(bytes), what, 0),
  };
}

export const nodeRecord = record("node", NODE);
export const linkRecord = record("link", LINK);
export type LinkRecord = ValuesOf<typeof LINK>;
export const sendingRecord = record("sending", SENDING);
export const receivingRecord = record("receiving", RECEIVING);
export const entryRecord = record("entry", ENTRY);
export const receivedRecord = record("received", RECEIVED);
export const clockRecord = record("note of the clocks", CLOCK);
export const goneRecord = record("what has left", GONE);
export const noticeRecord = record("notice", NOTICE);
export const recentRecord = record("recent", RECENT);
export const waitingRecord = record("waiting request", WAITING);
export const answerRecord = record("answer", ANSWER);
export const runningRecord = record("running action", RUNNING);
export const resultRecord = record("result", RESULT);
export const planRecord = record("plan", PLAN);
export type PlanRecord = ValuesOf<typeof PLAN>;
export const stepRecord = record("step", STEP);
export type StepRecord = ValuesOf<typeof STEP>;
export type PartRecord = ValuesOf<typeof PART>;

/** Counts in keys: fixed width, so that their order is that of the numbers. */
function ordinal(value: number): string {
  return value.toString(36).padStart(10, "0");
}

/** The number behind the last slash. */
export function ordinalOf(key: string): number {
  return parseInt(key.slice(key.lastIndexOf("/") + 1), 36);
}

/** Keys of the two rows of a bundle, by the place of its first record. */
export interface BundleKeys {
  /** What the keys of all bundles begin with; and of all that is noted of them. */
  readonly rows: string;
  readonly notes: string;
  row(first: number): string;
  note(first: number): string;
}

function bundleKeys(rows: string, notes: string): BundleKeys {
  return {
    rows,
    notes,
    row: (first) => rows + ordinal(first),
    note: (first) => notes + ordinal(first),
  };
}

/** Keys of the store. */
export const keys = {
  node: "node",
  clock: "clock",
  notices: "lost/",
  notice: (at: number) => `lost/${ordinal(at)}`,
  links: "link/",
  link: (link: number) => `link/${ordinal(link)}`,
  /** Everything of a link but its record. */
  of: (link: number) => `${ordinal(link)}/`,
  sending: (link: number) => `${ordinal(link)}/t`,
  receiving: (link: number) => `${ordinal(link)}/r`,
  /** Messages on their way, and those that wait to be taken. */
  outbox: (link: number) => bundleKeys(`${ordinal(link)}/o/`, `${ordinal(link)}/p/`),
  inbox: (link: number) => bundleKeys(`${ordinal(link)}/i/`, `${ordinal(link)}/j/`),
  recents: (link: number) => `${ordinal(link)}/d/`,
  recent: (link: number, slot: number) => `${ordinal(link)}/d/${ordinal(slot)}`,
  /** What the application keeps with a channel (§10). */
  channel: (link: number) => `${ordinal(link)}/c/`,
  data: (link: number, key: string) => `${ordinal(link)}/c/${key}`,
  /** Link 0 stands for this node itself. */
  running: (link: number) => `${ordinal(link)}/a/`,
  runs: (link: number, corr: string) => `${ordinal(link)}/a/${corr}`,
  results: (link: number) => `${ordinal(link)}/b/`,
  result: (link: number, corr: string) => `${ordinal(link)}/b/${corr}`,
  waiting: "waiting/",
  waits: (corr: string) => `waiting/${corr}`,
  answers: "answer/",
  answer: (corr: string) => `answer/${corr}`,
  plans: "plan/",
  plan: (plan: string) => `plan/${plan}`,
  steps: (plan: string) => `step/${plan}/`,
  step: (plan: string, step: number) => `step/${plan}/${ordinal(step)}`,
} as const;
