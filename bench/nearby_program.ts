/**
 * One end of a conversation, by the functions for learners: `answer|ask|publish|follow PORT COUNT`.
 * `ask` and `follow` print µs for each round trip or message, `follow` also how many were lost.
 *
 * @module
 */
import {
  sendMessageTo,
  sendNewsTo,
  sendReplyTo,
  waitForMessageFrom,
  waitForNewsFrom,
} from "../lib/nearby/mod.ts";

const [role, port, many] = Deno.args;
const address = `127.0.0.1:${port}`;
const count = Number(many);

switch (role) {
  case "answer":
    for (;;) {
      const message = await waitForMessageFrom(address);
      await sendReplyTo(address, message);
    }
  case "ask": {
    // The first tenth is for the compiler.
    for (let i = 0; i < count / 10; i++) await sendMessageTo(address, `question ${i}`, 60);
    const start = performance.now();
    for (let i = 0; i < count; i++) await sendMessageTo(address, `question ${i}`, 60);
    console.log((performance.now() - start) * 1_000 / count);
    break;
  }
  case "publish":
    for (let i = 0;; i++) await sendNewsTo(address, "temperature", i);
  case "follow": {
    const next = async () => (await waitForNewsFrom(address, "temp", 60))[1] as number;
    for (let i = 0; i < count / 10; i++) await next();
    const first = await next();
    const start = performance.now();
    let last = first;
    for (let i = 0; i < count; i++) last = await next();
    console.log((performance.now() - start) * 1_000 / count, last - first - count);
    break;
  }
}
Deno.exit();
