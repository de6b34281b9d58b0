/**
 * A program that uses networkzero, in a namespace: `[FUNCTION, …]` a line in, the result out.
 *
 * @module
 */
import { Nearby } from "../../lib/learn/mod.ts";

const nearby = new Nearby({ onProblem: (message) => console.error(message) });
const calls = nearby as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;

let text = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  text += chunk;
  for (let end; (end = text.indexOf("\n")) >= 0;) {
    const [name, ...params] = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    calls[name]!(...params).then(
      (value) => console.log(JSON.stringify({ value: value ?? null })),
      (error) => console.log(JSON.stringify({ error: String(error) })),
    );
  }
}
Deno.exit();
