/** The self-extracting file where something is wrong: one line, exit code 126, nothing left behind. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { skipReason } from "../skip.ts";
import { cannotMount, type Ended, packed, Place, said, which } from "./pack/place.ts";

const noMounts = await cannotMount();

/** A test with mounts of its own. */
function mountTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: noMounts !== undefined && skipReason(name, noMounts), fn });
}

/** It ended as it must where it cannot start. */
function refused({ code, err, out }: Ended, words: RegExp): void {
  strictEqual(code, 126, `${out}${err}`);
  match(err, /^agent: [^\n]+\n$/);
  match(err, words);
}

Deno.test("a damaged file is told as such, wherever the damage is", async () => {
  await using place = await Place.with({ ballast: 200_000 });
  const whole = Deno.readFileSync(place.file);
  const setting = (name: string) =>
    Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(new TextDecoder().decode(whole))?.[1]);
  const program = setting("agent_program_at");
  const runtime = setting("agent_runtime_at");
  for (const at of [program, program + 40, runtime - 1, runtime + 30, runtime + 100_000]) {
    const bytes = whole.slice();
    bytes[at]! ^= 0x10;
    place.write(bytes);
    refused(await place.run(), /damaged; copy it again/);
    deepStrictEqual(place.names(place.folder), ["agent", "home"], `${at}`);
  }
  place.write(whole);
  strictEqual((await place.run()).code, 0);
});

Deno.test("a truncated file is told as such, wherever it ends", async () => {
  await using place = await Place.with();
  const whole = Deno.readFileSync(place.file);
  const end = Number(/^agent_program_at=(\d+)$/m.exec(new TextDecoder().decode(whole))?.[1]);
  for (const length of [end - 20, end, end + 100, whole.length - 1]) {
    place.write(whole.slice(0, length));
    refused(await place.run(), /truncated|cut off/);
  }
  // Within the script the shell may add what it thinks of it; it never counts as a start.
  for (let length = 400; length < end; length += 397) {
    place.write(whole.slice(0, length));
    const { code, out, err } = await place.run();
    strictEqual(code, 126, `${length}: ${out}${err}`);
    match(err, /cut off/, `${length}`);
  }
  deepStrictEqual(place.names(place.folder), ["agent", "home"]);
});

Deno.test("what a power cut left without bytes, or a cleaner took away, is unpacked again", async () => {
  await using place = await Place.with();
  const [main = ""] = said((await place.run()).out, "main");
  const folder = main.replace(/\/main\.js$/, "");
  const runtime = [...Deno.readDirSync(place.cache)].find(({ name }) => name.startsWith("run"));
  for (const path of [main, `${folder}/chunk-1.js`, `${place.cache}/${runtime?.name}/deno`]) {
    const size = Deno.statSync(path).size;
    for (const harm of [() => Deno.truncateSync(path), () => Deno.removeSync(path)]) {
      harm();
      const { code, err } = await place.run();
      strictEqual(code, 0, err);
      strictEqual(Deno.statSync(path).size, size);
    }
  }
  deepStrictEqual(place.names(), ["program", "runtime"]);
});

