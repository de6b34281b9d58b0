/**
 * Floor 2: PIoT (`spec/piot.md`): links, sessions that inherit state, and messages that are
 * delivered once and in order across outages of either side. Above them actions, aggregates, plans and
 * channels.
 *
 * @module
 */
export { Actions, type ActionsOptions } from "./actions.ts";
export * from "./actions_api.ts";
export type {
  AggregateAnswer,
  AggregateMode,
  AggregateRequest,
  AggregateResult,
} from "./aggregate.ts";
export { parseAggregate } from "./aggregate_parse.ts";
export { type Reducer, type ReducerName, REDUCERS } from "./aggregate_reduce.ts";
export * from "./api.ts";
export * from "./fields.ts";
export * from "./fnv.ts";
export * from "./frame.ts";
export * from "./header.ts";
export type { PiotHooks, PiotNode } from "./hooks.ts";
export type { Acquaintance, Destination } from "./acquaintances.ts";
export type { PiotOptions } from "./context.ts";
export type { DialMode } from "./link.ts";
export type { Notice } from "./notices.ts";
export { Piot } from "./piot.ts";
export * from "./plan.ts";
export { parsePlan } from "./plan_parse.ts";
