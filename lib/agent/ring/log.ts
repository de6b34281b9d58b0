/**
 * The log files of the ring (`spec/pzog.md` §5): whole lines or nothing, in the file before the call
 * returns, within a limit of bytes, and never in the way of the server: a full disk is reported, and
 * what could not be written is counted.
 *
 * @module
 */
import { messageOf } from "../../core/errors.ts";
import { foldLine, type LogName, stamp } from "../../ring/mod.ts";

/**
 * Parts of the limit that the logs may take, sprog.log of clients among them. What one does not use is
 * not given to another.
 */
export const SHARES = { access: 0.35, ring: 0.35, error: 0.2, sprog: 0.1 } as const;
/** A file that could not be opened is tried again after this, in ms. */
const TRY_AGAIN = 1_000;
const LF = 0x0a;
const encoder = new TextEncoder();

/** What log files are made with. */
export interface RingLogsOptions {
  /** Made where it is not there. */
  readonly dir: string;
  /** For all files of the folder together, older copies included; 0: no limit, and no rotation. */
  readonly limit: number;
  /** Ms since 1970. */
  readonly wall: () => number;
  /** Why lines are lost; undefined: they no longer are. Told when that changes. */
  readonly trouble: (reason: string | undefined) => void;
}

/** `access.log`, `error.log`, `ring.log`. */
export class RingLogs {
  readonly #files: Record<LogName, LogFile>;

  constructor(options: RingLogsOptions) {
    const { dir, limit } = options;
    const bad = new Map<LogName, string>();
    let told: string | undefined;
    const file = (name: LogName) =>
      new LogFile({
        path: `${dir}/${name}.log`,
        limit: Math.floor(limit * SHARES[name]),
        wall: options.wall,
        trouble: (reason) => {
          if (reason === undefined) bad.delete(name);
          else bad.set(name, reason);
          const [first] = bad.values();
          if (first !== told) options.trouble(told = first);
        },
      });
    this.#files = { access: file("access"), error: file("error"), ring: file("ring") };
  }

