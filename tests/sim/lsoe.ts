/**
 * LSOE machines on simulated computers: what each learned, told northbound, and whether all of them
 * agree.
 *
 * @module
 */
import { Random } from "../../lib/core/mod.ts";
import {
  announcements,
  ENCAPSULATION_TYPES,
  Lsoe,
  type LsoeConfig,
  type LsoeEvent,
  type Report,
  sameList,
  type SessionView,
} from "../../lib/lsoe/mod.ts";
import type { PacketPort } from "../../lib/net/packets.ts";
import { type Mac, parseMac } from "../../lib/wire/mac.ts";
import { DEFAULTS } from "../lsoe/lone.ts";
import type { SimInterface, SimKernel, Wires } from "./kernel.ts";

const ETHERTYPE = 0x88b5;

/** One computer that speaks LSOE. */
export class LsoeNode {
  readonly kernel: SimKernel;
  readonly config: LsoeConfig;
  readonly id: Uint8Array;
  readonly events: LsoeEvent[] = [];
  /** What stands northbound: the last list of each `unique`, where it is not empty. */
  readonly northbound = new Map<string, Report>();
  /** Links that were told to be up, by session. */
  readonly linksUp = new Map<number, string>();
  readonly sendErrors: string[] = [];
  #lsoe: Lsoe | undefined;
  #port: PacketPort | undefined;
  #unsubscribe = () => {};

  constructor(kernel: SimKernel, number: number, config: Partial<LsoeConfig> = {}) {
    this.kernel = kernel;
    this.config = { ...DEFAULTS, ...config };
    this.id = new Uint8Array(10);
    this.id[9] = number;
    this.start();
  }

  get #wires(): Wires {
    return this.kernel.wires;
  }

  get lsoe(): Lsoe {
    if (!this.#lsoe) throw new Error(`${this.kernel.name} does not run`);
    return this.#lsoe;
  }

  get running(): boolean {
    return this.#lsoe !== undefined;
  }

  start(): void {
    const port = this.kernel.open(ETHERTYPE, {
      frame: (frame) => this.#lsoe?.receive(this.#wires.now, frame),
      failed: () => {},
    });
    const lsoe = new Lsoe({
      config: this.config,
      localId: this.id,
      random: new Random(this.#wires.random.uint32()),
      now: this.#wires.now,
      output: {
        send: (index, to, datagrams) => {
          const { error } = port.send(index, to, datagrams);
          if (error) this.sendErrors.push(error);
        },
        join: (index, group) => port.join(index, group),
        leave: (index, group) => port.leave(index, group),
        report: (report) => this.#report(report),
        event: (event) => this.#event(event),
      },
    });
    this.#port = port;
    this.#lsoe = lsoe;
    this.#unsubscribe = this.kernel.subscribe((all) => lsoe.setInterfaces(this.#wires.now, all));
    lsoe.setInterfaces(this.#wires.now, this.kernel.current());
    this.#wires.add(lsoe);
  }

  /** It stops from one moment to the next, as in a power cut. */
  kill(): void {
    if (!this.#lsoe) return;
    this.#unsubscribe();
    this.#wires.remove(this.#lsoe);
    this.#port?.close();
    this.#lsoe = undefined;
    this.northbound.clear();
    this.linksUp.clear();
  }

  /** It stops in an orderly way. */
  stop(): void {
    this.#lsoe?.teardown(this.#wires.now);
    this.kill();
  }

  /** Its open session with this interface of another computer, on one of its own. */
  sessionWith(own: SimInterface, other: SimInterface): SessionView | undefined {
    return this.lsoe.sessions().find((each) =>
      each.interfaceIndex === own.index && macOf(each) === other.macNumber && each.state === "open"
    );
  }

  /** Sessions, stations known, unfinished PDUs, stations held off. */
  sizes(): number[] {
    const { sessions, macs, partials, held } = this.lsoe.sizes;
    return [sessions, macs, partials, held];
  }

  /** How often something happened. */
  count(kind: LsoeEvent["kind"]): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  #report(report: Report): void {
    const key = report.unique.join();
    if (report.encaps.length > 0) this.northbound.set(key, report);
    else this.northbound.delete(key);
  }

  #event(event: LsoeEvent): void {
    this.events.push(event);
    if (event.kind === "linkUp" || event.kind === "linkChange") {
      this.linksUp.set(event.link.session, JSON.stringify(event.link));
    } else if (event.kind === "linkDown") this.linksUp.delete(event.link.session);
  }
}

/** An interface and whose it is. */
export interface End {
  readonly node: LsoeNode;
  readonly at: SimInterface;
}

/** What is wrong between these, which are all on one wire; `undefined`: all agree. */
export function disagreement(ends: readonly End[]): string | undefined {
  for (const a of ends) {
    for (const b of ends) {
      const why = a === b ? undefined : oneWay(a, b);
      if (why) return `${a.node.kernel.name}:${a.at.name} of ${b.node.kernel.name}: ${why}`;
    }
    const why = northboundTrouble(a.node);
    if (why) return `${a.node.kernel.name}: ${why}`;
  }
  return undefined;
}

/** What `a` has wrong of `b`. */
function oneWay(a: End, b: End): string | undefined {
  const session = a.node.sessionWith(a.at, b.at);
  if (!session) return "no open session";
  const expected = announcements(b.node.kernel.current(), b.node.config, [], b.at.index);
  for (const type of ENCAPSULATION_TYPES) {
    if (!sameList(session.learned[type], expected[type])) return `another list of type ${type}`;
  }
  return undefined;
}

/** Whether what was told northbound, and of links, is what the sessions hold. */
export function northboundTrouble(node: LsoeNode): string | undefined {
  const lists = node.lsoe.sessions().flatMap((session) =>
    ENCAPSULATION_TYPES.filter((type) => session.learned[type].length > 0)
      .map((type) => `${session.interface} ${session.peerMac} ${type}`)
  );
  const told = [...node.northbound.values()]
    .map((report) => `${report.ifname} ${report.peer_macaddr} ${report.pdu_type}`);
  if (lists.sort().join() !== told.sort().join()) return `northbound ${told}, sessions ${lists}`;
  const links = node.lsoe.links().map((link) => JSON.stringify(link));
  if (links.sort().join() !== [...node.linksUp.values()].sort().join()) {
    return "links differ from what was told";
  }
  return undefined;
}

function macOf(session: SessionView): Mac {
  return parseMac(session.peerMac) ?? 0;
}
