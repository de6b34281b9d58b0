/**
 * Which sockets a client command tries. The config is only loaded where it may have a say: a light
 * command without a config file never loads it.
 *
 * @module
 */
import { findConfig, socketCandidates, variable } from "../agent/config/paths.ts";
import { AgentError, ExitCode } from "../core/errors.ts";
import type { Globals } from "./call.ts";
import { Client } from "./client.ts";

/** A client of the local agent. `patience` in ms, where it is not the usual. */
export async function localClient(globals: Globals, patience?: number): Promise<Client> {
  return new Client(await socketsOf(globals), patience);
}

/** In order of preference. */
export async function socketsOf({ config, socket }: Globals): Promise<readonly string[]> {
  const { env } = Deno;
  const decided = socket ?? variable(env, "AGENT_SOCKET");
  const asked = config ?? (decided === undefined ? findConfig(undefined, env) : undefined);
  if (asked === undefined) return socketCandidates(env, { flag: socket });
  const { loadConfig } = await import("../agent/config/config.ts");
  try {
    return loadConfig({ path: config, overrides: { socket } }).agent.sockets;
  } catch (error) {
    // The system's config may be closed to users, who may use the agent all the same.
    const closed = error instanceof AgentError && error.exitCode === ExitCode.Refused;
    if (closed && config === undefined) return socketCandidates(env, { flag: socket });
    throw error;
  }
}

/** `?network=NAME` where `--network` was given, and the other parameters. */
export function queryOf(globals: Globals, parameters: readonly (readonly [string, string])[] = []) {
  const all = globals.network === undefined
    ? parameters
    : [["network", globals.network] as const, ...parameters];
  const text = all.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  return text === "" ? "" : `?${text}`;
}
