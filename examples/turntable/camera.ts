/** A turntable with three Pis. This one has the camera: it takes a picture whenever it is asked. */
import { advertise, sendReplyTo, waitForMessageFrom } from "../../lib/nearby/mod.ts";

const address = await advertise("camera");
if (address === null) throw new Error("there is a camera already");
console.log(`the camera is at ${address}`);

for (;;) {
  const angle = await waitForMessageFrom(address);
  if (angle === "stop") break;
  // Here a real camera would take the picture.
  const file = `picture-${angle}.jpg`;
  console.log(`took ${file}`);
  await sendReplyTo(address, file);
}
await sendReplyTo(address, "stopped");
