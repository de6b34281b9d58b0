/**
 * Which network is meant.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import type { Network } from "./network.ts";

/** The network of this name; without one the first. @throws {AgentError} exit code 1 for none. */
export function networkNamed(networks: readonly Network[], name: string | undefined): Network {
  const found = name === undefined
    ? networks[0]
    : networks.find(({ config }) => config.name === name);
  if (found) return found;
  const names = networks.map(({ config }) => config.name).join(", ");
  throw new AgentError(
    `there is no network "${name}"; this agent is in ${names}`,
    ExitCode.NotThere,
  );
}
