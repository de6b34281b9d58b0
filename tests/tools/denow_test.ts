/**
 * The wrapper that finds or installs Deno. All but the last test work without a network: a small
 * `npm` of their own "installs" the Deno that runs these tests.
 */
import { doesNotMatch, match, ok, strictEqual } from "node:assert/strict";
import { skipReason } from "../skip.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const VERSION = /^version=(.*)$/m.exec(Deno.readTextFileSync(`${ROOT}denow`))?.[1];
/** All that the wrapper needs of a system, beside Node and npm. */
const COMMANDS =
  "sh dirname readlink dd uname find mktemp rm mkdir cat sha256sum chmod mv sync env cp sleep kill";
const LOADER = Deno.build.arch === "aarch64"
  ? "/lib64/ld-linux-x86-64.so.2"
  : "/lib/ld-linux-aarch64.so.1";

/** Copies the program that runs these tests where npm would, and counts that it was asked. */
const FAKE_NPM = `#!/bin/sh
echo asked >>"$ASKED"
while [ "$1" != --prefix ]; do shift; done
prefix=$2
for package; do :; done
to=$prefix/node_modules/\${package%@*}
mkdir -p "$to"
cp "$REAL_DENO" "$to/deno"
`;

function which(command: string): string | undefined {
  return (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/${command}`).find(
    (path) => {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        return false;
      }
    },
  );
}

/** A copy of the wrapper in a folder of its own (with a blank), and a PATH with little on it. */
class Place implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "agent denow " });
  readonly bin = `${this.folder}/bin`;
  readonly home = `${this.folder}/home`;
  readonly repository = `${this.folder}/repository`;
  readonly #asked = `${this.folder}/asked`;

  constructor(npm?: string) {
    for (const path of [this.bin, this.home, this.repository]) Deno.mkdirSync(path);
    Deno.copyFileSync(`${ROOT}denow`, `${this.repository}/denow`);
    for (const command of COMMANDS.split(" ")) {
      const path = which(command);
      if (path) Deno.symlinkSync(path, `${this.bin}/${command}`);
    }
    if (npm) this.command("npm", npm);
  }

  /** Puts a script on the PATH. */
  command(name: string, text: string): void {
    if (exists(`${this.bin}/${name}`)) Deno.removeSync(`${this.bin}/${name}`);
    Deno.writeTextFileSync(`${this.bin}/${name}`, text, { mode: 0o755 });
  }

  options(env: Record<string, string> = {}): Deno.CommandOptions {
    return {
      cwd: this.folder,
      clearEnv: true,
      env: {
        PATH: this.bin,
        HOME: this.home,
        ASKED: this.#asked,
        REAL_DENO: Deno.execPath(),
        ...env,
      },
      stdout: "piped",
      stderr: "piped",
    };
  }

  spawn(args: string[], env: Record<string, string> = {}, shell = "sh") {
    const script = [`${this.repository}/denow`, ...args];
    return new Deno.Command(which(shell) ?? shell, { args: script, ...this.options(env) }).spawn();
  }

  async run(args: string[], env: Record<string, string> = {}, shell = "sh") {
    const { code, stdout, stderr } = await this.spawn(args, env, shell).output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  }

  get installations(): number {
    try {
      return Deno.readTextFileSync(this.#asked).split("\n").length - 1;
    } catch {
      return 0;
    }
  }

  /** What lies in `.deno/`. */
  get store(): string[] {
    try {
      return [...Deno.readDirSync(`${this.repository}/.deno`)].map(({ name }) => name).sort();
    } catch {
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

const WHICH_DENO = ["eval", "console.log(Deno.execPath())"];

Deno.test("denow takes $DENO if it is the pinned version", async () => {
  strictEqual(Deno.version.deno, VERSION, "these tests run on the pinned Deno");
  await using place = new Place(FAKE_NPM);
  const { out, err } = await place.run(WHICH_DENO, { DENO: Deno.execPath() });
  strictEqual(out.trim(), Deno.execPath());
  strictEqual(err, "");
  strictEqual(place.installations, 0);
});

Deno.test("denow says so when $DENO is another version, and looks on", async () => {
  await using place = new Place(FAKE_NPM);
  place.command("old", "#!/bin/sh\necho deno 1.0.0\n");
  const { code, out, err } = await place.run(WHICH_DENO, { DENO: `${place.bin}/old` });
  strictEqual(code, 0);
  strictEqual(out.trim(), `${place.repository}/.deno/${VERSION}/deno`);
  match(err, /^denow: DENO=.*old is not a native Deno/);
});

Deno.test("denow takes a Deno on PATH, but not a script around one", async () => {
  await using place = new Place(FAKE_NPM);
  Deno.symlinkSync(Deno.execPath(), `${place.bin}/deno`);
  strictEqual((await place.run(WHICH_DENO)).code, 0);
  strictEqual(place.installations, 0);
  place.command("deno", `#!/bin/sh\nexec "${Deno.execPath()}" "$@"\n`);
  strictEqual((await place.run(WHICH_DENO)).code, 0);
  strictEqual(place.installations, 1);
});

