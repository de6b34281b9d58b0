/**
 * All sessions: made, opened, closed, woken, and what that means for others (spec/lsoe.md §5, §8).
 *
 * @module
 */
import type { Random } from "../core/mod.ts";
import { type Mac, macText } from "../wire/mac.ts";
import type {
  LinkView,
  LsoeConfig,
  LsoeCounters,
  LsoeHooks,
  LsoeInterface,
  LsoeOutput,
} from "./api.ts";
import type { Core, Ending } from "./core.ts";
import { Deadlines } from "./deadlines.ts";
import { encodeDatagrams, largestPdu } from "./fragment.ts";
import { GuardedHooks } from "./hooks.ts";
import { linkChange, linkOf } from "./links.ts";
import { MacCache } from "./mac_cache.ts";
import { Memory, NowAndThen } from "./memory.ts";
import { ENCAPSULATION_TYPES, PduType } from "./pdu.ts";
import { encodePdu } from "./pdu_codec.ts";
import type { Port } from "./port.ts";
import { Reassembly } from "./reassembly.ts";
import { idText, reportOf } from "./report.ts";
import { Session } from "./session.ts";

/** Sessions on one interface (§12). */
export const MAX_SESSIONS = 64;
/** Stations that are held off, of all interfaces. */
const MAX_HELD = 1_024;

const HELLO = encodePdu({ type: PduType.Hello });

/** What the machine is made of. */
export interface SessionsOptions {
  readonly config: LsoeConfig;
  readonly localId: Uint8Array;
  readonly output: LsoeOutput;
  readonly random: Random;
  readonly hooks?: LsoeHooks;
}

/** The table of sessions, and what all of them share. */
export class Sessions implements Core {
  readonly config: LsoeConfig;
  readonly localId: Uint8Array;
  readonly localIdText: string;
  readonly output: LsoeOutput;
  readonly random: Random;
  readonly hooks: GuardedHooks;
  readonly counters: LsoeCounters = {
    framesReceived: 0,
    framesSent: 0,
    badDatagrams: 0,
    badPdus: 0,
    macMoves: 0,
    refused: 0,
    retransmissions: 0,
    hookFailures: 0,
    sessionsOpened: 0,
    sessionsClosed: 0,
  };
  readonly macs: MacCache;
  readonly reassembly: Reassembly;
  /** By id, which is by age. */
  readonly #all = new Map<number, Session>();
  readonly #deadlines = new Deadlines<Session>();
  readonly #held = new Memory(MAX_HELD);
  readonly #rejected = new NowAndThen();
  readonly #helloWanted = new Set<Port>();
  #lastId = 0;

  constructor({ config, localId, output, random, hooks = {} }: SessionsOptions) {
    this.config = config;
    this.localId = localId;
    this.localIdText = idText(localId);
    this.output = output;
    this.random = random;
    this.hooks = new GuardedHooks(hooks, output, this.counters);
    this.macs = new MacCache(config.macCacheTimeout);
    this.reassembly = new Reassembly({
      timeout: config.reassemblyTimeout,
      reorderWindow: config.reorderWindow,
    });
  }

  get size(): number {
    return this.#all.size;
  }

  /** Stations that are held off, or were until lately. */
  get held(): number {
    return this.#held.size;
  }

  get nextWake(): number {
    return this.#deadlines.next;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#all.values();
  }

  get(id: number): Session | undefined {
    return this.#all.get(id);
  }

  send(port: Port, destination: Mac, pdu: Uint8Array): void {
    const size = port.datagramSize;
    if (pdu.length > largestPdu(size)) {
      this.counters.refused++;
      return;
    }
    const datagrams = encodeDatagrams(pdu, size);
    this.counters.framesSent += datagrams.length;
    this.output.send(port.index, destination, datagrams);
  }

  /** A HELLO on this interface, once what is being done is done. */
  wantHello(port: Port): void {
    this.#helloWanted.add(port);
  }

