/** The self-extracting file: what it is once it is unpacked, and how it gets there. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { skipReason } from "../skip.ts";
import { ended, packed, Place, said, which } from "./pack/place.ts";

Deno.test("the same parts give the same file", async () => {
  const [one, other] = await Promise.all([packed(), packed()]);
  deepStrictEqual(one.bytes, other.bytes);
  const { program, runtime } = await packed({ program: "2" });
  strictEqual(runtime, one.runtime);
  ok(program !== one.program);
});

Deno.test("a packed file unpacks once, and gives the program what it was given", async () => {
  await using place = await Place.with();
  const words = ["a b", "", "--json", "$x", "*"];
  const first = await place.run(words);
  strictEqual(first.code, 0, first.err);
  strictEqual(first.err, "");
  deepStrictEqual(said(first.out, "word"), words);
  deepStrictEqual(said(first.out, "file"), [place.file]);
  deepStrictEqual(place.names(), ["program", "runtime"]);
  const [main = ""] = said(first.out, "main");
  const before = Deno.statSync(main);
  const second = await place.run(words);
  const withoutPid = (out: string) => out.replace(/^pid .*$/m, "");
  strictEqual(withoutPid(second.out), withoutPid(first.out));
  const after = Deno.statSync(main);
  strictEqual(after.ino, before.ino);
});

Deno.test("the program has no variable and no descriptor of the stub's", async () => {
  await using place = await Place.with();
  const env = { AGENT_CACHE: place.cache, LANG: "C", TMPDIR: place.folder };
  for (const turn of ["first", "later"]) {
    const { out } = await place.run(["around"], env);
    const names = said(out, "variable");
    const given = ["AGENT_FILE", "DENO_DIR", "DENO_NO_UPDATE_CHECK", "PATH", ...Object.keys(env)];
    // What shells set themselves.
    deepStrictEqual(
      names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)).sort(),
      given.sort(),
      turn,
    );
    deepStrictEqual(said(out, "open"), [], turn);
  }
});

Deno.test("what the runtime keeps for itself lies in the cache, beside the program", async () => {
  await using place = await Place.with();
  const { out } = await place.run();
  strictEqual(said(out, "deno")[0], `${said(out, "main")[0]?.replace(/\/main\.js$/, "")}/deno`);
});

Deno.test("the program has the file mode mask of whoever started it, the cache is private", async () => {
  await using place = await Place.with();
  for (const turn of ["first", "later"]) {
    const child = new Deno.Command("sh", {
      ...place.options({ AGENT_CACHE: place.cache }),
      args: ["-c", `umask 027; exec '${place.file}'`],
    }).spawn();
    deepStrictEqual(said((await ended(child)).out, "umask"), ["0027"], turn);
  }
  strictEqual(Deno.statSync(place.cache).mode! & 0o777, 0o700);
});

for (const shell of ["dash", "bash", "busybox"]) {
  const name = `a packed file runs under ${shell}`;
  Deno.test({
    name,
    ignore: !which(shell) && skipReason(name, `no ${shell} here`),
    async fn() {
      await using place = await Place.with();
      const run = (path: string, cwd: string) =>
        ended(
          new Deno.Command(which(shell)!, {
            ...place.options({ AGENT_CACHE: place.cache }),
            args: [...(shell === "busybox" ? ["sh"] : []), path, "a b"],
            cwd,
          }).spawn(),
        );
      for (const [path, cwd] of [[place.file, "/"], ["agent", place.folder]] as const) {
        const { code, out, err } = await run(path, cwd);
        strictEqual(code, 0, err);
        strictEqual(err, "");
        deepStrictEqual(said(out, "word"), ["a b"]);
        deepStrictEqual(said(out, "file"), [place.file]);
      }
      deepStrictEqual(place.names(), ["program", "runtime"]);
    },
  });
}

Deno.test("with nothing but busybox, a packed file unpacks and prunes as well", async () => {
  const name = "with nothing but busybox, a packed file unpacks and prunes as well";
  const busybox = which("busybox");
  if (!busybox) return void skipReason(name, "no busybox here");
  await using place = await Place.with({ ballast: 100_000 });
  const bin = `${place.folder}/bin`;
  Deno.mkdirSync(bin);
  const tools =
    "sh cat chmod find grep gzip head id mkdir mv rm rmdir sha256sum sync tail tar tr wc";
  for (const tool of `${tools} uname sleep flock`.split(" ")) {
    Deno.symlinkSync(busybox, `${bin}/${tool}`);
  }
  const run = () =>
    ended(
      new Deno.Command(`${bin}/sh`, {
        ...place.options({ AGENT_CACHE: place.cache, PATH: bin }),
        args: [place.file],
      }).spawn(),
    );
  strictEqual((await run()).err, "");
  place.write((await packed({ program: "2", runtime: "2" })).bytes);
  strictEqual((await run()).err, "");
  deepStrictEqual(place.names(), ["program", "runtime"]);
  Deno.removeSync(`${bin}/flock`);
  place.write((await packed({ program: "3" })).bytes);
  strictEqual((await run()).code, 0);
  Deno.truncateSync(place.file, 20_000);
  Deno.removeSync(place.cache, { recursive: true });
  const cut = await run();
  strictEqual(cut.code, 126);
  match(cut.err, /^agent: .*truncated.*\n$/);
});

Deno.test("the program is the process that was started: id, signals, exit code, stdin", async () => {
  await using place = await Place.with();
  for (const turn of ["first", "later"]) {
    const child = place.spawn(["wait"]);
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    strictEqual(new TextDecoder().decode(value), `${child.pid}\n`, turn);
    child.kill("SIGTERM");
    strictEqual((await child.status).code, 42);
    await reader.cancel();
    await child.stderr.cancel();
    strictEqual((await place.run(["exit", "78"])).code, 78);
    if (turn === "first") Deno.removeSync(place.cache, { recursive: true });
    const copy = new Deno.Command(place.file, {
      ...place.options({ AGENT_CACHE: place.cache }),
      args: ["cat"],
      stdin: "piped",
    }).spawn();
    const writer = copy.stdin.getWriter();
    await writer.write(new TextEncoder().encode("line\n\0end"));
    await writer.close();
    strictEqual((await ended(copy)).out, "line\n\0end", turn);
  }
});

Deno.test("the file is named by its whole path, through links and from any folder", async () => {
  await using place = await Place.with();
  Deno.symlinkSync(place.file, `${place.folder}/linked`);
  const run = async (command: string, args: string[], options: Deno.CommandOptions = {}) => {
    const env = { ...place.options({}).env, AGENT_CACHE: place.cache };
    const child = new Deno.Command(command, { ...place.options(env), args, ...options }).spawn();
    return said((await ended(child)).out, "file");
  };
  deepStrictEqual(await run("./agent", []), [place.file]);
  deepStrictEqual(await run("./linked", []), [place.file]);
  const path = `${place.folder}:${Deno.env.get("PATH")}`;
  deepStrictEqual(
    await run("sh", ["-c", "agent"], { cwd: "/", env: { PATH: path, AGENT_CACHE: place.cache } }),
    [place.file],
  );
});

for (const flock of [true, false]) {
  const name = `packed files that start at once all start, ${flock ? "with" : "without"} flock`;
  Deno.test({
    name,
    ignore: flock && !which("flock") && skipReason(name, "no flock here"),
    async fn() {
      await using place = await Place.with({ ballast: 3_000_000 });
      const bin = `${place.folder}/bin`;
      Deno.mkdirSync(bin);
      const tools =
        "sh cat chmod find grep gzip head id mkdir mv rm rmdir sha256sum sync tail tar tr wc";
      for (const tool of `${tools} uname sleep ${flock ? "flock" : ""}`.trim().split(" ")) {
        if (tool !== "gzip") Deno.symlinkSync(which(tool)!, `${bin}/${tool}`);
      }
      const counting = `#!/bin/sh\necho >>'${place.folder}/count'\nexec ${which("gzip")} "$@"\n`;
      Deno.writeTextFileSync(`${bin}/gzip`, counting, { mode: 0o755 });
      const env = { AGENT_CACHE: place.cache, PATH: bin };
      const all = await Promise.all(Array.from({ length: 8 }, (_, i) => place.run([`${i}`], env)));
      for (const [i, { code, out, err }] of all.entries()) {
        strictEqual(code, 0, err);
        deepStrictEqual(said(out, "word"), [`${i}`]);
      }
      deepStrictEqual(place.names(), ["program", "runtime"]);
      // Program and runtime, once; without flock as often as it happens.
      const count = Deno.readTextFileSync(`${place.folder}/count`).length;
      ok(flock ? count === 2 : count >= 2, `${count}`);
    },
  });
}

Deno.test("an upgrade prunes: what no version uses any more goes, what one uses stays", async (t) => {
  await using place = await Place.with({ program: "1", runtime: "1" });
  const inCache = () => [...Deno.readDirSync(place.cache)].map(({ name }) => name).sort();
  const versions = await Promise.all([
    packed({ program: "1", runtime: "1" }),
    packed({ program: "2", runtime: "1" }),
    packed({ program: "3", runtime: "3" }),
  ]);
  const keys = (...indexes: number[]) =>
    [
      ...new Set(indexes.flatMap((i) => [
        `program-${versions[i]!.program}`,
        `runtime-${versions[i]!.runtime}`,
      ])),
    ].sort();
  await place.run();
  await t.step("a new program over the same runtime keeps that", async () => {
    const runtime = `${place.cache}/runtime-${versions[0].runtime}/deno`;
    const before = Deno.statSync(runtime).ino;
    place.write(versions[1].bytes);
    strictEqual((await place.run()).code, 0);
    deepStrictEqual(inCache(), keys(1));
    strictEqual(Deno.statSync(runtime).ino, before);
  });
  await t.step("a version that another file still has stays, with its runtime", async () => {
    place.write(versions[2].bytes, `${place.folder}/other`);
    const other = new Deno.Command(`${place.folder}/other`, {
      ...place.options({ AGENT_CACHE: place.cache }),
    }).spawn();
    strictEqual((await ended(other)).code, 0);
    deepStrictEqual(inCache(), keys(1, 2));
  });
  await t.step("a version that still runs stays, though its file is another one now", async () => {
    const child = place.spawn(["wait"]);
    const reader = child.stdout.getReader();
    await reader.read();
    Deno.removeSync(`${place.folder}/other`);
    place.write(versions[0].bytes);
    strictEqual((await place.run()).code, 0);
    deepStrictEqual(inCache(), keys(0, 1));
    child.kill("SIGTERM");
    await child.status;
    await reader.cancel();
    await child.stderr.cancel();
  });
  await t.step("and what was unpacked for files that are gone goes", async () => {
    place.write(versions[2].bytes);
    Deno.mkdirSync(`${place.cache}/tmp.99999999`);
    strictEqual((await place.run()).code, 0);
    deepStrictEqual(inCache(), keys(2));
  });
});
