/**
 * Joining a network by an invitation: the joiner's side of the exchange (docs/join.md). Each side
 * proves to the other that it holds the code, so neither a listener nor somebody in the middle
 * learns or changes anything.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import { formatHostPort, type HostPort } from "../../net/address.ts";
import { dialSecure, InvitationError } from "../../net/dial.ts";
import type { SecureStream } from "../../net/secure_stream.ts";
import { toHex } from "../../wire/bytes.ts";
import type { InviteKey } from "../../wire/invite.ts";
import {
  encodeInvite,
  InviteDecoder,
  type InviteMessage,
  type Offer,
} from "../../wire/invite_messages.ts";
import type { NetworkKey } from "../../wire/key.ts";

/** A broken connection is tried again this often, after the keys may have been given to us. */
const ATTEMPTS = 3;

/** What joining needs. */
export interface JoinOptions {
  /** In the order in which to try them. */
  readonly addresses: readonly HostPort[];
  readonly key: InviteKey;
  /** Name of this node, for people at the other side. */
  readonly name: string;
  /** For each address and each answer, in ms. */
  readonly timeoutMs: number;
  /**
   * Looks at the offer before anything is taken; throws where this computer cannot take it. False:
   * the keys are here already. In both cases the invitation stays good.
   */
  readonly consider: (offer: Offer, from: HostPort) => boolean;
  /** Puts the keys where they survive a power cut; only then the invitation counts as used. */
  readonly store: (keys: readonly NetworkKey[]) => void;
}

/** What came of it. */
export interface Joined {
  readonly offer: Offer;
  readonly from: HostPort;
  /** Ids of the keys, the sealing one first. */
  readonly keyIds: readonly string[];
  /** The other side has said that it knows; without that, nothing is missing here. */
  readonly confirmed: boolean;
}

/**
 * Joins.
 * @throws {AgentError} exit code 3 where no address answers, 4 where the code is refused.
 */
export async function joinNetwork(options: JoinOptions): Promise<Joined> {
  const claim = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const failures: unknown[] = [];
  for (const address of options.addresses) {
    try {
      return await joinAt(options, address, claim);
    } catch (error) {
      if (!(error instanceof NextAddress)) throw error;
      failures.push(error.cause);
    }
  }
  // That an agent answered and refused tells more than that another address is silent.
  const refused = failures.find((error) => error instanceof InvitationError);
  const [first] = failures;
  if (refused || failures.length === 1) throw refused ?? first;
  const list = options.addresses.map(({ host, port }) => formatHostPort(host, port)).join(", ");
  throw new AgentError(
    `none of ${list} answers (${messageOf(first)}); check the network, or name an address that ` +
      "can be reached from here: --address HOST",
    ExitCode.Unreachable,
    { cause: first },
  );
}

/** There is no use in this address; another one may do. */
class NextAddress extends Error {}

/** The connection broke, and may do so no second time. */
class Broken extends Error {}

async function joinAt(options: JoinOptions, from: HostPort, claim: string): Promise<Joined> {
  const address = formatHostPort(from.host, from.port);
  const { key, timeoutMs } = options;
  for (let attempt = 1;; attempt++) {
    let stream: SecureStream;
    try {
      stream = await dialSecure({ ...from, keys: [key], purpose: "join", timeoutMs });
    } catch (cause) {
      if (attempt > 1) throw cause;
      throw new NextAddress(messageOf(cause), { cause });
    }
    try {
      return await exchange(new Talk(stream, timeoutMs), options, from, claim);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      if (attempt < ATTEMPTS) continue;
      throw new AgentError(
        `the connection to ${address} broke (${error.message}), and nothing was stored here; try ` +
          "again, and if the code is refused then, ask for a new one: agent invite",
        ExitCode.Unreachable,
        { cause: error },
      );
    } finally {
      stream.close("joined");
    }
  }
}

async function exchange(
  talk: Talk,
  options: JoinOptions,
  from: HostPort,
  claim: string,
): Promise<Joined> {
  talk.say({ type: "hello", name: options.name });
  const offer = await talk.hear("offer");
  if (!options.consider(offer, from)) {
    return { offer, from, keyIds: offer.keyIds, confirmed: true };
  }
  talk.say({ type: "take", claim });
  const { keys } = await talk.hear("keys");
  options.store(keys);
  talk.say({ type: "stored" });
  let confirmed = true;
  try {
    await talk.hear("done");
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    confirmed = false;
  }
  return { offer, from, keyIds: keys.map((one) => one.id), confirmed };
}

/** Messages both ways on one stream. */
class Talk {
  readonly #stream: SecureStream;
  readonly #timeoutMs: number;
  readonly #decoder = new InviteDecoder();
  readonly #heard: InviteMessage[] = [];
  #wake: () => void = () => {};
  #closed: string | undefined;

  constructor(stream: SecureStream, timeoutMs: number) {
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
    stream.onClosed((reason) => {
      this.#closed = reason;
      this.#wake();
    });
    stream.onData((bytes) => {
      try {
        this.#heard.push(...this.#decoder.feed(bytes));
      } catch (error) {
        stream.close(`it sent garbage: ${messageOf(error)}`);
      }
      this.#wake();
    });
  }

  say(message: InviteMessage): void {
    this.#stream.write(encodeInvite(message));
  }

  /**
   * The next message, which has to be of this type.
   * @throws {AgentError} exit code 4 where the other side refuses.
   * @throws {Broken} where it does not come.
   */
  async hear<T extends InviteMessage["type"]>(
    type: T,
  ): Promise<Extract<InviteMessage, { type: T }>> {
    const late = setTimeout(() => this.#stream.close("no answer in time"), this.#timeoutMs);
    try {
      while (this.#heard.length === 0 && this.#closed === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      clearTimeout(late);
    }
    const message = this.#heard.shift();
    if (message === undefined) throw new Broken(this.#closed);
    if (message.type === "refuse") {
      throw new AgentError(`${this.#stream.remote} refuses: ${message.message}`, ExitCode.Refused);
    }
    if (message.type !== type) {
      throw new AgentError(
        `${this.#stream.remote} said ${message.type} where ${type} was due; bring both to the ` +
          "same version",
        ExitCode.Unreachable,
      );
    }
    return message as Extract<InviteMessage, { type: T }>;
  }
}