Deno.test("denow installs once, and then starts what it installed", async () => {
  await using place = new Place(FAKE_NPM);
  const first = await place.run(WHICH_DENO);
  strictEqual(first.out.trim(), `${place.repository}/.deno/${VERSION}/deno`);
  match(first.err, /^denow: installing Deno .*\n$/);
  const second = await place.run(WHICH_DENO);
  strictEqual(second.out, first.out);
  strictEqual(second.err, "");
  strictEqual(place.installations, 1);
  strictEqual(place.store.join(), VERSION);
});

for (const shell of ["dash", "bash", "busybox"]) {
  const name = `denow runs under ${shell}`;
  const ignore = !which(shell) && skipReason(name, `no ${shell} here`);
  Deno.test({
    name,
    ignore,
    async fn() {
      await using place = new Place(FAKE_NPM);
      const script = `${place.repository}/denow`;
      const args = [...(shell === "busybox" ? ["sh"] : []), script, ...WHICH_DENO];
      const { code, stderr } = await new Deno.Command(which(shell)!, {
        args,
        ...place.options(),
      }).output();
      strictEqual(code, 0, new TextDecoder().decode(stderr));
      strictEqual(place.installations, 1);
    },
  });
}

Deno.test("denow is the process that it starts: id, signals, exit code, arguments", async () => {
  await using place = new Place();
  const program = `Deno.addSignalListener("SIGTERM", () => Deno.exit(42));
    console.log(Deno.pid, JSON.stringify(Deno.args)); setInterval(() => {}, 1000);`;
  const child = place.spawn(["eval", program, "a b", ""], { DENO: Deno.execPath() });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  strictEqual(new TextDecoder().decode(value), `${child.pid} ["a b",""]\n`);
  child.kill("SIGTERM");
  strictEqual((await child.status).code, 42);
  await reader.cancel();
  await child.stderr.cancel();
});

Deno.test("two denow that install at once both start", async () => {
  await using place = new Place(FAKE_NPM.replace('cp "', 'sleep 0.2\ncp "'));
  const both = await Promise.all([place.run(WHICH_DENO), place.run(WHICH_DENO)]);
  for (const { code, err } of both) strictEqual(code, 0, err);
  strictEqual(place.installations, 2);
  strictEqual(place.store.join(), VERSION);
});

Deno.test("an installation that is stopped leaves nothing, and the next one works", async () => {
  await using place = new Place('#!/bin/sh\necho asked >>"$ASKED"\nexec sleep 60\n');
  const child = place.spawn(WHICH_DENO);
  while (place.installations === 0) await new Promise((done) => setTimeout(done, 5));
  ok(place.store.some((name) => name.startsWith("tmp.")));
  child.kill("SIGTERM");
  strictEqual((await child.output()).code, 143);
  strictEqual(place.store.join(), VERSION);
  strictEqual([...Deno.readDirSync(`${place.repository}/.deno/${VERSION}`)].length, 0);
  place.command("npm", FAKE_NPM);
  strictEqual((await place.run(WHICH_DENO)).code, 0);
});

Deno.test("a file that is not the pinned runtime is not installed", async () => {
  await using place = new Place(`${FAKE_NPM}echo more >>"$to/deno"\n`);
  const { code, err } = await place.run(WHICH_DENO);
  strictEqual(code, 1);
  match(err, /SHA-256 .* not the expected/);
  strictEqual(place.store.join(), VERSION);
});

Deno.test("a Deno of no length, left by a power cut, is installed again", async () => {
  await using place = new Place(FAKE_NPM);
  Deno.mkdirSync(`${place.repository}/.deno/${VERSION}`, { recursive: true });
  const file = `${place.repository}/.deno/${VERSION}/deno`;
  Deno.writeTextFileSync(file, "", { mode: 0o755 });
  strictEqual((await place.run(WHICH_DENO)).out.trim(), file);
});

