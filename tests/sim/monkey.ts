/**
 * A seeded monkey: it flips links, moves plugs, splits networks, kills and starts nodes, and changes
 * what they publish, thousands of times. Then it lets go, and the network must agree again.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import { components, runUntilConverged } from "./convergence.ts";
import type { Attachment, Link } from "./link.ts";
import type { SimNode } from "./node.ts";
import { watchEvents } from "./scenario.ts";
import { emptyWorld, type TopologyOptions, value } from "./topology.ts";
import type { World } from "./world.ts";

export interface MonkeyOptions extends TopologyOptions {
  readonly nodes: number;
  /** Plugs of each node; each goes into one of the links. */
  readonly ports: number;
  readonly links: number;
  /** Things to break. */
  readonly steps: number;
  /** Virtual ms within which all must agree once the monkey has let go. */
  readonly limit: number;
  /** Called before each step with what it is. */
  readonly log?: (line: string) => void;
  /** Called once with the world, before its nodes start: to read its trace along. */
  readonly watch?: (world: World) => void;
}

export interface MonkeyReport {
  readonly world: World;
  /** Until all agreed again after the monkey had let go, in virtual ms. */
  readonly healed: number;
  readonly parts: number;
  readonly steps: ReadonlyMap<string, number>;
}

/** @throws with the seed, where the network does not agree in time or its events do not add up. */
export function monkey(options: MonkeyOptions): MonkeyReport {
  const { seed, nodes, ports, limit, mode = "native" } = options;
  const random = new Random(seed ^ 0x6d6f_6e6b);
  const world = emptyWorld(nodes, options);
  const links = Array.from({ length: options.links }, () => world.addLink());
  const attachments = world.nodes.flatMap((node) =>
    plugIn(world, node, ports, links, mode, random)
  );
  const check = watchEvents(world);
  options.watch?.(world);
  world.start();
  const hands = new Hands(world, links, attachments, random, options.log);
  for (let i = 0; i < options.steps; i++) {
    hands.step();
    // Mostly in quick succession, sometimes long enough for everything to time out.
    world.run(random.chance(0.03) ? random.between(0, 90_000) : random.between(0, 1_500));
  }
  hands.letGo(random.chance(0.5));
  const healed = runUntilConverged(world, limit, { hold: 2_000 });
  const odd = check() ?? doubledStreams(world);
  if (odd) throw new Error(`seed ${seed}: ${odd}`);
  return { world, healed, parts: components(world).length, steps: hands.counts };
}

/** Each port is an endpoint of its own; in mode `connect` all are cables of one endpoint. */
function plugIn(
  world: World,
  node: SimNode,
  ports: number,
  links: readonly Link[],
  mode: string,
  random: Random,
): Attachment[] {
  const plugged: Attachment[] = [];
  for (let i = 0; i < ports; i++) {
    const link = random.pick(links);
    if (mode === "connect") {
      const endpoint = node.endpoints[0] ?? node.addEndpoint("stream", []);
      plugged.push(node.attach(endpoint, link));
      // As people write it: some of the others, by address, whether or not they can be reached.
      for (const other of world.nodes) {
        if (other.index >= node.index) continue;
        for (const { host } of other.endpoints.flatMap((each) => each.attachments)) {
          node.connect(endpoint, `${host}:8331`);
        }
      }
    } else {
      const endpoint = node.addEndpoint(
        mode === "hncp" ? "multicast+datagram" : "multicast+stream",
        [link],
      );
      plugged.push(...endpoint.attachments);
    }
  }
  return plugged;
}

/** What the monkey does. */
class Hands {
  readonly counts = new Map<string, number>();
  readonly #world: World;
  readonly #links: readonly Link[];
  readonly #attachments: readonly Attachment[];
  readonly #random: Random;
  readonly #log: ((line: string) => void) | undefined;
  #values = 0;

  constructor(
    world: World,
    links: readonly Link[],
    attachments: readonly Attachment[],
    random: Random,
    log: ((line: string) => void) | undefined,
  ) {
    this.#world = world;
    this.#links = links;
    this.#attachments = attachments;
    this.#random = random;
    this.#log = log;
  }

