/**
 * How streams begin: prefaces, Noise, and what is said on them to join.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  CipherState,
  concat,
  decodePreface,
  decodePrefaceReply,
  type Dh,
  encodeFrame,
  encodeInvite,
  equalBytes,
  FrameDecoder,
  HANDSHAKE_OVERHEAD,
  InviteDecoder,
  type InviteMessage,
  MAX_NOISE_MESSAGE,
  MAX_TOLD_KEYS,
  NetworkKey,
  NoiseHandshake,
  type PrefaceReply,
  toHex,
  WireError,
  writeU16,
} from "../../../lib/wire/mod.ts";
import { CORPUS_KEY } from "../corpus_key.ts";
import { decoder, machine, type Target } from "../target.ts";
import type { Random } from "../../../lib/core/mod.ts";

const key = NetworkKey.parse(CORPUS_KEY);

const preface = decoder({
  name: "wire/preface",
  covers: ["lib/wire/preface.ts decodePreface"],
  share: 0.5,
  maxBytes: 64,
  decode: decodePreface,
  mend: (input) => {
    if (input.length < 10) return input;
    input.set(Uint8Array.of(0xed, 0x61, 0x67, 0x74));
    return input.slice(0, 10);
  },
  sort: (tally, _input, result) =>
    tally.type(
      result?.kind === "preface" ? result.purpose : result?.kind ?? "none",
      result !== undefined,
    ),
  types: {
    taken: ["node", "leaf", "join", "piot", "unknown-version"],
    refused: ["none"],
  },
});

type Answer = { readonly reply: PrefaceReply; readonly length: number } | undefined;

const prefaceReply = decoder<Answer>({
  name: "wire/preface-reply",
  covers: ["lib/wire/preface.ts decodePrefaceReply"],
  share: 0.5,
  maxBytes: 128,
  decode: decodePrefaceReply,
  check(input, result) {
    if (result === undefined) ok(input.length < 2 + 4 * MAX_TOLD_KEYS);
    else ok(result.length <= input.length);
  },
  sort: (tally, _input, result) => tally.type(result?.reply.status ?? "none", true),
  types: { taken: ["go-on", "busy", "unknown-version", "unknown-key", "no-invitation", "none"] },
});

const frames = decoder({
  name: "wire/frames",
  covers: ["lib/wire/preface.ts FrameDecoder.feed"],
  decode(input) {
    const cut = new FrameDecoder();
    const messages: Uint8Array[] = [];
    for (let at = 0; at < input.length; at += 5) {
      messages.push(...cut.feed(input.subarray(at, at + 5)).map((message) => message.slice()));
    }
    return { messages, left: cut.buffered };
  },
  check(input, { messages, left }) {
    const whole = concat(messages.map(encodeFrame));
    deepStrictEqual(input.slice(0, whole.length), whole);
    strictEqual(whole.length + left, input.length);
  },
});

/** Commutes, which is all that a handshake asks of it: `webCryptoDh` has one target of its own. */
function toyDh(random: Random): Dh {
  return {
    generate() {
      const publicKey = random.bytes(32);
      return Promise.resolve({
        publicKey,
        agree: (theirs) =>
          Promise.resolve(theirs.map((byte, i) => byte ^ (publicKey[i] as number))),
      });
    },
  };
}

