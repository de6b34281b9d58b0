/**
 * The code that a person carries from one computer to the next: where the inviting node can be
 * dialled, and the secret. `192.168.1.20,fd00::7/K7Q4-…`, without a port where that is the usual one.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import { formatHostPort, type HostPort, parseHostPort } from "../../net/address.ts";
import { WireError } from "../../wire/bytes.ts";
import { InviteKey } from "../../wire/invite.ts";
import { STREAM_PORT } from "../config/parse.ts";

/** Addresses in one code. */
export const MOST_ADDRESSES = 3;

/** What a code holds. */
export interface InviteCode {
  /** In the order in which to try them; empty where the code is the secret alone. */
  readonly addresses: readonly HostPort[];
  readonly key: InviteKey;
}

/** The code as text. */
export function formatCode({ addresses, key }: InviteCode): string {
  const written = addresses.map(({ host, port }) =>
    port === STREAM_PORT ? host : formatHostPort(host, port)
  );
  return `${written.join(",")}/${key.toText()}`;
}

/** The whole line for the next computer, fit for any shell. */
export function joinLine(code: string): string {
  return `agent join ${/^[A-Za-z0-9.,:/_-]+$/.test(code) ? code : `'${code}'`}`;
}

/**
 * Reads a code as people hand it on.
 * @throws {AgentError} exit code 2, before anything was sent anywhere.
 */
export function parseCode(text: string): InviteCode {
  const slash = text.lastIndexOf("/");
  try {
    const key = InviteKey.parse(text.slice(slash + 1));
    const list = text.slice(0, Math.max(0, slash)).split(",").map((one) => one.trim());
    return {
      addresses: list.filter((one) => one !== "").map((one) => parseHostPort(one, STREAM_PORT)),
      key,
    };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new AgentError(
      `this code is mistyped or cut off: ${error.message}; compare it with the line that ` +
        "agent invite printed",
      ExitCode.Usage,
      { cause: error },
    );
  }
}

/** An interface, as far as addresses for a code are looked for on it. */
interface Addressed {
  readonly name: string;
  readonly up: boolean;
  readonly addresses: readonly string[];
}

/**
 * Addresses at which others can dial a node that listens on `listen` (`HOST:PORT`): that one, or,
 * where it listens everywhere, those of its interfaces. Link-local ones are left out, because the
 * other side would need to know on which of its interfaces they are. IPv4 first: it is short to type.
 */
export function reachableAddresses(
  listen: string,
  interfaces: readonly Addressed[],
  isWanted: (name: string) => boolean,
): HostPort[] {
  const { host, port } = parseHostPort(listen, 0);
  if (host !== "::" && host !== "0.0.0.0") return [{ host, port }];
  const all = interfaces.filter(({ name, up }) => up && isWanted(name)).flatMap(({ addresses }) =>
    addresses.map((cidr) => cidr.split("/")[0] as string)
  );
  const four = all.filter((one) => !one.includes(":") && !/^(?:127|169\.254|0)\./.test(one));
  const six = host === "::"
    ? all.filter((one) => one.includes(":") && !/^(?:fe[89ab].:|::1?$|ff)/i.test(one))
    : [];
  // Addresses of one's own network outlive a change of provider.
  six.sort((a, b) => Number(/^f[cd]/i.test(b)) - Number(/^f[cd]/i.test(a)));
  const some = [...new Set([...four.slice(0, six.length > 0 ? 2 : 3), ...six])];
  return some.slice(0, MOST_ADDRESSES).map((one) => ({ host: one, port }));
}