Deno.test("what a killed unpacking left is removed by the next one", async () => {
  await using place = await Place.with();
  Deno.mkdirSync(`${place.cache}/tmp.99999999/program`, { recursive: true });
  strictEqual((await place.run()).code, 0);
  deepStrictEqual(place.names(), ["program", "runtime"]);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.test(`${signal} while it unpacks ends it at once, and leaves nothing`, async () => {
    await using place = await Place.with();
    const bin = `${place.folder}/bin`;
    Deno.mkdirSync(bin);
    // Begins as gzip does, and never ends as long as somebody listens.
    const slow = `#!/bin/sh\n${which("gzip")} "$@" | head -c 1000\n` +
      "while printf x; do sleep 0.02; done 2>/dev/null\n";
    Deno.writeTextFileSync(`${bin}/gzip`, slow, { mode: 0o755 });
    const child = place.spawn([], {
      AGENT_CACHE: place.cache,
      PATH: `${bin}:${Deno.env.get("PATH")}`,
    });
    const temporary = `${place.cache}/tmp.${child.pid}/program`;
    while (!exists(temporary)) await new Promise((done) => setTimeout(done, 2));
    child.kill(signal);
    const { signal: endedBy, stderr } = await child.output();
    strictEqual(endedBy, signal);
    strictEqual(new TextDecoder().decode(stderr), "");
    deepStrictEqual(place.names(place.folder), ["agent", "bin", "home"]);
    strictEqual((await place.run()).code, 0);
  });
}

Deno.test("a file for another processor says so", async () => {
  const [target, other] = Deno.build.arch === "aarch64"
    ? ["x86_64", "aarch64"] as const
    : ["aarch64", "x86_64"] as const;
  await using place = await Place.with({ target });
  refused(await place.run(), new RegExp(`is for ${target}, and this computer is ${other}`));
  deepStrictEqual(place.names(place.folder), ["agent", "home"]);
});

Deno.test("a 32-bit system on a 64-bit kernel, or one without glibc, is told so", async () => {
  await using place = await Place.with();
  const text = Deno.readFileSync(place.file);
  const at = new TextDecoder("latin1").decode(text).indexOf("agent_loader=/lib");
  text.set(new TextEncoder().encode("agent_loader=/LIB"), at);
  place.write(text);
  refused(await place.run(), /no 64-bit glibc \(\/LIB.* is missing\)/);
});

Deno.test("a runtime that does not run here is not kept", async () => {
  await using place = await Place.with({ runtime: '"\necho too old a libc >&2; echo 2; exit 1\n' });
  refused(await place.run(), /the runtime does not run here: .*/);
  deepStrictEqual(place.names(place.folder), ["agent", "home"]);
});

Deno.test("without a command that unpacking needs, that one is named", async () => {
  await using place = await Place.with();
  const bin = `${place.folder}/bin`;
  Deno.mkdirSync(bin);
  for (const tool of ["uname", "chmod", "find", "grep"]) {
    Deno.symlinkSync(which(tool)!, `${bin}/${tool}`);
  }
  refused(await place.run([], { AGENT_CACHE: place.cache, PATH: bin }), /the command gzip/);
});

Deno.test("a cache that others can write to is refused", async () => {
  await using place = await Place.with();
  Deno.mkdirSync(place.cache);
  for (const mode of [0o770, 0o707, 0o1777]) {
    Deno.chmodSync(place.cache, mode);
    refused(await place.run(), /can be written by others/);
    deepStrictEqual(place.names(), []);
  }
});

{
  const name = "a cache that belongs to someone else is refused, whatever it holds";
  const ignore = Deno.uid() !== 0 && skipReason(name, "needs root");
  Deno.test({
    name,
    ignore,
    async fn() {
      await using place = await Place.with();
      strictEqual((await place.run()).code, 0);
      const before = place.names();
      Deno.chownSync(place.cache, 65_534, 65_534);
      refused(await place.run(), /belongs to someone else/);
      deepStrictEqual(place.names(), before);
      // Nor is anything run that someone else has put into ours.
      Deno.chownSync(place.cache, 0, 0);
      const [program] = [...Deno.readDirSync(place.cache)].filter(({ name }) =>
        name.startsWith("p")
      );
      const main = `${place.cache}/${program?.name}/main.js`;
      Deno.chownSync(main, 65_534, 65_534);
      strictEqual((await place.run()).code, 0);
      strictEqual(Deno.statSync(main).uid, 0);
    },
  });
}

Deno.test("a folder of AGENT_CACHE that is none, or not absolute, is told", async () => {
  await using place = await Place.with();
  Deno.writeTextFileSync(place.cache, "");
  refused(await place.run(), /cannot be made; choose another folder as AGENT_CACHE/);
  refused(await place.run([], { AGENT_CACHE: "cache" }), /not an absolute path/);
  refused(await place.run([], { AGENT_CACHE: "/proc/agent" }), /cannot be made/);
});

mountTest("a full disk is told with what is needed, and nothing is left on it", async () => {
  await using place = await Place.with({ ballast: 2_000_000 });
  // Full before the first file, within the program, within the runtime, and without inodes.
  for (const size of ["size=4k", "size=16k", "size=1m", "size=1900k", "size=8m,nr_inodes=4"]) {
    const result = await place.inNamespace(`
      mkdir -p "$cache"; mount -t tmpfs -o mode=700,${size} none "$cache"
      code=0; AGENT_CACHE=$cache "$agent" || code=$?
      echo "left $(ls -A "$cache")"; exit "$code"`);
    refused(result, /needs 3 MB of free space|cannot be written, or is full/);
    deepStrictEqual(said(result.out, "left"), [""], size);
  }
});

mountTest("a mount without programs is told, or passed over for the next cache", async () => {
  await using place = await Place.with();
  const noexec = `mkdir -p "$cache"; mount -t tmpfs -o mode=700,noexec none "$cache"`;
  refused(
    await place.inNamespace(`${noexec}; AGENT_CACHE=$cache exec "$agent"`),
    /may not hold programs \(it is mounted noexec\)/,
  );
  const next = await place.inNamespace(
    `${noexec}; unset TMPDIR; XDG_CACHE_HOME=$cache HOME=$home exec "$agent"`,
  );
  strictEqual(next.code, 0, next.err);
  match(said(next.out, "main")[0] ?? "", /home\/\.cache\/agent\/program-/);
});

mountTest(
  "a mount that becomes one without programs after the first start is told, too",
  async () => {
    await using place = await Place.with();
    refused(
      await place.inNamespace(`
      mkdir -p "$cache"; mount -t tmpfs -o mode=700 none "$cache"
      AGENT_CACHE=$cache "$agent" >/dev/null
      mount -o remount,noexec "$cache"; AGENT_CACHE=$cache exec "$agent"`),
      /noexec/,
    );
  },
);

/** In a namespace: everything read-only but what the test mounts then. */
const READ_ONLY = `
  for folder in / /var /var/cache /var/tmp /tmp; do mount --bind "$folder" "$folder"; done
  for folder in / /var /var/cache /var/tmp /tmp; do mount -o remount,bind,ro "$folder"; done`;

mountTest("with a read-only root it unpacks into memory, or tells all that it tried", async () => {
  await using place = await Place.with();
  const env = { HOME: "/root" };
  const result = await place.inNamespace(
    `${READ_ONLY}; mount -t tmpfs -o mode=1777 none /dev/shm; "$agent" && exec "$agent"`,
    env,
  );
  strictEqual(result.code, 0, result.err);
  const mains = said(result.out, "main");
  strictEqual(mains.length, 2);
  for (const main of mains) match(main, /^\/dev\/shm\/agent-0\/program-/);
  const none = await place.inNamespace(
    `${READ_ONLY}; mount -t tmpfs -o ro none /dev/shm; TMPDIR=/tmp exec "$agent"`,
    env,
  );
  refused(none, /\/root\/\.cache\/agent cannot .*\/var\/cache\/agent cannot .*set AGENT_CACHE/);
  for (const tried of ["/var/tmp/agent-0", "/tmp/agent-0", "/dev/shm/agent-0"]) {
    ok(none.err.includes(`${tried} cannot be`), none.err);
  }
});

mountTest(
  "a folder in a shared place that is a link, or someone else's, is passed over",
  async () => {
    await using place = await Place.with();
    for (
      const trap of [
        'ln -s "$home" /var/tmp/agent-0',
        "mkdir /var/tmp/agent-0; chown 65534 /var/tmp/agent-0",
        "mkdir -m 777 /var/tmp/agent-0",
        "touch /var/tmp/agent-0",
      ]
    ) {
      const { code, out, err } = await place.inNamespace(`
      mount -t tmpfs -o ro none /var/cache
      mount -t tmpfs -o mode=1777 none /var/tmp; mount -t tmpfs -o mode=1777 none /dev/shm
      unset HOME; ${trap}; exec "$agent"`);
      strictEqual(code, 0, err);
      match(said(out, "main")[0] ?? "", /^\/dev\/shm\/agent-0\//, trap);
      deepStrictEqual(place.names(place.home), []);
    }
  },
);

mountTest("a link in a shared place to a cache that is ready is passed over, too", async () => {
  await using place = await Place.with();
  const { code, out, err } = await place.inNamespace(`
    mount -t tmpfs -o ro none /var/cache
    mount -t tmpfs -o mode=1777 none /var/tmp; mount -t tmpfs -o mode=1777 none /dev/shm
    unset HOME; AGENT_CACHE=$cache "$agent" >/dev/null
    ln -s "$cache" /var/tmp/agent-0; exec "$agent"`);
  strictEqual(code, 0, err);
  match(said(out, "main")[0] ?? "", /^\/dev\/shm\/agent-0\//);
});

mountTest("the first usable cache is taken, in the documented order", async () => {
  await using place = await Place.with();
  const steps = [
    ["AGENT_CACHE", "/mnt/named", "/mnt/named"],
    ["CACHE_DIRECTORY", "/mnt/systemd:/mnt/second", "/mnt/systemd"],
    ["XDG_CACHE_HOME", "/mnt/xdg", "/mnt/xdg/agent"],
    ["HOME", "/mnt/home", "/mnt/home/.cache/agent"],
    ["", "mount -t tmpfs -o ro none /var/cache", "/var/cache/agent"],
    ["", "mount -t tmpfs -o ro none /var/tmp", "/var/tmp/agent-0"],
    ["TMPDIR", "/mnt", "/mnt/agent-0"],
  ] as const;
  const script = ["mount -t tmpfs -o mode=755 none /mnt", "unset HOME; mkdir /mnt/home"];
  for (const folder of ["/var/cache", "/var/tmp", "/dev/shm"]) {
    script.push(`mount -t tmpfs -o mode=1777 none ${folder}`);
  }
  for (const [variable, value] of steps) if (variable) script.push(`export ${variable}=${value}`);
  for (const [variable, then] of steps) {
    script.push('"$agent"', variable ? `unset ${variable}` : then);
  }
  const { code, out, err } = await place.inNamespace(`${script.join("\n")}\nexec "$agent"`);
  strictEqual(code, 0, err);
  deepStrictEqual(
    said(out, "main").map((main) => main.replace(/\/program-.*$/, "")),
    [...steps.map(([, , folder]) => folder), "/dev/shm/agent-0"],
  );
});

mountTest(
  "without a home folder it starts, and a relative XDG_CACHE_HOME is no cache",
  async () => {
    await using place = await Place.with();
    const { code, out, err } = await place.inNamespace(`
    mount -t tmpfs -o mode=755 none /var/cache; unset HOME; cd "$home"
    XDG_CACHE_HOME=relative exec "$agent"`);
    strictEqual(code, 0, err);
    match(said(out, "main")[0] ?? "", /^\/var\/cache\/agent\/program-/);
    deepStrictEqual(place.names(place.home), []);
  },
);

Deno.test("another version's runtime does not count as one's own", async () => {
  await using place = await Place.with();
  strictEqual((await place.run()).code, 0);
  const { bytes, runtime } = await packed({ runtime: "2" });
  place.write(bytes);
  strictEqual((await place.run()).code, 0);
  ok(exists(`${place.cache}/runtime-${runtime}/deno`));
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
