/**
 * What this thread holds after a collection.
 *
 * @module
 */
import v8 from "node:v8";
import vm from "node:vm";

let gc: (() => void) | undefined;

/** Collects what nobody holds. Answers what objects and buffers of this thread are left, in bytes. */
export function collect(): number {
  if (gc === undefined) {
    v8.setFlagsFromString("--expose-gc");
    gc = vm.runInNewContext("gc") as () => void;
  }
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** The same, with what finalizers let go of: they run between tasks, and twice is enough. */
export async function collectAll(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return collect();
}
