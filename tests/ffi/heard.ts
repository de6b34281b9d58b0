/** A listener that keeps what it hears. */
import type { Frame, PacketListener } from "../../lib/net/packets.ts";

/** A frame of its own. */
export interface Kept {
  readonly interfaceIndex: number;
  readonly source: number;
  readonly packetType: number;
  readonly payload: Uint8Array;
}

/** Frames, how many there were at each end of a read, and why the port failed. */
export class Heard implements PacketListener {
  readonly frames: Kept[] = [];
  readonly drains: number[] = [];
  readonly failures: string[] = [];

  frame({ interfaceIndex, source, packetType, payload }: Frame): void {
    this.frames.push({ interfaceIndex, source, packetType, payload: payload.slice() });
  }

  drained(): void {
    this.drains.push(this.frames.length);
  }

  failed(reason: string): void {
    this.failures.push(reason);
  }
}

/** A payload that can be told from others. */
export function numbered(n: number, length = 64): Uint8Array {
  const payload = new Uint8Array(length).fill(n & 0xff);
  new DataView(payload.buffer).setUint32(0, n);
  return payload;
}

/** The numbers of payloads. */
export function numbersOf(frames: readonly Kept[]): number[] {
  return frames.map(({ payload }) => new DataView(payload.buffer).getUint32(0));
}
