/**
 * A turntable with three Pis. This one has the motor: it turns by as many degrees as it is told.
 *
 *     deno run -A examples/turntable/turntable.ts     # on the first Pi
 *     deno run -A examples/turntable/camera.ts        # on the second one
 *     deno run -A examples/turntable/director.ts 8    # on the third one: 8 pictures all around
 */
import { advertise, sendReplyTo, waitForMessageFrom } from "../../lib/nearby/mod.ts";

const address = await advertise("turntable");
if (address === null) throw new Error("there is a turntable already");
console.log(`the turntable is at ${address}`);

let angle = 0;
for (;;) {
  const degrees = await waitForMessageFrom(address);
  if (degrees === "stop") break;
  // Here a real motor would turn.
  angle = (angle + Number(degrees)) % 360;
  console.log(`turned to ${angle}`);
  await sendReplyTo(address, angle);
}
await sendReplyTo(address, "stopped");
