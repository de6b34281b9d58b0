/**
 * Leaves, and the nodes that serve them, in both profiles.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { AgentError, type Random } from "../../../lib/core/mod.ts";
import {
  decodeDiscovery,
  decodeLeaf,
  encodeDiscovery,
  encodeLeaf,
  type LeafMessage,
  LeafSession,
  Publication,
  ReadCollector,
} from "../../../lib/leafy/mod.ts";
import {
  decodeHncpAck,
  decodeHncpPublish,
  encodeHncpPublishRequest,
  findHncpPublish,
} from "../../../lib/leafy/hncp_messages.ts";
import { concat, TlvFormat, WireError } from "../../../lib/wire/mod.ts";
import { SELF, served } from "../../leafy/network.ts";
import { decoder, machine, type Target } from "../target.ts";
import { machines } from "./leafy_machines.ts";

const NAMES = new Map([
  [64, "read"],
  [65, "state"],
  [66, "read-end"],
  [67, "publish"],
  [68, "ack"],
  [69, "error"],
]);
const TYPES = [...NAMES.values()];

const messages = decoder<LeafMessage[]>({
  name: "leafy/leafy",
  covers: ["lib/leafy/messages.ts decodeLeaf"],
  share: 2,
  decode: decodeLeaf,
  check(_input, result) {
    for (const each of result) {
      deepStrictEqual(decodeLeaf(encodeLeaf(each)), [each], "what was taken can be said again");
    }
  },
  sort(tally, input) {
    for (const { type, encoded } of TlvFormat.native.decode(input).tlvs) {
      const name = NAMES.get(type);
      if (name === undefined) continue;
      try {
        decodeLeaf(encoded);
        tally.type(name, true);
      } catch {
        tally.type(name, false);
      }
    }
  },
  types: { taken: TYPES, refused: TYPES },
});

const discovery = decoder({
  name: "leafy/discovery",
  covers: ["lib/leafy/discovery.ts decodeDiscovery"],
  share: 0.3,
  maxBytes: 64,
  decode: decodeDiscovery,
  refused: (result) => result === undefined,
  check(_input, result) {
    if (result) deepStrictEqual(decodeDiscovery(encodeDiscovery(result)), result);
  },
  sort(tally, input, result) {
    const type = { 72: "query", 73: "here" }[input[0] ?? 0];
    if (type) tally.type(type, result !== undefined);
  },
  types: { taken: ["query", "here"], refused: ["query", "here"] },
});

const hncpMessages = decoder<number>({
  name: "leafy/hncp-leaf",
  covers: [
    "lib/leafy/hncp_messages.ts decodeHncpPublish",
    "lib/leafy/hncp_messages.ts decodeHncpAck",
    "lib/leafy/hncp_messages.ts findHncpPublish",
  ],
  decode(input) {
    const found = findHncpPublish(input);
    if (found) deepStrictEqual(findHncpPublish(encodeHncpPublishRequest(found)), found);
    const { tlvs } = TlvFormat.rfc7787.decode(input);
    return tlvs.filter((raw) => decodeHncpAck(raw)).length + (found ? 1 : 0);
  },
  refused: (found) => found === 0,
  sort(tally, input) {
    for (const raw of TlvFormat.rfc7787.decode(input).tlvs) {
      if (raw.type === 801) tally.type("ack", decodeHncpAck(raw) !== undefined);
      if (raw.type !== 1) continue;
      for (const sub of TlvFormat.rfc7787.decode(raw.value).tlvs) {
        if (sub.type === 800) tally.type("publish", decodeHncpPublish(sub) !== undefined);
      }
    }
  },
  types: { taken: ["publish", "ack"], refused: ["publish", "ack"] },
});

/** What a leaf asks for, of few guests and many, with keys that may be and may not. */
function request(random: Random): Uint8Array {
  const keys = ["door", "heating/target", "agent/name", "x".repeat(random.below(300)), ""];
  if (random.chance(0.3)) {
    const wanted = ["a", "pi-1:*", "*", "~cd34:b", ...keys];
    return encodeLeaf({ type: "read", wanted: wanted.slice(0, random.below(wanted.length + 1)) });
  }
  return encodeLeaf({
    type: "publish",
    guestId: random.chance(0.5) ? "0123456789abcdef" : random.bytes(8).toHex(),
    sequence: random.pick([0, 1, 2, 900, 0x8000_0000, 0xffff_ffff]),
    ttlMs: random.pick([0, 1, 60_000, 0xffff_ffff]),
    entries: Array.from(
      { length: random.below(4) },
      () => [random.pick(keys), random.below(9)] as const,
    ),
  });
}

/** The node's end of streams of leaves: many, one after the other, all publishing. */
const server = machine({
  name: "leafy/server",
  covers: [
    "lib/leafy/session.ts LeafSession.feed",
    "lib/leafy/server.ts LeafyServer.handlePublish",
  ],
  corpus: ["leafy"],
  steps: 200,
  types: { taken: ["state", "read-end", "ack", "error", "closed"] },
  begin(_seed, tally) {
    const { server, own } = served({ [SELF]: { a: 1 }, "cd34000000000000": { b: [1, "x"] } });
    let session = new LeafSession(server);
    let now = 0;
    return {
      step(input, random) {
        if (random.chance(0.1)) session = new LeafSession(server);
        if (random.chance(0.1)) now += random.below(random.chance(0.9) ? 5_000 : 4_000_000);
        const bytes = random.chance(0.5) ? input : request(random);
        const half = random.below(bytes.length + 1);
        for (const part of [bytes.subarray(0, half), bytes.subarray(half)]) {
          const { pieces, close } = session.feed(now, now, part);
          for (const { type } of decodeLeaf(concat([...pieces]))) tally.type(type, true);
          if (close === undefined) continue;
          tally.type("closed", true);
          session = new LeafSession(server);
          return false;
        }
        own.wake(now);
        ok(own.nextWake() > now);
        ok(own.counts.guests <= 64, `${own.counts.guests} guests`);
        return true;
      },
      end() {
        own.wake(now + 4_000_000);
        ok(own.counts.guests === 0 && own.nextWake() === Infinity);
      },
    };
  },
});

/** Ends that read answers: one attempt each. */
const client = machine({
  name: "leafy/client",
  covers: ["lib/leafy/client.ts ReadCollector.feed", "lib/leafy/client.ts Publication.feed"],
  corpus: ["leafy"],
  types: { taken: ["read", "published"] },
  begin: (_seed, tally) => ({
    step(input, random) {
      const read = new ReadCollector(["a", "b"], 10_000);
      const publication = new Publication("0123456789abcdef", 7);
      publication.setEntries([["door", true]]);
      const reading = random.chance(0.5);
      const half = random.below(input.length + 1);
      try {
        for (const part of [input.subarray(0, half), input.subarray(half)]) {
          const done = reading ? read.feed(part) : publication.feed(part);
          if (done === undefined) continue;
          tally.type(reading ? "read" : "published", true);
          return true;
        }
      } catch (error) {
        ok(error instanceof WireError || error instanceof AgentError, String(error));
        return false;
      }
      return undefined;
    },
  }),
});

/** All of them. */
export const targets: readonly Target[] = [
  messages,
  discovery,
  hncpMessages,
  server,
  client,
  ...machines,
];
