/**
 * The network that a leafy command asks without a local agent: key, address and interfaces, from
 * flags and config. `--key-file` and `--from` alone are enough.
 *
 * @module
 */
import { loadConfig, type NetworkConfig } from "../agent/config/config.ts";
import { readKeyFile, readShspKey } from "../agent/config/keys.ts";
import type { LeafyNetwork } from "../agent/config/leafy.ts";
import { hostPort, WrongValue } from "../agent/config/types.ts";
import { AgentError, ExitCode } from "../core/errors.ts";
import { usage } from "./args.ts";
import { type Call, flagText } from "./call.ts";

/** The network, and its `publish_ttl` in ms. `address` is what the flag (`--from` or `--via`) said. */
export function remoteNetwork(
  call: Call,
  flag: string,
  address: string | undefined,
): { network: LeafyNetwork; publishTtl: number } {
  const { name, profile, interfaces, port, keyFiles, publishTtl } = networkOf(call);
  if (keyFiles.length === 0 && profile === "native") {
    throw new AgentError(
      address === undefined
        ? `no agent runs here, and without the network key no other can be asked: ${flag} HOST --key-file FILE`
        : `the network key is needed to ask ${address}: --key-file FILE`,
      ExitCode.Unreachable,
    );
  }
  const node = address === undefined ? undefined : parseAddress(flag, address);
  const defaultPort = profile === "native" ? 8_331 : 8_231;
  const keys = keyFiles.map(profile === "native" ? readKeyFile : readShspKey);
  const to = node && { host: node.host, port: node.port ?? defaultPort };
  return { network: { name, profile, keys, node: to, interfaces, port }, publishTtl };
}

function networkOf(call: Call): NetworkConfig {
  const { config: path, network: name } = call.globals;
  const config = loadConfig({
    path,
    overrides: { network: name, keyFile: flagText(call, "key-file") },
  });
  const found = name === undefined
    ? config.networks[0]
    : config.networks.find((network) => network.name === name);
  if (found === undefined) throw usage(`the config has no network "${name}"`);
  return found;
}

function parseAddress(flag: string, address: string) {
  try {
    return hostPort.parse(address);
  } catch (error) {
    if (error instanceof WrongValue) throw usage(`${flag} ${error.message}`);
    throw error;
  }
}
