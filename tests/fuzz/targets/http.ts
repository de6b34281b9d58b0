/**
 * The local API: requests from programs on this computer, and from browsers and strangers over TCP.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import { AgentError, type Random } from "../../../lib/core/mod.ts";
import { authorize, isLoopback } from "../../../lib/http/auth.ts";
import { readEntries, readJson, readJsonLines } from "../../../lib/http/body.ts";
import { errorResponse, HttpError } from "../../../lib/http/errors.ts";
import { RequestHead } from "../../../lib/http/request_head.ts";
import { answer } from "../../../lib/http/routes.ts";
import { Streams } from "../../../lib/http/streams.ts";
import { parseEntries, parseWanted } from "../../../lib/cli/entries.ts";
import { parseDuration } from "../../../lib/core/duration.ts";
import { lines } from "../../../lib/learn/lines.ts";
import { concat } from "../../../lib/wire/bytes.ts";
import { FakeAgent } from "../../http/fake_agent.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";

const LIMIT = 1_000;
const CRLF = new TextEncoder().encode("\r\n");

/** In pieces, as a socket hands them over. */
function bodyOf(input: Uint8Array, random: Random): ReadableStream<Uint8Array<ArrayBuffer>> {
  const half = random.below(input.length + 1);
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(input.subarray(0, half)));
      controller.enqueue(new Uint8Array(input.subarray(half)));
      controller.close();
    },
  });
}

const bodies = machine({
  name: "http/body",
  covers: [
    "lib/http/body.ts readJson",
    "lib/http/body.ts readJsonLines",
    "lib/http/body.ts readEntries",
    "lib/http/body.ts asEntries",
  ],
  corpus: ["http-body"],
  share: 0.2,
  steps: 100,
  types: { taken: ["json", "lines", "entries"], refused: ["json", "lines", "entries"] },
  begin: (_seed, tally) => ({
    async step(input, random) {
      const [kind, read] = random.pick(
        [
          ["json", (request: Request) => readJson(request, LIMIT)],
          ["lines", (request: Request) => readJsonLines(request, LIMIT)],
          ["entries", readEntries],
        ] as const,
      );
      const body = bodyOf(input, random);
      const request = new Request("http://agent/v1/state", { method: "PUT", body });
      try {
        JSON.stringify(await read(request));
      } catch (error) {
        ok(error instanceof HttpError && error.status >= 400 && error.status < 500, String(error));
        ok(!/\n/.test(error.message));
        tally.type(kind, false);
        return false;
      }
      tally.type(kind, true);
      return true;
    },
  }),
});

const PATHS = [
  "/v1/status",
  "/v1/state",
  "/v1/state/heating",
  "/v1/nodes",
  "/v1/peers",
  "/v1/lease",
  "/v1/interfaces",
  "/v1/links",
  "/v1/lsoe/sessions",
  "/v1/messages",
  "/v1/inbox",
  "/v1/outbox",
  "/v1/call",
  "/v1/plans",
  "/v1/services",
  "/v1/invites",
  "/metrics",
  "/",
];
const METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"];

/** Every route with any path, query and body: what comes back is one line, and never a fault of ours. */
const routes = machine({
  name: "http/routes",
  covers: ["lib/http/routes.ts answer"],
  corpus: ["http-path", "http-body"],
  share: 0.2,
  steps: 100,
  types: { taken: ["200"], refused: ["400", "404", "405"] },
  begin(_seed, tally) {
    const api = new FakeAgent();
    const streams = new Streams(api);
    const rooms = { api, streams, metrics: () => [] };
    return {
      async step(input, random) {
        const method = random.pick(METHODS);
        const path = random.chance(0.5)
          ? random.pick(PATHS)
          : textOf(input).replaceAll(/[^\x21-\x7e]/g, "").slice(0, 300);
        const query = random.chance(0.3) ? `?${random.pick(QUERIES)}` : "";
        const takesBody = method !== "GET" && method !== "HEAD";
        const body = takesBody && random.chance(0.7) ? { body: bodyOf(input, random) } : {};
        let request: Request;
        try {
          request = new Request(`http://agent${path.startsWith("/") ? path : `/${path}`}${query}`, {
            method,
            ...body,
          });
        } catch {
          return undefined;
        }
        let response: Response;
        const faults: unknown[] = [];
        try {
          response = await answer(request, rooms);
        } catch (error) {
          response = errorResponse(error, (fault) => faults.push(fault));
        }
        const { status } = response;
        ok(faults.length === 0, `${method} ${request.url}: ${faults[0]}`);
        ok(status < 500 || status === 503, `${method} ${request.url}: ${status}`);
        if (response.headers.get("content-type")?.startsWith("application/json")) {
          JSON.parse(await response.text() || "null");
        } else await response.body?.cancel();
        tally.type(status, status < 400);
        return status < 400;
      },
      end: () => streams.close(),
    };
  },
});

