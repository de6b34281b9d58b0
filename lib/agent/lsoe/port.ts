/**
 * The socket of the LSOE machine: opened again when it fails, with its groups joined again, and
 * errors counted by the kernel's word for them.
 *
 * @module
 */
import type { Frame, Losses, PacketPort, PacketSystem } from "../../net/mod.ts";
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
  /** Of the sockets before this one. */
  #lost: Losses = { dropped: 0, truncated: 0, receiveErrors: 0 };

  constructor(ethertype: number, listener: LsoePortListener) {
    this.#ethertype = ethertype;
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#port !== undefined;
  }

  /** Frames that came and were not handed on. */
  get losses(): Losses {
    return this.#port === undefined ? this.#lost : sum(this.#lost, this.#port.losses());
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
        this.#letGo();
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
    this.#letGo()?.close();
  }

  #letGo(): PacketPort | undefined {
    const port = this.#port;
    this.#lost = this.losses;
    this.#port = undefined;
    return port;
  }

  #count(error: string): void {
    const word = this.errors.has(error) || this.errors.size < MOST_WORDS ? error : "other";
    this.errors.set(word, (this.errors.get(word) ?? 0) + 1);
  }
}

function sum(a: Losses, b: Losses): Losses {
  return {
    dropped: a.dropped + b.dropped,
    truncated: a.truncated + b.truncated,
    receiveErrors: a.receiveErrors + b.receiveErrors,
  };
}
