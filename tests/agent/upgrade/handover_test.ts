/** One process of an agent after another: what it published for a while stays, and nobody saw it away. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { remoteMirror, remotePublish } from "../../../lib/agent/leafy/remote.ts";
import { changesOf, Place, type Running, until, valuesIn } from "../in_process.ts";

async function ask({ agent }: Running, method: string, path: string, body: unknown) {
  const proxy = { transport: "unix", path: agent.socket! } as const;
  const client = Deno.createHttpClient({ proxy, poolMaxIdlePerHost: 0 });
  const response = await fetch(`http://agent${path}`, {
    method,
    body: JSON.stringify(body),
    client,
  });
  strictEqual(response.status, 200);
  const reader = response.body!.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose]() {
      await reader.cancel().catch(() => {});
      client.close();
    },
  };
}

Deno.test("handover: entries with a TTL, leases, guests and mirrors outlive a restart", async () => {
  await using place = new Place();
  const first = await place.start("a");
  const b = await place.start("b", { connect: [first.address] });
  const stop = new AbortController();
  const via = { network: place.leafy(first), timeoutMs: 5_000 };
  await remotePublish({ ...via, entries: { guest: 1 }, ttlMs: 60_000 });
  const mirror = remoteMirror({
    ...via,
    entries: { mirrored: 1 },
    stop: stop.signal,
    onChange() {},
  });
  const lease = ["POST", "/v1/lease", { entries: { leased: 1 } }] as const;
  {
    await using _lease = await ask(first, ...lease);
    await using _brief = await ask(first, "PUT", "/v1/state?ttl=60s", { brief: 1 });
    const leaf = `${Deno.hostname()}-leaf`;
    const all = { "a:brief": 1, "a:guest": 1, "a:leased": 1, [`${leaf}:mirrored`]: 1 };
    const shows = () =>
      JSON.stringify(Object.entries(valuesIn(b.network)).sort()) ===
        JSON.stringify(Object.entries(all).sort());
    await until("all of it shows", shows);
    const seen = changesOf(b.network);

    await place.stop(first, { restart: true });
    const file = `${place.dir}/a/handover.json`;
    ok(Deno.statSync(file).isFile);
    const again = await place.start("a", { listen: first.address });
    ok(!await Deno.stat(file).then(() => true, () => false), "read once");
    await until("they have met", () => again.network.machine.peers().length === 2);
    // The lease is taken again, as `agent publish` does, and given up: that is seen, and only that.
    const held = await ask(again, ...lease);
    deepStrictEqual(seen.filter(({ event }) => event !== "set"), []);
    ok(shows());
    await held[Symbol.asyncDispose]();
    await until(
      "it is over",
      () => seen.some(({ key, event }) => `${event} ${key}` === "unset leased"),
    );
    // The guest withdraws, and is known.
    await remotePublish({ ...via, entries: { guest: 2 }, ttlMs: 60_000 });
    await until("the guest goes on", () => valuesIn(b.network)["a:guest"] === 2);
    stop.abort();
    await mirror;
    deepStrictEqual(
      seen.filter(({ event, node }) => event !== "set" && node === "a").map(({ key }) => key),
      ["leased"],
    );
  }
});