  /** Send the HELLOs that were wanted, one on each interface. */
  sendHellos(): void {
    if (this.#helloWanted.size === 0) return;
    for (const port of this.#helloWanted) {
      if (port.carries) this.send(port, this.config.helloDestination, HELLO);
    }
    this.#helloWanted.clear();
  }

  create(now: number, port: Port, peer: Mac): Session | undefined {
    if (port.sessions.size >= MAX_SESSIONS && !this.#makeRoom(now, port)) {
      this.reject(now, port, peer, `${MAX_SESSIONS} sessions on the interface already`);
      return undefined;
    }
    const session = new Session(this, ++this.#lastId, port, peer, now);
    port.sessions.set(peer, session);
    this.#all.set(session.id, session);
    return session;
  }

  opened(now: number, session: Session): void {
    this.counters.sessionsOpened++;
    this.output.event({ kind: "opened", session: session.view });
    session.begin(now);
  }

  close(now: number, session: Session, ending: Ending): void {
    const { port, peer, view, open, stale } = session;
    this.#deadlines.delete(session);
    this.#all.delete(session.id);
    port.sessions.delete(peer);
    this.macs.remove(port.index, peer, port.vlan);
    this.reassembly.remove(port.index, peer);
    const keep = this.config.keepStateOnTimeout && ending.silence === true && (open || stale);
    if (!keep && (open || stale)) this.withdraw(session);
    if (open) this.counters.sessionsClosed++;
    this.output.event({ kind: "closed", session: view, reason: ending.reason });
    if (keep) this.create(now, port, peer)?.inherit(session);
    if (ending.hello) this.wantHello(port);
  }

  /** Close all on an interface, and forget which stations were there. */
  closeAll(now: number, port: Port, reason: string): void {
    for (const session of [...port.sessions.values()]) this.close(now, session, { reason });
    this.macs.removeInterface(port.index);
    this.reassembly.removeInterface(port.index);
    this.#held.forget(port.index);
  }

  /** An interface is given up while it still works: peers are told that nothing is left. */
  retire(now: number, port: Port, reason: string): void {
    for (const session of port.sessions.values()) if (session.open) session.retract();
    this.closeAll(now, port, reason);
    this.#helloWanted.delete(port);
  }

  /**
   * The interface has another name from now on. Sessions stay, but what was reported stands under
   * the old name, which nobody would ever withdraw.
   */
  rename(port: Port, facts: LsoeInterface): void {
    const known = [...port.sessions.values()].filter(({ open, stale }) => open || stale);
    for (const session of known) this.#reportEmpty(session);
    port.facts = facts;
    for (const session of port.sessions.values()) session.refresh();
    for (const session of known) {
      for (const type of ENCAPSULATION_TYPES) {
        const list = session.learned[type];
        if (list.length > 0) this.output.report(reportOf(session.subject, type, list));
      }
    }
  }

  withdraw(session: Session): void {
    this.#reportEmpty(session);
    session.unlearn();
    this.#relinkTo(session, undefined);
  }

  relink(session: Session): void {
    if (!session.open && !session.stale) return;
    const { port, view } = session;
    const announced = {
      4: port.announced(4).list,
      5: port.announced(5).list,
      6: port.announced(6).list,
      7: port.announced(7).list,
    };
    const ends = { session: session.id, localId: this.localIdText, remoteId: view.peerId };
    this.#relinkTo(session, linkOf(ends, announced, session.learned));
  }

  hold(now: number, port: Port, peer: Mac): void {
    this.#held.set(port.index, peer, now + this.config.hopelessHold);
    this.output.event({ kind: "hopeless", mac: macText(peer), interface: port.name });
  }

  isHeld(now: number, port: Port, peer: Mac): boolean {
    return this.#held.has(now, port.index, peer);
  }

  reject(now: number, port: Port, peer: Mac, reason: string): void {
    this.counters.refused++;
    this.complain(now, port, peer, reason);
  }

  /** Tell of a station's frames, now and then. */
  complain(now: number, port: Port, peer: Mac, reason: string): void {
    if (!this.#rejected.ask(now, port.index, peer)) return;
    this.output.event({ kind: "rejected", mac: macText(peer), interface: port.name, reason });
  }

  /** Something was done with a session: see when it has to be woken. */
  rearm(session: Session): void {
    if (this.#all.has(session.id)) this.#deadlines.set(session, session.deadline);
  }

  /** Wake those that are due. */
  wake(now: number): void {
    for (let session; (session = this.#deadlines.due(now));) {
      const ending = session.wake(now);
      if (ending) this.close(now, session, ending);
      else this.rearm(session);
    }
  }

  /** Links that are up, by age of their session. */
  links(): LinkView[] {
    return [...this.#all.values()].flatMap(({ link }) => link ?? []);
  }

  #reportEmpty({ subject }: Session): void {
    for (const type of ENCAPSULATION_TYPES) this.output.report(reportOf(subject, type, []));
  }

  #relinkTo(session: Session, link: LinkView | undefined): void {
    const event = linkChange(session.link, link);
    if (!event) return;
    session.link = link;
    this.output.event(event);
  }

  /** What a silent peer left behind has to go where others need its place. */
  #makeRoom(now: number, port: Port): boolean {
    for (const session of port.sessions.values()) {
      if (!session.dormant) continue;
      this.close(now, session, { reason: "its place is needed" });
      return true;
    }
    return false;
  }
}
