/**
 * One leafy stream as the node sees it: bytes in, answers out.
 *
 * @module
 */
import { ExitCode } from "../core/mod.ts";
import { WireError } from "../wire/bytes.ts";
import { TlvFormat, TlvStreamDecoder } from "../wire/tlv.ts";
import { decodeLeaf, encodeLeaf, type LeafMessage, MAX_REQUEST_TLV } from "./messages.ts";
import type { LeafyServer } from "./server.ts";

/** Requests on one stream. A client that refreshes for a day every few seconds opens a new one at times. */
const MAX_REQUESTS = 1_000;

/** What a piece of a leafy stream led to. */
export interface LeafReply {
  /** To be written in this order; encoded when they are asked for. */
  readonly pieces: Iterable<Uint8Array>;
  /** Close the stream behind the pieces, for this reason. */
  readonly close?: string;
}

/** The node's end of one leafy stream. */
export class LeafSession {
  readonly #server: LeafyServer;
  readonly #decoder = new TlvStreamDecoder(TlvFormat.native, MAX_REQUEST_TLV);
  #requests = 0;

  constructor(server: LeafyServer) {
    this.#server = server;
  }

  /** Bytes as they came. `wall`: ms since 1970. Never throws; feed no more once it said `close`. */
  feed(now: number, wall: number, bytes: Uint8Array): LeafReply {
    let messages: LeafMessage[];
    try {
      messages = decodeLeaf(this.#decoder.feed(bytes));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return refusal(`the node did not understand: ${error.message}`);
    }
    const answers: Iterable<Uint8Array>[] = [];
    for (const message of messages) {
      if (++this.#requests > MAX_REQUESTS) {
        const { pieces, close } = refusal("too many requests on one stream; connect again");
        return { pieces: flatten([...answers, pieces]), close };
      }
      // What waits for a slow reader is its question; the answer is made when it can be sent.
      if (message.type === "read") answers.push(later(() => this.#server.answerRead(message)));
      if (message.type === "publish") {
        answers.push([encodeLeaf(this.#server.handlePublish(now, wall, message))]);
      }
    }
    return { pieces: flatten(answers) };
  }
}

function refusal(message: string): { pieces: Uint8Array[]; close: string } {
  const pieces = [encodeLeaf({ type: "error", exitCode: ExitCode.Refused, message })];
  return { pieces, close: message };
}

function* later(answer: () => Iterable<Uint8Array>): Generator<Uint8Array> {
  yield* answer();
}

function* flatten(parts: Iterable<Iterable<Uint8Array>>): Generator<Uint8Array> {
  for (const part of parts) yield* part;
}
