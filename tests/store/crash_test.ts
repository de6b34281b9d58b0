/** A state file and the ways in which an agent ends without saying goodbye. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "../../lib/core/mod.ts";
import { openStore } from "../../lib/store/mod.ts";

const WRITER = new URL("writer.ts", import.meta.url).pathname;
const KILLS = 12;

const quiet = (line: string): void => {
  throw new Error(`an unexpected report: ${line}`);
};

/** Starts a writer and kills it once it has acknowledged `count` writes. Returns the last one. */
async function killAfter(path: string, count: number): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-check", WRITER, path],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const decoder = new TextDecoder();
  let text = "";
  let lines = 0;
  let killed = false;
  for await (const chunk of child.stdout) {
    const piece = decoder.decode(chunk, { stream: true });
    text += piece;
    lines += piece.split("\n").length - 1;
    // Once killed, what is still in the pipe was acknowledged too.
    if (lines < count || killed) continue;
    child.kill("SIGKILL");
    killed = true;
  }
  const { signal } = await child.status;
  strictEqual(signal, "SIGKILL");
  const acknowledged = text.slice(0, text.lastIndexOf("\n")).split("\n");
  return Number(acknowledged.at(-1));
}

Deno.test("store: whatever was acknowledged before SIGKILL is there afterwards", async () => {
  const random = new Random(7787);
  const folder = await Deno.makeTempDir({ prefix: "agent-crash-" });
  const path = `${folder}/state.db`;
  try {
    let starts = 0;
    for (let i = 0; i < KILLS; i++) {
      const last = await killAfter(path, 1 + random.below(120));
      starts++;
      const store = openStore(path, quiet);
      const keys = new Set(store.entries("home").map(({ key }) => key));
      for (let n = 1; n <= last; n++) ok(keys.has(`k${n}`), `k${n} of ${last} is lost`);
      ok(keys.size <= last + 1, "nothing but the one that was being written");
      const pairs = store.entries("pairs").map(({ key, value }) =>
        `${key.replace(/left|right/, "")} ${new TextDecoder().decode(value)}`
      );
      strictEqual(pairs.length % 2, 0);
      deepStrictEqual(
        pairs.slice(0, pairs.length / 2),
        pairs.slice(pairs.length / 2),
        "left and right changed together",
      );
      // The child counted its start, and so do we now.
      strictEqual(store.epoch("home"), ++starts);
      store.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("store: a log that ends at any byte gives the state before or after a write", () => {
  const random = new Random(42);
  const folder = Deno.makeTempDirSync({ prefix: "agent-cut-" });
  const path = `${folder}/state.db`;
  const encoder = new TextEncoder();
  try {
    const live = openStore(path, quiet);
    for (let n = 1; n <= 30; n++) {
      live.putEntries("home", [
        { key: "a", value: encoder.encode(String(n)), at: n },
        { key: "b", value: encoder.encode(String(n)), at: n },
      ]);
    }
    // By another process: if this one opened and closed the file, SQLite's locks would be gone.
    const copy = (to: string) => {
      for (const end of ["", "-wal"]) {
        const { success } = new Deno.Command("cp", { args: [path + end, to + end] }).outputSync();
        ok(success);
      }
    };
    copy(`${folder}/whole`);
    live.close();
    const log = Deno.readFileSync(`${folder}/whole-wal`);
    const base = Deno.readFileSync(`${folder}/whole`);
    const seen = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const cut = `${folder}/cut${i}`;
      Deno.writeFileSync(cut, base);
      const length = random.below(log.length + 1);
      const left = log.slice(0, length);
      // Some cuts leave noise where the last block was being written.
      if (random.chance(0.5)) {
        left.set(random.bytes(Math.min(100, length)), Math.max(0, length - 100));
      }
      Deno.writeFileSync(`${cut}-wal`, left);
      const store = openStore(cut, quiet);
      const entries = store.entries("home");
      ok(entries.length === 0 || entries.length === 2);
      strictEqual(entries[0]?.at, entries[1]?.at, "both or neither");
      seen.add(entries[0]?.at ?? 0);
      store.putEntries("home", [{ key: "c", value: encoder.encode("goes on"), at: 99 }]);
      store.close();
    }
    ok(seen.size > 5, "cuts at many places");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
