/**
 * Writing whole texts to stdout and stderr.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Pause before a full pipe is tried again, in ms. */
const PIPE_PAUSE = 2;

/** Writes all of a text. Throws Deno.errors.BrokenPipe where the reader has gone. */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += to.writeSync(bytes.subarray(at));
    } catch (error) {
      // Another process made the pipe non-blocking, and it is full.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_PAUSE);
    }
  }
}

/** One line on stderr. That nobody reads it is no reason to fail. */
export function complain(text: string): void {
  try {
    // What came from the network must not steer a terminal, and one line stays one line.
    writeAll(Deno.stderr, `${text.replace(/\p{Cc}+/gu, " ")}\n`);
  } catch {
    // There is no better place to say so.
  }
}