/** Both sides of a handshake, one of whose messages is damaged, and then ciphertexts that are. */
function noise(name: string, share: number, dh: (random: Random) => Dh | undefined): Target {
  return machine({
    name: `wire/${name}`,
    covers: [
      "lib/wire/noise.ts NoiseHandshake.readMessage",
      "lib/wire/noise.ts CipherState.decrypt",
    ],
    share,
    steps: 50,
    types: { taken: ["hello", "answer", "transport"], refused: ["hello", "answer", "transport"] },
    begin: (_seed, tally) => ({
      async step(input, random) {
        const prologue = random.bytes(10);
        const own = dh(random);
        const options = { psk: key.streamPsk, prologue, ...(own && { dh: own }) };
        const there = new NoiseHandshake({ ...options, role: "initiator" });
        const here = new NoiseHandshake({ ...options, role: "responder" });
        const hurt = random.below(5);
        const damaged = (message: Uint8Array): Uint8Array => {
          if (random.chance(0.2)) return input;
          const copy = random.chance(0.5) ? message.slice() : concat([message, input]);
          const at = random.below(copy.length);
          copy[at] = (copy[at] as number) ^ (1 + random.below(255));
          const cut = random.chance(0.1) ? copy.slice(0, random.below(copy.length)) : copy;
          // What was cut off may have been all the damage.
          return equalBytes(cut, message) ? cut.slice(1) : cut;
        };
        const read = async (
          side: NoiseHandshake,
          message: Uint8Array,
          what: string,
          bad: boolean,
        ) => {
          try {
            const payload = await side.readMessage(bad ? damaged(message) : message);
            ok(!bad, "a message that nobody wrote was taken");
            ok(payload.length + HANDSHAKE_OVERHEAD === message.length);
          } catch (error) {
            ok(error instanceof WireError && bad, String(error));
            tally.type(what, false);
            return false;
          }
          tally.type(what, true);
          return true;
        };
        const hello = await there.writeMessage(input.subarray(0, 300));
        if (!await read(here, hello, "hello", hurt === 0)) return false;
        const answer = await here.writeMessage(new Uint8Array(0));
        if (!await read(there, answer, "answer", hurt === 1)) return false;
        const [a, b] = [there.finish(), here.finish()];
        strictEqual(toHex(a.hash), toHex(b.hash));
        for (let i = 0; i < 3; i++) {
          const message = a.send.encrypt(input);
          if (hurt === 2) {
            try {
              b.receive.decrypt(damaged(message));
              ok(false, "a message that nobody wrote was taken");
            } catch (error) {
              ok(error instanceof WireError, String(error));
              tally.type("transport", false);
            }
          }
          // The cipher is as it was.
          deepStrictEqual(b.receive.decrypt(message), input);
          tally.type("transport", true);
        }
        return hurt !== 2;
      },
    }),
  });
}

/** A cipher at the end of its numbers, and messages of any length. */
const cipher = machine({
  name: "wire/cipher",
  covers: ["lib/wire/noise.ts CipherState.decrypt"],
  share: 0.5,
  maxBytes: MAX_NOISE_MESSAGE,
  begin: () => ({
    step(input, random) {
      const counter = random.chance(0.1) ? Number.MAX_SAFE_INTEGER : random.below(1_000);
      try {
        new CipherState(key.streamPsk, counter).decrypt(input);
        return true;
      } catch (error) {
        ok(error instanceof WireError, String(error));
        return false;
      }
    },
  }),
});

const INVITES = ["hello", "offer", "take", "keys", "stored", "done", "refuse"];

const invite = decoder<InviteMessage[]>({
  name: "wire/invite",
  covers: ["lib/wire/invite_messages.ts InviteDecoder.feed"],
  decode: (input) => new InviteDecoder().feed(input),
  check(_input, messages) {
    for (const message of messages) {
      const [again] = new InviteDecoder().feed(encodeInvite(message));
      strictEqual(again?.type, message.type);
    }
  },
  // The length of the first message, so that its body is looked at.
  mend(input) {
    if (input.length > 4 && input.length < 4_100) {
      input[1] = 0;
      writeU16(input, 2, input.length - 4);
    }
    return input;
  },
  sort(tally, input, messages) {
    for (const { type } of messages ?? []) tally.type(type, true);
    if (messages === undefined) tally.type(INVITES[(input[0] ?? 0) - 1] ?? "none", false);
  },
  types: { taken: INVITES, refused: [...INVITES, "none"] },
});

/** All of them. */
export const beginnings: readonly Target[] = [
  preface,
  prefaceReply,
  frames,
  noise("noise", 0.1, toyDh),
  noise("noise-x25519", 0.02, () => undefined),
  cipher,
  invite,
];
