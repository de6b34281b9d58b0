/**
 * The Unix socket's place in the file system: its folder is made, what a dead agent left is cleared
 * away, and a live agent is never disturbed.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";

/** `sun_path` of unix(7), less its final zero. */
const MAX_PATH_BYTES = 107;

/** A place that cannot be had, while another may. */
class Unusable extends AgentError {}

/** Of the socket that its group may use. */
const GROUPS = 0o660;

/**
 * Binds to the first path that can be had, with its mode (default 0660) from the first moment on. A
 * path whose folder we cannot make or write is passed over for the next.
 *
 * @throws {AgentError} exit code 4: an agent answers there, or none of the paths can be had
 */
export async function bindSocket<T>(
  candidates: readonly string[],
  bind: (path: string) => T,
  mode = GROUPS,
): Promise<{ path: string; bound: T }> {
  let last: Unusable | undefined;
  for (const path of candidates) {
    try {
      prepareFolder(path);
      await clear(path);
      return { path, bound: bindAt(path, bind, mode) };
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      last = error;
    }
  }
  throw last ?? new AgentError("no path for the socket is given", ExitCode.Refused);
}

/** Removes our socket from its place. */
export function removeSocket(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Gone already, or not ours to remove: the next start clears it away, or says what is wrong.
  }
}

function unusable(path: string, why: string, cause?: unknown): Unusable {
  return new Unusable(
    `cannot make the socket ${path} (${why}); choose another: --socket`,
    ExitCode.Refused,
    { cause },
  );
}

function prepareFolder(path: string): void {
  if (new TextEncoder().encode(path).length > MAX_PATH_BYTES) {
    throw unusable(path, `longer than ${MAX_PATH_BYTES} bytes`);
  }
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw unusable(path, messageOf(cause), cause);
  }
}

/**
 * Binds in a folder that only we can enter, sets the mode, and gives the socket its place by a link: so
 * nobody else can connect in between, and who comes second is told so. Not by the umask, which
 * belongs to all threads of the process.
 */
function bindAt<T>(path: string, bind: (path: string) => T, mode: number): T {
  const folder = path.slice(0, path.lastIndexOf("/") + 1) || "./";
  let hidden: string;
  try {
    hidden = Deno.makeTempDirSync({ dir: folder, prefix: "." });
  } catch (cause) {
    throw unusable(path, messageOf(cause), cause);
  }
  try {
    const own = `${hidden}/s`;
    if (new TextEncoder().encode(own).length > MAX_PATH_BYTES) {
      throw unusable(path, `its folder's name is longer than ${MAX_PATH_BYTES - 20} bytes`);
    }
    const bound = bind(own);
    Deno.chmodSync(own, mode);
    Deno.linkSync(own, path);
    return bound;
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    if (cause instanceof Deno.errors.AlreadyExists) throw running(path);
    throw unusable(path, messageOf(cause), cause);
  } finally {
    Deno.removeSync(hidden, { recursive: true });
  }
}

function running(path: string): AgentError {
  return new AgentError(
    `an agent is already running on ${path}; stop it, or choose another: --socket`,
    ExitCode.Refused,
  );
}

async function clear(path: string): Promise<void> {
  try {
    if (Deno.lstatSync(path).isSocket !== true) {
      throw new AgentError(
        `${path} is there and is no socket; remove it, or choose another: --socket`,
        ExitCode.Refused,
      );
    }
    if (await answers(path)) throw running(path);
    Deno.removeSync(path);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    if (!(cause instanceof Deno.errors.NotFound)) throw unusable(path, messageOf(cause), cause);
  }
}

/** Whether somebody accepts connections there. Only a refusal is taken for a dead one. */
async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) throw error;
    return !(error instanceof Deno.errors.ConnectionRefused ||
      error instanceof Deno.errors.NotFound);
  }
}
