/** Event streams that are not about the shared state. */
import assert from "node:assert/strict";
import { AT, LSOE_OFF, type Served, serveFake, SESSION, until } from "./fake_agent.ts";

async function get(served: Served, path: string) {
  const client = Deno.createHttpClient({
    proxy: { transport: "unix", path: served.socket },
  });
  const response = await fetch(`http://127.0.0.1${path}`, { client });
  return { client, response };
}

/** Status and body of an answer that ends. */
async function ask(served: Served, path: string) {
  const { client, response } = await get(served, path);
  const body = await response.json();
  client.close();
  return { status: response.status, body };
}

/** The stream up to a text. */
async function stream(served: Served, path: string) {
  const { client, response } = await get(served, path);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async readUntil(wanted: string): Promise<string> {
      while (!text.includes(wanted)) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
      }
      return text;
    },
    async close() {
      await reader.cancel();
      client.close();
    },
  };
}

const dataOf = (text: string) =>
  [...text.matchAll(/^data: (\{".*)$/gm)].map(([, json]) => JSON.parse(json as string));

Deno.test("topic=interfaces: what is there, ready, then each change; gone with its reader", async () => {
  await using served = await serveFake();
  const events = await stream(served, "/v1/events?topic=interfaces&snapshot=1");
  const [present] = dataOf(await events.readUntil("event: ready"));
  const [row] = served.agent.interfaces();
  assert.deepEqual(present, { event: "present", at: present.at, ...row });
  const removed = { event: "removed" as const, at: AT, ...row! };
  for (const tell of served.agent.interfaceListeners) tell(removed);
  assert.deepEqual(dataOf(await events.readUntil("removed")).at(-1), removed);
  served.agent.put("pi-2", "door", "shut");
  await events.close();
  await until("the listener is gone", () => served.agent.interfaceListeners.size === 0);
});

Deno.test("topic=lsoe: only with a snapshot it begins with the sessions", async () => {
  await using served = await serveFake();
  const other = { ...SESSION, peerMac: "02:00:00:00:00:03", stale: true, carrier: false };
  served.agent.sessions = [SESSION, other];
  const plain = await stream(served, "/v1/events?topic=lsoe");
  assert.deepEqual(dataOf(await plain.readUntil("event: ready")), []);
  const full = await stream(served, "/v1/events?topic=lsoe&snapshot=1");
  const present = dataOf(await full.readUntil("event: ready"));
  assert.deepEqual(
    present.map(({ event, peerMac, stale, carrier }) => [event, peerMac, stale, carrier]),
    [
      ["present", SESSION.peerMac, undefined, undefined],
      ["present", "02:00:00:00:00:03", true, false],
    ],
  );
  const age = Date.now() - Date.parse(present[0].at);
  assert.ok(Math.abs(age - 65_000) < 5_000, "since when");
  const opened = { at: AT, event: "opened" as const, interface: "eth0" };
  for (const tell of served.agent.lsoeListeners) tell(opened);
  assert.deepEqual(dataOf(await plain.readUntil("opened")), [opened]);
  await plain.close();
  await full.close();
  await until("the listeners are gone", () => served.agent.lsoeListeners.size === 0);
});

Deno.test("LSOE off: its routes say so with the exit code, and the list of cables is empty", async () => {
  await using served = await serveFake();
  for (const path of ["/v1/lsoe/sessions", "/v1/events?topic=lsoe"]) {
    assert.deepEqual(await ask(served, path), { status: 404, body: { error: LSOE_OFF, code: 1 } });
  }
  assert.deepEqual(await ask(served, "/v1/links"), { status: 200, body: [] });
  assert.equal((await ask(served, "/v1/links?network=none")).status, 404);
});

Deno.test("topics: an unknown one, two, and filters that do not go with one are refused", async () => {
  await using served = await serveFake();
  const error = async (query: string) => {
    const { status, body } = await ask(served, `/v1/events?${query}`);
    assert.equal(status, 400);
    return body.error;
  };
  assert.equal(await error("topic=lsO"), "topic is one of state, lsoe, interfaces, messages");
  assert.equal(
    await error("topic=lsoe&topic=state"),
    "topic is one of state, lsoe, interfaces, messages",
  );
  assert.equal(
    await error("topic=interfaces&prefix=eth"),
    "topic=interfaces takes no prefix; it is about this computer",
  );
  const state = await stream(served, "/v1/events?topic=state&snapshot=1&key=door");
  assert.deepEqual(dataOf(await state.readUntil("event: ready")).map(({ key }) => key), ["door"]);
  await state.close();
});
