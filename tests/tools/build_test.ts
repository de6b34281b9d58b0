/** The bundle, and its launcher: it is the program, whatever folder it is started from and by whatever name. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { parse } from "../../tools/build.ts";
import { build, type Built, launcher } from "../../tools/build/launcher.ts";
import { bundle, lazily, renamed } from "../../tools/build/bundle.ts";
import { DENO_VERSION, TARGETS } from "../../tools/build/targets.ts";
import { skipReason } from "../skip.ts";

const PROGRAM = `
if (Deno.args[0] === "lazy") {
  const { answer } = await import("./lazy.ts");
  console.log(answer);
} else if (Deno.args[0] === "wait") {
  Deno.addSignalListener("SIGTERM", () => Deno.exit(42));
  console.log(Deno.pid);
  setInterval(() => {}, 1000);
} else console.log(JSON.stringify({ args: Deno.args, pid: Deno.pid }));
`;

/** A built program of two files in a folder with a blank, once for all tests here. */
async function buildFixture(): Promise<{ folder: string; files: Built[] } | { failure: string }> {
  const folder = await Deno.makeTempDir({ prefix: "agent build " });
  await Deno.writeTextFile(`${folder}/program.ts`, PROGRAM);
  await Deno.writeTextFile(`${folder}/lazy.ts`, 'export const answer: string = "from a chunk";\n');
  try {
    return { folder, files: await build(`${folder}/program.ts`, `${folder}/out`) };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    // esbuild comes from the npm registry; anything else that goes wrong is a fault of the build.
    if (/esbuild|registry|dns error|error sending request/i.test(String(error))) {
      return { failure: String(error).split("\n")[0]! };
    }
    throw error;
  }
}

