/** docs/wire.md says what the code does: every example, every number of every table. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { nativeProfile, TlvType } from "../../lib/dncp/mod.ts";
import { type LeafMessage, MAX_ANSWER_TLV, MAX_REQUEST_TLV } from "../../lib/leafy/messages.ts";
import { NATIVE_GROUP4, NATIVE_GROUP6, NATIVE_PORT } from "../../lib/net/mod.ts";
import { CloseCode, FRAMES, MAX_FRAME } from "../../lib/piot/frame.ts";
import { MessageKind } from "../../lib/piot/header.ts";
import { STATE_TLV } from "../../lib/state/mod.ts";
import { fromHex, toHex } from "../../lib/wire/bytes.ts";
import { decodePreface, decodePrefaceReply } from "../../lib/wire/preface.ts";
import { wireExamples } from "./examples.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/wire.md", import.meta.url));
const blocks = [...PAGE.matchAll(/^```hex ([\w-]+)\n([\s\S]*?)^```/gm)];
/** What the page shows: name → hexadecimal digits. */
const shown = new Map(
  blocks.map((
    [, name = "", text = ""],
  ) => [name, text.replaceAll(/;.*$/gm, "").replaceAll(/\s/g, "")]),
);

/** Cells of the rows of the table under these column heads, without code marks. */
function rows(...heads: string[]): string[][] {
  const lines = PAGE.split("\n");
  const cells = (line: string) =>
    line.split("|").slice(1, -1).map((cell) => cell.replaceAll("`", "").trim());
  const start = lines.findIndex((line) => cells(line).join() === heads.join());
  ok(start >= 0, `a table of ${heads.join(", ")}`);
  const rest = lines.slice(start + 2);
  return rest.slice(0, rest.findIndex((line) => !line.startsWith("|"))).map(cells);
}

const flat = PAGE.replaceAll(/\s+/g, " ");

Deno.test("wire page: each example is what the code writes and reads", async () => {
  const examples = await wireExamples();
  strictEqual(blocks.length, shown.size, "no name twice");
  deepStrictEqual([...shown.keys()].sort(), [...examples.keys()].sort());
  for (const [name, { bytes, read, value }] of examples) {
    const hex = shown.get(name) ?? "";
    strictEqual(hex, toHex(bytes), name);
    if (read) deepStrictEqual(plain(read(fromHex(hex))), plain(value), name);
  }
});

/** Views of a buffer and arrays of their own are the same bytes; undefined members are none. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `0x${toHex(value)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined).map((
      [key, one],
    ) => [key, plain(one)]),
  );
}

Deno.test("wire page: the TLVs are those that there are", async () => {
  const listed = rows("type", "name", "value", "where").map(([type, name]) =>
    `${type} ${name?.replaceAll(/[ -]/g, "").toLowerCase()}`
  );
  // The compiler misses an entry where there is another message.
  const leaf: Record<LeafMessage["type"] | "query" | "here", true> = {
    read: true,
    state: true,
    "read-end": true,
    publish: true,
    ack: true,
    error: true,
    query: true,
    here: true,
  };
  const examples = await wireExamples();
  const real = [
    ...Object.entries({ ...TlvType, State: STATE_TLV }).map(([name, type]) =>
      `${type} ${name.toLowerCase()}`
    ),
    ...Object.keys(leaf).map((type) =>
      `${examples.get(`leaf-${type}`)?.bytes[0]} leaf${type.replace("-", "")}`
    ),
  ];
  deepStrictEqual(listed.sort(), real.sort());
});

Deno.test("wire page: purposes and statuses of streams", () => {
  const preface = (purpose: number) =>
    decodePreface(Uint8Array.of(0xed, 0x61, 0x67, 0x74, 1, purpose, 0, 0, 0, 0));
  const purposes = rows("purpose", "name", "the stream then carries");
  deepStrictEqual(purposes.map(([number]) => Number(number)), [1, 2, 3, 4]);
  for (const [number, name] of purposes) {
    const { kind, ...rest } = preface(Number(number));
    strictEqual(kind === "preface" && "purpose" in rest ? rest.purpose : undefined, name);
  }
  const statuses = rows("status", "name", "behind it");
  deepStrictEqual(statuses.map(([number]) => Number(number)), [0, 1, 2, 3, 4]);
  for (const [number, name] of statuses) {
    strictEqual(decodePrefaceReply(Uint8Array.of(Number(number), 0))?.reply.status, name);
  }
});

Deno.test("wire page: frames of messages and their fields", () => {
  const listed = rows("type", "frame", "by", "fields; those with ? may be missing").map(
    ([type, frame, , fields = ""]) => [
      Number(type),
      frame,
      [...fields.replaceAll(/\([^)]*\)/g, "").matchAll(/(\d+)(\??) ([a-zA-Z]+)/g)].map(
        ([, key, optional, name]) => `${key}${optional} ${name}`,
      ),
    ],
  );
  const real = Object.entries(FRAMES).map(([frame, { type, fields }]) => [
    type,
    frame,
    Object.entries(fields).map(([name, { key, optional }]) =>
      `${key}${optional ? "?" : ""} ${name}`
    ),
  ]);
  deepStrictEqual(listed, real);
});

Deno.test("wire page: codes and kinds of messages", () => {
  const words = (name: string) => name.replaceAll(/(?<=[a-z])[A-Z]/g, " $&").toLowerCase();
  // The last one is never on the wire.
  for (const [name, code] of Object.entries(CloseCode)) {
    strictEqual(flat.includes(`${code} ${words(name)}`), code !== CloseCode.Lost, name);
  }
  for (const [name, kind] of Object.entries(MessageKind)) {
    ok(flat.includes(`${kind} ${name.toLowerCase()}`), name);
  }
});

Deno.test("wire page: addresses, ports and limits", () => {
  const spaced = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, " ");
  for (
    const text of [
      `UDP port ${NATIVE_PORT}, \`${NATIVE_GROUP6}\`; \`${NATIVE_GROUP4}\``,
      `more than ${spaced(nativeProfile.maxNodeData + 256)} bytes, header included`,
      `more than ${spaced(MAX_REQUEST_TLV)} bytes a guest's`,
      `answers of up to ${spaced(MAX_ANSWER_TLV)}.`,
      `at most ${spaced(nativeProfile.maxNodeData)} bytes`,
      `else ${spaced(MAX_FRAME)}`,
      `SHA-256 cut to ${nativeProfile.hashBytes} bytes`,
    ]
  ) ok(flat.includes(text), text);
});