  step(): void {
    const random = this.#random;
    const node = random.pick(this.#world.nodes);
    const link = random.pick(this.#links);
    const dice = random.below(100);
    if (dice < 25) this.#publish(node);
    else if (dice < 40) this.#flip(link);
    else if (dice < 52) this.#move(random.pick(this.#attachments), link);
    else if (dice < 60) this.#split(link);
    else if (dice < 70) this.#flipEndpoint(node);
    else if (dice < 76) this.#deafen(random.pick(this.#attachments));
    else if (node.running) this.#stop(node, dice);
    else this.#start(node);
  }

  /**
   * Start every node; repair everything, or leave links and plugs as they are. What works in one
   * direction only is repaired in either case: whether such a link counts is a matter of taste.
   */
  letGo(repair: boolean): void {
    const world = this.#world;
    this.#note("let go", repair ? "everything repaired" : "links left as they are");
    for (const node of world.nodes) node.start();
    for (const attachment of this.#attachments) world.setDeaf(attachment, false);
    for (const node of world.nodes) {
      for (const endpoint of node.endpoints) node.endpointUp(endpoint);
    }
    if (!repair) return;
    for (const link of this.#links) {
      world.setLink(link, true);
      world.heal(link);
    }
  }

  #publish(node: SimNode): void {
    const random = this.#random;
    const { profile } = this.#world;
    const count = random.below(4);
    this.#note("publish", node.name);
    node.publish(
      Array.from({ length: count }, (_, i) => value(profile, `${node.name}/${i}`, ++this.#values)),
    );
  }

  #flip(link: Link): void {
    this.#note("link", `${link.index} ${link.up ? "down" : "up"}`);
    this.#world.setLink(link, !link.up);
  }

  #move(attachment: Attachment, link: Link): void {
    this.#note("plug", `${attachment.host} into link ${link.index}`);
    this.#world.replug(attachment, link);
  }

  #split(link: Link): void {
    const random = this.#random;
    const split = random.chance(0.5);
    this.#note("split", `link ${link.index} ${split ? "in two" : "healed"}`);
    this.#world.partition(link, () => split ? random.below(2) : 0);
  }

  #flipEndpoint(node: SimNode): void {
    const endpoint = this.#random.pick(node.endpoints);
    this.#note("interface", `${node.name} ${endpoint.name} ${endpoint.up ? "down" : "up"}`);
    if (endpoint.up) node.endpointDown(endpoint);
    else node.endpointUp(endpoint);
  }

  #deafen(attachment: Attachment): void {
    this.#note("deaf", `${attachment.host} ${!attachment.deaf}`);
    this.#world.setDeaf(attachment, !attachment.deaf);
  }

  #stop(node: SimNode, dice: number): void {
    if (dice < 88) {
      this.#note("crash", node.name);
      node.crash();
      if (this.#random.chance(0.5)) this.#start(node);
    } else {
      this.#note("power cut", node.name);
      node.powerCut();
      if (this.#random.chance(0.3)) this.#start(node);
    }
  }

  #start(node: SimNode): void {
    const dice = this.#random.below(10);
    if (dice < 6) {
      this.#note("start", node.name);
      node.start();
    } else if (dice < 9) {
      this.#note("start anew", node.name);
      node.start({ forget: true });
    } else {
      this.#note("start from an old copy", node.name);
      node.start({ seqno: 1 });
    }
  }

  #note(what: string, detail: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    this.#log?.(`${this.#world.now.toFixed(1).padStart(12)}  monkey: ${what} ${detail}`);
  }
}

/** Between two interfaces one stream is enough; more that stay are a leak. */
function doubledStreams(world: World): string | undefined {
  for (const node of world.nodes) {
    const seen = new Set<string>();
    for (const end of node.streams.values()) {
      const key = `${end.attachment.host}–${end.out.to.attachment.host}`;
      if (seen.has(key)) return `two streams are left between ${key}`;
      seen.add(key);
    }
  }
  return undefined;
}
