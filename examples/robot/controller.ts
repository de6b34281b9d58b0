/**
 * The controller: each line that you type is a command for the robot.
 *
 *     deno run -A examples/robot/controller.ts
 *     forward 10
 *     left 90
 *     stop
 */
import { discover, sendMessageTo } from "../../lib/nearby/mod.ts";
import { lines } from "../../lib/learn/lines.ts";

const robot = await discover(Deno.args[0] ?? "robot", 60);
if (robot === null) throw new Error("there is no robot nearby");

for await (const line of lines(Deno.stdin.readable)) {
  if (line.trim() === "") continue;
  console.log(await sendMessageTo(robot, line, 10));
  if (line.trim() === "stop") break;
}
