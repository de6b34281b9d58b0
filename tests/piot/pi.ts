/**
 * A computer with a wall clock that cannot be trusted, and one node on a real file: its monotonic clock
 * begins anew with each start, its wall clock says what it is told.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import { DEFAULTS, type OutboxView, Piot, type PiotStore } from "../../lib/piot/mod.ts";
import { keys } from "../../lib/piot/records.ts";
import { type MessageStore, openMessages } from "../../lib/store/mod.ts";

/** Time in ms. */
export class Pi {
  /** Reasons of drops, over all starts. */
  readonly dropped: string[] = [];
  readonly problems: string[] = [];
  /** Batches that had a note of the clocks in them, and those that had nothing else. */
  notes = 0;
  notesAlone = 0;
  /** What a write throws. */
  fault: Error | undefined;
  wall: number;
  #path: string;
  #file: MessageStore | undefined;
  #piot: Piot | undefined;
  #now = 0;
  #boot = 0;
  #up = 0;
  #seed = 1;

  constructor(path: string, wall: number) {
    this.#path = path;
    this.wall = wall;
    this.start();
  }

  get piot(): Piot {
    if (!this.#piot) throw new Error("it is off");
    return this.#piot;
  }

  /** `boot`: the computer was off, too. */
  start(boot = true): void {
    if (boot) {
      this.#boot++;
      this.#up = 20_000;
    }
    const random = new Random(this.#seed++);
    this.#now = random.below(100_000) + random.unit();
    const file = openMessages(this.#path, (line) => void this.problems.push(line));
    this.#file = file;
    const store: PiotStore = {
      scan: (prefix) => file.scan(prefix),
      commit: (changes) => {
        if (this.fault) throw this.fault;
        if (changes.has(keys.clock)) {
          this.notes++;
          if (changes.size === 1) this.notesAlone++;
        }
        file.commit(changes);
      },
    };
    this.#piot = new Piot({
      name: "pi",
      config: DEFAULTS,
      store,
      random,
      randomBytes: (length) => random.bytes(length),
      wall: () => this.wall,
      boot: { id: `boot ${this.#boot}`, up: this.#up },
      output: {
        dial() {},
        write() {},
        close() {},
        event: (event) => {
          if (event.kind === "dropped") this.dropped.push(event.reason);
          if (event.kind === "problem") this.problems.push(event.text);
        },
      },
    }, this.#now);
    this.#piot.flush(this.#now);
  }

  /** Power off. `goodbye`: as a service is stopped. */
  off(goodbye = false): void {
    if (goodbye) {
      this.piot.stop(this.#now);
      this.piot.flush(this.#now);
    }
    this.#piot = undefined;
    this.#file?.close();
  }

  /** Off for a while, and on, with a good clock. */
  restart(ms: number): void {
    this.off();
    this.wall += ms;
    this.start();
  }

  /** Only the process ends, and another one begins after a while in which the clock is set. */
  again(ms: number, leap: number): void {
    this.off();
    this.wall += ms + leap;
    this.#up += ms;
    this.start(false);
  }

  run(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = Math.min(end, Math.max(this.#now, this.piot.nextWake()));
      this.wall += next - this.#now;
      this.#up += Math.ceil(next - this.#now);
      this.#now = next;
      if (this.piot.nextWake() > this.#now) return;
      this.piot.wake(this.#now);
    }
  }

  send(ttl?: number): void {
    const message = { header: { kind: 0 }, body: Uint8Array.of(1), ...(ttl && { ttl }) };
    this.piot.send(this.#now, { name: "nobody" }, message);
    this.piot.flush(this.#now);
  }

  get waiting(): OutboxView[] {
    return this.piot.outbox();
  }

  /** Removes the note of the clocks, as if an earlier version had written the file. */
  forgetClock(): void {
    const file = openMessages(this.#path, () => {});
    file.commit(new Map([[keys.clock, null]]));
    file.close();
  }
}

/** Runs with the path of a file that does not exist yet. */
export function withFile(run: (path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "agent-test-" });
  try {
    run(`${folder}/messages.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