Deno.test("the bundle runs from its launcher", async (t) => {
  const fixture = await buildFixture();
  if ("failure" in fixture) {
    skipReason("the bundle runs from its launcher", `no bundler: ${fixture.failure}`);
    return;
  }
  const { folder, files } = fixture;
  const agent = `${folder}/out/agent`;
  const run = async (command: string, args: string[], options: Deno.CommandOptions = {}) => {
    const { code, stdout, stderr } = await new Deno.Command(command, { args, ...options }).output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  };

  try {
    await t.step("it is main.js, a launcher, and a chunk for what is imported lazily", () => {
      ok(files.some(({ name }) => name === "main.js"));
      ok(files.some(({ name }) => name === "agent"));
      ok(files.some(({ name }) => /^lazy-\w+\.js$/.test(name)), JSON.stringify(files));
    });
    await t.step("arguments arrive as they are", async () => {
      const { out } = await run(agent, ["a b", "", "--json", "$x"]);
      strictEqual(JSON.stringify(JSON.parse(out).args), '["a b","","--json","$x"]');
    });
    await t.step("a chunk is found from any folder, through a link, and on PATH", async () => {
      await Deno.symlink(agent, `${folder}/linked`);
      const path = `${folder}/out:${Deno.env.get("PATH")}`;
      for (const [command, args] of [[`${folder}/linked`, []], ["sh", [agent]]] as const) {
        const { out, err } = await run(command, [...args, "lazy"], { cwd: "/" });
        strictEqual(out, "from a chunk\n", err);
      }
      const { out } = await run("sh", ["-c", "agent lazy"], { cwd: "/", env: { PATH: path } });
      strictEqual(out, "from a chunk\n");
      strictEqual((await run("sh", ["agent", "lazy"], { cwd: `${folder}/out` })).out, out);
    });
    await t.step("it keeps its process id, and signals and exit codes are its own", async () => {
      const child = new Deno.Command(agent, { args: ["wait"], stdout: "piped" }).spawn();
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      strictEqual(Number(new TextDecoder().decode(value)), child.pid);
      child.kill("SIGTERM");
      strictEqual((await child.status).code, 42);
      await reader.cancel();
    });
    await t.step("it starts without a home folder", async () => {
      const { code, err } = await run(agent, [], {
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin" },
      });
      strictEqual(code, 0, err);
    });
    await t.step("another build replaces the files, and leaves nothing else behind", async () => {
      await Deno.writeTextFile(`${folder}/out/stale.js`, "");
      await build(`${folder}/program.ts`, `${folder}/out`);
      const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name);
      ok(!names.includes("stale.js"));
      ok(![...Deno.readDirSync(folder)].some(({ name }) => name.startsWith(".build-")));
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a launcher without its Deno says what to do, and exits 126", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, launcher("/nonexistent/it's/deno"));
    const { code, stderr } = await new Deno.Command("/bin/sh", {
      args: [file],
      clearEnv: true,
      env: { PATH: "/nonexistent" },
    }).output();
    strictEqual(code, 126);
    match(new TextDecoder().decode(stderr), /^agent: .*DENO.*\n$/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a bundle that cannot be built changes nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/out`);
    await Deno.writeTextFile(`${folder}/out/main.js`, "old");
    await Deno.writeTextFile(`${folder}/bad.ts`, 'import "./not-there.ts";\n');
    let message = "";
    await build(`${folder}/bad.ts`, `${folder}/out`).catch((error) => message = String(error));
    match(message, /deno bundle failed/);
    strictEqual(await Deno.readTextFile(`${folder}/out/main.js`), "old");
    strictEqual([...Deno.readDirSync(folder)].length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("build: a chunk of names that are only passed on is no empty file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "agent-build-" });
  try {
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    const lazily = ["a", "b", "c", "d"].map((name) => `await import("./${name}.ts")`);
    await write("main.ts", `console.log(${lazily});`);
    await write("x.ts", "export const x = Math.random();");
    await write("y.ts", "export const y = Math.random();");
    await write("face.ts", 'export * from "./x.ts"; export * from "./y.ts";');
    await write("a.ts", 'import { x } from "./face.ts"; export const a = x;');
    await write("b.ts", 'import { y } from "./face.ts"; export const b = y;');
    await write("c.ts", 'import { x } from "./x.ts"; export const c = x;');
    await write("d.ts", 'import { y } from "./y.ts"; export const d = y;');
    let program;
    try {
      program = await bundle(`${folder}/main.ts`);
    } catch (error) {
      skipReason("build: a chunk of names that are only passed on is no empty file", String(error));
      return;
    }
    ok([...program.values()].some((text) => text.trim() === ""), "there is such a chunk here");
    for (const [name, text] of program) ok(text.length > 0, name);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("build: names of lazy imports are computed, other text stays", () => {
  strictEqual(
    lazily('import"./a.js";var f=()=>import("./b-1.js").then(g);h("import(./c.js)")'),
    'import"./a.js";var f=()=>import((0,String)("./b-1.js")).then(g);h("import(./c.js)")',
  );
});

Deno.test("build: the names of chunks come from what is in them, and not from the bundler's names", async () => {
  // Two chunks that import each other, and two that differ only in what they import.
  const chunks = (a: string, b: string, c: string, d: string, main: string) =>
    new Map([
      [`chunk-${a}.js`, `import"./chunk-${b}.js";x`],
      [`chunk-${b}.js`, `import("./chunk-${a}.js");y`],
      [`chunk-${c}.js`, `import"./chunk-${a}.js"`],
      [`chunk-${d}.js`, `import"./chunk-${b}.js"`],
      [main, `import"./chunk-${c}.js";import"./chunk-${d}.js";"./other.js"`],
    ]);
  const one = await renamed(chunks("AAAAAAA1", "B", "CCCCCCC3", "D", "program.js"), "program.js");
  const other = await renamed(chunks("ZZZZZZZ1", "B", "YYYYYYY3", "D", "program.js"), "program.js");
  deepStrictEqual([...one], [...other]);
  strictEqual(one.size, 5);
  match(one.get("main.js") ?? "", /^import"\.\/chunk-[0-9a-f]{12}\.js";.*"\.\/other\.js"$/);
  for (const text of one.values()) {
    for (const [, name = ""] of text.matchAll(/"\.\/(chunk-[^"]*)"/g)) ok(one.has(name), name);
  }
});

Deno.test("build: what is asked for on the command line", () => {
  const { targets, how, output } = parse(["--target", "all", "--how", "pack"], "/r");
  deepStrictEqual(targets, ["aarch64", "x86_64"]);
  deepStrictEqual([how, output], ["pack", "/r/dist"]);
  strictEqual(parse([], "/r").targets.length, 1);
  strictEqual(parse(["--output", "d"], "/r").output, `${Deno.cwd()}/d`);
  throws(() => parse(["--target", "armv7"], "/r"), /aarch64, x86_64, all/);
  throws(() => parse(["--how", "zip"], "/r"), /auto, compile, pack/);
  throws(() => parse(["--fast"], "/r"), /--fast/);
});

Deno.test("build: the runtimes are those of denow", () => {
  const denow = Deno.readTextFileSync(new URL("../../denow", import.meta.url));
  const setting = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(denow)?.[1];
  strictEqual(setting("version"), DENO_VERSION);
  strictEqual(setting("sha256_x64"), TARGETS.x86_64.runtime.sha256);
  strictEqual(setting("sha256_arm64"), TARGETS.aarch64.runtime.sha256);
  for (const { loader, runtime } of Object.values(TARGETS)) {
    ok(denow.includes(loader), loader);
    ok(denow.includes(`package=${runtime.package} `), runtime.package);
  }
});
