/** Read once: the client's request, the node's answer, and what the client makes of it. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, ExitCode } from "../../lib/core/mod.ts";
import {
  encodeLeaf,
  LeafSession,
  MAX_REQUEST_TLV,
  ReadCollector,
  readRequest,
  type ReadResult,
} from "../../lib/leafy/mod.ts";
import { MAX_ANSWER_TLV } from "../../lib/leafy/mod.ts";
import { toStateJson, type Value } from "../../lib/state/mod.ts";
import { concat, WireError } from "../../lib/wire/bytes.ts";
import { TlvFormat } from "../../lib/wire/tlv.ts";
import { SELF, served, WALL } from "./network.ts";

const OTHER = "cd34000000000000";
const HOME = {
  [SELF]: { "agent/name": "pi", "heating/target": 21.5, "heating/on": true },
  [OTHER]: { "agent/name": "attic", "heating/target": 18 },
};

/** A whole read; both ways cut into pieces of `cut` bytes. */
function read(
  session: LeafSession,
  wanted: string[],
  cut = Infinity,
): { result: ReadResult | undefined; pieces: Uint8Array[] } {
  const collector = new ReadCollector(wanted);
  const pieces: Uint8Array[] = [];
  let result: ReadResult | undefined;
  for (const part of cutUp(readRequest(wanted), cut)) {
    for (const piece of session.feed(0, WALL, part).pieces) {
      pieces.push(piece);
      for (const bytes of cutUp(piece, cut)) {
        strictEqual(result, undefined, "nothing behind the end");
        result = collector.feed(bytes);
      }
    }
  }
  return { result, pieces };
}

function* cutUp(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

Deno.test("read: named keys in one request and one answer", () => {
  const { server } = served(HOME);
  const { result, pieces } = read(new LeafSession(server), ["heating/target"]);
  strictEqual(pieces.length, 1, "fits into the handshake's answer");
  const at = "2026-11-21T09:00:00.000Z";
  deepStrictEqual(result?.state, {
    attic: { "heating/target": { value: 18, at } },
    pi: { "heating/target": { value: 21.5, at } },
  });
  deepStrictEqual(
    { ...result, state: 0, nodes: 0 },
    {
      state: 0,
      nodes: 0,
      complete: true,
      reasons: [],
      from: { node: "pi", id: SELF },
      missing: [],
    },
  );
});

Deno.test("read: everything, a node, a beginning, and what is not there", () => {
  const { server } = served(HOME);
  const shown = (...wanted: string[]) => {
    const { result } = read(new LeafSession(server), wanted);
    ok(result);
    return [
      ...result.nodes.flatMap(({ node, entries }) => entries.map(({ key }) => `${node}:${key}`)),
      ...result.missing.map((text) => `no ${text}`),
    ];
  };
  strictEqual(shown().length, 5);
  deepStrictEqual(shown("pi:heating/*"), ["pi:heating/on", "pi:heating/target"]);
  deepStrictEqual(shown("cd34:heating/target", "attic:none", "none", "nobody:"), [
    ...["attic:heating/target", "no attic:none", "no none", "no nobody:"],
  ]);
});

Deno.test("read: says when the picture may be partial, and why", () => {
  const { server } = served(HOME, { partial: () => ["attic is not in step yet"] });
  const { result } = read(new LeafSession(server), ["heating/target"]);
  strictEqual(result?.complete, false);
  deepStrictEqual(result.reasons, ["attic is not in step yet"]);
});

Deno.test("read: an ambiguous node is an error that names the choices", () => {
  const { server } = served({ ...HOME, "ef56000000000000": { "agent/name": "pi" } });
  throws(() => read(new LeafSession(server), ["pi:heating/on"]), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Usage);
    match(error.message, /"pi" may be any of 2 nodes: pi~ab12, pi~ef56; name one of them/);
    return true;
  });
});

Deno.test("read: requests that make no sense are refused before they are sent", () => {
  throws(() => readRequest(["a", ""]), /names no entry/);
  throws(() => readRequest(Array(65).fill("a")), /65 keys in one read/);
  throws(() => readRequest([`${"n".repeat(400)}:a`]), /names no node/);
  readRequest([`${"x".repeat(64)}~0123456789abcdef:${"k".repeat(255)}`]);
});

Deno.test("read: a request that the client would not send is answered with an error", () => {
  const { server } = served(HOME);
  const bytes = encodeLeaf({ type: "read", wanted: ["a", ""] });
  const { pieces, close } = new LeafSession(server).feed(0, WALL, bytes);
  strictEqual(close, undefined);
  throws(() => new ReadCollector([]).feed(concat([...pieces])), /names no entry/);
});

