/**
 * IP addresses between octets and text, as inet_ntop and inet_pton have it: the shortest form of
 * IPv6, with an IPv4 tail where the address embeds one.
 *
 * @module
 */
import { readU16 } from "./bytes.ts";

/** `192.0.2.1` of the four octets at `at`, which must be there. */
export function formatIp4(bytes: Uint8Array, at = 0): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/**
 * `2001:db8::1` of the sixteen octets at `at`, which must be there (RFC 5952 §4). Addresses that
 * begin with 96 zero bits, or with 80 and then 16 ones, end in dots: `::ffff:192.0.2.1`.
 */
export function formatIp6(bytes: Uint8Array, at = 0): string {
  let longest = 0;
  let longestAt = -1;
  let run = 0;
  for (let word = 0; word < 8; word++) {
    run = readU16(bytes, at + 2 * word) === 0 ? run + 1 : 0;
    if (run > longest) {
      longest = run;
      longestAt = word - run + 1;
    }
  }
  if (longest < 2) longestAt = -1;
  const embeds = longestAt === 0 &&
    (longest === 6 || (longest === 5 && readU16(bytes, at + 10) === 0xffff));
  const words = embeds ? 6 : 8;
  let text = "";
  for (let word = 0; word < words; word++) {
    if (word === longestAt) {
      text += "::";
      word += longest - 1;
    } else {
      if (text !== "" && !text.endsWith(":")) text += ":";
      text += readU16(bytes, at + 2 * word).toString(16);
    }
  }
  if (!embeds) return text;
  return `${text.endsWith(":") ? text : `${text}:`}${formatIp4(bytes, at + 12)}`;
}

/** The 4 or 16 octets of an address; `undefined` where the text is none. No prefix, no zone. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIp6(text) : parseIp4(text);
}

/** An address and the length of its prefix: `192.0.2.1/24`. `undefined` where the text is none. */
export function parsePrefix(text: string): { octets: Uint8Array; length: number } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const octets = match ? parseIp(match[1] as string) : undefined;
  const length = Number(match?.[2]);
  return octets && length <= 8 * octets.length ? { octets, length } : undefined;
}

function parseIp4(text: string): Uint8Array | undefined {
  const parts = text.split(".", 5);
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    // inet_pton takes no leading zeros: elsewhere they mean octal numbers.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    octets[i] = Number(part);
  }
  return octets;
}

function parseIp6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined;
  const [head = "", tail, more] = text.split("::", 3);
  if (more !== undefined) return undefined;
  const front = ip6Words(head, tail === undefined);
  const back = tail === undefined ? [] : ip6Words(tail, true);
  if (!front || !back) return undefined;
  const missing = 8 - front.length - back.length;
  // "::" stands for at least one word.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const octets = new Uint8Array(16);
  for (const [i, word] of [...front, ...Array<number>(missing).fill(0), ...back].entries()) {
    octets[2 * i] = word >> 8;
    octets[2 * i + 1] = word;
  }
  return octets;
}

/** Words joined by colons; at the end of an address the last two may be an IPv4 address. */
function ip6Words(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const words: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      words.push(parseInt(part, 16));
      continue;
    }
    const octets = atEnd && i === parts.length - 1 ? parseIp4(part) : undefined;
    if (!octets) return undefined;
    words.push(readU16(octets, 0), readU16(octets, 2));
  }
  return words;
}
