/**
 * SIGKILL of sender and receiver at random moments, while 10 000 messages are on their way: none lost,
 * none twice, none out of order.
 *
 * A message whose POST was answered must arrive once. One whose POST broke off may have been kept or not:
 * the test sends another one instead, with a number of its own, and either may arrive. Whoever takes
 * messages from the inbox and sees the agent die before it has answered does not know whether they are
 * taken: those, and no others, may be read again.
 */
import assert from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import type { InboxRow, SendReceipt } from "../../lib/http/api.ts";
import { freePort } from "../ports.ts";
import { Place, until } from "./harness.ts";

const KILLS = Number(Deno.env.get("AGENT_KILLS") ?? 30);
const MESSAGES = Number(Deno.env.get("AGENT_MESSAGES") ?? 10_000);
const LIMITS = `[piot]
hold_entries = 100_000
inbox_entries = 100_000
hold_bytes = 100_000_000
`;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test(`e2e: ${MESSAGES} messages while sender and receiver are killed ${KILLS} times`, async () => {
  const random = new Random(Number(Deno.env.get("AGENT_SEED") ?? 6));
  await using place = new Place();
  // On fixed ports, so that each finds the other again.
  const [first, second] = [freePort(), freePort()].map((port) => `127.0.0.1:${port}`) as [
    string,
    string,
  ];
  const options = { toml: LIMITS, keyFile: place.keyFile, interfaces: "" };
  const nodes = {
    a: await place.agent("a", { ...options, listen: first, connect: [second] }),
    b: await place.agent("b", { ...options, listen: second, connect: [first] }),
  };
  const restart = async (name: "a" | "b") => {
    nodes[name] = await nodes[name].again();
  };
  await place.meet(nodes.a, nodes.b);

  let kills = 0;
  let posted = 0;
  const accepted = new Set<number>();
  const sending = (async () => {
    while (accepted.size < MESSAGES) {
      // Spread over the kills.
      const quota = MESSAGES * (kills + 1) / (KILLS + 1);
      if (accepted.size >= quota && kills < KILLS) {
        await pause(2);
        continue;
      }
      const numbers = Array.from(
        { length: Math.min(1 + random.below(20), MESSAGES - accepted.size) },
        () => posted++,
      );
      const agent = nodes.a;
      try {
        const batch = numbers.map((n) => ({ to: "b", body: { n, padding: "x".repeat(n % 97) } }));
        const receipts = await agent.request<SendReceipt[]>("POST", "/v1/messages", batch);
        assert.equal(receipts.length, numbers.length);
        for (const n of numbers) accepted.add(n);
      } catch (error) {
        if (agent.child.status === undefined) assert.match(String(error), DIED, `${error}`);
        await pause(5);
      }
    }
  })();

  const log: number[] = [];
  /** Read, and not known to be taken. */
  let uncertain = new Set<string>();
  let readAgain = 0;
  let done = false;
  const receiving = (async () => {
    while (!done) {
      const agent = nodes.b;
      try {
        const rows = await agent.request<InboxRow[]>("GET", "/v1/messages?limit=200&wait=200ms");
        for (const { id, body } of rows) {
          if (uncertain.has(id)) readAgain++;
          else log.push((body as { n: number }).n);
        }
        if (rows.length === 0) continue;
        uncertain = new Set(rows.map(({ id }) => id));
        const keys = rows.map(({ key }) => `key=${encodeURIComponent(key)}`).join("&");
        await agent.request("DELETE", `/v1/messages?${keys}`);
        uncertain = new Set();
      } catch (error) {
        if (agent.child.status === undefined) assert.match(String(error), DIED, `${error}`);
        await pause(5);
      }
    }
  })();
  const failed = Promise.race([sending, receiving]).then(() => {});
  let failure: unknown;
  failed.catch((error) => failure = error);

  for (; kills < KILLS && failure === undefined; kills++) {
    await pause(random.below(200));
    const victims = random.pick([["a"], ["b"], ["a", "b"]] as const);
    await Promise.all(victims.map((name) => nodes[name].kill()));
    await Promise.all(victims.map(restart));
  }
  await sending;
  const all = () => [...accepted].every((n) => n <= (log.at(-1) ?? -1));
  const outboxIsEmpty = async () =>
    (await nodes.a.request<{ messages: number }>("GET", "/v1/outbox")).messages === 0;
  await until(
    "all arrived",
    async () => all() && await outboxIsEmpty(),
    () => `${log.length} of ${accepted.size}\n${nodes.a.stderr}\n${nodes.b.stderr}`,
  );
  await pause(300);
  done = true;
  await receiving;

  for (let i = 1; i < log.length; i++) {
    assert.ok(
      (log[i] as number) > (log[i - 1] as number),
      `${log[i]} came after ${log[i - 1]}: twice, or out of order`,
    );
  }
  const arrived = new Set(log);
  const lost = [...accepted].filter((n) => !arrived.has(n));
  assert.deepEqual(lost, [], `${lost.length} of ${accepted.size} are lost`);
  const undelivered = await nodes.a.request<{ undelivered: unknown[] }>("GET", "/v1/outbox");
  assert.deepEqual(undelivered.undelivered, []);
  assert.ok(log.length <= posted);
  console.log(
    `${kills} kills, ${accepted.size} accepted of ${posted} posted, ${log.length} arrived, ` +
      `${readAgain} read again by the consumer`,
  );
});

/** What a request says whose agent is killed. */
const DIED = /connection|closed|error sending|reset|broken|client|TypeError|BadResource|503/i;