Deno.test("read: large nodes and many nodes come in pieces, cut anywhere", () => {
  const big: Record<string, Value> = { one: "x".repeat(65_000) };
  const many: Record<string, Value> = {};
  for (let i = 0; i < 600; i++) many[`key/${i}`] = "y".repeat(90);
  const nodes: Record<string, Record<string, Value>> = { [SELF]: big, [OTHER]: many };
  for (let i = 0; i < 500; i++) nodes[`ff${String(i).padStart(14, "0")}`] = { a: i };
  const { server, view } = served(nodes);
  for (const cut of [Infinity, 1_000, 77]) {
    const { result, pieces } = read(new LeafSession(server), [], cut);
    deepStrictEqual(result?.state, toStateJson(view.get()));
    ok(pieces.length >= 4);
    for (const piece of pieces) {
      ok(piece.length <= 100_000);
      strictEqual(TlvFormat.native.decode(piece).error, null, "whole TLVs");
      ok(
        TlvFormat.native.decode(piece).tlvs.every(({ encoded }) =>
          encoded.length <= MAX_ANSWER_TLV
        ),
      );
    }
  }
});

Deno.test("read: the largest entry that any profile carries comes through", () => {
  // 64 KiB of JSON like [0.1,0.1,…]: each of these numbers takes 9 bytes in CBOR.
  const numbers = Array.from({ length: 16_370 }, (_, i) => (i % 9 + 1) / 10);
  strictEqual(JSON.stringify(numbers).length, 65_481);
  const { server, view } = served({ [SELF]: { a: "x" }, [OTHER]: { big: numbers } });
  const { result } = read(new LeafSession(server), ["big"]);
  deepStrictEqual(result?.state, toStateJson(view.get({ keys: ["big"] })));
});

Deno.test("read: the answer shows one moment, though it is encoded later", () => {
  const { server, view } = served(HOME);
  const pieces = server.answerRead({ type: "read", wanted: ["heating/target"] });
  view.nodeChanged(WALL, {
    before: {
      id: OTHER,
      self: false,
      seqno: 1,
      data: new Uint8Array(0),
      hash: new Uint8Array(0),
      origination: 0,
    },
  });
  const result = new ReadCollector(["heating/target"]).feed(concat([...pieces]));
  deepStrictEqual(Object.keys(result!.state), ["attic", "pi"]);
});

Deno.test("read: a client does not take an answer without end", () => {
  const { server } = served({ [SELF]: { a: "x".repeat(5_000) } });
  const pieces = [...server.answerRead({ type: "read", wanted: [] })];
  throws(() => new ReadCollector([], 4_000).feed(concat(pieces)), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Refused);
    match(error.message, /larger than 4000 bytes/);
    return true;
  });
});

Deno.test("read: an answer that lost something is no answer", () => {
  const { server } = served(HOME);
  const [piece] = [...server.answerRead({ type: "read", wanted: [] })];
  const tlvs = TlvFormat.native.decode(piece!).tlvs.map(({ encoded }) => encoded);
  throws(() => new ReadCollector([]).feed(concat(tlvs.slice(1))), WireError);
  strictEqual(new ReadCollector([]).feed(concat(tlvs.slice(0, -1))), undefined, "not yet whole");
});

Deno.test("session: garbage and oversize end the stream with a reason, and never throw", () => {
  const { server } = served(HOME);
  for (
    const bytes of [
      new TextEncoder().encode("@GET / HTTP/1.1\r\n\r\n".repeat(10)),
      TlvFormat.native.encode(64, Uint8Array.of(0xff)),
      Uint8Array.of(67, (MAX_REQUEST_TLV >> 16) & 0xff, 0xff, 0xff),
    ]
  ) {
    const { pieces, close } = new LeafSession(server).feed(0, WALL, bytes);
    ok(close !== undefined);
    throws(() => new ReadCollector([]).feed(concat([...pieces])), /the node did not understand/);
  }
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (parts) => {
    const session = new LeafSession(server);
    for (const part of parts) {
      const { pieces, close } = session.feed(0, WALL, part);
      for (const piece of pieces) ok(piece.length > 0);
      if (close !== undefined) return;
    }
  }));
});

Deno.test("session: messages that are answers are ignored, requests have a limit", () => {
  const { server } = served(HOME);
  const session = new LeafSession(server);
  const odd = encodeLeaf({ type: "error", exitCode: 4, message: "hello" });
  deepStrictEqual([...session.feed(0, WALL, odd).pieces], []);
  const request = readRequest(["heating/on"]);
  for (let i = 0; i < 999; i++) strictEqual(session.feed(0, WALL, request).close, undefined);
  match(session.feed(0, WALL, request).close ?? "open", /too many requests/);
});
