/**
 * The agent's log: stderr, one line an event. Under journald the level is a `<0>`–`<7>` prefix and
 * the journal adds the time; elsewhere each line carries the time of day.
 *
 * @module
 */

/** Levels of sd-daemon(3). */
const LEVELS = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 } as const;
export type LogLevel = keyof typeof LEVELS;

/** Where lines go. */
export interface LogSink {
  write(line: string): void;
}

/** Writes lines at or above a level. */
export class Log {
  readonly #sink: LogSink;
  readonly #journal: boolean;
  readonly #wall: () => number;
  level: LogLevel;

  /** `journal`: whether stderr leads to journald. `wall`: ms since 1970. */
  constructor(options: { level: LogLevel; journal: boolean; wall: () => number; sink: LogSink }) {
    this.level = options.level;
    this.#journal = options.journal;
    this.#wall = options.wall;
    this.#sink = options.sink;
  }

  error(message: string): void {
    this.#write("error", message);
  }

  warning(message: string): void {
    this.#write("warning", message);
  }

  /** Rare, and worth a person's eye: a start, a new network, a join. */
  notice(message: string): void {
    this.#write("notice", message);
  }

  info(message: string): void {
    this.#write("info", message);
  }

  debug(message: string): void {
    this.#write("debug", message);
  }

  #write(level: LogLevel, message: string): void {
    if (LEVELS[level] > LEVELS[this.level]) return;
    // deno-lint-ignore no-control-regex -- what came from the network must not steer a terminal
    const line = message.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");
    const prefix = this.#journal
      ? `<${LEVELS[level]}>`
      : `${new Date(this.#wall()).toISOString().slice(11, 19)} ${level}: `;
    this.#sink.write(`${prefix}${line}\n`);
  }
}

const encoder = new TextEncoder();

/** A sink that writes to stderr, whole lines at once. */
export const stderrSink: LogSink = {
  write(line) {
    try {
      Deno.stderr.writeSync(encoder.encode(line));
    } catch {
      // Nobody reads stderr any more: there is no better place to say so.
    }
  },
};
