/**
 * Floor 4: the composition root. Config → machines, sockets, store and local API; run, reload, stop.
 * The only room that knows all others. Light commands import single files of it.
 *
 * @module
 */
export { Agent, type AgentOptions } from "./agent.ts";
export { Log, type LogLevel, type LogSink } from "./log.ts";
export { runAgent } from "./run.ts";
