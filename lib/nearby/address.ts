/**
 * Addresses: what a learner writes → `ip:port` (`spec/networkzero.md §5`). Which addresses this
 * computer has, and how a host name is resolved, is told by whoever made the book.
 *
 * @module
 */
import type { Random } from "../core/random.ts";
import { parseIp } from "../wire/ip.ts";
import { AddressError, InvalidAddressError, NoAddressFoundError } from "./errors.ts";

/** Ports that are handed out where none is given, first and last. */
export const DYNAMIC_PORTS: readonly [number, number] = [0xc000, 0xffff];
/** What is preferred where nothing else is asked for. */
export const DEFAULT_PREFER: readonly string[] = ["192.168.*"];
/** What some providers answer for names that do not exist. */
const LANDING_PAGE = "92.242.132.15";

/** An address, or what must be resolved first. */
export type Parsed =
  | { readonly address: string; readonly automatic: boolean }
  | { readonly resolve: string; readonly port: number };

/** What the book stands on. */
export interface AddressBookOptions {
  /** The IPv4 addresses of this computer now, loopback included. */
  readonly local: () => readonly string[];
  readonly random: Random;
  /** Default: {@linkcode DEFAULT_PREFER}. */
  readonly prefer?: readonly string[];
}

/** Turns what is written into addresses, and hands out each port of the pool once. */
export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #used = new Set<number>();

  constructor(options: AddressBookOptions) {
    this.#options = options;
  }

  /**
   * What `x` means. `automatic`: no host was given, so that any address of this computer is meant.
   * @throws {AddressError} | {NoAddressFoundError}
   */
  parse(x: unknown): Parsed {
    const text = textOf(x).trim();
    const [host, portText] = splitAddress(text);
    const port = portText === "" ? undefined : parsePort(portText, text);
    if (host === "" || isIpPattern(host)) {
      const ip = host === "" ? this.best() : host.includes("*") ? this.best(host) : host;
      return { address: `${ip}:${port ?? this.#freshPort()}`, automatic: host === "" };
    }
    return { resolve: host, port: port ?? this.#freshPort() };
  }

  /**
   * The address that {@linkcode parse} left open.
   * @param ips what the host resolved to; the first IPv4 address is taken.
   * @throws {InvalidAddressError} where there is none.
   */
  resolved(host: string, port: number, ips: readonly string[]): string {
    const ip = ips.find((each) => !each.includes(":"));
    if (ip === undefined || ip === LANDING_PAGE) {
      throw new InvalidAddressError(
        host,
        `no computer called "${host}" was found; is the name spelled right?`,
      );
    }
    return `${ip}:${port}`;
  }

  /** The best local address, of those that match. @throws {NoAddressFoundError} */
  best(pattern?: string): string {
    const prefer = pattern === undefined ? this.#options.prefer ?? DEFAULT_PREFER : [pattern];
    const sorted = this.#options.local().map((ip) => ({ ip, rank: preference(ip, prefer) }))
      .sort((a, b) => a.rank - b.rank || ip4Number(a.ip) - ip4Number(b.ip));
    const [first] = sorted;
    if (!first || (pattern !== undefined && first.rank > 0)) {
      throw new NoAddressFoundError(
        pattern === undefined
          ? "this computer has no network address; is it connected to a network?"
          : `this computer has no network address like ${pattern}`,
      );
    }
    return first.ip;
  }

  #freshPort(): number {
    const [first, last] = DYNAMIC_PORTS;
    const size = last - first + 1;
    if (this.#used.size >= size) {
      throw new AddressError("all port numbers have been handed out; give one yourself");
    }
    let port = first + this.#options.random.below(size);
    while (this.#used.has(port)) port = port === last ? first : port + 1;
    this.#used.add(port);
    return port;
  }
}

/** `host:port` at its first colon; a text of digits is a port, any other a host. */
export function splitAddress(text: string): [host: string, port: string] {
  const colon = text.indexOf(":");
  if (colon >= 0) return [text.slice(0, colon), text.slice(colon + 1)];
  return /^\p{Nd}+$/u.test(text) ? ["", text] : [text, ""];
}

/** Whether a text with each `*` taken for 1 is an IPv4 address as inet_aton has it. */
export function isIpPattern(text: string): boolean {
  const parts = text.replaceAll("*", "1").split(".");
  if (parts.length > 4) return false;
  const room = 2 ** (8 * (5 - parts.length));
  return parts.every((part, i) => {
    const value = parsePart(part);
    return value !== undefined && value < (i === parts.length - 1 ? room : 256);
  });
}

/** Whether `*` in the pattern can stand for what makes it the text. */
export function matchesPattern(text: string, pattern: string): boolean {
  // Not as a regular expression: those of some patterns take for ever.
  const pieces = pattern.split("*");
  const head = pieces[0] as string;
  if (pieces.length === 1) return text === pattern;
  const tail = pieces.at(-1) as string;
  if (text.length < head.length + tail.length) return false;
  if (!text.startsWith(head) || !text.endsWith(tail)) return false;
  let at = head.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= text.length - tail.length;
}

/** Index of the first pattern that matches, else how many there are. */
export function preference(ip: string, prefer: readonly string[]): number {
  const index = prefer.findIndex((pattern) => matchesPattern(ip, pattern));
  return index < 0 ? prefer.length : index;
}

/** The host and port of `ip:port` as we make it; `undefined` for anything else. */
export function parseIpPort(address: string): { host: string; port: number } | undefined {
  const match = /^([0-9.]+):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? "";
  const port = Number(match?.[2]);
  return parseIp(host)?.length === 4 && port <= 65_535 ? { host, port } : undefined;
}

/** An IPv4 address as a number; 0 where it is none. */
export function ip4Number(ip: string): number {
  const octets = parseIp(ip);
  if (octets?.length !== 4) return 0;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

function textOf(x: unknown): string {
  return x === null || x === undefined || x === 0 ? "" : String(x);
}

/** Python's `int()`: white space around, a sign, underscores between digits. */
function parsePort(text: string, address: string): number {
  const trimmed = text.trim();
  const port = /^[+-]?\d+(?:_\d+)*$/.test(trimmed) ? Number(trimmed.replaceAll("_", "")) : NaN;
  if (!(port >= 0 && port <= 65_535)) {
    throw new AddressError(
      `${trimmed} in ${address} is no port; a port is a number from 0 to 65535`,
    );
  }
  return port;
}

/** One part of an inet_aton address: decimal, 0… octal, 0x… hexadecimal. */
function parsePart(part: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(part)) return parseInt(part, 16);
  if (/^0[0-7]{0,11}$/.test(part)) return parseInt(part, 8);
  if (/^[1-9]\d{0,9}$/.test(part)) return Number(part);
  return undefined;
}
