/**
 * `[[piot.action]]`: programs that other nodes can have run.
 *
 * @module
 */
import { type ActionCall, type ActionHandler, type Actions, Status } from "../../piot/mod.ts";
import type { Problems } from "../problems.ts";
import { runCommand } from "./commands.ts";
import type { MailboxHost } from "./host.ts";
import type { ActionTable } from "./piot_config.ts";

/** Bytes of an answer. */
const MOST_STDOUT = 900_000;
/** Calls of one action that wait for their turn. */
const MOST_WAITING = 256;

const encoder = new TextEncoder();

export interface ExecutorOptions {
  readonly actions: Actions;
  readonly input: MailboxHost["input"];
  readonly problems: Problems;
  readonly onFault: (error: unknown) => void;
  readonly nameOf: (id: string | undefined, otherwise: string) => string;
}

/** Those of one action. */
interface Lane {
  readonly table: ActionTable;
  readonly waiting: Waiting[];
  running: number;
}

interface Waiting {
  readonly call: ActionCall;
  readonly abort: AbortController;
}

/** The actions of this node's config. */
export class CommandExecutor {
  readonly #options: ExecutorOptions;
  #lanes: Lane[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** The actions are these now; what runs goes on. */
  configure(tables: readonly ActionTable[]): void {
    const { actions } = this.#options;
    const same = JSON.stringify(tables) === JSON.stringify(this.#lanes.map(({ table }) => table));
    if (same) return;
    for (const { table: { name = "" } } of this.#lanes) actions.unregister(name);
    this.#lanes = tables.map((table) => ({ table, waiting: [], running: 0 }));
    for (const lane of this.#lanes) actions.register(lane.table.name ?? "", this.#handler(lane));
  }

  /** Kills what runs. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  #handler(lane: Lane): ActionHandler {
    return (now, call) => {
      if (lane.waiting.length >= MOST_WAITING) {
        call.finish(now, { status: Status.Refused, value: "too many calls wait for their turn" });
        return;
      }
      const abort = new AbortController();
      lane.waiting.push({ call, abort });
      this.#pump(lane);
      return () => {
        abort.abort();
        const at = lane.waiting.findIndex((waiting) => waiting.call === call);
        if (at >= 0) lane.waiting.splice(at, 1);
      };
    };
  }

  #pump(lane: Lane): void {
    while (lane.running < lane.table.parallel) {
      const next = lane.waiting.shift();
      if (!next) return;
      lane.running++;
      const work: Promise<void> = this.#run(lane, next)
        .catch(this.#options.onFault)
        .finally(() => {
          this.#running.delete(work);
          lane.running--;
          this.#pump(lane);
        });
      this.#running.add(work);
    }
  }

  async #run({ table }: Lane, { call, abort }: Waiting): Promise<void> {
    const { input, nameOf, problems } = this.#options;
    const { how, code, stdout, complaint } = await runCommand(table.run ?? [], {
      stdin: encoder.encode(`${JSON.stringify(call.args)}\n`),
      env: {
        ACTION_NAME: call.name,
        ACTION_ID: call.id,
        ACTION_FROM: nameOf(call.origin ?? call.peer, call.peer),
      },
      timeoutMs: Math.min(table.timeout, call.timeout),
      signal: AbortSignal.any([abort.signal, this.#stop.signal]),
      maxStdout: MOST_STDOUT,
    });
    if (this.#stop.signal.aborted) return;
    const ok = how === "ended" && code === 0;
    if (how === "failed") {
      problems.note(`piot:action:${table.name}`, `action ${table.name}: ${complaint}`);
    }
    const status = ok
      ? Status.Ok
      : how === "timeout"
      ? Status.Timeout
      : how === "cancelled"
      ? Status.Cancelled
      : Status.Error;
    input((_, now) => call.finish(now, { status, value: ok ? valueOf(stdout) : complaint }));
  }
}

/** JSON where it is JSON, else text; nothing is null. */
function valueOf(stdout: Uint8Array) {
  const text = new TextDecoder().decode(stdout);
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text.replace(/\n$/, "");
  }
}
