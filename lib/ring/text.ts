/**
 * What may stand in a message, and how what may not is shown.
 *
 * @module
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const CONTROLS = /\p{Cc}/u;
// deno-lint-ignore no-control-regex -- just these are looked for
const LOW_CONTROLS = /[\x00-\x08\x0a-\x1f]/;

/** Whether these octets are UTF-8 without control characters (§4.1, "printing characters"). */
export function isPrinting(bytes: Uint8Array): boolean {
  if (isPlain(bytes)) return true;
  const text = decode(bytes);
  return text !== undefined && !CONTROLS.test(text);
}

/** Whether these octets are UTF-8 without control characters below 0x20 other than TAB (§2). */
export function isText(bytes: Uint8Array): boolean {
  if (isPlain(bytes)) return true;
  const text = decode(bytes);
  return text !== undefined && !LOW_CONTROLS.test(text);
}

/** Printing ASCII: what nearly all messages are. */
function isPlain(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i] as number;
    if (octet < 0x20 || octet > 0x7e) return false;
  }
  return true;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Octets of bad data that a log shows. */
const SHOWN = 80;

/**
 * Data of any kind for a log: the first 80 octets, those that do not print as `\xhh`, then how many
 * there are and what is wrong with them.
 */
export function excerpt(bytes: Uint8Array, wrong: string): string {
  let text = "";
  for (const octet of bytes.subarray(0, SHOWN)) {
    text += octet >= 0x20 && octet <= 0x7e
      ? String.fromCharCode(octet)
      : `\\x${octet.toString(16).padStart(2, "0")}`;
  }
  const octets = bytes.length === 1 ? "octet" : "octets";
  return `${text}${text === "" ? "" : " "}(${bytes.length} ${octets}, ${wrong})`;
}

/** Whether bytes are exactly this ASCII text. */
export function equals(bytes: Uint8Array, text: string): boolean {
  if (bytes.length !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Whether bytes begin with this ASCII text. */
export function startsWith(bytes: Uint8Array, text: string): boolean {
  return bytes.length >= text.length && equals(bytes.subarray(0, text.length), text);
}

/** `127.0.0.0/8` and `::1`, also as a dual-stack socket tells them. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}
