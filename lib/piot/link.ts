/**
 * A link: the knowledge that two nodes may talk, and what is on its way between them
 * (spec/piot.md §1).
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import type { LinkState, LinkView, Message, PiotStore } from "./api.ts";
import { Dialler } from "./dialler.ts";
import type { Epoch, Id } from "./fields.ts";
import { decodeHeader, type Header } from "./header.ts";
import { Inbox, type Received } from "./inbox.ts";
import { Outbox } from "./outbox.ts";
import { keys, linkRecord } from "./records.ts";
import type { Session } from "./session.ts";
import type { Totals } from "./totals.ts";
import type { Turn } from "./turn.ts";

/** When a link is dialled: while there is something to send, always, or only by the peer. */
export type DialMode = "needed" | "always" | "never";

/** A link of this node. What changes is written with {@linkcode Link.save}. */
export class Link {
  readonly handle: number;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly dialler: Dialler;
  readonly #turn: Turn;
  /** The link id, which both ends know. */
  id: Id | undefined;
  /** Unknown until the peer was met: then only its name or address is. */
  peer: Id | undefined;
  name = "";
  addresses: readonly string[] = [];
  tags: ReadonlyMap<string, string> = new Map();
  state: Exclude<LinkState, "up"> = "linked";
  /** Whether sessions inherit state; `undefined`: as the node does. */
  inherit: boolean | undefined;
  /** Largest frame that the peer takes, as it said last. */
  maxFrame: number | undefined;
  dial: DialMode = "needed";
  /** The one that is active. */
  session: Session | undefined;

  constructor(
    handle: number,
    turn: Turn,
    random: Random,
    newEpoch: () => Epoch,
    totals: Totals,
  ) {
    this.handle = handle;
    this.#turn = turn;
    this.outbox = new Outbox(handle, turn, newEpoch, totals);
    this.inbox = new Inbox(handle, turn, totals);
    this.dialler = new Dialler(random);
  }

  /** What the store knows of it. @throws {WireError} where that is damaged. */
  load(store: PiotStore, record: Uint8Array): void {
    const { id, peer, name, addresses, tags, state, dial, inherit, maxFrame } = linkRecord.decode(
      record,
    );
    this.id = id;
    this.peer = peer;
    this.name = name;
    this.addresses = addresses;
    this.tags = tags;
    this.state = state === "pending" || state === "blocked" ? state : "linked";
    this.dial = dial ? "always" : "needed";
    this.inherit = inherit;
    this.maxFrame = maxFrame;
    this.outbox.load(store);
    this.inbox.load(store);
  }

  save(): void {
    const { id, peer, inherit, maxFrame } = this;
    this.#turn.put(
      keys.link(this.handle),
      linkRecord.encode({
        name: this.name,
        addresses: this.addresses,
        tags: this.tags,
        state: this.state,
        dial: this.dial === "always",
        ...(id !== undefined && { id }),
        ...(peer !== undefined && { peer }),
        ...(inherit !== undefined && { inherit }),
        ...(maxFrame !== undefined && { maxFrame }),
      }),
    );
  }

  view(): LinkView {
    const { peer } = this;
    return {
      link: this.handle,
      ...(peer !== undefined && { peer }),
      name: this.name,
      addresses: this.addresses,
      tags: this.tags,
      state: this.session && this.state === "linked" ? "up" : this.state,
      waiting: this.outbox.size,
      waitingBytes: this.outbox.bytes,
      received: this.inbox.size,
    };
  }

  /** A message of the inbox for the application. `decoded`: its header, where that is known. */
  message({ id, header, body, received }: Received, decoded?: Header): Message {
    return {
      link: this.handle,
      peer: this.peer ?? "",
      id,
      header: decoded ?? decodeHeader(header),
      body,
      received,
    };
  }
}
