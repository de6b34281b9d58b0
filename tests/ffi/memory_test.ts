/** malloc_trim(3) as the kernel sees it. */
import { ok, strictEqual } from "node:assert/strict";
import { releaseFreeMemory } from "../../ffi/memory.ts";

const anonymous = () =>
  Number(/^RssAnon:\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);

Deno.test("what the C library holds and nobody uses goes back to the kernel", () => {
  const library = Deno.dlopen("libc.so.6", {
    malloc: { parameters: ["usize"], result: "pointer" },
    free: { parameters: ["pointer"], result: "void" },
    memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
  });
  // Blocks below the size that gets a mapping of its own, with one in use above them all.
  const blocks = Array.from({ length: 400 }, () => library.symbols.malloc(100_000n));
  for (const block of blocks) library.symbols.memset(block, 1, 100_000n);
  for (const block of blocks.slice(0, -1)) library.symbols.free(block);
  const before = anonymous();
  strictEqual(releaseFreeMemory(), true);
  ok(before - anonymous() > 20_000, `${before} kB → ${anonymous()} kB`);
  library.symbols.free(blocks.at(-1)!);
  library.close();
});
