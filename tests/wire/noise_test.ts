import {
  deepStrictEqual,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import fc from "fast-check";
import {
  CipherState,
  type Dh,
  encryptFrames,
  encryptFramesAside,
  fromHex,
  HANDSHAKE_OVERHEAD,
  MAX_NOISE_MESSAGE,
  NOISE_TAG_BYTES,
  NoiseHandshake,
  type NoiseSession,
  toHex,
  webCryptoDh,
  WireError,
} from "../../lib/wire/mod.ts";
import { fixedDh } from "./fixed_dh.ts";
import { readVectors } from "./vectors.ts";

interface NoiseVector {
  readonly id: string;
  readonly protocol: string;
  readonly prologue: string;
  readonly psk: string;
  readonly initiatorEphemeral: string;
  readonly responderEphemeral: string;
  readonly handshakeHash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const psk = new Uint8Array(32).fill(3);
const prologue = new TextEncoder().encode("prologue");
const none = new Uint8Array(0);

async function handshake(
  initiator: NoiseHandshake,
  responder: NoiseHandshake,
): Promise<[NoiseSession, NoiseSession]> {
  await responder.readMessage(await initiator.writeMessage(none));
  await initiator.readMessage(await responder.writeMessage(none));
  return [initiator.finish(), responder.finish()];
}

function pair(
  initiator: { psk?: Uint8Array; prologue?: Uint8Array } = {},
  responder: { psk?: Uint8Array; prologue?: Uint8Array } = {},
): [NoiseHandshake, NoiseHandshake] {
  return [
    new NoiseHandshake({ role: "initiator", psk, prologue, ...initiator }),
    new NoiseHandshake({ role: "responder", psk, prologue, ...responder }),
  ];
}

Deno.test("noise: the published vectors, message for message, both ways", async () => {
  const { vectors } = readVectors<{ vectors: NoiseVector[] }>("noise.json");
  let checked = 0;
  for (const vector of vectors) {
    if (vector.protocol !== "Noise_NNpsk0_25519_ChaChaPoly_SHA256") continue;
    checked++;
    const common = { psk: fromHex(vector.psk), prologue: fromHex(vector.prologue) };
    const initiator = new NoiseHandshake({
      ...common,
      role: "initiator",
      dh: fixedDh(fromHex(vector.initiatorEphemeral)),
    });
    const responder = new NoiseHandshake({
      ...common,
      role: "responder",
      dh: fixedDh(fromHex(vector.responderEphemeral)),
    });
    ok(vector.messages.length > 2, vector.id);
    let sessions: [NoiseSession, NoiseSession] | undefined;
    for (const [i, { payload, ciphertext }] of vector.messages.entries()) {
      const what = `${vector.id}, message ${i}`;
      if (i < 2) {
        const [writer, reader] = i === 0 ? [initiator, responder] : [responder, initiator];
        strictEqual(toHex(await writer.writeMessage(fromHex(payload))), ciphertext, what);
        strictEqual(toHex(await reader.readMessage(fromHex(ciphertext))), payload, what);
        continue;
      }
      sessions ??= [initiator.finish(), responder.finish()];
      const [writer, reader] = i % 2 === 0 ? sessions : [sessions[1], sessions[0]];
      strictEqual(toHex(writer.send.encrypt(fromHex(payload))), ciphertext, what);
      strictEqual(toHex(reader.receive.decrypt(fromHex(ciphertext))), payload, what);
    }
    const hash = toHex(sessions![0].hash);
    strictEqual(hash, toHex(sessions![1].hash), vector.id);
    if (vector.handshakeHash !== undefined) strictEqual(hash, vector.handshakeHash, vector.id);
  }
  ok(checked > 0, "the file has vectors of this protocol");
});

Deno.test("noise: two sides with fresh keys understand each other, and nobody else does", async () => {
  const [a, b] = await handshake(...pair());
  const [c] = await handshake(...pair());
  strictEqual(toHex(a.hash), toHex(b.hash));
  notStrictEqual(toHex(a.hash), toHex(c.hash));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 }))), (messages) => {
      for (const [forth, payload] of messages) {
        const [from, to] = forth ? [a, b] : [b, a];
        const message = from.send.encrypt(payload);
        strictEqual(message.length, payload.length + NOISE_TAG_BYTES);
        deepStrictEqual(to.receive.decrypt(message), payload);
      }
    }),
  );
  throws(() => c.receive.decrypt(b.send.encrypt(prologue)), WireError);
});

Deno.test("noise: payloads ride on the handshake, up to the longest message", async () => {
  const [initiator, responder] = pair();
  const long = new Uint8Array(MAX_NOISE_MESSAGE - HANDSHAKE_OVERHEAD).fill(7);
  const first = await initiator.writeMessage(long);
  strictEqual(first.length, MAX_NOISE_MESSAGE);
  deepStrictEqual(await responder.readMessage(first), long);
  const second = await responder.writeMessage(prologue);
  strictEqual(second.length, prologue.length + HANDSHAKE_OVERHEAD);
  deepStrictEqual(await initiator.readMessage(second), prologue);
  const [other] = pair();
  await rejects(other.writeMessage(new Uint8Array(long.length + 1)), RangeError);
});

