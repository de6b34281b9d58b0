/**
 * A turntable with three Pis. This one tells the others what to do, and everybody who wants to hear
 * it how far it is: `agent news follow director`.
 */
import { advertise, discover, sendMessageTo, sendNewsTo } from "../../lib/nearby/mod.ts";

const pictures = Number(Deno.args[0] ?? 8);
const news = await advertise("director");
const [turntable, camera] = await Promise.all([discover("turntable", 60), discover("camera", 60)]);
if (news === null || turntable === null || camera === null) {
  throw new Error("the turntable or the camera is missing");
}

for (let taken = 1; taken <= pictures; taken++) {
  const angle = await sendMessageTo(turntable, 360 / pictures, 10);
  const file = await sendMessageTo(camera, angle, 10);
  console.log(`${taken} of ${pictures}: ${file}`);
  await sendNewsTo(news, "picture", { taken, pictures, file });
}
console.log(`turntable ${await sendMessageTo(turntable, "stop", 10)}`);
console.log(`camera ${await sendMessageTo(camera, "stop", 10)}`);
