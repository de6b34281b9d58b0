/**
 * Writes entries into a state file until it is killed or something stops it, and prints the number
 * of each one that was acknowledged. `writer.ts PATH [BYTES]`; an error goes to stderr as
 * `EXITCODE MESSAGE`.
 */
import { AgentError } from "../../lib/core/mod.ts";
import { openStore, type Store } from "../../lib/store/mod.ts";

const [path = "", bytes = "100"] = Deno.args;
const encoder = new TextEncoder();
let store: Store | undefined;
let last = 0;
try {
  store = openStore(path, (line) => {
    throw new Error(line);
  });
  const epoch = store.epoch("home");
  last = store.entries("home").length;
  for (let n = last + 1;; n++) {
    // Two entries at once: never one without the other.
    store.putEntries("home", [{ key: `k${n}`, value: new Uint8Array(Number(bytes)), at: epoch }]);
    store.putEntries("pairs", [
      { key: `left${n % 50}`, value: encoder.encode(String(n)), at: n },
      { key: `right${n % 50}`, value: encoder.encode(String(n)), at: n },
    ]);
    last = n;
    Deno.stdout.writeSync(encoder.encode(`${n}\n`));
  }
} catch (error) {
  if (!(error instanceof AgentError)) throw error;
  Deno.stderr.writeSync(encoder.encode(`${error.exitCode} ${error.message}\n`));
  if (store) {
    const kept = store.entries("home").length;
    // The last one may have been written without its pair.
    Deno.stdout.writeSync(encoder.encode(`kept ${Math.min(kept, last)} of ${last}\n`));
  }
  Deno.exit(1);
}