Deno.test("noise: another key or another prologue fails at the first message", async () => {
  const others = [{ psk: new Uint8Array(32).fill(4) }, { prologue: fromHex("00") }, {
    prologue: none,
  }];
  for (const other of others) {
    const [initiator, responder] = pair({}, other);
    await rejects(responder.readMessage(await initiator.writeMessage(none)), WireError);
    // And a responder that would not check fails at the initiator.
    const [first] = pair();
    const [twin] = pair(other);
    const [, impostor] = pair({}, other);
    await first.writeMessage(none);
    await impostor.readMessage(await twin.writeMessage(none));
    await rejects(first.readMessage(await impostor.writeMessage(none)), WireError);
  }
});

Deno.test("noise: every flipped bit of a handshake message is refused", async () => {
  const message = await pair()[0].writeMessage(fromHex("aabb"));
  for (let bit = 0; bit < message.length * 8; bit++) {
    const bad = message.slice();
    bad[bit >>> 3] = bad[bit >>> 3]! ^ (1 << (bit & 7));
    await rejects(pair()[1].readMessage(bad), WireError, `bit ${bit}`);
  }
  for (const length of [0, 1, 31, 32, HANDSHAKE_OVERHEAD - 1, MAX_NOISE_MESSAGE + 1]) {
    await rejects(pair()[1].readMessage(new Uint8Array(length)), WireError);
  }
});

Deno.test("noise: a failed or out-of-turn step is the end of a handshake", async () => {
  const [initiator, responder] = pair();
  await rejects(initiator.readMessage(new Uint8Array(48)), /out of turn/);
  await rejects(responder.writeMessage(none), /out of turn/);
  throws(() => initiator.finish(), /out of turn/);

  const first = await initiator.writeMessage(none);
  await rejects(initiator.writeMessage(none), /out of turn/);
  throws(() => initiator.finish(), /out of turn/);
  await responder.readMessage(first);
  await rejects(responder.readMessage(first), /out of turn/);
  const second = await responder.writeMessage(none);
  responder.finish();
  throws(() => responder.finish(), /out of turn/);
  const bad = second.slice();
  bad[40] = bad[40]! ^ 1;
  await rejects(initiator.readMessage(bad), WireError);
  await rejects(initiator.readMessage(second), /out of turn/);

  // Two steps at once: the second is out of turn, the first goes on.
  const [other] = pair();
  const writing = other.writeMessage(none);
  await rejects(other.writeMessage(none), /out of turn/);
  strictEqual((await writing).length, HANDSHAKE_OVERHEAD);
  throws(() => pair({ psk: new Uint8Array(31) }), RangeError);
});

// 0, 1, the two of order 8, p - 1, p.
Deno.test("noise: X25519 by the runtime, which refuses points of small order", async () => {
  const small = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ];
  const mine = await webCryptoDh.generate();
  for (const point of small) {
    await rejects(mine.agree(fromHex(point)), WireError, point);
  }
  await rejects(mine.agree(new Uint8Array(31)), WireError);
  const theirs = await webCryptoDh.generate();
  deepStrictEqual(await mine.agree(theirs.publicKey), await theirs.agree(mine.publicKey));
});

Deno.test("noise: a shared secret of zeros is refused even if the DH lets it pass", async () => {
  const careless: Dh = {
    generate: () =>
      Promise.resolve({
        publicKey: new Uint8Array(32).fill(9),
        agree: () => Promise.resolve(new Uint8Array(32)),
      }),
  };
  const initiator = new NoiseHandshake({ role: "initiator", psk, prologue, dh: careless });
  const responder = new NoiseHandshake({ role: "responder", psk, prologue, dh: careless });
  await responder.readMessage(await initiator.writeMessage(none));
  await rejects(responder.writeMessage(none), /zero/);
});

Deno.test("noise: a cipher takes each message once, in order, unchanged", () => {
  const key = new Uint8Array(32).fill(5);
  const send = new CipherState(key);
  const receive = new CipherState(key);
  const [first, second, third] = [1, 2, 3].map((n) => send.encrypt(Uint8Array.of(n)));
  throws(() => receive.decrypt(second!), WireError);
  deepStrictEqual(receive.decrypt(first!), Uint8Array.of(1));
  throws(() => receive.decrypt(first!), WireError);
  for (let i = 0; i < second!.length; i++) {
    const bad = second!.slice();
    bad[i] = bad[i]! ^ 0x80;
    throws(() => receive.decrypt(bad), WireError);
  }
  throws(() => receive.decrypt(second!, fromHex("00")), WireError);
  deepStrictEqual(receive.decrypt(second!), Uint8Array.of(2));
  for (const length of [0, 15, MAX_NOISE_MESSAGE + 1]) {
    throws(() => receive.decrypt(new Uint8Array(length)), WireError);
  }
  deepStrictEqual(receive.decrypt(third!), Uint8Array.of(3));
});

