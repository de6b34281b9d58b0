/** Messages between real agents on real sockets of 127.0.0.1. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { ExitCode } from "../../lib/core/mod.ts";
import type {
  InboxRow,
  LinkView,
  MessagesApi,
  OutboxView,
  SendReceipt,
} from "../../lib/http/api.ts";
import { Place, type Running, until } from "./in_process.ts";

/** The local API of an agent, as clients see it. */
function apiOf({ agent }: Running) {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: agent.socket! } });
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`http://127.0.0.1${path}`, {
      method,
      client,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text.trim()}`);
    return JSON.parse(text) as T;
  };
  return {
    [Symbol.dispose]: () => client.close(),
    ask,
    send: (message: unknown, wait = "5s") =>
      ask<SendReceipt>("POST", `/v1/messages?wait=${wait}`, message),
    inbox: () => ask<InboxRow[]>("GET", "/v1/messages"),
    outbox: () => ask<OutboxView>("GET", "/v1/outbox"),
    links: () => ask<LinkView[]>("GET", "/v1/piot/links"),
  };
}

async function meet(a: Running, b: Running): Promise<void> {
  await until("both see each other", () => a.network.view.size === 2 && b.network.view.size === 2);
}

Deno.test("messages: sent by name, confirmed, read and taken", async () => {
  await using place = new Place();
  const a = await place.start("pi-a");
  const b = await place.start("pi-b", { connect: [a.address] });
  await meet(a, b);
  using fromA = apiOf(a);
  using fromB = apiOf(b);
  const receipt = await fromA.send({ to: "pi-b", text: "Grüße", name: "hello" });
  strictEqual(receipt.state, "confirmed");
  const [row, ...others] = await fromB.inbox();
  deepStrictEqual(others, []);
  strictEqual(row?.id, receipt.id);
  strictEqual(row.from, "pi-a");
  strictEqual(row.body, "Grüße");
  deepStrictEqual({ ...row.header, created: "" }, {
    name: "hello",
    type: "text/plain",
    created: "",
  });
  // The way back goes over the same session.
  strictEqual((await fromB.send({ to: "pi-a", body: { on: [1, 2.5, null] } })).state, "confirmed");
  deepStrictEqual((await fromA.inbox()).map(({ body }) => body), [{ on: [1, 2.5, null] }]);
  deepStrictEqual(await fromB.ask("DELETE", `/v1/messages/${row.key}`), {
    removed: [row.key],
    missing: [],
  });
  deepStrictEqual(await fromB.inbox(), []);
});
