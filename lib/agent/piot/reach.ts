/**
 * Whom the machine knows, and by which way it reaches them: the nodes of our networks, and the addresses
 * that the config holds links to.
 *
 * @module
 */
import type { Clock } from "../../core/mod.ts";
import type { SecureStream } from "../../net/mod.ts";
import {
  CloseCode,
  type ConnectionId,
  type Destination,
  type Id,
  type Piot,
  type PiotEvent,
} from "../../piot/mod.ts";
import type { Log } from "../log.ts";
import type { Problems } from "../problems.ts";
import { acquaintanceOf, type Directory, type KnownNode } from "./directory.ts";
import type { MailboxHost } from "./host.ts";
import { closeName } from "./rows.ts";

/** What a person has to look at, at the other end of a plain link. */
const REFUSALS: readonly CloseCode[] = [
  CloseCode.Auth,
  CloseCode.LinkRejected,
  CloseCode.LinkPending,
  CloseCode.Version,
];

/** What it stands on. */
export interface ReachOptions {
  readonly machine: Piot;
  readonly directory: Directory;
  /** Where a connection goes to: `HOST:PORT`. */
  readonly remoteOf: (connection: ConnectionId) => string | undefined;
  /** Addresses of the config that a link is held to. */
  readonly always: readonly string[];
  readonly input: MailboxHost["input"];
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  readonly problems: Problems;
}

/** Tells the machine of others, and keeps their links as they should be. */
export class Reach {
  readonly #options: ReachOptions;
  readonly #always: ReadonlySet<string>;
  #ended = false;

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#always = new Set(options.always);
  }

  /** Nobody is dialled or called any more. */
  end(): void {
    this.#ended = true;
  }

  /** Links of the config are dialled always, and those that were so before no longer. */
  hold(): void {
    this.#options.input((machine, now) => this.#hold(machine, now));
  }

  #hold(machine: Piot, now: number): void {
    const always = this.#always;
    const links = machine.links();
    for (const { peer, name, addresses } of links) {
      if (addresses.length === 0 || addresses.some((one) => always.has(one))) continue;
      machine.learn(now, { ...(peer && { peer }), name, addresses, dial: "needed" });
    }
    for (const address of always) {
      const known = links.find(({ addresses }) => addresses.includes(address));
      machine.learn(now, {
        ...(known?.peer !== undefined && { peer: known.peer }),
        name: known?.name ?? address,
        addresses: known?.addresses ?? [address],
        dial: "always",
      });
    }
  }

  /** Opens a stream to a node of a network; `undefined` where the address is none of one. */
  dial(address: string, signal: AbortSignal): Promise<SecureStream> | undefined {
    const { machine, directory } = this.#options;
    const dialling = directory.dial(address, signal);
    dialling?.catch(() => {
      // It cannot be reached by us; perhaps it can reach us.
      if (this.#ended || signal.aborted) return;
      const link = machine.links().find(({ addresses }) => addresses.includes(address));
      if (link?.peer !== undefined) directory.call(link.peer, true);
    });
    return dialling;
  }

  /** Whether a node was met where only holders of a network's key are. */
  isSealed(peer: Id): boolean {
    const { machine, directory } = this.#options;
    if (directory.isSealed(peer)) return true;
    return machine.find({ peer })?.addresses.some((one) => one.startsWith("@")) ?? false;
  }

  /**
   * Something is sent there: what waits for its name is for this node, and its link can be dialled.
   * The machine was told when the node appeared; but what it hears in a turn that cannot be stored, it
   * forgets.
   */
  wanted(to: Destination): void {
    if (!("peer" in to)) return;
    const { machine, directory, clock } = this.#options;
    const node = directory.node(to.peer);
    const link = machine.find(to);
    if (!node || link?.state === "up") return;
    if (link && node.addresses.length === 0) directory.call(node.id, true);
    const acquaintance = acquaintanceOf(node, this.#heldAddresses(node.id));
    if (link?.addresses.join() === acquaintance.addresses.join()) return;
    machine.learn(clock.now(), acquaintance);
  }

  /** A node appeared in a network, or is found elsewhere. */
  met(node: KnownNode): void {
    const { log, input } = this.#options;
    if (node.calls) log.info(`messages: ${node.name} asks to be dialled`);
    input((machine, now) => {
      machine.learn(now, {
        ...acquaintanceOf(node, this.#heldAddresses(node.id)),
        ...(node.calls && { dial: "always" }),
      });
      machine.retry(now, node.id);
    });
  }

  /** Addresses of the config that belong to a node which we also find in a network. */
  #heldAddresses(peer: Id): string[] {
    return this.#options.machine.find({ peer })?.addresses.filter((one) => this.#always.has(one)) ??
      [];
  }

  /** Another node answered: the right one may be at another of its addresses. */
  attemptFailed({ link, connection, code }: PiotEvent & { kind: "attemptFailed" }): void {
    const { directory, input, problems, remoteOf } = this.#options;
    const remote = remoteOf(connection) ?? "";
    const { peer, addresses } = link;
    const sealed = addresses.filter((address) => address.startsWith("@"));
    if (code === CloseCode.WrongNode && peer !== undefined) {
      const others = sealed.filter((address) => directory.avoid(address, remote));
      if (others.length === 0) return;
      queueMicrotask(() => input((machine, now) => machine.retry(now, peer)));
    } else if (sealed.length === 0 && REFUSALS.includes(code)) {
      problems.note(
        `piot:refused:${link.link}`,
        `messages: ${remote} does not take us (${
          closeName(code)
        }); look at key_file and policy in` +
          " [piot] on both sides",
      );
    }
  }

  /** A session is there: nobody has to call, and from now on it is dialled when it is needed. */
  settled(peer: Id, link: number): void {
    if (this.#ended) return;
    const { machine, directory, input } = this.#options;
    directory.call(peer, false);
    const view = machine.find({ peer });
    if (view?.link !== link || view.addresses.some((one) => this.#always.has(one))) return;
    const { name, addresses } = view;
    input((machine, now) => machine.learn(now, { peer, name, addresses, dial: "needed" }));
  }
}
