/** The bundle's launcher: it is the program, whatever folder it is started from and by whatever name. */
import { match, ok, strictEqual } from "node:assert/strict";
import { build, type Built, launcher, lazily } from "../../tools/build.ts";
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

Deno.test("build: names of lazy imports are computed, other text stays", () => {
  strictEqual(
    lazily('import"./a.js";var f=()=>import("./b-1.js").then(g);h("import(./c.js)")'),
    'import"./a.js";var f=()=>import((0,String)("./b-1.js")).then(g);h("import(./c.js)")',
  );
});
