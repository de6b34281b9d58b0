/**
 * The clock that goes on from one process to the next, as long as the computer is on.
 *
 * @module
 */

/** Where time since boot comes from; one clock for all processes, which nobody sets. */
export interface BootClock {
  /** Another text after each boot. */
  readonly boot: string;
  /** ms since then. */
  readonly now: number;
}

/** The kernel's. */
export function bootClock(): BootClock {
  return {
    boot: Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim(),
    now: 1_000 * Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]),
  };
}

/** The same as an option of machines; absent where the kernel does not say. */
export function thisBoot(): { boot?: { id: string; up: number } } {
  try {
    const { boot, now } = bootClock();
    return { boot: { id: boot, up: Math.floor(now) } };
  } catch {
    return {};
  }
}
