import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { NetworkKey, toHex, WireError } from "../../lib/wire/mod.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

Deno.test("key: text and bytes are the same key", () => {
  const key = NetworkKey.fromBytes(SECRET);
  strictEqual(key.toText(), TEXT);
  strictEqual(NetworkKey.parse(TEXT).toText(), TEXT);
  strictEqual(NetworkKey.parse(TEXT).id, key.id);
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
    const text = NetworkKey.fromBytes(bytes).toText();
    strictEqual(text.length, 44);
    deepStrictEqual(Uint8Array.fromBase64(text), bytes);
    strictEqual(NetworkKey.parse(text).toText(), text);
  }));
});

Deno.test("key: white space anywhere in the text is nothing", () => {
  for (
    const text of [
      `${TEXT}\n`,
      ` \t${TEXT}\r\n\r\n`,
      TEXT.replace("Dg", "D\n g"),
      [...TEXT].join(" "),
    ]
  ) {
    strictEqual(NetworkKey.parse(text).toText(), TEXT);
  }
});

Deno.test("key: anything else is refused without repeating it", () => {
  const texts = [
    "",
    "hello",
    TEXT.slice(0, -1),
    TEXT.slice(4),
    `${TEXT}AAAA`,
    TEXT.replace("=", "=="),
    // Bits behind the last byte: most likely a slip of the pen.
    TEXT.replace("8=", "9="),
    TEXT.replace("A", "-"),
    toHex(SECRET),
    `"${TEXT}"`,
    "ключ",
  ];
  for (const text of texts) {
    throws(() => NetworkKey.parse(text), (error) => {
      ok(error instanceof WireError);
      ok(text.length < 6 || !error.message.includes(text.slice(0, 6)), error.message);
      return true;
    }, text);
  }
  for (const length of [0, 31, 33, 64]) {
    throws(() => NetworkKey.fromBytes(new Uint8Array(length)), WireError);
  }
});

Deno.test("key: derived by HKDF-SHA-256, as the runtime computes it", async () => {
  const key = NetworkKey.fromBytes(SECRET);
  const text = (value: string) => new TextEncoder().encode(value);
  const base = await crypto.subtle.importKey("raw", SECRET, "HKDF", false, ["deriveBits"]);
  const derive = async (info: string, length: number) => {
    const salt = text("edge agent network key 1");
    const how = { name: "HKDF", hash: "SHA-256", salt, info: text(info) };
    return toHex(new Uint8Array(await crypto.subtle.deriveBits(how, base, length * 8)));
  };
  strictEqual(toHex(key.idBytes), await derive("key id", 4));
  strictEqual(key.id, await derive("key id", 4));
  strictEqual(toHex(key.multicastKey), await derive("multicast", 32));
  strictEqual(toHex(key.streamPsk), await derive("stream psk", 32));
});

Deno.test("key: the derivation stays what it is, or old and new programs part", () => {
  const key = NetworkKey.fromBytes(SECRET);
  deepStrictEqual(
    [key.id, toHex(key.multicastKey).slice(0, 16), toHex(key.streamPsk).slice(0, 16)],
    [
      "5bd61942",
      "8fdd18aaf1049661",
      "e2211d6c2cca611b",
    ],
  );
  const other = NetworkKey.fromBytes(SECRET.map((byte) => byte ^ 1));
  notStrictEqual(other.id, key.id);
  notStrictEqual(toHex(other.multicastKey), toHex(key.multicastKey));
  notStrictEqual(toHex(key.multicastKey), toHex(key.streamPsk));
});

Deno.test("key: later changes of the bytes given do not change it", () => {
  const bytes = SECRET.slice();
  const key = NetworkKey.fromBytes(bytes);
  bytes.fill(0);
  strictEqual(key.toText(), TEXT);
});

Deno.test("key: nothing that shows it shows the secret", () => {
  const key = NetworkKey.fromBytes(SECRET);
  // Derive everything first: what is derived is secret as well.
  const secrets = [SECRET, key.multicastKey, key.streamPsk];
  const shown = [
    String(key),
    `${key}`,
    JSON.stringify(key),
    JSON.stringify({ nested: [key] }),
    Deno.inspect(key),
    Deno.inspect({ key }, { depth: 10, showHidden: true, getters: true, iterableLimit: 1_000 }),
    Deno.inspect([key], { showHidden: true }),
    JSON.stringify(Object.entries(key)),
    JSON.stringify(structuredClone(Object.assign({}, key))),
    Object.getOwnPropertyNames(key).join(),
  ];
  for (const text of shown) {
    for (const secret of secrets) {
      const part = secret.subarray(4, 8);
      ok(!text.includes(toHex(part)), text);
      ok(!text.includes(secret.toBase64().slice(4, 12)), text);
      ok(!text.includes([...part].join(",")), text);
      ok(!text.includes([...part].join(", ")), text);
    }
  }
  strictEqual(String(key), `NetworkKey(${key.id})`);
  strictEqual(JSON.stringify(key), `"NetworkKey(${key.id})"`);
  strictEqual(Deno.inspect(key), `NetworkKey(${key.id})`);
});
