/**
 * Floor 2: PIoT (`spec/piot.md`): links, sessions that inherit state, and messages that are
 * delivered once and in order across outages of either side. Above them, each in a folder: actions,
 * aggregates of them, plans, and channels.
 *
 * @module
 */
export { Actions, type ActionsOptions } from "./actions/actions.ts";
export * from "./actions/api.ts";
export type {
  AggregateAnswer,
  AggregateMode,
  AggregateRequest,
  AggregateResult,
} from "./aggregate/aggregate.ts";
export { parseAggregate } from "./aggregate/parse.ts";
export { type Reducer, type ReducerName, REDUCERS } from "./aggregate/reduce.ts";
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
export * from "./plan/plan.ts";
export { parsePlan } from "./plan/parse.ts";