Deno.test("noise: a cipher writes where it is told, and into nothing else", () => {
  const key = new Uint8Array(32).fill(5);
  const buffer = new Uint8Array(64).fill(0xee);
  const plaintext = fromHex("01020304");
  const message = new CipherState(key).encrypt(plaintext, buffer.subarray(10, 30));
  strictEqual(message.buffer, buffer.buffer);
  strictEqual(toHex(message), toHex(new CipherState(key).encrypt(plaintext)));
  ok(buffer.subarray(0, 10).every((byte) => byte === 0xee));
  ok(buffer.subarray(30).every((byte) => byte === 0xee));
  strictEqual(toHex(plaintext), "01020304");
});

Deno.test("noise: long messages and used-up nonces end in an error, not in a repetition", () => {
  const key = new Uint8Array(32).fill(5);
  const most = MAX_NOISE_MESSAGE - NOISE_TAG_BYTES;
  strictEqual(new CipherState(key).encrypt(new Uint8Array(most)).length, MAX_NOISE_MESSAGE);
  throws(() => new CipherState(key).encrypt(new Uint8Array(most + 1)), RangeError);
  // The nonce's upper half counts too.
  const low = new CipherState(key, 1).encrypt(none);
  const high = new CipherState(key, 2 ** 32 + 1).encrypt(none);
  notStrictEqual(toHex(low), toHex(high));
  const last = Number.MAX_SAFE_INTEGER - 1;
  const send = new CipherState(key, last);
  const receive = new CipherState(key, last);
  receive.decrypt(send.encrypt(none));
  throws(() => send.encrypt(none), WireError);
  throws(() => send.encrypt(none), WireError);
  throws(() => receive.decrypt(low), WireError);
});

/** Runs with the runtime's cipher, and as if there were none. */
async function withAndWithoutRuntime(run: () => Promise<void>): Promise<void> {
  await run();
  const { importKey } = crypto.subtle;
  let asked = 0;
  crypto.subtle.importKey = () => {
    asked++;
    return Promise.reject(new DOMException("not here", "NotSupportedError"));
  };
  try {
    await run();
  } finally {
    crypto.subtle.importKey = importKey;
  }
  ok(asked > 0);
}

Deno.test("noise: what is encrypted aside is the same, byte for byte, and mixes with the rest", async () => {
  const key = new Uint8Array(32).map((_, i) => i);
  const texts = [0, 1, 16_384, 65_519, 5].map((size) => new Uint8Array(size).fill(size));
  await withAndWithoutRuntime(async () => {
    const plain = new CipherState(key);
    const send = new CipherState(key);
    const expected = texts.map((text) => plain.encrypt(text));
    const first = send.encrypt(texts[0]!);
    // Given at once; their nonces are in the order of the calls.
    const others = await Promise.all(texts.slice(1).map((text) => send.encryptAside(text)));
    deepStrictEqual([first, ...others].map(toHex), expected.map(toHex));

    const receive = new CipherState(key);
    deepStrictEqual(receive.decrypt(expected[0]!), texts[0]);
    deepStrictEqual(await receive.decryptAside(expected.slice(1, 4)), texts.slice(1, 4));
    deepStrictEqual(receive.decrypt(expected[4]!), texts[4]);
    for (const i of [0, 2, 3]) {
      const bad = expected.map((message) => message.slice());
      bad[i]![i] = bad[i]![i]! ^ 1;
      await rejects(new CipherState(key).decryptAside(bad), WireError);
    }
    await rejects(new CipherState(key).decryptAside(expected.toReversed()), WireError);
    const long = new Uint8Array(MAX_NOISE_MESSAGE + 1);
    await rejects(new CipherState(key).decryptAside([long]), WireError);
    await rejects(send.encryptAside(new Uint8Array(MAX_NOISE_MESSAGE)), RangeError);
  });
});

Deno.test("noise: the runtime that we are pinned to has the cipher", async () => {
  await crypto.subtle.importKey("raw-secret", new Uint8Array(32), "ChaCha20-Poly1305", false, [
    "encrypt",
  ]);
});

Deno.test("noise: frames that are encrypted aside are those of the plain way", async () => {
  const key = new Uint8Array(32).fill(7);
  for (const size of [1, 16_384, 65_519, 65_522, 65_523, 200_000]) {
    const text = new Uint8Array(size).map((_, i) => i);
    const expected = encryptFrames(new CipherState(key), text);
    deepStrictEqual(await encryptFramesAside(new CipherState(key), text), expected.slice());
  }
});
