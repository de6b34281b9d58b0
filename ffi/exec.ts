/**
 * `execv(3)`: this process becomes another program and keeps its PID, so whoever started it (a
 * terminal, a service manager) sees no end. All other threads end, and all descriptors close that the
 * runtime has opened: it opens them with O_CLOEXEC.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../lib/core/errors.ts";

const LIBRARY = "libc.so.6";

/**
 * Runs `file` with `args` (without its own name) in place of this program, in the environment as it
 * is now. Returns only by throwing: {@linkcode AgentError}, exit code 4.
 */
export function execInPlace(file: string, args: readonly string[]): never {
  const encoder = new TextEncoder();
  const texts = [file, ...args].map((text) => encoder.encode(`${text}\0`));
  if (texts.some((text) => text.indexOf(0) !== text.length - 1)) {
    throw new AgentError("an argument with a zero byte cannot be handed on", ExitCode.Refused);
  }
  // Memory of their own: small typed arrays may live inside of the engine's heap, and move.
  const buffers = texts.map((text) => {
    const memory = new Uint8Array(new ArrayBuffer(Math.max(256, text.length)));
    memory.set(text);
    return memory;
  });
  const list = new BigUint64Array(new ArrayBuffer(8 * Math.max(32, buffers.length + 1)));
  for (const [i, buffer] of buffers.entries()) {
    list[i] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
  }
  let result: number;
  try {
    const { symbols } = Deno.dlopen(LIBRARY, {
      execv: { parameters: ["buffer", "buffer"], result: "i32" },
    });
    result = symbols.execv(buffers[0] as Uint8Array<ArrayBuffer>, list);
  } catch (cause) {
    throw new AgentError(
      `this program cannot become another one (${messageOf(cause)}); restart it yourself`,
      ExitCode.Refused,
      { cause },
    );
  }
  throw new AgentError(
    `${file} cannot be started (execv gave ${result}); check that it is there and executable`,
    ExitCode.Refused,
  );
}
