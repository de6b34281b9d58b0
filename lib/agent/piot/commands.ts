/**
 * Programs that routes and actions run: no shell, a process group of their own, bounded output and
 * time.
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import { concat } from "../../wire/bytes.ts";
import { atMost } from "../patience.ts";

/** What is kept of stderr, for people. */
const MOST_STDERR = 2_000;
/** After it was killed, what it left in the pipes is waited for so long, in ms. */
const LAST_BYTES = 1_000;

export interface CommandOptions {
  readonly stdin: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Bytes of stdout that are taken; a program that writes more is killed. 0: they are not read. */
  readonly maxStdout: number;
}

/** How a program ended. */
export interface CommandResult {
  /** `ended`: by itself. `failed`: it could not be started, or wrote too much. */
  readonly how: "ended" | "timeout" | "cancelled" | "failed";
  /** Its exit code; -1 where it has none. */
  readonly code: number;
  readonly stdout: Uint8Array;
  /** What went wrong, as one line; empty where nothing did. */
  readonly complaint: string;
}

/** Runs a program to its end. Never rejects. */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { stdin, env = {}, timeoutMs, signal, maxStdout } = options;
  const [program = "", ...args] = argv;
  const nothing = new Uint8Array(0);
  if (signal.aborted) {
    return { how: "cancelled", code: -1, stdout: nothing, complaint: "cancelled" };
  }
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      env: { ...env },
      stdin: "piped",
      stdout: maxStdout > 0 ? "piped" : "null",
      stderr: "piped",
      // A group of its own, so that what it starts can be killed with it.
      detached: true,
    }).spawn();
  } catch (error) {
    const complaint = `${program} cannot be started: ${messageOf(error)}`;
    return { how: "failed", code: -1, stdout: nothing, complaint };
  }
  let how: CommandResult["how"] = "ended";
  const kill = (why: CommandResult["how"]) => {
    if (how !== "ended") return;
    how = why;
    killGroup(child.pid);
  };
  const timer = setTimeout(() => kill("timeout"), timeoutMs);
  const cancel = () => kill("cancelled");
  signal.addEventListener("abort", cancel);
  const stdout = maxStdout > 0
    ? gather(child.stdout, maxStdout, () => kill("failed"))
    : Promise.resolve(nothing);
  const stderr = gatherEnd(child.stderr);
  await feed(child.stdin, stdin);
  const { code } = await child.status;
  // Its children may hold the pipes open: for as long as it had time itself.
  const whole = Promise.all([stdout, stderr]);
  await (how === "ended" ? whole : atMost(LAST_BYTES, whole));
  clearTimeout(timer);
  signal.removeEventListener("abort", cancel);
  const ended = how as CommandResult["how"];
  const output = ended === "ended" ? await stdout : nothing;
  const words = ended === "ended" ? (await stderr).trim() : "";
  return {
    how: ended,
    code,
    stdout: output,
    complaint: complaintOf(ended, code, words, timeoutMs),
  };
}

function complaintOf(
  how: CommandResult["how"],
  code: number,
  words: string,
  timeoutMs: number,
): string {
  if (how === "timeout") return `took longer than ${timeoutMs} ms and was killed`;
  if (how === "cancelled") return "cancelled";
  if (how === "failed") return "wrote too much and was killed";
  if (code === 0) return "";
  const last = words.split("\n").at(-1) ?? "";
  return last === "" ? `exit code ${code}` : `exit code ${code}: ${last}`;
}

/** Kills a program and all that it started. */
function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of it is left.
  }
}

async function feed(stdin: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (bytes.length > 0) await writer.write(bytes);
    await writer.close();
  } catch {
    // It does not want to know; its exit code tells whether that is a fault.
  }
}

async function gather(
  stream: ReadableStream<Uint8Array>,
  most: number,
  tooMuch: () => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > most) tooMuch();
    else chunks.push(chunk);
  }
  return concat(chunks);
}

/** The last of what it says. */
async function gatherEnd(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text = (text + decoder.decode(chunk, { stream: true })).slice(-MOST_STDERR);
  }
  return text;
}
