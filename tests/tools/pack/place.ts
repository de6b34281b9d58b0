/**
 * The self-extracting file with a small "runtime" in it: a shell script that tells what it was started
 * with. So every corner of the stub is tried within milliseconds, and without a network.
 *
 * @module
 */
import { gzip, pack } from "../../../tools/build/pack.ts";
import { sha256 } from "../../../tools/build/sums.ts";
import { tar } from "../../../tools/build/tar.ts";
import { ownTarget, type Target } from "../../../tools/build/targets.ts";

/**
 * In place of Deno. `run FLAGS main.js ARGUMENTS`: a line each for what it got; `wait` waits for a
 * signal, `exit N` ends with it, `cat` copies stdin.
 */
const RUNTIME = `#!/bin/sh
# NOTE
[ "$1" != --version ] || exit 0
while [ "\${1##*/}" != main.js ]; do shift; done
main=$1
shift
case \${1:-} in
  wait) trap 'exit 42' TERM; echo "$$"; while :; do sleep 0.01; done ;;
  exit) exit "$2" ;;
  cat) exec cat ;;
  around)
    env | sed -n 's/^\\([A-Za-z_]*\\)=.*/variable \\1/p'
    for fd in 3 4 5 6 7 8 9; do [ ! -e "/proc/$$/fd/$fd" ] || echo "open $fd"; done
    ;;
esac
echo "main $main"
echo "pid $$"
echo "file $AGENT_FILE"
echo "deno $DENO_DIR"
echo "umask $(umask)"
for word; do echo "word $word"; done
`;

/** A version of the file. Versions differ in their program, their runtime, or both. */
export interface Version {
  readonly program?: string;
  readonly runtime?: string;
  readonly target?: Target;
  /** So many bytes that do not compress are added to the runtime. */
  readonly ballast?: number;
}

/** What it ended with. */
export interface Ended {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly out: string;
  readonly err: string;
}

/** The bytes of a file, and the keys of its two halves. */
export async function packed(version: Version = {}): Promise<{
  bytes: Uint8Array<ArrayBuffer>;
  program: string;
  runtime: string;
}> {
  const { program = "1", runtime = "1", target = ownTarget(), ballast = 0 } = version;
  const text = RUNTIME.replace("NOTE", `runtime ${runtime}`);
  const noise = new Uint8Array(ballast);
  for (let at = 0; at < ballast; at += 65_536) {
    crypto.getRandomValues(noise.subarray(at, Math.min(at + 65_536, ballast)));
  }
  // A shell reads no further than this.
  const script = new TextEncoder().encode(`${text}exit\n`);
  const deno = new Uint8Array([...script, ...noise]);
  const runtimeSha256 = await sha256(deno);
  const { bytes, programSha256 } = await pack({
    target,
    version: "9.9.9",
    program: new Map([["chunk-1.js", `// ${program}\n`], ["main.js", "// main\n"]]),
    runtime: await gzip(tar([["package/README.md", new Uint8Array(9)], ["package/deno", deno]])),
    runtimeSha256,
  });
  return { bytes, program: programSha256, runtime: runtimeSha256 };
}

/** A folder with a packed file, a home, and a cache. */
export class Place implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "agent pack " });
  readonly file = `${this.folder}/agent`;
  readonly home = `${this.folder}/home`;
  readonly cache = `${this.folder}/cache`;

  private constructor() {
    Deno.mkdirSync(this.home);
  }

  /** With a file of this version. */
  static async with(version: Version = {}): Promise<Place> {
    const place = new Place();
    place.write((await packed(version)).bytes);
    return place;
  }

  /** Puts a file there, as an upgrade does: by a rename. */
  write(bytes: Uint8Array, path: string = this.file): void {
    Deno.writeFileSync(`${path}.new`, bytes, { mode: 0o755 });
    Deno.chmodSync(`${path}.new`, 0o755);
    Deno.renameSync(`${path}.new`, path);
  }

  /** What lies in a cache, without the hashes: `program`, `runtime`, and whatever should not be there. */
  names(cache: string = this.cache): string[] {
    try {
      return [...Deno.readDirSync(cache)].map(({ name }) => name.replace(/-[0-9a-f]{64}$/, ""))
        .sort();
    } catch {
      return [];
    }
  }

  options(env: Record<string, string>): Deno.CommandOptions {
    return {
      cwd: this.folder,
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    };
  }

  /** Starts the file; unless told otherwise with a cache of its own. */
  spawn(args: readonly string[] = [], env: Record<string, string> = { AGENT_CACHE: this.cache }) {
    return new Deno.Command(this.file, { ...this.options(env), args: [...args] }).spawn();
  }

  async run(args: readonly string[] = [], env?: Record<string, string>): Promise<Ended> {
    return await ended(this.spawn(args, env));
  }

  /** Runs a shell script as root in a mount namespace of its own, with the file as `$agent`. */
  async inNamespace(script: string, env: Record<string, string> = {}): Promise<Ended> {
    const command = new Deno.Command("unshare", {
      ...this.options({ agent: this.file, cache: this.cache, home: this.home, ...env }),
      args: ["-m", "--propagation", "private", "sh", "-euc", script],
    });
    return await ended(command.spawn());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What a process said and how it ended. */
export async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const { code, signal, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, signal, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** The values of the lines that begin with this word. */
export function said(out: string, word: string): string[] {
  return out.split("\n").filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
}

/** Root, in a place where it may make mount namespaces? */
export async function cannotMount(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command("unshare", {
      args: ["-m", "--propagation", "private", "sh", "-c", "mount -t tmpfs none /mnt"],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? undefined : "needs root and mount namespaces";
  } catch {
    return "needs unshare (util-linux)";
  }
}

/** The path of a command. */
export function which(command: string): string | undefined {
  return (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/${command}`)
    .find((path) => {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        return false;
      }
    });
}