const QUERIES = [
  "ttl=5m",
  "ttl=-1",
  "ttl=",
  "node=pi-2",
  "prefix=heating",
  "key=a&key=b",
  "network=home",
  "network=none",
  "snapshot=1",
  "topic=lsoe",
  "topic=none",
  "x=y",
  "%ff=%zz",
];

const HEADERS = ["host", "origin", "authorization"];
const VALUES = [
  "localhost:8080",
  "127.0.0.1",
  "[::1]:80",
  "evil.example",
  "http://localhost:8080",
  "Bearer 0123456789abcdef",
  "Basic OjAxMjM0NTY3ODlhYmNkZWY=",
  "Bearer wrong",
];

/** Who may do what over TCP: nobody without the token changes anything. */
const access = machine({
  name: "http/access",
  covers: ["lib/http/auth.ts authorize"],
  corpus: ["texts"],
  share: 0.2,
  types: { taken: ["read", "change"], refused: ["401", "403"] },
  begin: (_seed, tally) => ({
    step(input, random) {
      const headers = new Headers();
      for (const name of HEADERS) {
        const value = random.chance(0.7)
          ? random.pick(VALUES)
          : textOf(input).replaceAll(/[^\x20-\x7e]/g, "").slice(0, 200);
        if (random.chance(0.8)) headers.set(name, value);
      }
      const method = random.pick(["GET", "PUT"]);
      const rules = {
        loopback: random.chance(0.5),
        token: random.chance(0.8) ? "0123456789abcdef" : undefined,
      };
      const authorization = headers.get("authorization") ?? "";
      try {
        authorize(new Request("http://agent/", { method, headers }), rules);
      } catch (error) {
        ok(error instanceof HttpError, String(error));
        tally.type(error.status, false);
        return false;
      }
      tally.type(method === "GET" ? "read" : "change", true);
      const knows = rules.token !== undefined &&
        (authorization.includes(rules.token) || /basic/i.test(authorization));
      ok(knows || method === "GET" && rules.loopback, "let in without the token");
      isLoopback(headers.get("host") ?? "");
      return true;
    },
  }),
});

/** Fed in pieces of so many bytes: where the head was whole, all that was taken till then. */
function headOf(input: Uint8Array, most: number): string | undefined {
  const head = new RequestHead();
  let state = "more";
  for (let at = 0; at < input.length && state === "more";) {
    const { room } = head;
    ok(room.length > 0 && room.length <= 65_536, `room for ${room.length} bytes`);
    const piece = input.subarray(at, at + Math.min(most, room.length));
    room.set(piece);
    state = head.feed(piece.length);
    at += piece.length;
  }
  return state === "whole" ? textOf(head.withLines("X: 1\r\n")) : undefined;
}

/** What the front of the TCP port reads before anybody knows who is there. */
const heads = decoder<string | undefined>({
  name: "http/heads",
  covers: ["lib/http/request_head.ts RequestHead.feed"],
  corpus: ["texts"],
  share: 0.2,
  maxBytes: 2_000,
  types: { taken: ["head"], refused: ["head"] },
  decode: (input) => headOf(input, 1),
  refused: (head) => head === undefined,
  check(input, head, random) {
    const other = headOf(input, 1 + random.below(2_000));
    ok((head === undefined) === (other === undefined), "the pieces make a difference");
    if (head !== undefined) ok(other?.startsWith(head) && /\n\r?\n$/.test(head));
  },
  sort: (tally, _input, head) => tally.type("head", head !== undefined),
  mend: (input, random) =>
    random.chance(0.5)
      ? concat([new TextEncoder().encode("GET / HTTP/1.1\r\n"), input, CRLF, CRLF])
      : concat([CRLF, input, CRLF]),
});

/** One line for people. */
function isOneLine(error: unknown): boolean {
  return error instanceof AgentError && error.message.length < 2_000;
}

const typed = decoder<boolean>({
  name: "http/typed",
  covers: [
    "lib/cli/entries.ts parseEntries",
    "lib/cli/entries.ts parseWanted",
    "lib/core/duration.ts parseDuration",
    "lib/learn/lines.ts lines",
  ],
  corpus: ["texts"],
  share: 0.3,
  maxBytes: 300,
  async decode(input) {
    const text = textOf(input);
    const stream = ReadableStream.from([input]);
    let length = 0;
    for await (const line of lines(stream)) {
      ok(!line.includes("\n"));
      length += line.length;
    }
    ok(length <= text.length);
    const taken = [() => parseEntries([text]), () => parseWanted(text), () => parseDuration(text)]
      .filter((attempt) => {
        try {
          return attempt() !== undefined;
        } catch (error) {
          ok(isOneLine(error), String(error));
          return false;
        }
      });
    return taken.length > 0;
  },
  refused: (taken) => !taken,
});

/** All of them. */
export const targets: readonly Target[] = [bodies, routes, heads, access, typed];
