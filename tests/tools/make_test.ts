/** The whole build, from the real source: what it leaves, and that it is the same wherever it is made. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { checkLargePages, compile } from "../../tools/build/compile.ts";
import { bundle } from "../../tools/build/bundle.ts";
import { padLastSegment } from "../../tools/build/elf.ts";
import type { Manifest } from "../../tools/build/make.ts";
import { sha256 } from "../../tools/build/sums.ts";
import { ALL_TARGETS, DENO_VERSION, ownTarget } from "../../tools/build/targets.ts";
import { arm64Available } from "../arm64.ts";
import { build, ROOT, unavailableBecause } from "../packed.ts";
import { skipReason } from "../skip.ts";

/** What the program is made of. */
const SOURCE = ["main.ts", "lib", "ffi", "deno.json", "deno.lock"];

/** Copies of the source in two folders, one deeper than the other; neither is a git repository. */
async function copies(folder: string): Promise<[string, string]> {
  const [one, other] = [`${folder}/one`, `${folder}/some where/else`];
  for (const [from, to] of [[ROOT, one], [one, other]] as const) {
    await Deno.mkdir(to, { recursive: true });
    const sources = SOURCE.map((name) => `${from}/${name}`);
    const { success } = await new Deno.Command("cp", { args: ["-r", ...sources, to] }).output();
    ok(success);
  }
  return [one, other];
}

{
  const name = "two builds in different folders give the same bytes, and sums that hold";
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "agent-make-" });
    try {
      const [one, other] = await copies(folder);
      const built = await build(`${one}/dist`, ALL_TARGETS, { root: one });
      if ("unavailable" in built) return void skipReason(name, built.unavailable);
      // In place of what an earlier build left there.
      await Deno.mkdir(`${other}/dist`);
      await Deno.writeTextFile(`${other}/dist/agent-linux-riscv64`, "old");
      await Deno.writeTextFile(`${other}/dist/mine`, "kept");
      await build(`${other}/dist`, ALL_TARGETS, { root: other });

      const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
      const files = ALL_TARGETS.map((target) => `agent-linux-${target}`);
      deepStrictEqual(names(`${one}/dist`), ["SHA256SUMS", "agent", ...files, "manifest.json"]);
      deepStrictEqual(names(`${other}/dist`), [...names(`${one}/dist`), "mine"].sort());
      for (const name of [...files, "SHA256SUMS", "manifest.json"]) {
        const [a, b] = await Promise.all(
          [one, other].map((path) => Deno.readFile(`${path}/dist/${name}`)),
        );
        strictEqual(await sha256(a!), await sha256(b!), name);
      }
      // The launcher beside the bundle names the Deno of whoever built it.
      deepStrictEqual(names(`${one}/dist/agent`), names(`${other}/dist/agent`));

      const { success } = await new Deno.Command("sha256sum", {
        args: ["-c", "SHA256SUMS"],
        cwd: `${one}/dist`,
        stdout: "null",
      }).output();
      ok(success);
      const manifest: Manifest = JSON.parse(await Deno.readTextFile(`${one}/dist/manifest.json`));
      deepStrictEqual(manifest, built.manifest);
      strictEqual(manifest.deno, DENO_VERSION);
      strictEqual(manifest.commit, undefined);
      for (const { name, how, bytes } of manifest.files) {
        strictEqual(how, "pack");
        const stat = await Deno.stat(`${one}/dist/${name}`);
        strictEqual(stat.size, bytes);
        strictEqual(stat.mode! & 0o111, 0o111);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("where there is no base binary, auto packs and says why, and compile fails and changes nothing", async () => {
  const name =
    "where there is no base binary, auto packs and says why, and compile fails and changes nothing";
  const folder = await Deno.makeTempDir({ prefix: "agent-make-" });
  try {
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    const built = await build(folder, [ownTarget()], { how: "auto", say });
    if ("unavailable" in built) return void skipReason(name, built.unavailable);
    strictEqual(built.manifest.files[0]?.how, "pack");
    match(lines.join("\n"), /packed, as there is no base binary .*: DENORT_BIN is not set; /);
    const before = await Deno.readTextFile(`${folder}/SHA256SUMS`);
    await rejects(() => build(folder, [ownTarget()], { how: "compile" }), /no base binary.*--how/);
    strictEqual(await Deno.readTextFile(`${folder}/SHA256SUMS`), before);
    ok(![...Deno.readDirSync(folder)].some(({ name }) => name.startsWith(".")));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

{
  const name = "compile: for aarch64 the base is padded, and loads with pages of 16 KiB only then";
  Deno.test(name, async () => {
    const can = await arm64Available();
    if (!can.ok || Deno.build.arch === "aarch64") {
      return void skipReason(name, can.ok ? "needs qemu, on another processor" : can.reason);
    }
    const folder = await Deno.makeTempDir({ prefix: "agent-compile-test-" });
    try {
      await Deno.writeTextFile(`${folder}/main.ts`, 'await import("./lazy.ts");\n');
      await Deno.writeTextFile(`${folder}/lazy.ts`, 'console.log("from a chunk");\n');
      let program;
      try {
        program = await bundle(`${folder}/main.ts`);
      } catch (error) {
        const unavailable = unavailableBecause(error);
        if (unavailable === undefined) throw error;
        return void skipReason(name, unavailable);
      }
      // In place of the real base binary, which cannot be had here: it embeds, but does not start the
      // program that was embedded.
      const base = await Deno.readFile(can.deno);
      const parts = { target: "aarch64", program, base } as const;
      strictEqual(await checkLargePages(can.deno), "passed");

      const bare = `${folder}/bare`;
      await compile(parts, bare, false);
      const check = await checkLargePages(bare);
      ok(
        typeof check === "object",
        "an unpadded file must not load, or the check is worth nothing",
      );
      match(check.failed, /Error mapping file/);

      const file = `${folder}/agent-linux-aarch64`;
      await compile(parts, file);
      strictEqual(await checkLargePages(file), "passed");
      const once = await sha256(await Deno.readFile(file));
      await compile(parts, file);
      strictEqual(await sha256(await Deno.readFile(file)), once);
      ok(
        text(await Deno.readFile(file)).includes("from a chunk"),
        "lazily imported files are in it",
      );

      // Through the whole build, as DENORT_BIN.
      const sources = { file: `${folder}/base`, denoDir: "/nonexistent" };
      await Deno.writeFile(sources.file, padLastSegment(base));
      const lines: string[] = [];
      const built = await build(`${folder}/dist`, ["aarch64"], {
        how: "auto",
        sources,
        say: (line) => lines.push(line),
      });
      ok("manifest" in built);
      const [made] = built.manifest.files;
      strictEqual(made?.how, "compile");
      strictEqual(made.runtime.padded, true);
      match(
        lines.join(),
        /compiled, on the base binary of DENORT_BIN; it loads with pages of 16 Ki/,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
