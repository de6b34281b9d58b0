/**
 * Streams of purpose "join" on the inviting side: offers the network to the holder of an invitation,
 * and gives the keys to the first that takes them (docs/join.md).
 *
 * @module
 */
import { messageOf } from "../../core/mod.ts";
import type { SecureStream } from "../../net/mod.ts";
import { encodeInvite, InviteDecoder, type InviteMessage } from "../../wire/invite_messages.ts";
import type { NetworkKey } from "../../wire/mod.ts";
import { parseHostPort } from "../../net/address.ts";
import type { Invites } from "./invites.ts";

/** The whole exchange needs no person: whoever takes longer is gone. In ms. */
const LIMIT = 30_000;

/** What is offered. */
export interface JoinOffer {
  readonly network: string;
  readonly node: string;
  readonly port: number;
  readonly streamPort: number;
  /** In use now, the sealing one first. */
  readonly keys: readonly NetworkKey[];
}

/** Serves one stream to its end. `offer` is asked when it is due, because keys may change. */
export function serveJoin(stream: SecureStream, invites: Invites, offer: () => JoinOffer): void {
  const session = new JoinSession(stream, invites, offer);
  const timer = setTimeout(() => stream.close("took too long to join"), LIMIT);
  stream.onClosed(() => {
    clearTimeout(timer);
    session.closed();
  });
  stream.onData((bytes) => session.receive(bytes));
}

class JoinSession {
  readonly #stream: SecureStream;
  readonly #invites: Invites;
  readonly #offer: () => JoinOffer;
  readonly #id: string;
  readonly #decoder = new InviteDecoder();
  #by: string;
  #step: "hello" | "take" | "stored" | "over" = "hello";

  constructor(stream: SecureStream, invites: Invites, offer: () => JoinOffer) {
    this.#stream = stream;
    this.#invites = invites;
    this.#offer = offer;
    this.#id = stream.invitation ?? "";
    this.#by = parseHostPort(stream.remote, 0).host;
  }

  receive(bytes: Uint8Array): void {
    try {
      for (const message of this.#decoder.feed(bytes)) this.#handle(message);
    } catch (error) {
      this.#stream.close(`the joiner sent garbage: ${messageOf(error)}`);
    }
  }

  closed(): void {
    if (this.#step === "stored") this.#invites.ended(this.#id);
  }

  #handle(message: InviteMessage): void {
    if (message.type !== this.#step) {
      this.#end({ type: "refuse", message: `${message.type} out of turn` });
    } else if (message.type === "hello") {
      const { keys, ...rest } = this.#offer();
      if (message.name !== "") this.#by = `${message.name.slice(0, 63)} at ${this.#by}`;
      this.#step = "take";
      this.#send({ type: "offer", ...rest, keyIds: keys.map((key) => key.id) });
    } else if (message.type === "take") {
      const why = this.#invites.take(this.#id, message.claim, this.#by);
      if (why !== undefined) {
        this.#end({ type: "refuse", message: why });
        return;
      }
      this.#step = "stored";
      this.#send({ type: "keys", keys: this.#offer().keys });
    } else if (message.type === "stored") {
      this.#invites.stored(this.#id, this.#by);
      this.#end({ type: "done" });
    }
  }

  #send(message: InviteMessage): void {
    this.#stream.write(encodeInvite(message));
  }

  #end(message: InviteMessage): void {
    if (this.#step === "over") return;
    const taken = this.#step === "stored" && message.type !== "done";
    this.#step = "over";
    if (taken) this.#invites.ended(this.#id);
    this.#send(message);
    // The other side closes once it has read this; the limit bounds the wait.
    void this.#stream.flushed();
  }
}
