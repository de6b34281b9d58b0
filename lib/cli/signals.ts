/**
 * The end of commands that follow something: SIGINT and SIGTERM.
 *
 * @module
 */

/** Aborted at the first SIGINT or SIGTERM; a second one ends the process as usual. */
export function untilSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    Deno.removeSignalListener("SIGINT", stop);
    Deno.removeSignalListener("SIGTERM", stop);
    controller.abort();
  };
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
  return controller.signal;
}

/** Waits so many ms; false where `stop` was aborted before. */
export async function pause(ms: number, stop: AbortSignal): Promise<boolean> {
  if (stop.aborted) return false;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    }
  });
  return !stop.aborted;
}
