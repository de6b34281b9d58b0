/**
 * The real command line as a child process, in an environment of its own.
 *
 * @module
 */

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Where the tests' own Deno keeps what it has compiled, so that children need not do it again. */
function denoDir(): string {
  const { env } = Deno;
  return env.get("DENO_DIR") ?? `${env.get("XDG_CACHE_HOME") ?? `${env.get("HOME")}/.cache`}/deno`;
}

export interface Cli {
  /** HOME, runtime folder and working folder of the child. */
  readonly dir: string;
  readonly socket?: string;
  readonly env?: Record<string, string>;
}

export function spawnCli({ dir, socket, env = {} }: Cli, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", MAIN, ...args],
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      DENO_DIR: denoDir(),
      DENO_NO_UPDATE_CHECK: "1",
      HOME: dir,
      XDG_RUNTIME_DIR: dir,
      ...(socket === undefined ? {} : { AGENT_SOCKET: socket }),
      ...env,
    },
    cwd: dir,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line to its end. */
export async function cli(around: Cli, ...args: string[]): Promise<Outcome> {
  return await outcome(spawnCli(around, ...args));
}

export async function outcome(child: Deno.ChildProcess): Promise<Outcome> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Reads a stream line by line. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream.values({ preventCancel: true })) {
    text += decoder.decode(part, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
  if (text !== "") yield text;
}
