/**
 * What the commands about services nearby share. Light: those that only ask the agent load nothing
 * else.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { parseDuration } from "../core/duration.ts";
import type { FoundService } from "../http/api.ts";
import { usage } from "./args.ts";
import { type Call, flagText } from "./call.ts";
import { localClient } from "./sockets.ts";

/** What the agent may take besides the wait, in ms. */
const PATIENCE = 10_000;

/** Whether what was typed is an address and no name: `192.168.1.5:5000`. */
export function isAddress(text: string): boolean {
  return /^[\d.]+:\d{1,5}$/.test(text);
}

export function servicePath(name: string): string {
  if (name === "") throw usage("a name has at least one character");
  return `/v1/services/${encodeURIComponent(name)}`;
}

/**
 * Where a service is, as the agent knows it.
 * @throws {AgentError} exit code 1 where nobody advertises it in time, 3 without an agent.
 */
export async function find(call: Call, name: string, waitMs: number): Promise<FoundService> {
  const client = await localClient(call.globals, waitMs + PATIENCE);
  const { body } = await client.request("GET", `${servicePath(name)}?wait=${waitMs}ms`);
  return JSON.parse(body);
}

/** A duration that a flag gives, in ms. */
export function waitOf(call: Call, flag: string, fallback: string): number {
  const ms = parseDuration(flagText(call, flag) ?? fallback);
  if (ms < 0) throw usage(`--${flag} is a duration such as ${fallback}`);
  return ms;
}

/** `--count N`; Infinity without it. */
export function countOf(call: Call): number {
  const text = flagText(call, "count");
  if (text === undefined) return Infinity;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw usage(`--count is a number, not "${text}"`);
  return count;
}

/** What networkzero refuses, as the command line says it. */
export function asAgentError(error: unknown, code: ExitCode = ExitCode.Usage): unknown {
  if (error instanceof AgentError || !(error instanceof Error)) return error;
  if (error.name === "SocketTimedOutError") {
    return new AgentError(messageOf(error), ExitCode.Unreachable, { cause: error });
  }
  const known = /^(NetworkZero|Socket|InvalidAddress|Address|NoAddressFound)\w*Error$/;
  return known.test(error.name) ? new AgentError(messageOf(error), code, { cause: error }) : error;
}
