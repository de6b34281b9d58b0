/**
 * Text as it is typed, line by line.
 *
 * @module
 */

/** The lines of a stream of UTF-8, without their ends. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    const parts = (text + decoder.decode(part, { stream: true })).split("\n");
    text = parts.pop() ?? "";
    for (const line of parts) yield line.replace(/\r$/, "");
  }
  if (text !== "") yield text;
}