  /** Lines that could not be written. */
  get lost(): number {
    return Object.values(this.#files).reduce((sum, { lost }) => sum + lost, 0);
  }

  write(name: LogName, lines: readonly Uint8Array[]): void {
    // ring.log is for counting: a message is a line. The others are for people.
    this.#files[name].write(lines, name !== "ring");
  }

  /** Their names may stand for other files now. */
  reopen(): void {
    for (const file of Object.values(this.#files)) file.close();
  }

  close(): void {
    this.reopen();
  }
}

/** How one file is kept. */
export interface LogFileOptions {
  readonly path: string;
  /** For it and its older copy `PATH.1` together; 0: none. */
  readonly limit: number;
  readonly wall: () => number;
  readonly trouble: (reason: string | undefined) => void;
}

/** One file. Opened when it is needed. */
export class LogFile {
  readonly #options: LogFileOptions;
  #file: Deno.FsFile | undefined;
  #size = 0;
  #second = NaN;
  #stamp = encoder.encode("");
  #buffer = new Uint8Array(4_096);
  #notBefore = -Infinity;
  #reason: string | undefined;
  /** Lines that could not be written. */
  lost = 0;
  #lostInRow = 0;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  /** Adds lines, each with the time; all in one write. `fold`: in 80 columns. */
  write(lines: readonly Uint8Array[], fold = true): void {
    const wall = this.#options.wall();
    this.#setStamp(wall);
    let first = 0;
    while (first < lines.length) {
      let length = 0;
      let count = 0;
      const room = this.#half - (this.#file === undefined ? 0 : this.#size);
      while (first + count < lines.length) {
        const line = lines[first + count] as Uint8Array;
        const text = fold ? foldLine(line) : line;
        const end = length + this.#stamp.length + text.length + 1;
        if (count > 0 && end > room) break;
        this.#reserve(end, length);
        this.#buffer.set(this.#stamp, length);
        this.#buffer.set(text, length + this.#stamp.length);
        this.#buffer[end - 1] = LF;
        length = end;
        count++;
      }
      this.#append(wall, this.#buffer.subarray(0, length), count);
      first += count;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#notBefore = -Infinity;
  }

  /** The current file takes half of the limit, the older one the other half. */
  get #half(): number {
    const { limit } = this.#options;
    return limit === 0 ? Infinity : Math.floor(limit / 2);
  }

  #append(wall: number, bytes: Uint8Array, count: number): void {
    // A clock that was set back is no reason to wait until it is that late again.
    const isSoon = wall < this.#notBefore && wall >= this.#notBefore - TRY_AGAIN;
    if (this.#file === undefined && isSoon) return this.#fail(count);
    try {
      const file = this.#file ?? this.#open();
      if (this.#size > 0 && this.#size + bytes.length > this.#half) {
        this.#rotate();
        return this.#append(wall, bytes, count);
      }
      if (bytes.length > this.#half) return this.#fail(count, "log_bytes is too small for a line");
      const written = file.writeSync(bytes);
      this.#size += written;
      if (written < bytes.length) this.#tear(file, bytes, written);
      else if (this.#reason !== undefined) this.#recovered(file);
    } catch (error) {
      this.close();
      this.#notBefore = wall + TRY_AGAIN;
      this.#fail(count, messageOf(error));
    }
  }

  /** The disk is full in the middle of something: whole lines stay, and no piece of one. */
  #tear(file: Deno.FsFile, bytes: Uint8Array, written: number): void {
    const whole = bytes.lastIndexOf(LF, written - 1) + 1;
    // Another process may write to it, too: what is cut off is ours only at the very end.
    this.#size = file.statSync().size - (written - whole);
    file.truncateSync(this.#size);
    const lost = bytes.subarray(whole).reduce((n, octet) => octet === LF ? n + 1 : n, 0);
    this.#fail(lost, "no space left on the disk");
  }

  #fail(count: number, reason = this.#reason ?? "it cannot be opened"): void {
    this.lost += count;
    this.#lostInRow += count;
    if (this.#reason === undefined) {
      this.#options.trouble(`${this.#options.path}: ${reason}; lines are lost`);
    }
    this.#reason = reason;
  }

  #recovered(file: Deno.FsFile): void {
    const words = `${this.#lostInRow} lines before this were not written: ${this.#reason}`;
    this.#reason = undefined;
    this.#lostInRow = 0;
    this.#options.trouble(undefined);
    // Only for people: where it does not fit either, nothing is lost.
    const note = encoder.encode(`${stamp(this.#options.wall())}${words.slice(0, 60)}\n`);
    if (this.#size + note.length > this.#half || this.#options.path.endsWith("/ring.log")) return;
    const written = file.writeSync(note);
    if (written < note.length) this.#tear(file, note, written);
    else this.#size += written;
  }

  #open(): Deno.FsFile {
    const { path } = this.#options;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    const file = Deno.openSync(path, { read: true, append: true, create: true });
    this.#file = file;
    this.#size = file.statSync().size;
    if (this.#size > 0) this.#endLine(file);
    if (this.#options.limit > 0) this.#shrinkOlder();
    return file;
  }

  /** A power cut may have left half a line. */
  #endLine(file: Deno.FsFile): void {
    const last = new Uint8Array(1);
    file.seekSync(-1, Deno.SeekMode.End);
    if (file.readSync(last) === 1 && last[0] !== LF) {
      this.#size += file.writeSync(Uint8Array.of(LF));
    }
  }

  #rotate(): void {
    const { path } = this.#options;
    this.#file?.close();
    this.#file = undefined;
    Deno.renameSync(path, `${path}.1`);
    this.#open();
  }

  /** An older file that is larger than its half, because the limit is smaller now: its end stays. */
  #shrinkOlder(): void {
    const older = `${this.#options.path}.1`;
    let size: number;
    try {
      ({ size } = Deno.statSync(older));
    } catch {
      return;
    }
    if (size > this.#half) keepEnd(older, size, this.#half);
  }

  #setStamp(wall: number): void {
    const second = Math.floor(wall / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    this.#stamp = encoder.encode(stamp(wall));
  }

  #reserve(size: number, used: number): void {
    if (size <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(size, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, used));
    this.#buffer = larger;
  }
}

/** The last whole lines of a file, in its place. */
function keepEnd(path: string, size: number, limit: number): void {
  const part = `${path}.part`;
  const from = Deno.openSync(path, { read: true });
  const to = Deno.openSync(part, { write: true, create: true, truncate: true });
  try {
    from.seekSync(size - limit, Deno.SeekMode.Start);
    const buffer = new Uint8Array(65_536);
    let started = false;
    for (let n = from.readSync(buffer); n !== null; n = from.readSync(buffer)) {
      const piece = buffer.subarray(0, n);
      const at = started ? 0 : piece.indexOf(LF) + 1;
      if (!started && at === 0) continue;
      started = true;
      for (let done = at; done < n;) done += to.writeSync(piece.subarray(done));
    }
  } finally {
    from.close();
    to.close();
  }
  Deno.renameSync(part, path);
}
