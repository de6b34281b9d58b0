/**
 * From HELLO to READY (spec/piot.md §3, §5): who is there, whether they may talk, and where their
 * messages go on.
 *
 * @module
 */
import type { Epoch, Id } from "./fields.ts";
import { CloseCode, type Frame, type FrameFields, VERSION } from "./frame.ts";
import type { Link } from "./link.ts";
import { Outcome, WIDE_WINDOW } from "./outbox.ts";
import { proofOf } from "./proof.ts";
import { ORDERED_IDS } from "./seen.ts";
import type { SessionHost } from "./session_host.ts";

/** For each step, and for all of it, in ms. */
const STEP = 10_000;
const WHOLE = 30_000;
const WANTED = ["name", "addresses", "tags"];

/** The steps. */
export type Step = "opening" | "authenticating" | "linking" | "resuming" | "done";

/** The connection that it goes over. */
export interface HandshakePort {
  readonly role: "client" | "server";
  /** Whoever is behind it holds the key of a network: no other proof is asked for. */
  readonly sealed: boolean;
  write(frame: Frame): void;
  close(now: number, code: CloseCode, text: string): void;
  /** Messages can flow. */
  done(now: number, link: Link, outcome: Outcome, resume: FrameFields<"resume">): void;
  /** Another connection with the same peer that is further than its HELLO. */
  rival(): Rival | undefined;
}

/** One of two connections with the same peer. */
export interface Rival {
  readonly role: "client" | "server";
  /** Of the peer: random for each of its starts. */
  readonly boot: Epoch | undefined;
  isSilent(now: number): boolean;
  close(now: number, code: CloseCode, text: string): void;
}

/** One handshake. */
export class Handshake {
  readonly #host: SessionHost;
  readonly #port: HandshakePort;
  readonly #nonce: Id;
  readonly #startedAt: number;
  #stepAt: number;
  #step: Step = "opening";
  #link: Link | undefined;
  #hello: FrameFields<"hello"> | undefined;
  /** LINK_REQUEST was sent, or came. */
  #asked = false;
  #resume: FrameFields<"resume"> | undefined;
  /** What our RESUME said of the peer's direction. */
  #told: { readonly epoch: Epoch | null; readonly seq: number } = { epoch: null, seq: 0 };
  #outcome: Outcome = Outcome.Continue;

  /** @param link where the connection was dialled for one. */
  constructor(host: SessionHost, port: HandshakePort, now: number, link: Link | undefined) {
    this.#host = host;
    this.#port = port;
    this.#nonce = host.newId();
    this.#startedAt = now;
    this.#stepAt = now;
    this.#link = link;
    // A server tells of itself when it knows to whom.
    if (port.role === "client") this.#sendHello();
  }

  get step(): Step {
    return this.#step;
  }
  get link(): Link | undefined {
    return this.#link;
  }
  /** What the peer said of itself. */
  get hello(): FrameFields<"hello"> | undefined {
    return this.#hello;
  }
  /** When the peer has taken too long. */
  get deadline(): number {
    return Math.min(this.#stepAt + STEP, this.#startedAt + WHOLE);
  }

  /** Takes a frame; whether it fits the step. */
  receive(now: number, frame: Frame): boolean {
    switch (this.#step) {
      case "opening":
        if (frame.frame !== "hello") return false;
        this.#helloed(now, frame);
        return true;
      case "authenticating":
        if (frame.frame !== "auth") return false;
        this.#authenticated(now, frame);
        return true;
      case "linking":
        return this.#port.role === "server"
          ? this.#introduced(now, frame)
          : this.#linked(now, frame);
      case "resuming":
        return this.#resuming(now, frame);
      default:
        return false;
    }
  }

  /** The key that authenticates, where there is one. */
  get #key(): Uint8Array | undefined {
    return this.#port.sealed ? undefined : this.#host.config.key;
  }

