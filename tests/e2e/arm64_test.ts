/**
 * The program of the aarch64 file, as the file unpacks it, on the runtime that it brings, under qemu.
 * The file itself cannot be started so: its script would have to exec a program of another processor.
 */
import { match, ok, strictEqual } from "node:assert/strict";
import { RUN_FLAGS } from "../../tools/build/flags.ts";
import { TARGETS } from "../../tools/build/targets.ts";
import { arm64Available, arm64Command } from "../arm64.ts";
import { build } from "../packed.ts";
import { skipReason } from "../skip.ts";
import { Place } from "./harness.ts";

const NAME = "aarch64: the program that the file unpacks runs";

Deno.test(NAME, async (t) => {
  const can = await arm64Available();
  if (!can.ok) return void skipReason(NAME, can.reason);
  const folder = await Deno.makeTempDir({ prefix: "agent-arm64-" });
  try {
    const built = await build(folder, ["aarch64"]);
    if ("unavailable" in built) return void skipReason(NAME, built.unavailable);
    const [file] = built.manifest.files;
    const { deno, main } = await unpack(`${folder}/agent-linux-aarch64`, `${folder}/unpacked`);
    const run = async (...args: string[]) => {
      const [command, first, env] = arm64Command(deno);
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args: [...first, "run", ...RUN_FLAGS, main, ...args],
        env: { ...env, DENO_DIR: `${folder}/cache`, AGENT_CONFIG: "/dev/null", HOME: folder },
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
    };

    await t.step("the runtime in it is the pinned one", async () => {
      const bytes = await Deno.readFile(deno);
      const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      strictEqual(sum, TARGETS.aarch64.runtime.sha256);
    });
    await t.step("it is small enough", () => {
      ok(file!.bytes <= 42_000_000, `${file?.bytes} bytes`);
    });
    await t.step("version", async () => {
      const { code, out, err } = await run("version");
      strictEqual(code, 0, err);
      match(out, /aarch64-unknown-linux-gnu/);
    });
    await t.step("key generate", async () => {
      const path = `${folder}/home.key`;
      const { code, err } = await run("key", "generate", "--output", path);
      strictEqual(code, 0, err);
      strictEqual(Uint8Array.fromBase64(Deno.readTextFileSync(path).trim()).length, 32);
    });
    await t.step("a leafy read, from an agent of this computer over loopback", async () => {
      await using place = new Place();
      const a = await place.agent("a");
      await a.set({ temperature: 21.5 });
      const from = ["--from", a.address, "--key-file", place.keyFile, "--timeout", "60s"];
      const { code, out, err } = await run("--leafy", "read", "a:temperature", "--json", ...from);
      strictEqual(code, 0, err);
      strictEqual(JSON.parse(out).a.temperature.value, 21.5);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Takes a packed file apart, by what its script says of itself. */
async function unpack(file: string, to: string): Promise<{ deno: string; main: string }> {
  const bytes = await Deno.readFile(file);
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 32_768));
  const setting = (name: string) => Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(text)?.[1]);
  const program = setting("agent_program_at");
  const runtime = setting("agent_runtime_at");
  for (
    const [name, part] of [
      ["program", bytes.subarray(program, program + setting("agent_program_size"))],
      ["runtime", bytes.subarray(runtime)],
    ] as const
  ) {
    await Deno.mkdir(`${to}/${name}`, { recursive: true });
    await Deno.writeFile(`${to}/${name}.tgz`, part);
    const { success } = await new Deno.Command("tar", {
      args: ["-xzf", `${to}/${name}.tgz`, "-C", `${to}/${name}`],
    }).output();
    ok(success, name);
  }
  return { deno: `${to}/runtime/package/deno`, main: `${to}/program/main.js` };
}