Deno.test("without Deno and npm, one line says what to install", async () => {
  await using place = new Place();
  const { code, out, err } = await place.run(["task", "demo"]);
  strictEqual(code, 1);
  strictEqual(out, "");
  match(err, /^denow: .*apt-get install npm.*\n$/);
});

Deno.test("npm's own words are shown when it fails", async () => {
  await using place = new Place("#!/bin/sh\necho npm error code EAI_AGAIN >&2\nexit 1\n");
  const { code, err } = await place.run(WHICH_DENO);
  strictEqual(code, 1);
  match(err, /npm error code EAI_AGAIN\ndenow: npm could not install .*\n$/);
  strictEqual(place.store.join(), VERSION);
});

Deno.test("a computer that has no Deno is told so in one line", async () => {
  await using place = new Place(FAKE_NPM);
  const uname = (machine: string) =>
    place.command("uname", `#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo ${machine}\n`);
  for (const machine of ["armv7l", "armv6l", "i686", "riscv64"]) {
    uname(machine);
    const { code, err } = await place.run(WHICH_DENO);
    strictEqual(code, 1);
    match(err, new RegExp(`^denow: no Deno for Linux on ${machine}; .*64-bit.*\\n$`));
  }
  strictEqual(place.installations, 0);
});

const musl = "a system without 64-bit glibc is told so in one line";
const bothLoaders = exists(LOADER);
Deno.test({
  name: musl,
  ignore: bothLoaders && skipReason(musl, `${LOADER} exists here, so no such system can be played`),
  async fn() {
    await using place = new Place(FAKE_NPM);
    const other = Deno.build.arch === "aarch64" ? "x86_64" : "aarch64";
    place.command("uname", `#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo ${other}\n`);
    const { code, err } = await place.run(WHICH_DENO);
    strictEqual(code, 1);
    match(err, /^denow: this system has no 64-bit glibc .*\n$/);
  },
});

Deno.test("without a usable home folder, downloads are kept in the repository", async () => {
  await using place = new Place();
  const show = ["eval", "console.log(Deno.env.get('DENO_DIR') ?? 'of its own')"];
  const store = `${place.repository}/.deno/cache\n`;
  const deno = { DENO: Deno.execPath() };
  strictEqual((await place.run(show, deno)).out, "of its own\n");
  strictEqual((await place.run(show, { ...deno, HOME: "" })).out, store);
  strictEqual((await place.run(show, { ...deno, HOME: "/nonexistent" })).out, store);
  strictEqual((await place.run(show, { ...deno, HOME: "/proc" })).out, store);
  strictEqual((await place.run(show, { ...deno, HOME: "", DENO_DIR: "/x" })).out, "/x\n");
});

const fresh = "a fresh clone, with an empty home and only Node and npm, runs the demo";
const missing = ["git", "node", "npm"].filter((command) => !which(command));
Deno.test({
  name: fresh,
  ignore: missing.length > 0 && skipReason(fresh, `no ${missing.join(", ")} here`),
  async fn() {
    await using place = new Place();
    for (const command of ["node", "npm"]) {
      Deno.symlinkSync(which(command)!, `${place.bin}/${command}`);
    }
    await Deno.remove(place.repository, { recursive: true });
    const clone = await new Deno.Command("git", {
      args: ["clone", "--quiet", ROOT, place.repository],
    }).output();
    strictEqual(clone.code, 0, new TextDecoder().decode(clone.stderr));

    const { code, stdout, stderr } = await new Deno.Command(`${place.repository}/denow`, {
      args: ["task", "demo"],
      ...place.options({ NO_COLOR: "1" }),
      cwd: place.repository,
    }).output();
    const words = new TextDecoder().decode(stderr);
    const offline =
      /\b(EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E5\d\d)\b/;
    if (code !== 0 && offline.test(words)) {
      skipReason(fresh, `the npm registry is out of reach (${offline.exec(words)?.[1]})`);
      return;
    }
    strictEqual(code, 0, `${words}${new TextDecoder().decode(stdout)}`);
    match(words, /denow: installing Deno/);
    doesNotMatch(words, /error/i);
    const changes = await new Deno.Command("git", {
      args: ["status", "--porcelain"],
      cwd: place.repository,
    }).output();
    strictEqual(new TextDecoder().decode(changes.stdout), "", "the demo leaves the clone clean");
  },
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
