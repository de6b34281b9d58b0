/**
 * The keys of a network at start: those that the config names, the one in the state folder, or a
 * fresh one that begins a new network.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/mod.ts";
import { NetworkKey } from "../wire/mod.ts";
import type { NetworkConfig } from "./config.ts";
import { generateKey, readKeyFile, writeKeyFile } from "./config_keys.ts";

/**
 * All keys, the first seals. Where none is named or kept, this agent begins a new network, and
 * `tell` gets the two lines that say how the next one joins.
 */
export function loadKeys(network: NetworkConfig, tell: (line: string) => void): NetworkKey[] {
  if (network.profile !== "native") {
    throw new AgentError(
      `network "${network.name}": this version speaks the native profile only; ` +
        'set profile = "native"',
      ExitCode.Config,
    );
  }
  if (network.keyFiles.length > 0) {
    return network.keyFiles.map((file) => NetworkKey.fromBytes(readKeyFile(file)));
  }
  const fresh = generateKey();
  writeKeyFile(network.newKeyFile, fresh);
  tell(`started the new network "${network.name}"; its key is ${network.newKeyFile}`);
  tell(
    `to join another Pi:  scp -p ${network.newKeyFile} PI:  and there:  ` +
      `agent run --key-file ${network.newKeyFile.split("/").at(-1)}`,
  );
  return [NetworkKey.fromBytes(fresh)];
}
