/**
 * Memory that the C library keeps although nobody uses it (malloc_trim(3)). The runtime compiles a
 * program at its first start, and frees what that took to the library, not to the kernel: on a
 * computer with little memory it is missing for months.
 *
 * @module
 */
import { openByAddress } from "./by_address.ts";

/** Gives it back to the kernel. False where the C library has no such call: not every one is glibc. */
export function releaseFreeMemory(): boolean {
  try {
    const library = openByAddress("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32" },
    });
    library.symbols.malloc_trim(0n);
    library.close();
    return true;
  } catch {
    return false;
  }
}
