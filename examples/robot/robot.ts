/**
 * The robot: it waits for commands, does them, and tells where it is.
 *
 *     deno run -A examples/robot/robot.ts
 *
 * Then start controller.ts, on this computer or on any other one nearby.
 */
import {
  actionAndParams,
  advertise,
  sendNewsTo,
  sendReplyTo,
  waitForMessageFrom,
} from "../../lib/nearby/mod.ts";

const name = Deno.args[0] ?? "robot";
const address = await advertise(name);
const position = await advertise(`${name}/position`);
if (address === null || position === null) throw new Error(`there is a ${name} already`);
console.log(`${name} waits for commands at ${address}`);

let [x, y] = [0, 0];
let direction = 0;

for (;;) {
  const message = await waitForMessageFrom(address);
  const [action, params] = actionAndParams(String(message));
  const amount = Number(params[0] ?? 1);
  console.log(action, ...params);

  if (action === "forward") {
    x += Math.round(amount * Math.cos(direction * Math.PI / 180));
    y += Math.round(amount * Math.sin(direction * Math.PI / 180));
  } else if (action === "left") direction = (direction + amount) % 360;
  else if (action === "right") direction = (direction - amount + 360) % 360;
  else if (action !== "stop") {
    await sendReplyTo(address, `I cannot ${action}`);
    continue;
  }
  await sendReplyTo(address, `at ${x},${y} looking to ${direction}`);
  await sendNewsTo(position, "position", [x, y]);
  if (action === "stop") break;
}
console.log("good night");
