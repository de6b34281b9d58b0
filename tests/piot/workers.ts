/**
 * Nodes of the simulated world that can do something: with a layer of actions for each start, and
 * what they did in the order in which they did it.
 *
 * @module
 */
import {
  type ActionHandler,
  type ActionResult,
  Actions,
  type ActionsOptions,
  type PiotConfig,
  type RequestOptions,
  Status,
} from "../../lib/piot/mod.ts";
import type { Json } from "../../lib/wire/cbor.ts";
import type { Node, World } from "./world.ts";

/** A node, and the layer of actions of its present start. */
export class Worker {
  readonly node: Node;
  actions = new Actions();
  /** "name args" of each handler that was started, over all starts. */
  readonly did: string[] = [];
  /** Correlation ids of the same. */
  readonly began: string[] = [];
  readonly aborted: string[] = [];

  constructor(
    world: World,
    name: string,
    handlers: (worker: Worker) => Readonly<Record<string, ActionHandler>> = () => ({}),
    config: Partial<PiotConfig> = {},
    options: ActionsOptions = {},
  ) {
    this.node = world.node(name, config, () => {
      this.actions = new Actions(options);
      const all = { ...standard(world, this), ...handlers(this) };
      for (const [name, handler] of Object.entries(all)) {
        this.actions.register(name, (now, call) => {
          this.did.push(`${call.name} ${JSON.stringify(call.args)}`);
          this.began.push(call.id);
          return handler(now, call);
        });
      }
      return this.actions;
    });
  }

  get name(): string {
    return this.node.name;
  }
  get id(): string {
    return this.node.piot?.id ?? "";
  }

  /** Asks, and keeps what it is told. */
  ask(
    to: string,
    name: string,
    args: Json = null,
    options: RequestOptions = {},
  ): { id: string; results: ActionResult[]; progress: Json[] } {
    const asked = { id: "", results: [] as ActionResult[], progress: [] as Json[] };
    this.node.act((_piot, now) => {
      asked.id = this.actions.request(now, { name: to }, name, args, options, {
        progress: (value) => void asked.progress.push(value),
        ended: (result) => void asked.results.push(result),
      });
    });
    return asked;
  }

  /** Answers something later, if this start still lives then. */
  later(world: World, ms: number, step: (now: number) => void): void {
    const { piot } = this.node;
    world.at(world.now + ms, () => {
      if (this.node.piot === piot) this.node.act((_piot, now) => step(now));
    });
  }
}

/** What all workers can do. */
function standard(world: World, worker: Worker): Record<string, ActionHandler> {
  return {
    echo: (now, call) => void call.finish(now, { status: Status.Ok, value: call.args }),
    fail: (now, call) => void call.finish(now, { status: Status.Error, value: "it broke" }),
    crash: () => {
      throw new Error("a bug");
    },
    // {ms, value}: answers later, with a word in between.
    slow: (now, call) => {
      const { ms = 1_000, value = null } = call.args as { ms?: number; value?: Json };
      call.progress(now, "begun");
      worker.later(world, ms, (now) => void call.finish(now, { status: Status.Ok, value }));
      return (_now, why) => void worker.aborted.push(why);
    },
  };
}

/** Every one dials every other. */
export function meet(...workers: readonly Worker[]): void {
  for (const [i, worker] of workers.entries()) {
    for (const other of workers.slice(i + 1)) {
      if (worker.node.piot && other.node.piot) worker.node.connect(other.node);
    }
  }
}
