/**
 * Chat with everybody nearby. Each has a name; what you type goes to all others.
 *
 *     deno run -A examples/chat.ts alice
 */
import {
  advertise,
  discoverGroup,
  sendMessageTo,
  sendReplyTo,
  waitForMessageFrom,
} from "../lib/nearby/mod.ts";
import { lines } from "../lib/learn/lines.ts";

const name = Deno.args[0];
if (name === undefined) throw new Error("who are you? Start it with your name: chat.ts alice");
const me = `chat/${name}`;
const address = await advertise(me, null, true);
if (address === null) throw new Error(`there is a ${name} already`);
console.log(`hello ${name}`);

async function listen(here: string) {
  for (;;) {
    const message = await waitForMessageFrom(here);
    await sendReplyTo(here);
    console.log(message);
  }
}
listen(address);

for await (const line of lines(Deno.stdin.readable)) {
  for (const [other, there] of await discoverGroup("chat", "/", me)) {
    try {
      await sendMessageTo(there, `${name}: ${line}`, 2);
    } catch {
      console.log(`(${other.slice("chat/".length)} is away)`);
    }
  }
}
Deno.exit();
