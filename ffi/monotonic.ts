/**
 * The kernel's monotonic clock (clock_gettime(2), `CLOCK_MONOTONIC`), which begins for all processes
 * at the same moment; the runtime's own begins with the process. For systemd, which compares it with
 * its own (sd_notify(3), `MONOTONIC_USEC`).
 *
 * @module
 */
import { openByAddress } from "./by_address.ts";

const CLOCK_MONOTONIC = 1;

/** Microseconds; undefined where the C library cannot be asked. */
export function monotonicMicros(): bigint | undefined {
  try {
    const library = openByAddress("libc.so.6", {
      clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
    });
    // struct timespec of 64-bit systems: two 64-bit numbers, seconds and nanoseconds.
    const time = new BigInt64Array(2);
    const failed = library.symbols.clock_gettime(CLOCK_MONOTONIC, time) !== 0;
    library.close();
    return failed ? undefined : time[0]! * 1_000_000n + time[1]! / 1_000n;
  } catch {
    return undefined;
  }
}
