/** Waiting for what the kernel does in its own time. */

/** How long anything may take before a test gives up, in ms. An emulated processor takes its time. */
const PATIENCE_MS = 20_000;

/** Until the condition holds. It is looked at whenever the event loop has a turn. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > giveUp) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
