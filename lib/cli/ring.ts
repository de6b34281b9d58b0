/**
 * What the commands of the ring share: members on the command line, and where a running server is
 * asked.
 *
 * @module
 */
import { RING_PORT, type RingMember, ringMembers } from "../agent/config/ring.ts";
import { absolutePath } from "../agent/config/paths.ts";
import { parseHostPort, type ValueType, WrongValue } from "../agent/config/types.ts";
import { AgentError, ExitCode } from "../core/errors.ts";
import type { RingView } from "../http/api.ts";
import { usage } from "./args.ts";
import { type Call, flagTexts, type Globals } from "./call.ts";
import { Client, NotRunning } from "./client.ts";
import { socketsOf } from "./sockets.ts";

/** `--member NAME=HOST[:PORT]`, in order; undefined where there are none. */
export function membersOf(call: Call): readonly RingMember[] | undefined {
  const given = flagTexts(call, "member");
  if (given === undefined) return undefined;
  return parsed(
    "--member",
    ringMembers,
    given.map((text) => {
      const equals = text.indexOf("=");
      const place = equals < 1 ? undefined : parseHostPort(text.slice(equals + 1));
      if (place === undefined || place.host === "") {
        throw usage(`--member is NAME=HOST or NAME=HOST:PORT, not "${text}"`);
      }
      return { name: text.slice(0, equals), host: place.host, port: place.port ?? RING_PORT };
    }),
  );
}

/** A value as the config would take it. */
export function parsed<T>(flag: string, type: ValueType<T>, value: unknown): T {
  try {
    return type.parse(value);
  } catch (cause) {
    if (!(cause instanceof WrongValue)) throw cause;
    throw new AgentError(`${flag} ${cause.message}`, ExitCode.Usage, { cause });
  }
}

export function wholeNumber(flag: string, text: string, low: number, high: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= low && value <= high) return value;
  throw usage(`${flag} is a whole number from ${low} to ${high}, not "${text}"`);
}

export function absolute(path: string): string {
  return absolutePath(path, Deno.cwd(), Deno.env);
}

/** What the ring's server on this computer says: the agent's, else one that runs without a node. */
export async function askRing(globals: Globals): Promise<RingView> {
  const sockets = await socketsOf(globals);
  const ask = async (paths: readonly string[]) =>
    JSON.parse((await new Client(paths).request("GET", "/v1/ring")).body) as RingView;
  try {
    return await ask(sockets);
  } catch (error) {
    const without = error instanceof NotRunning ||
      (error instanceof AgentError && error.exitCode === ExitCode.NotThere);
    if (!without) throw error;
    try {
      return await ask(sockets.map((path) => path.replace(/(?:\.sock)?$/, "-ring.sock")));
    } catch (other) {
      if (!(other instanceof NotRunning)) throw other;
      if (!(error instanceof NotRunning)) throw error;
      throw new AgentError(
        `neither an agent nor a ring server answers on ${sockets[0]}; start one: agent ring serve`,
        ExitCode.Unreachable,
        { cause: other },
      );
    }
  }
}
