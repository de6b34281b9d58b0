/**
 * The local API of an agent in this process, as far as it is about messages.
 *
 * @module
 */
import type {
  CallResult,
  InboxRow,
  JsonValue,
  LinkView,
  OutboxView,
  PlanView,
  SendReceipt,
} from "../../../lib/http/api.ts";
import { type Running, until } from "../in_process.ts";

/** What a refused request said. */
export class Refused extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, text: string) {
    const { error, code } = JSON.parse(text);
    super(error);
    this.status = status;
    this.code = code;
  }
}

export function apiOf({ agent }: Running) {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: agent.socket! } });
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`http://127.0.0.1${path}`, {
      method,
      client,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Refused(response.status, text);
    return JSON.parse(text) as T;
  };
  return {
    [Symbol.dispose]: () => client.close(),
    ask,
    send: (message: unknown, wait = "20s") =>
      ask<SendReceipt>("POST", `/v1/messages?wait=${wait}`, message),
    inbox: () => ask<InboxRow[]>("GET", "/v1/messages"),
    bodies: async () => (await ask<InboxRow[]>("GET", "/v1/messages")).map(({ body }) => body),
    outbox: () => ask<OutboxView>("GET", "/v1/outbox"),
    links: () => ask<LinkView[]>("GET", "/v1/piot/links"),
    call: (targets: string[], action: string, args: JsonValue = null, more = {}) =>
      ask<CallResult>("POST", "/v1/calls", { targets, action, args, ...more }),
    plan: (plan: unknown) => ask<PlanView>("POST", "/v1/plans", plan),
    ended: async (id: string) => {
      let plan: PlanView | undefined;
      await until("the plan ends", async () => {
        plan = await ask<PlanView>("GET", `/v1/plans/${id}`);
        return !["running", "stopping", "rollingBack"].includes(plan.status);
      });
      return plan as PlanView;
    },
  };
}

/** Until all see each other. */
export async function meet(...all: Running[]): Promise<void> {
  await until(
    "all see each other",
    () => all.every(({ network }) => network.view.size === all.length),
  );
}
