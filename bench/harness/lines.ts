/**
 * What a program says, by lines.
 *
 * @module
 */

/**
 * Hands on each whole line, with the moment on `performance.now()` at which its end was read. `end`:
 * what ends one.
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (line: string, at: number) => void,
  end = "\n",
): Promise<void> {
  const decoder: TransformStream<Uint8Array, string> = new TextDecoderStream();
  let rest = "";
  for await (const part of stream.pipeThrough(decoder)) {
    const at = performance.now();
    const lines = (rest + part).split(end);
    rest = lines.pop() as string;
    for (const line of lines) take(line, at);
  }
}
