import {
  deepStrictEqual,
  match,
  notStrictEqual,
  ok,
  strictEqual,
  throws,
} from "node:assert/strict";
import fc from "fast-check";
import { INVITE_BYTES, InviteKey } from "../../lib/wire/invite.ts";
import { encodeInvite, InviteDecoder, type InviteMessage } from "../../lib/wire/invite_messages.ts";
import { concat, NetworkKey, WireError } from "../../lib/wire/mod.ts";

const secrets = fc.uint8Array({ minLength: INVITE_BYTES, maxLength: INVITE_BYTES });
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

Deno.test("invite: the text gives the same key back, also as people type it", () => {
  fc.assert(fc.property(secrets, (secret) => {
    const key = new InviteKey(secret);
    const text = key.toText();
    match(text, /^(?:[0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
    const typed = [
      text,
      text.toLowerCase(),
      text.replaceAll("-", ""),
      text.replaceAll("-", " - "),
      text.replaceAll("0", "O").replaceAll("1", "l"),
    ];
    for (const one of typed) strictEqual(InviteKey.parse(one).id, key.id, one);
    deepStrictEqual(InviteKey.parse(text).streamPsk, key.streamPsk);
  }));
});

Deno.test("invite: every wrong letter and every swap of neighbours is noticed", () => {
  const secret = new Uint8Array(INVITE_BYTES).map((_, i) => 37 * i + 5);
  const plain = new InviteKey(secret).toText().replaceAll("-", "");
  for (let i = 0; i < plain.length; i++) {
    for (const letter of ALPHABET) {
      if (letter === plain[i]) continue;
      const typed = plain.slice(0, i) + letter + plain.slice(i + 1);
      throws(() => InviteKey.parse(typed), WireError, typed);
    }
    const swapped = plain.slice(0, i) + plain.slice(i, i + 2).split("").reverse().join("") +
      plain.slice(i + 2);
    if (swapped !== plain) throws(() => InviteKey.parse(swapped), WireError, swapped);
  }
  for (const typed of [plain.slice(1), `${plain}0`, "", "U".repeat(28), "é".repeat(28)]) {
    throws(() => InviteKey.parse(typed), WireError, typed);
  }
});

Deno.test("invite: the key shows its id only, and is bound to the secret", () => {
  const one = new InviteKey(new Uint8Array(INVITE_BYTES));
  const other = new InviteKey(new Uint8Array(INVITE_BYTES).fill(1));
  notStrictEqual(one.id, other.id);
  notStrictEqual(one.streamPsk.toHex(), other.streamPsk.toHex());
  for (const shown of [String(one), JSON.stringify({ one }), Deno.inspect(one)]) {
    match(shown, new RegExp(one.id));
    ok(!shown.includes(one.toText().slice(0, 9)), shown);
  }
  throws(() => new InviteKey(new Uint8Array(15)), WireError);
});

const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: digits, maxLength: digits });
const plainText = fc.string({ unit: fc.constantFrom(..."abz 9-ü"), maxLength: 60 });
const port = fc.integer({ min: 0, max: 65_535 });
const keys = fc.array(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => NetworkKey.fromBytes(bytes)),
  { minLength: 1, maxLength: 16 },
);
const messages: fc.Arbitrary<InviteMessage> = fc.oneof(
  fc.record({ type: fc.constant("hello" as const), name: plainText }),
  fc.record({
    type: fc.constant("offer" as const),
    network: fc.constantFrom("home", "a.b-c_9", "x".repeat(32)),
    node: plainText,
    keyIds: fc.array(hex(8), { minLength: 1, maxLength: 16 }),
    port,
    streamPort: port,
  }),
  fc.record({ type: fc.constant("take" as const), claim: hex(32) }),
  fc.record({ type: fc.constant("keys" as const), keys }),
  fc.constantFrom({ type: "stored" as const }, { type: "done" as const }),
  fc.record({ type: fc.constant("refuse" as const), message: plainText }),
);

function comparable(message: InviteMessage): unknown {
  return "keys" in message ? message.keys.map((key) => key.toText()) : { ...message };
}

Deno.test("invite messages: what is said is read, however the stream was cut", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(fc.array(messages, { maxLength: 8 }), sizes, (said, sizes) => {
    const stream = concat(said.map(encodeInvite));
    const decoder = new InviteDecoder();
    const read: InviteMessage[] = [];
    for (let at = 0, i = 0; at < stream.length; i++) {
      const end = at + (sizes[i % sizes.length] as number);
      read.push(...decoder.feed(stream.slice(at, end)));
      at = end;
    }
    deepStrictEqual(
      read.map(({ type }) => type),
      said.map(({ type }) => type),
    );
    deepStrictEqual(read.map(comparable), said.map(comparable));
  }));
});
