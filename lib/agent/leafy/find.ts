/**
 * Finding a node by multicast, for leafy commands that were given no address.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { decodeDiscovery, encodeDiscovery } from "../../leafy/discovery.ts";
import { readInterfaces } from "../../net/interfaces.ts";
import { openMulticastLink } from "../../net/multicast.ts";
import { SealedMulticast, Sealer } from "../../net/sealed_multicast.ts";
import { canCarry } from "../../net/select.ts";
import { toHex } from "../../wire/bytes.ts";
import type { NetworkKey } from "../../wire/key.ts";
import type { Endpoint } from "../config/config.ts";
import type { LeafyNetwork } from "../config/leafy.ts";
import { interfacesOf } from "../interfaces.ts";
import { NATIVE_CONTEXT } from "../network/native_wire.ts";

/** The query is repeated after this, and then after twice as long each time, in ms. */
const FIRST_REPEAT = 150;

/**
 * The first node that answers.
 * @throws {AgentError} exit code 3 where none does before `deadline`, 4 where the only ones that are
 * heard have another key.
 */
export async function findNode(
  network: LeafyNetwork,
  keys: readonly NetworkKey[],
  deadline: AbortSignal,
): Promise<Endpoint> {
  const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const sealer = new Sealer({
    keys,
    context: NATIVE_CONTEXT,
    sender: toHex(randomBytes(8)),
    epoch: 1,
    randomBytes,
  });
  const interfaces = interfacesOf(network.interfaces, readInterfaces()).filter(canCarry);
  let strangers: string | undefined;
  let found: (node: Endpoint) => void = () => {};
  const answer = new Promise<Endpoint>((resolve) => found = resolve);
  const links = interfaces.map((info) =>
    new SealedMulticast(sealer, {
      onPayload: (payload, from) => {
        const here = decodeDiscovery(payload);
        if (here?.type === "here") {
          found({ host: from, port: here.port });
        }
      },
      onWrongKey: (from, keyId) =>
        strangers = `${from} answers, but with another key (theirs ${keyId}, ours ${
          keys.map((key) =>
            key.id
          ).join(", ")
        }); copy that network's key file here or use --key-file`,
    }, (onDatagram) =>
      openMulticastLink({ info, port: network.port, ownPort: 0, onDatagram, onProblem() {} }))
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = (pause: number) => {
    for (const { link } of links) {
      if (link.ownPort === 0) continue;
      link.send(sealer.seal(encodeDiscovery({ type: "query", port: link.ownPort })));
    }
    timer = setTimeout(() => ask(2 * pause), pause);
  };
  ask(FIRST_REPEAT);
  try {
    return await Promise.race([answer, expiry(deadline)]);
  } catch (cause) {
    if (strangers !== undefined) throw new AgentError(strangers, ExitCode.Refused, { cause });
    const where = interfaces.map(({ name }) => name).join(", ");
    throw new AgentError(
      where === ""
        ? "no network interface is up; connect one, or name a node with --from HOST or --via HOST"
        : `no node answered on ${where}; is an agent running there? ` +
          "name one with --from HOST or --via HOST",
      ExitCode.Unreachable,
      { cause },
    );
  } finally {
    clearTimeout(timer);
    await Promise.all(links.map((link) => link.close()));
  }
}

function expiry(deadline: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (deadline.aborted) reject(deadline.reason);
    deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
  });
}
