/**
 * Floor 4: the composition root. Config → machines, sockets, store and local API; run, reload, stop.
 * The only room that knows all others. Light commands import single files of it.
 *
 * Each of its subjects has a folder: `config`, `network` (a DNCP machine on its sockets), `leafy`,
 * `lsoe`, `piot`, `nearby`, `ring`, `join`, `service`, `upgrade`. What puts them together lies beside:
 * `agent.ts`, `run.ts`, `api_view.ts`.
 *
 * @module
 */
export { Agent, type AgentOptions } from "./agent.ts";
export { Log, type LogLevel, type LogSink } from "./log.ts";
export { runAgent } from "./run.ts";