  #go(now: number, step: Step): void {
    this.#step = step;
    this.#stepAt = now;
  }

  #sendHello(): void {
    const { id, name, boot, config } = this.#host;
    const { peer, id: linkId, inherit } = this.#link ?? {};
    this.#port.write({
      frame: "hello",
      version: VERSION,
      node: id,
      name,
      boot,
      nonce: this.#nonce,
      inherit: inherit ?? config.inherit,
      ...(peer !== undefined && { to: peer }),
      ...(linkId !== undefined && { link: linkId }),
      auth: this.#key ? 1 : 0,
      maxFrame: config.maxFrame,
      idle: Math.max(1, Math.round(config.idle / 1_000)),
      features: [ORDERED_IDS, WIDE_WINDOW],
    });
  }

  // HELLO and AUTH: §3.1, §3.2

  #helloed(now: number, hello: FrameFields<"hello">): void {
    const host = this.#host;
    const { role } = this.#port;
    const end = (code: CloseCode, text: string) => this.#port.close(now, code, text);
    if (hello.version !== VERSION) {
      return end(CloseCode.Version, `version ${hello.version} is not known here`);
    }
    if (hello.node === host.id) return end(CloseCode.Self, "this is yourself");
    if (hello.to !== undefined && hello.to !== host.id) {
      return end(CloseCode.WrongNode, "another node is here");
    }
    if (!host.permits(hello.node, this.#port.sealed)) {
      return end(CloseCode.LinkRejected, "this node is known from a sealed network");
    }
    const expected = this.#link?.peer;
    if (expected !== undefined && expected !== hello.node) {
      return end(CloseCode.WrongNode, "expected another node");
    }
    this.#hello = hello;
    if (role === "server") this.#link = host.linkOf(hello.node);
    if (this.#givesWay(now)) return;
    if (role === "server") this.#sendHello();
    const key = this.#key;
    if (!key) return this.#startLinking(now, hello);
    if (hello.auth !== 1) return end(CloseCode.Auth, "a key is required here");
    this.#port.write({ frame: "auth", proof: this.#proof(key, hello, role) });
    this.#go(now, "authenticating");
  }

  /** Two connections at once: ends this one if it is the one to end (§3). */
  #givesWay(now: number): boolean {
    const rival = this.#port.rival();
    if (!rival || !this.#isWeakerThan(rival, now)) return false;
    this.#port.close(now, CloseCode.Duplicate, "the other connection stays");
    return true;
  }

  #isWeakerThan(rival: Rival, now: number): boolean {
    const { role } = this.#port;
    const hello = this.#hello;
    if (!hello || rival.role === role || rival.boot !== hello.boot || rival.isSilent(now)) {
      return false;
    }
    const own = this.#host.id;
    return role === "client" ? own > hello.node : hello.node > own;
  }

  #proof(key: Uint8Array, hello: FrameFields<"hello">, role: "client" | "server"): Uint8Array {
    const own = { nonce: this.#nonce, node: this.#host.id };
    const [client, server] = this.#port.role === "client" ? [own, hello] : [hello, own];
    return proofOf(key, role, client, server);
  }

  #authenticated(now: number, { proof }: FrameFields<"auth">): void {
    const [key, hello] = [this.#key, this.#hello];
    if (!key || !hello) return;
    const theirs = this.#port.role === "client" ? "server" : "client";
    if (equalProofs(proof, this.#proof(key, hello, theirs))) return this.#startLinking(now, hello);
    this.#port.close(now, CloseCode.Auth, "");
  }

  // LINK_…: §3.3

  #startLinking(now: number, hello: FrameFields<"hello">): void {
    const host = this.#host;
    const { config } = host;
    const end = (code: CloseCode, text: string) => this.#port.close(now, code, text);
    this.#go(now, "linking");
    if (this.#port.role === "client") {
      const link = this.#link && host.bind(now, this.#link, hello.node);
      this.#link = link;
      if (!link || link.state === "blocked") end(CloseCode.LinkRejected, "blocked here");
      return;
    }
    const link = host.linkOf(hello.node);
    this.#link = link;
    const isPending = link?.state === "pending";
    if (link && (link.state === "linked" || isPending && config.policy === "accept")) {
      return this.#accept(now, link, hello, false);
    }
    if (link?.state === "blocked" || config.policy === "closed") {
      return end(CloseCode.LinkRejected, "links are not made here");
    }
    const busy = link ? undefined : host.noRoom();
    if (busy !== undefined) return end(CloseCode.Busy, busy);
    this.#asked = true;
    this.#port.write({ frame: "linkRequest", wanted: WANTED });
  }

  /** The server's side. */
  #introduced(now: number, frame: Frame): boolean {
    const hello = this.#hello;
    if (frame.frame !== "linkInfo" || !this.#asked || !hello) return false;
    const link = this.#host.introduce(now, hello.node, frame);
    if (typeof link === "string") {
      this.#port.close(now, CloseCode.Busy, link);
      return true;
    }
    this.#link = link;
    if (link.state === "linked") this.#accept(now, link, hello, true);
    else this.#port.close(now, CloseCode.LinkPending, "waits for a decision");
    return true;
  }

  #accept(now: number, link: Link, hello: FrameFields<"hello">, created: boolean): void {
    const { config, name } = this.#host;
    link.id ??= this.#host.newId();
    if (!created) this.#host.met(link, hello.name, undefined, undefined);
    const { addresses, tags } = config;
    this.#port.write({ frame: "linkAccept", link: link.id, created, name, addresses, tags });
    this.#startResuming(now, link, hello);
  }

  /** The client's side. */
  #linked(now: number, frame: Frame): boolean {
    const { config, name } = this.#host;
    const [link, hello] = [this.#link, this.#hello];
    if (frame.frame === "linkRequest" && !this.#asked) {
      this.#asked = true;
      const { addresses, tags } = config;
      this.#port.write({ frame: "linkInfo", name, addresses, tags });
      return true;
    }
    if (frame.frame !== "linkAccept" || !link || !hello) return false;
    link.id = frame.link;
    this.#host.met(link, frame.name, frame.addresses, frame.tags);
    this.#startResuming(now, link, hello);
    return true;
  }

  // RESUME and READY: §5

  #startResuming(now: number, link: Link, hello: FrameFields<"hello">): void {
    // Only here is it sure that the newer connection is the peer's.
    if (this.#givesWay(now)) return;
    this.#port.rival()?.close(now, CloseCode.Superseded, "a newer connection took over");
    const host = this.#host;
    link.maxFrame = hello.maxFrame;
    link.state = "linked";
    link.save();
    this.#go(now, "resuming");
    const { outbox, inbox } = link;
    this.#told = { epoch: inbox.epoch, seq: inbox.seq };
    this.#port.write({
      frame: "resume",
      inherit: link.inherit ?? host.config.inherit,
      txEpoch: outbox.epoch,
      lastSeq: outbox.lastSeq,
      rxEpoch: inbox.epoch,
      rxSeq: inbox.seq,
      held: outbox.held,
      ...host.actions(link),
    });
  }

  #resuming(now: number, frame: Frame): boolean {
    const link = this.#link;
    if (!link) return false;
    if (frame.frame === "resume" && !this.#resume) this.#resumed(now, link, frame);
    else if (frame.frame === "ready" && this.#resume) this.#ready(now, link, this.#resume, frame);
    else return false;
    return true;
  }

  #resumed(now: number, link: Link, resume: FrameFields<"resume">): void {
    const host = this.#host;
    this.#resume = resume;
    this.#stepAt = now;
    const inherit = (link.inherit ?? host.config.inherit) && resume.inherit;
    const result = link.outbox.resume(resume, inherit, host.steady(now), host.newEpoch());
    for (const id of result.confirmed) host.left(now, link, id, "resume");
    for (const [id, reason] of result.dropped) host.left(now, link, id, reason);
    this.#outcome = result.outcome;
    this.#port.write({
      frame: "ready",
      outcome: result.outcome,
      txEpoch: link.outbox.epoch,
      firstSeq: result.firstSeq,
      ...(this.#port.role === "server" && { session: host.newId() }),
    });
  }

  #ready(
    now: number,
    link: Link,
    resume: FrameFields<"resume">,
    { outcome, txEpoch, firstSeq }: FrameFields<"ready">,
  ): void {
    const end = (text: string) => this.#port.close(now, CloseCode.Protocol, text);
    const clean = outcome === Outcome.Clean;
    if (outcome > Outcome.Clean || clean !== (this.#outcome === Outcome.Clean)) {
      return end(`outcome ${outcome} does not fit ours`);
    }
    if (outcome === Outcome.Continue) {
      if (txEpoch !== this.#told.epoch || firstSeq !== this.#told.seq + 1) {
        return end("a continuation of something else");
      }
    } else {
      if (firstSeq !== 1) return end("a new beginning that is not 1");
      link.inbox.restart(txEpoch, clean);
    }
    this.#go(now, "done");
    this.#port.done(now, link, this.#outcome, resume);
  }
}

/** In a time that does not tell where they differ. */
function equalProofs(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    difference |= (a[i] as number) ^ (b[i] as number);
  }
  return difference === 0;
}
