/**
 * The Deno of a Raspberry Pi, on this computer: the pinned runtime for aarch64 from the npm registry,
 * run by qemu's user mode (Debian: qemu-user-static, libc6-arm64-cross, libgcc-s1-arm64-cross). It
 * downloads 40 MB once, into `.deno/`. On an aarch64 computer it is simply the Deno that runs this.
 *
 * ```ts ignore
 * const name = "aarch64: it starts";
 * Deno.test(name, async () => {
 *   const can = await arm64Available();
 *   if (!can.ok) return void skipReason(name, can.reason);
 *   strictEqual((await runArm64(["--version"])).code, 0);
 * });
 * ```
 *
 * @module
 */

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const QEMU = "qemu-aarch64-static";
/** Where Debian puts the libraries of aarch64. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const PACKAGE = "@deno/linux-arm64-glibc";

/** Whether programs of aarch64 can be run here. */
export type Arm64 = { readonly ok: true; readonly deno: string } | {
  readonly ok: false;
  readonly reason: string;
};

let available: Promise<Arm64> | undefined;

/** Whether, and with which file; found out once, and downloaded where it is not there yet. */
export function arm64Available(): Promise<Arm64> {
  return available ??= find();
}

/** The runtime for aarch64, or `undefined` where it cannot be had or run. */
export async function arm64Deno(): Promise<string | undefined> {
  const can = await arm64Available();
  return can.ok ? can.deno : undefined;
}

/** What to start, to run a program of aarch64: the command, its first arguments, its environment. */
export function arm64Command(program: string): [string, string[], Record<string, string>] {
  if (Deno.build.arch === "aarch64") return [program, [], {}];
  return [QEMU, [program], { QEMU_LD_PREFIX: LIBRARIES }];
}

/**
 * Runs the runtime for aarch64 to its end.
 * @throws where {@linkcode arm64Available} says that it cannot.
 */
export async function runArm64(
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const can = await arm64Available();
  if (!can.ok) throw new Error(can.reason);
  const [command, first, env] = arm64Command(can.deno);
  const output = await new Deno.Command(command, {
    stdin: "null",
    ...options,
    args: [...first, ...args],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env, ...options.env },
  }).output();
  const text = new TextDecoder();
  return {
    code: output.code,
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
  };
}

async function find(): Promise<Arm64> {
  const no = (reason: string): Arm64 => ({ ok: false, reason });
  if (Deno.build.os !== "linux") return no("programs of aarch64 Linux run on Linux only");
  if (Deno.build.arch === "aarch64") return { ok: true, deno: Deno.execPath() };
  if (!await succeeds(QEMU, ["-version"])) return no(`needs ${QEMU} (qemu-user-static)`);
  for (const library of ["libc.so.6", "libgcc_s.so.1"]) {
    if (!isFile(`${LIBRARIES}/lib/${library}`)) {
      return no(`needs ${library} for aarch64 (libc6-arm64-cross, libgcc-s1-arm64-cross)`);
    }
  }
  const wrapper = Deno.readTextFileSync(`${ROOT}denow`);
  const setting = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(wrapper)?.[1] ?? "";
  const version = setting("version");
  const deno = `${ROOT}.deno/${version}/arm64/deno`;
  if (isFile(deno)) return { ok: true, deno };
  try {
    await download(`${PACKAGE}@${version}`, setting("sha256_arm64"), deno);
    return { ok: true, deno };
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error));
  }
}

/** One rename at the end: whoever else downloads at the same time sees the whole file or none. */
async function download(name: string, sha256: string, to: string): Promise<void> {
  const store = to.slice(0, to.lastIndexOf("/"));
  Deno.mkdirSync(store, { recursive: true });
  const folder = Deno.makeTempDirSync({ dir: `${ROOT}.deno`, prefix: "tmp." });
  try {
    const packed = await run("npm", [
      ...["pack", name, "--pack-destination", folder, "--loglevel=error", "--no-update-notifier"],
      ...["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"],
    ], folder);
    const archive = `${folder}/${packed.trim().split("\n").at(-1)}`;
    await run("tar", ["-xzf", archive, "-C", folder, "package/deno"], folder);
    const file = `${folder}/package/deno`;
    const sum = (await run("sha256sum", [file], folder)).split(" ")[0];
    if (sum !== sha256) throw new Error(`the deno of ${name} has SHA-256 ${sum}, not ${sha256}`);
    Deno.chmodSync(file, 0o755);
    Deno.renameSync(file, to);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function run(command: string, args: string[], cwd: string): Promise<string> {
  let output;
  try {
    output = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  } catch {
    throw new Error(`needs ${command}, to get the Deno for aarch64`);
  }
  const text = new TextDecoder();
  if (output.success) return text.decode(output.stdout);
  const why = text.decode(output.stderr).trim().split("\n").at(-1);
  throw new Error(`cannot get the Deno for aarch64: ${command}: ${why}`);
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdin: "null" }).output()).success;
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
