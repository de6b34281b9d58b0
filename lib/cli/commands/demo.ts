/** `agent demo` */
import type { Call } from "../call.ts";

export async function run(_: Call): Promise<number> {
  const { runDemo } = await import("../../agent/demo.ts");
  return await runDemo();
}
