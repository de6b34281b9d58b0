/**
 * The links of a native network: sealed multicast on every interface, by which nodes find each other,
 * and by which leafy clients find a node.
 *
 * @module
 */
import type { Clock } from "../../core/mod.ts";
import type { Address, EndpointId } from "../../dncp/mod.ts";
import { decodeDiscovery, encodeDiscovery } from "../../leafy/mod.ts";
import {
  addressOf,
  inSubnet4,
  type InterfaceInfo,
  isLinkLocal6,
  newMulticastCounters,
  openMulticastLink,
  SealedMulticast,
  type Sealer,
} from "../../net/mod.ts";
import type { NetworkKey } from "../../wire/mod.ts";
import type { Problems } from "../problems.ts";
import { Allowance } from "./allowance.ts";
import { LateAnswers } from "./late_answers.ts";

/** Answers to multicast queries are spread over this time, in ms, and no more wait at once. */
const ANSWER_SPREAD = 20;
const MOST_ANSWERS = 64;
/** So many questions with another key, which anybody can ask in anybody's name, are answered a second. */
const MOST_STRANGERS = 4;

/** What the links stand on. */
export interface NativeLinksOptions {
  /** Name of the network. */
  readonly network: string;
  /** UDP port of the multicast. */
  readonly port: number;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly problems: Problems;
  readonly keys: () => readonly NetworkKey[];
  /** The TCP port that others dial; 0 where none is open. */
  readonly streamPort: () => number;
  /** Something for the DNCP machine. `keyIndex`: the key that it was sealed with. */
  readonly received: (
    endpoint: EndpointId,
    from: Address,
    payload: Uint8Array,
    keyIndex: number,
  ) => void;
}

interface OpenLink {
  info: InterfaceInfo;
  multicast: SealedMulticast;
}

/** All of them. */
export class NativeLinks {
  readonly counters = newMulticastCounters();
  readonly #options: NativeLinksOptions;
  readonly #links = new Map<EndpointId, OpenLink>();
  readonly #closing = new Set<Promise<void>>();
  readonly #answers = new LateAnswers(ANSWER_SPREAD, MOST_ANSWERS);
  readonly #strangers = new Allowance(MOST_STRANGERS, 1_000);

  constructor(options: NativeLinksOptions) {
    this.#options = options;
  }

  open(endpoint: EndpointId, info: InterfaceInfo): void {
    const { sealer, clock, problems, port, network, keys, received } = this.#options;
    const multicast = new SealedMulticast(sealer, {
      onPayload: (payload, from, { keyIndex }) => {
        const question = decodeDiscovery(payload);
        if (!question) received(endpoint, from, payload, keyIndex);
        else if (question.type === "query") {
          this.#answerLater(endpoint, from, { port: question.port, keyIndex });
        }
      },
      onWrongKey: (from, keyId, { port: theirs, multicast }) => {
        // Nodes send from this port. Who sends from another one asks for a node, and is told by our
        // answer that there is one, with another key; else he would wait for it in vain.
        if (multicast && theirs !== port && this.#strangers.take(clock.now())) {
          this.#answerLater(endpoint, from, { port: theirs, keyIndex: 0 });
        }
        const ours = keys().map((key) => key.id).join(", ");
        problems.note(
          `${network}:wrong-key:${from}`,
          `${from} on ${info.name} is heard, but with another key (theirs ${keyId}, ours ${ours}); ` +
            "give both the same key file to join them",
        );
      },
    }, (onDatagram) =>
      openMulticastLink({
        info,
        port,
        counters: this.counters,
        onDatagram,
        onProblem: (message) => problems.note(this.#problemOf(info), message),
      }));
    this.#links.set(endpoint, { info, multicast });
  }

  /** Something about the interface changed that its sockets can bear. */
  update(endpoint: EndpointId, info: InterfaceInfo): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    link.info = info;
    link.multicast.link.update(info);
  }

  send(endpoint: EndpointId, payload: Uint8Array): void {
    this.#links.get(endpoint)?.multicast.send(payload);
  }

  close(endpoint: EndpointId): void {
    const link = this.#links.get(endpoint);
    if (!link) return;
    this.#links.delete(endpoint);
    this.#options.problems.clear(this.#problemOf(link.info));
    const gone: Promise<void> = link.multicast.close().finally(() => this.#closing.delete(gone));
    this.#closing.add(gone);
  }

  closeAll(): void {
    for (const endpoint of [...this.#links.keys()]) this.close(endpoint);
  }

  /** Done once what was closed is closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#closing);
  }

  /** The link on which both of these hosts are; `undefined` where there is none. */
  between(local: string, remote: string): EndpointId | undefined {
    for (const [endpoint, { info }] of this.#links) {
      const own = info.addresses.find((cidr) => addressOf(cidr) === local.split("%")[0]);
      if (own && (isLinkLocal6(remote) || inSubnet4(remote, own))) return endpoint;
    }
    return undefined;
  }

  /** With the key of the question, because who asks has perhaps no other one. */
  #answerLater(
    endpoint: EndpointId,
    from: Address,
    how: { port: number; keyIndex: number },
  ): void {
    const { streamPort } = this.#options;
    if (streamPort() === 0) return;
    this.#answers.give(() => {
      const here = encodeDiscovery({ type: "here", port: streamPort() });
      this.#links.get(endpoint)?.multicast.sendTo(from, here, how);
    });
  }

  #problemOf({ name }: InterfaceInfo): string {
    return `${this.#options.network}:link:${name}`;
  }
}
