/**
 * The machine alone: two nodes in this process, a store in memory, and no sockets. The upper bound
 * of what two agents can do with one core.
 *
 * @module
 */
import { Random } from "../lib/core/mod.ts";
import { DEFAULTS, MessageKind, Piot, type PiotConfig, type PiotStore } from "../lib/piot/mod.ts";
import { CannotMeasure, type Context } from "./harness/context.ts";
import { interleave } from "./harness/rounds.ts";

const CONFIG: PiotConfig = { ...DEFAULTS, holdEntries: 100_000, inboxEntries: 1_000_000 };
/** Messages that are sent between two turns of the event loop. */
const BURST = 500;

/** Reports what a message costs. */
export async function machineAlone(context: Context): Promise<void> {
  const count = context.choose(20_000, 10_000);
  const pair = new MachinePair();
  const samples = await interleave(context.choose(7, 3), {
    small: () => pair.run(count, 100),
    large: () => pair.run(count, 1_024),
  });
  for (const [name, size] of [["small", 100], ["large", 1_024]] as const) {
    context.report.measured({
      what: `machines alone, ${size} bytes: sent, confirmed and taken`,
      unit: "µs",
      samples: samples[name],
    });
  }
}

class Memory implements PiotStore {
  readonly #entries = new Map<string, Uint8Array>();

  scan(prefix: string): [string, Uint8Array][] {
    return [...this.#entries].filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => a < b ? -1 : 1);
  }

  commit(changes: ReadonlyMap<string, Uint8Array | null>): void {
    for (const [key, value] of changes) {
      if (value === null) this.#entries.delete(key);
      else this.#entries.set(key, value);
    }
  }
}

/** Two nodes with a session between them. */
export class MachinePair {
  readonly #a: Piot;
  readonly #b: Piot;
  /** Bytes on their way: each write on its own, as a socket may hand them out. */
  readonly #toA: Uint8Array[] = [];
  readonly #toB: Uint8Array[] = [];
  #confirmed = 0;
  #now = 0;

  constructor() {
    const random = new Random(1);
    let dialled: number | undefined;
    const node = (name: string, out: Uint8Array[]) =>
      new Piot({
        name,
        config: CONFIG,
        store: new Memory(),
        random,
        randomBytes: (length) => random.bytes(length),
        wall: () => 1_700_000_000_000 + this.#now,
        output: {
          dial: (connection) => dialled = connection,
          write: (_, bytes) => out.push(bytes),
          close: () => {},
          event: (event) => {
            if (event.kind === "confirmed") this.#confirmed++;
          },
        },
      }, 0);
    this.#a = node("a", this.#toB);
    this.#b = node("b", this.#toA);
    this.#a.learn(0, { peer: this.#b.id, name: "b", addresses: ["b"], dial: "always" });
    this.#a.wake(0);
    if (dialled === undefined) throw new CannotMeasure("the machine does not dial");
    this.#connectionA = dialled;
    this.#connectionB = this.#b.accepted(0, "a");
    this.#a.connected(0, dialled);
    this.#settle();
  }

  readonly #connectionA: number;
  readonly #connectionB: number;

  /** Sends so many, in bursts, and has them taken; µs a message. */
  run(count: number, size: number): number {
    const body = new Uint8Array(size).fill(0x2e);
    const before = this.#confirmed;
    const start = performance.now();
    for (let sent = 0; sent < count;) {
      for (const end = sent + BURST; sent < end; sent++) {
        this.#a.send(this.#now, { name: "b" }, {
          header: { kind: MessageKind.Data, type: "text/plain", created: 1_700_000_000_000 },
          body,
        });
      }
      this.#settle();
      for (const { link, id } of this.#b.inbox()) this.#b.take(link, id);
      this.#b.flush(this.#now);
    }
    const time = performance.now() - start;
    if (this.#confirmed - before !== count) {
      throw new CannotMeasure(`${this.#confirmed - before} of ${count} were confirmed`);
    }
    return 1_000 * time / count;
  }

  /** Until both have nothing more to say. */
  #settle(): void {
    do {
      this.#now += 0.01;
      this.#a.flush(this.#now);
      for (const bytes of this.#toB.splice(0)) {
        this.#b.received(this.#now, this.#connectionB, bytes);
      }
      this.#b.flush(this.#now);
      for (const bytes of this.#toA.splice(0)) {
        this.#a.received(this.#now, this.#connectionA, bytes);
      }
      this.#a.flush(this.#now);
    } while (this.#toA.length > 0 || this.#toB.length > 0);
  }
}

if (import.meta.main) {
  const pair = new MachinePair();
  for (let i = 0; i < 10; i++) {
    console.log(100, pair.run(10_000, 100).toFixed(1), 1024, pair.run(10_000, 1_024).toFixed(1));
  }
}
