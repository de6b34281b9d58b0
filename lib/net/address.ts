/**
 * Addresses as text: `HOST:PORT` as people write it, and what an address tells of itself.
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/errors.ts";

/** A host (name or IP address, no brackets, perhaps with `%INTERFACE`) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST:PORT`, `HOST`, `[IPV6]:PORT` and `IPV6`; what has no port gets `defaultPort`.
 *
 * ```ts
 * import { parseHostPort } from "./address.ts";
 * const { host, port } = parseHostPort("[fe80::1%eth0]:8400", 8331);
 * if (host !== "fe80::1%eth0" || port !== 8400) throw new Error();
 * if (parseHostPort("pi-kitchen.local", 8331).port !== 8331) throw new Error();
 * ```
 *
 * @throws {AgentError} with exit code 2 where the text is neither.
 */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  const wrong = (why: string) =>
    new AgentError(
      `"${text}" is not an address (${why}); write HOST:PORT, for example pi-kitchen.local:8331`,
      ExitCode.Usage,
    );
  const match = /^\[([^[\]]*)\](?::(.*))?$/.exec(text) ??
    // More than one colon and no brackets: an IPv6 address without a port.
    (text.split(":").length > 2 ? [text, text] : /^([^:]*)(?::(.*))?$/.exec(text));
  const host = match?.[1] ?? "";
  if (!match || host === "") throw wrong("no host");
  if (/[\s[\]/]/.test(host)) throw wrong("the host has characters that no host has");
  const digits = match[2];
  if (digits === undefined) return { host, port: defaultPort };
  const port = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || port > 65_535) throw wrong("a port is 0 to 65535");
  return { host, port };
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `fe80::/10`, with or without `%INTERFACE`. */
export function isLinkLocal6(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

/** `192.0.2.1` of `::ffff:192.0.2.1`, as a dual-stack socket calls IPv4; others as they are. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** An address of an interface without its prefix length: `192.0.2.1/24` → `192.0.2.1`. */
export function addressOf(cidr: string): string {
  const slash = cidr.indexOf("/");
  return slash < 0 ? cidr : cidr.slice(0, slash);
}

/** Whether an IPv4 address lies in the subnet of `192.0.2.1/24`. False for anything else. */
export function inSubnet4(address: string, cidr: string): boolean {
  const [base = "", bits = "32"] = cidr.split("/");
  const a = toUint32(address);
  const b = toUint32(base);
  const length = Number(bits);
  if (a === undefined || b === undefined || !(length >= 0 && length <= 32)) return false;
  if (length === 0) return true;
  const mask = -1 << (32 - length);
  return ((a ^ b) & mask) === 0;
}

function toUint32(address: string): number | undefined {
  const parts = address.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8) | Number(part);
  }
  return value;
}
