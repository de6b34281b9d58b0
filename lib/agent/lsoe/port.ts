/**
 * The socket of the LSOE machine: opened again when it fails, with its groups joined again, and
 * errors counted by the kernel's word for them.
 *
 * @module
 */
import type { Frame, PacketPort, PacketSystem } from "../../net/mod.ts";
import type { Mac } from "../../wire/mod.ts";

/** What a {@linkcode LsoePort} tells. */
export interface LsoePortListener {
  frame(frame: Frame): void;
  /** It receives no more until it is opened again. */
  failed(reason: string): void;
}

/** Different words for errors that are counted; the kernel has about 130. */
const MOST_WORDS = 16;

/** A port of one EtherType that survives its socket. */
export class LsoePort {
  readonly #ethertype: number;
  readonly #listener: LsoePortListener;
  readonly #joined = new Map<number, Set<Mac>>();
  #port: PacketPort | undefined;
  /** Frames that could not be sent, by why. */
  readonly errors = new Map<string, number>();

  constructor(ethertype: number, listener: LsoePortListener) {
    this.#ethertype = ethertype;
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#port !== undefined;
  }

  /** @throws {AgentError} where CAP_NET_RAW is missing. */
  open(system: PacketSystem): void {
    this.close();
    // What an earlier socket still has to say is not ours any more.
    const mine: { port?: PacketPort } = {};
    const isMine = () => mine.port !== undefined && this.#port === mine.port;
    const opened = system.open(this.#ethertype, {
      frame: (frame) => {
        if (isMine()) this.#listener.frame(frame);
      },
      failed: (reason) => {
        if (!isMine()) return;
        this.#port = undefined;
        this.#listener.failed(reason);
      },
    });
    mine.port = opened;
    this.#port = opened;
    for (const [index, groups] of this.#joined) {
      for (const group of groups) opened.join(index, group);
    }
  }

  send(index: number, destination: Mac, payloads: readonly Uint8Array[]): void {
    const error = this.#port === undefined
      ? "closed"
      : this.#port.send(index, destination, payloads).error;
    if (error !== undefined) this.#count(error);
  }

  join(index: number, group: Mac): void {
    const groups = this.#joined.get(index) ?? new Set();
    this.#joined.set(index, groups.add(group));
    const error = this.#port?.join(index, group);
    if (error !== undefined) this.#count(error);
  }

  leave(index: number, group: Mac): void {
    const groups = this.#joined.get(index);
    groups?.delete(group);
    if (groups?.size === 0) this.#joined.delete(index);
    this.#port?.leave(index, group);
  }

  close(): void {
    const port = this.#port;
    this.#port = undefined;
    port?.close();
  }

  #count(error: string): void {
    const word = this.errors.has(error) || this.errors.size < MOST_WORDS ? error : "other";
    this.errors.set(word, (this.errors.get(word) ?? 0) + 1);
  }
}
