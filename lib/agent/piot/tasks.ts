/**
 * Calls and plans for the local API: who is meant by a target, and that each of them can be dialled.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/mod.ts";
import type { CallRequest, CallResult, JsonValue, PlanView, TasksApi } from "../../http/api.ts";
import type { Actions, Piot } from "../../piot/mod.ts";
import { jsonEqual } from "../../state/mod.ts";
import { acquaintanceOf, type PiotNetwork } from "./directory.ts";
import { PIOT_KEY, readEntry } from "./entry.ts";
import type { TasksHost } from "./host.ts";

/** Implements what `lib/http` translates. */
export class Tasks implements TasksApi {
  /** @throws {AgentError} where messages are switched off, or cannot be stored. */
  readonly #host: () => TasksHost;
  readonly #networks: readonly PiotNetwork[];

  constructor(host: () => TasksHost, networks: readonly PiotNetwork[]) {
    this.#host = host;
    this.#networks = networks;
  }

  actions(): string[] {
    return this.#host().actions.names();
  }

  call({ targets, action, args, timeoutMs, mode, hold }: CallRequest): Promise<CallResult> {
    const { input, actions, directory } = this.#host();
    const ids = this.#resolve(targets);
    return new Promise((resolve, reject) => {
      input((machine, now) => {
        try {
          this.#makeLinks(machine, now, ids);
          actions.aggregate(now, {
            targets: ids,
            name: action,
            args,
            ...(timeoutMs !== undefined && { timeout: timeoutMs }),
            ...(mode !== undefined && { mode }),
            ...(hold !== undefined && { hold }),
          }, {
            ended: ({ id, status, answers }) =>
              resolve({
                id,
                status,
                answers: answers.map((one) => ({
                  ...one,
                  name: directory.nameOf(one.node, one.name),
                })),
              }),
          });
        } catch (error) {
          reject(usageOf(error));
        }
      });
    });
  }

  start(plan: JsonValue): Promise<PlanView> {
    const { input, actions } = this.#host();
    const named = new Set<string>();
    const resolved = this.#resolvePlan(plan, named, 0);
    return new Promise((resolve, reject) => {
      input((machine, now) => {
        try {
          this.#makeLinks(machine, now, [...named]);
          const id = actions.run(now, resolved);
          machine.stored(() => resolve(this.plan(id)), reject);
        } catch (error) {
          reject(usageOf(error));
        }
      });
    });
  }

  plans(): PlanView[] {
    return this.#host().actions.plans().map(viewOf);
  }

  plan(id: string): PlanView {
    const plan = this.#host().actions.plan(id);
    if (plan) return viewOf(plan);
    throw new AgentError(
      `there is no plan "${id}"; the last 64 are known: agent plan --list`,
      ExitCode.NotThere,
    );
  }

  cancel(id: string): Promise<PlanView> {
    const { input, actions } = this.#host();
    this.plan(id);
    return new Promise((resolve, reject) => {
      input((machine, now) => {
        if (!actions.cancelPlan(now, id)) {
          const message = `plan "${id}" has ended already`;
          reject(new AgentError(message, ExitCode.Refused));
        } else machine.stored(() => resolve(this.plan(id)), reject);
      });
    });
  }

  /** Ids, in the order of the targets, each once; a name that nobody has stands for itself. */
  #resolve(targets: readonly string[]): string[] {
    return [...new Set(targets.flatMap((text) => this.#nodesOf(text)))];
  }

  #nodesOf(text: string): string[] {
    const { id, directory, machine } = this.#host();
    if (text === "*") return [id, ...this.#sorted([...directory.nodes()].map(({ id }) => id))];
    const equals = text.indexOf("=");
    if (equals > 0) return this.#selected(text.slice(0, equals), text.slice(equals + 1));
    if (this.#isSelf(text)) return [id];
    const to = directory.resolve(text, machine.links());
    if ("peer" in to) return [to.peer];
    const link = "link" in to ? machine.links().find(({ link }) => link === to.link) : undefined;
    return [link?.peer ?? text];
  }

  #isSelf(text: string): boolean {
    return this.#networks.some(({ view, machine }) => {
      const found = view.names.resolve(text);
      return found.length === 1 && found[0] === machine.nodeId;
    });
  }

  /** Nodes whose state has this value under this key; the value is JSON where it is, else text. */
  #selected(key: string, text: string): string[] {
    const value = parsed(text);
    const found = this.#networks.flatMap(({ view }) =>
      view.get({ keys: [key] }).flatMap(({ id: node, entries }) => {
        const [entry] = entries;
        if (!entry) return [];
        if (entry.value !== text && !jsonEqual(entry.value, value)) return [];
        const [published] = view.get({ nodes: [node], keys: [PIOT_KEY] });
        return readEntry(published?.entries[0]?.value)?.id ?? [];
      })
    );
    return this.#sorted(found);
  }

  #sorted(ids: readonly string[]): string[] {
    const { directory } = this.#host();
    const names = new Map(ids.map((id) => [id, directory.nameOf(id, id)]));
    return [...names.keys()].sort((a, b) => (names.get(a) ?? "") < (names.get(b) ?? "") ? -1 : 1);
  }

  /** Who is known from a network gets a link, by which it can be dialled. */
  #makeLinks(machine: Piot, now: number, ids: readonly string[]): void {
    const { directory } = this.#host();
    for (const id of ids) {
      const node = directory.node(id);
      if (!node || machine.find({ peer: id })) continue;
      machine.learn(now, { ...acquaintanceOf(node, []), dial: "always" });
      // It is there now, and dialled when it is needed.
      machine.learn(now, { ...acquaintanceOf(node, []), dial: "needed" });
    }
  }

  /** Names in `on` become ids; those that nobody has stay, to be looked for when it is their turn. */
  #resolvePlan(value: JsonValue, named: Set<string>, depth: number): JsonValue {
    if (typeof value !== "object" || value === null || depth > 64) return value;
    if (Array.isArray(value)) return value.map((one) => this.#resolvePlan(one, named, depth + 1));
    const isStep = Object.hasOwn(value, "do");
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        if (isStep && key === "on") return [key, this.#resolveOn(inner, named)];
        if (isStep && (key === "args" || key === "undo")) return [key, inner];
        return [key, this.#resolvePlan(inner, named, depth + 1)];
      }),
    );
  }

  #resolveOn(on: JsonValue, named: Set<string>): JsonValue {
    const texts = typeof on === "string" ? [on] : on;
    if (!Array.isArray(texts)) return on;
    const ids: JsonValue[] = texts.flatMap((one) =>
      typeof one === "string" && one !== "" ? this.#nodesOf(one) : [one]
    );
    for (const id of ids) if (typeof id === "string") named.add(id);
    const single = typeof on === "string" && on !== "*" && !on.includes("=");
    return single ? ids[0] ?? on : ids;
  }
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function viewOf(plan: NonNullable<ReturnType<Actions["plan"]>>): PlanView {
  return { ...plan, steps: plan.steps.map((step) => ({ ...step })) };
}

/** Arguments that are no JSON-like value are the caller's fault. */
function usageOf(error: unknown): unknown {
  return error instanceof RangeError
    ? new AgentError(error.message, ExitCode.Usage, { cause: error })
    : error;
}
