/**
 * MAC addresses as numbers: 48 bits, the first octet the highest, exact in a JavaScript number. So
 * they are keys of maps, and nothing is allocated per frame.
 *
 * @module
 */

/** 0 to 2⁴⁸ − 1. 0 stands for "none". */
export type Mac = number;

/** The broadcast address. */
export const BROADCAST: Mac = 0xffff_ffff_ffff;

/** `02:00:00:00:0b:01`, lower case. */
export function macText(mac: Mac): string {
  return mac.toString(16).padStart(12, "0").replace(/..(?!$)/g, "$&:");
}

/** Reads six hexadecimal pairs joined by `:` or `-`; `undefined` for anything else. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}$/.test(text)) return undefined;
  return parseInt(text.replace(/[:-]/g, ""), 16);
}

/** The six octets at `offset`, which must be there. */
export function readMac(view: DataView, offset: number): Mac {
  return view.getUint16(offset) * 0x1_0000_0000 + view.getUint32(offset + 2);
}

/** Writes six octets at `offset`, which must be there. */
export function writeMac(view: DataView, offset: number, mac: Mac): void {
  view.setUint16(offset, Math.floor(mac / 0x1_0000_0000));
  view.setUint32(offset + 2, mac % 0x1_0000_0000);
}

/** Whether it names a group of stations: bit 0 of the first octet, broadcast included. */
export function isGroup(mac: Mac): boolean {
  return Math.floor(mac / 0x100_0000_0000) % 2 === 1;
}
