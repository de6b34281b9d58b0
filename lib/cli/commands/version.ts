/** `agent version` */
import { VERSION } from "../../agent/version.ts";
import type { Call } from "../call.ts";

export function run({ out }: Call): number {
  const data = { version: VERSION, deno: Deno.version.deno, target: Deno.build.target };
  out.print(data, () => ({ lines: [[`agent ${VERSION} (Deno ${data.deno}, ${data.target})`]] }));
  return 0;
}
