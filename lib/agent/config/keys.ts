/**
 * Network keys in files, readable by their owner alone: 32 random bytes as base64 on one line, or, in
 * networks of profile `hncp`, any bytes.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";

/** Bytes of a network key. */
export const KEY_BYTES = 32;

/** A key file, and who named it; that decides which fault is whose. */
export interface KeyFile {
  readonly path: string;
  /** `credentials`: in systemd's `$CREDENTIALS_DIRECTORY`. `state`: made by this agent before. */
  readonly from: "config" | "flag" | "credentials" | "state";
}

/** A key file is one short line; more than this is something else. */
const MAX_FILE_BYTES = 1_024;
const LF = 10;

/** 32 fresh random bytes. */
export function generateKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

/** A key as it stands in a file: base64, 44 characters. */
export function formatKey(key: Uint8Array): string {
  return key.toBase64();
}

/** The key in a text, or undefined where there is none. White space around it does not matter. */
export function parseKey(text: string): Uint8Array | undefined {
  const compact = text.trim();
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(compact)) return undefined;
  // Not `atob`, for which the runtime first loads a script of its own: a millisecond at each start.
  return Uint8Array.fromBase64(compact);
}

/**
 * Reads a key file.
 *
 * @throws {AgentError} exit code 4 where it is readable by others, unreadable for us, or holds no
 * key; 78 where the config names a file that is not there (2 where a flag does).
 */
export function readKeyFile(file: KeyFile): Uint8Array {
  const { path } = file;
  const content = readSecret(path, file);
  const key = parseKey(content);
  if (key !== undefined) return key;
  throw new AgentError(
    `${path} holds no network key (32 bytes as base64); copy one from a node of the network, or ` +
      "make one: agent key generate",
    ExitCode.Refused,
  );
}

/**
 * Reads the key of SHSP's containers (`spec/dncp.md` §15.3): the bytes of the file as they are, less
 * one LF behind them, so that `printf foo > FILE` and `echo foo > FILE` give the same key.
 *
 * @throws {AgentError} as {@linkcode readKeyFile}
 */
export function readShspKey(file: KeyFile): Uint8Array {
  const bytes = readSecretBytes(file.path, file);
  if (bytes.length >= MAX_FILE_BYTES) {
    throw new AgentError(
      `${file.path} is too long for a key; ${MAX_FILE_BYTES - 1} bytes are allowed`,
      ExitCode.Refused,
    );
  }
  return bytes.slice(0, bytes.at(-1) === LF ? -1 : bytes.length);
}

/**
 * The text of a file that nobody but its owner may read: a key, a token. Files that systemd put into
 * its credentials folder are its own affair; it makes them 0440 for the service alone.
 *
 * @throws {AgentError} as {@linkcode readKeyFile}
 */
export function readSecret(path: string, from: { from: KeyFile["from"] }): string {
  return new TextDecoder().decode(readSecretBytes(path, from));
}

function readSecretBytes(path: string, { from }: { from: KeyFile["from"] }): Uint8Array {
  try {
    using file = Deno.openSync(path);
    const { mode, isFile } = file.statSync();
    if (!isFile) throw new AgentError(`${path} is not a file`, ExitCode.Refused);
    if (from !== "credentials" && mode !== null && (mode & 0o077) !== 0) {
      throw new AgentError(
        `${path} is readable by others; run: chmod 600 ${path}`,
        ExitCode.Refused,
      );
    }
    const buffer = new Uint8Array(MAX_FILE_BYTES);
    const length = file.readSync(buffer) ?? 0;
    return buffer.subarray(0, length);
  } catch (error) {
    throw secretError(path, from, error);
  }
}

function secretError(path: string, from: KeyFile["from"], cause: unknown): AgentError {
  if (cause instanceof AgentError) return cause;
  if (cause instanceof Deno.errors.NotFound) {
    return new AgentError(
      `${path} is not there; copy it from a node of the network (mode 0600)`,
      from === "flag" ? ExitCode.Usage : from === "config" ? ExitCode.Config : ExitCode.Refused,
      { cause },
    );
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new AgentError(
      `${path} cannot be read by this user; it must be owned by the user that runs the agent`,
      ExitCode.Refused,
      { cause },
    );
  }
  return new AgentError(`${path} cannot be read: ${messageOf(cause)}`, ExitCode.Refused, { cause });
}

/**
 * Writes a key to a new file of mode 0600, flushed to the disk. Never over an existing one.
 *
 * @throws {AgentError} exit code 4
 */
export function writeKeyFile(path: string, key: Uint8Array): void {
  try {
    using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    const line = new TextEncoder().encode(`${formatKey(key)}\n`);
    for (let at = 0; at < line.length;) at += file.writeSync(line.subarray(at));
    file.syncSync();
  } catch (cause) {
    throw new AgentError(writeProblem(path, cause), ExitCode.Refused, { cause });
  }
}

function writeProblem(path: string, cause: unknown): string {
  if (cause instanceof Deno.errors.AlreadyExists) {
    return `${path} is there already and is not overwritten; remove it first or choose another`;
  }
  if (cause instanceof Deno.errors.NotFound) return `the folder of ${path} is not there; make it`;
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `${path} cannot be written by this user; choose another place, or use sudo`;
  }
  return `${path} cannot be written: ${messageOf(cause)}`;
}
