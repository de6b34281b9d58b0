/** `agent links unblock NAME` */
import type { Call } from "../call.ts";
import { changeLink } from "../piot_links.ts";

export function run(call: Call): Promise<number> {
  return changeLink(call, "unblock");
}
