/**
 * The keys of a network at start: those that the config names, the one in the state folder, or a
 * fresh one that begins a new network.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/mod.ts";
import { NetworkKey } from "../wire/mod.ts";
import type { NetworkConfig } from "./config/config.ts";
import { generateKey, readKeyFile, readShspKey, writeKeyFile } from "./config/keys.ts";

/** What the nodes of a network share and nobody else knows. */
export interface NetworkSecrets {
  /** Profile `native`: the first seals, all open. Empty in the other profile. */
  readonly keys: readonly NetworkKey[];
  /** Profile `hncp`: the key of SHSP's containers, any bytes. Without one there are no containers. */
  readonly shspKey: Uint8Array | undefined;
}

/**
 * All keys. Where a native network names and keeps none, this agent begins a new one, and `tell`
 * gets the two lines that say how the next one joins.
 */
export function loadSecrets(
  network: NetworkConfig,
  tell: (line: string) => void,
): NetworkSecrets {
  return network.profile === "hncp"
    ? { keys: [], shspKey: loadShspKey(network) }
    : { keys: loadKeys(network, tell), shspKey: undefined };
}

/**
 * All keys of a network that runs: none is made.
 * @throws {AgentError} exit code 78 where there is none any more
 */
export function reloadSecrets(network: NetworkConfig): NetworkSecrets {
  if (network.profile === "native" && network.keyFiles.length === 0) {
    throw new AgentError(
      `network "${network.name}": its key ${network.newKeyFile} is gone; put it back`,
      ExitCode.Config,
    );
  }
  return loadSecrets(network, () => {});
}

function loadShspKey({ name, keyFiles }: NetworkConfig): Uint8Array | undefined {
  const [file, ...others] = keyFiles;
  if (others.length > 0) {
    throw new AgentError(
      `network "${name}": SHSP knows one key a network; name it with key_file`,
      ExitCode.Config,
    );
  }
  return file && readShspKey(file);
}

function loadKeys(network: NetworkConfig, tell: (line: string) => void): NetworkKey[] {
  if (network.keyFiles.length > 0) {
    return network.keyFiles.map((file) => NetworkKey.fromBytes(readKeyFile(file)));
  }
  const fresh = generateKey();
  writeKeyFile(network.newKeyFile, fresh);
  tell(`started the new network "${network.name}"; its key is ${network.newKeyFile}`);
  tell(
    `to join another Pi:  agent invite  and there the line that it prints; or:  ` +
      `scp -p ${network.newKeyFile} PI:  and there:  ` +
      `agent run --key-file ${network.newKeyFile.split("/").at(-1)}`,
  );
  return [NetworkKey.fromBytes(fresh)];
}
