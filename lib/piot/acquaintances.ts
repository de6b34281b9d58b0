/**
 * How links come and go: by what the user or the shared state says, and by nodes that introduce
 * themselves (spec/piot.md §3.3, §8).
 *
 * @module
 */
import { AgentError, ExitCode } from "../core/mod.ts";
import type { Context } from "./context.ts";
import type { Id } from "./fields.ts";
import { CloseCode, type FrameFields } from "./frame.ts";
import type { DialMode, Link } from "./link.ts";
import type { Mail } from "./mail.ts";

/** What is known of a node that could be talked to. */
export interface Acquaintance {
  readonly peer?: Id;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly dial?: DialMode;
}

/** Where to send. */
export type Destination =
  | { readonly link: number }
  | { readonly peer: Id }
  | { readonly name: string };

/** The links, and who is behind them. */
export class Acquaintances {
  readonly #context: Context;
  readonly #mail: Mail;
  readonly #closeSessions: (now: number, link: Link, code: CloseCode) => void;

  constructor(
    context: Context,
    mail: Mail,
    closeSessions: (now: number, link: Link, code: CloseCode) => void,
  ) {
    this.#context = context;
    this.#mail = mail;
    this.#closeSessions = closeSessions;
  }

  /** @throws {AgentError} where there is none. */
  link(handle: number): Link {
    const link = this.#context.links.get(handle);
    if (!link) throw new AgentError(`there is no link ${handle}`, ExitCode.NotThere);
    return link;
  }

  /**
   * The link to a destination; `undefined` where nobody of that name or id was met yet.
   * @throws {AgentError} where several nodes have the name.
   */
  find(to: Destination): Link | undefined {
    const { links } = this.#context;
    if ("link" in to) return this.link(to.link);
    if ("peer" in to) return links.ofPeer(to.peer);
    const named = links.named(to.name);
    if (named.length <= 1) return named[0];
    throw new AgentError(
      `${named.length} nodes are called "${to.name}"; name one by its id`,
      ExitCode.NotThere,
    );
  }

  /** A link on which messages wait until its node appears. @throws {AgentError} where there is no room. */
  expect(to: Exclude<Destination, { link: number }>): Link {
    const busy = this.noRoom();
    if (busy !== undefined) throw new AgentError(busy, ExitCode.Refused);
    const { links } = this.#context;
    const link = "peer" in to ? links.add(to.peer, to.peer) : links.add(undefined, to.name);
    link.save();
    return link;
  }

  /** See `Piot.learn`. */
  learn(now: number, { peer, name, addresses, dial }: Acquaintance): void {
    const { links } = this.#context;
    const named = links.named(name);
    const [only] = named.length === 1 ? named : [];
    const known = peer === undefined ? only : links.ofPeer(peer);
    // Messages for a name that nobody had so far wait on a link without a peer.
    const waiting = named.find((link) => link.peer === undefined);
    let link = known ?? waiting;
    if (!link && (dial !== "always" || this.noRoom() !== undefined)) return;
    link ??= links.add(peer, name);
    if (peer !== undefined && link.peer === undefined) link = this.bind(now, link, peer);
    else if (known && waiting && known !== waiting) this.#merge(now, waiting, known);
    const news = link.name !== name || link.addresses.join() !== addresses.join();
    if (news || (dial !== undefined && dial !== link.dial)) {
      link.name = name;
      link.addresses = [...addresses];
      link.dial = dial ?? link.dial;
      link.save();
    }
    if (news) link.dialler.reset(now);
  }

  approve(now: number, link: Link): void {
    if (link.state !== "pending") return;
    link.state = "linked";
    link.save();
    link.dialler.reset(now);
    this.#context.event({ kind: "linked", link: link.view() });
  }

  block(now: number, link: Link): void {
    link.state = "blocked";
    link.save();
    this.#closeSessions(now, link, CloseCode.LinkRejected);
    this.#dropAll(now, link);
  }

  unblock(now: number, link: Link): void {
    if (link.state !== "blocked") return;
    link.state = "linked";
    link.save();
    link.dialler.reset(now);
  }

  forget(now: number, link: Link): void {
    const { links, options, event } = this.#context;
    this.#closeSessions(now, link, CloseCode.Normal);
    this.#dropAll(now, link);
    options.hooks?.forgotten(now, link.handle);
    const view = link.view();
    links.remove(link, options.store);
    event({ kind: "linkRemoved", link: view });
  }

  /** Why no more links are made; `undefined` where there is room. */
  noRoom(): string | undefined {
    const { links, options: { config } } = this.#context;
    return links.size < config.maxLinks
      ? undefined
      : `there are ${config.maxLinks} links, and no more are made; forget one`;
  }

  /** Who answered on a link whose peer was not known; another link, where that peer has one. */
  bind(now: number, link: Link, peer: Id): Link {
    if (link.peer === peer) return link;
    const { links } = this.#context;
    const known = links.ofPeer(peer);
    if (known && known !== link) {
      this.#merge(now, link, known);
      return known;
    }
    links.identify(link, peer);
    link.save();
    return link;
  }

  /** A node that we did not know told of itself: its link, or why there is none. */
  introduce(peer: Id, info: FrameFields<"linkInfo">): Link | string {
    const { links, options: { config }, event } = this.#context;
    let link = links.ofPeer(peer);
    const isNew = link === undefined;
    if (!link) {
      const pending = [...links.all()].filter(({ state }) => state === "pending").length;
      if (config.policy === "ask" && pending >= config.maxPending) {
        return "too many wait for a decision";
      }
      const waiting = links.named(info.name).find(({ peer }) => peer === undefined);
      if (waiting && config.policy === "accept") {
        links.identify(waiting, peer);
        link = waiting;
      } else link = links.add(peer, info.name);
    }
    link.name = info.name;
    link.addresses = info.addresses ?? link.addresses;
    link.tags = info.tags ?? link.tags;
    link.state = config.policy === "accept" ? "linked" : "pending";
    link.save();
    if (link.state === "linked") event({ kind: "linked", link: link.view() });
    else if (isNew) event({ kind: "linkRequested", link: link.view() });
    return link;
  }

  /** What waited for a name goes behind what waits for the node that has it. */
  #merge(now: number, from: Link, into: Link): void {
    const { links, options } = this.#context;
    for (const { id, header, body, created, expires } of from.outbox.clear()) {
      into.outbox.append({ header, body, created, expires }, id);
    }
    options.hooks?.merged(now, from.handle, into.handle);
    if (into.addresses.length === 0) into.addresses = from.addresses;
    links.remove(from, options.store);
    into.save();
    into.session?.pump(now);
  }

  #dropAll(now: number, link: Link): void {
    for (const { id } of link.outbox.clear()) this.#mail.left(now, link, id, "forgotten");
  }
}
