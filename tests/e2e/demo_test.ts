/** `agent demo`: what people run first. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Place, until } from "./harness.ts";

Deno.test("e2e demo: ends with 0 in time, says what happens, and leaves nothing behind", async () => {
  await using place = new Place();
  const tmp = `${place.dir}/tmp`;
  Deno.mkdirSync(tmp);
  const demo = place.start(["demo"], { env: { TMPDIR: tmp } });
  const { code, stdout, stderr } = await demo.result();
  deepStrictEqual([code, stderr], [0, ""]);
  match(stdout, /know each other/);
  match(stdout, /The attic knows it \d+(\.\d+)? ms later/);
  match(stdout, /It is gone by itself after /);
  match(stdout, /its keys are gone from the attic; 2 nodes are left/);
  match(stdout, /cleaned up\.\n$/);
  // Not a word of jargon: it is for people who have never heard of any of this.
  ok(!/DNCP|TLV|trickle|undefined|NaN|\[object/i.test(stdout), stdout);
  deepStrictEqual([...Deno.readDirSync(tmp)], []);
  deepStrictEqual([...Deno.readDirSync(`${place.dir}/home`)], [], "the home folder is untouched");
  deepStrictEqual(processesAbout(tmp), []);
});

Deno.test("e2e demo: interrupted in the middle it still leaves nothing behind", async () => {
  await using place = new Place();
  const tmp = `${place.dir}/tmp`;
  Deno.mkdirSync(tmp);
  const demo = place.start(["demo"], { env: { TMPDIR: tmp } });
  await until("two agents run", () => processesAbout(tmp).length >= 2);
  // A closed terminal; its agents take that signal for a reload.
  demo.kill("SIGHUP");
  strictEqual((await demo.exited).signal, "SIGHUP");
  await until("no agent runs on", () => processesAbout(tmp).length === 0);
  deepStrictEqual([...Deno.readDirSync(tmp)], []);
});

/** Command lines of running processes that name this folder. */
function processesAbout(folder: string): string[] {
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      if (line.includes(folder)) found.push(line);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}
