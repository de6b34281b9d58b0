/**
 * Messages for the local API: sending with back-pressure, waiting for confirmations, the inbox for one
 * consumer after the other, and what waits.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode, messageOf } from "../../core/mod.ts";
import type {
  InboxRow,
  LinkView as LinkRow,
  MessageEvent,
  MessagesApi,
  OutboxView as OutboxAnswer,
  SendReceipt,
  SendRequest,
} from "../../http/api.ts";
import type { Destination, Id, LinkView, Message, Piot, PiotEvent } from "../../piot/mod.ts";
import { Listeners } from "../listeners.ts";
import type { Directory } from "./directory.ts";
import { encodeMessage, eventRow, inboxRow, linkRow, noticeRow, outboxRow } from "./rows.ts";

/** Waiting messages of one link that are shown. */
const MOST_SHOWN = 100;
/** Requests that may wait for the inbox at a time. */
const MOST_POLLS = 64;
/** While a link is up, a full outbox is waited for so long, in ms: it is being emptied. */
const ROOM_PATIENCE = 30_000;

/** What runs. */
export interface MailboxHost {
  readonly machine: Piot;
  readonly directory: Directory;
  /** Hands input to the machine, and has it flushed behind the batch that it belongs to. */
  readonly input: (step: (machine: Piot, now: number) => void) => void;
  /** Entries and octets that an outbox holds. */
  readonly limits: () => { readonly holdEntries: number; readonly holdBytes: number };
  /** Messages that a route works on. */
  readonly isRouted: (message: Message) => boolean;
  /** Notices of undelivered messages came or went. */
  readonly noticed: () => void;
  /** A destination was used for the first time, or again: it may need an address. */
  readonly wanted: (to: Destination) => void;
}

/** Someone who waits for what becomes of a message, or for the inbox. */
interface Waiter {
  settle(): void;
}

/** Implements what `lib/http` translates. */
export class Mailbox implements MessagesApi {
  readonly #clock: Clock;
  /** @throws {AgentError} where messages are switched off, or cannot be stored. */
  readonly #host: () => MailboxHost;
  readonly #listeners: Listeners<MessageEvent>;
  /** By message id: what became of it. */
  readonly #fates = new Map<Id, (fate: "confirmed" | AgentError) => void>();
  readonly #forInbox = new Set<Waiter>();
  readonly #forRoom = new Set<Waiter>();

  constructor(clock: Clock, host: () => MailboxHost, onFault: (error: unknown) => void) {
    this.#clock = clock;
    this.#host = host;
    this.#listeners = new Listeners(onFault);
  }

  async send(requests: readonly SendRequest[], waitMs: number): Promise<SendReceipt[]> {
    const receipts: Promise<SendReceipt>[] = [];
    const stored: Promise<void>[] = [];
    try {
      const known = new Map<string, Destination>();
      for (const request of requests) {
        let to = known.get(request.to);
        if (!to) {
          const { directory, machine } = this.#host();
          to = directory.resolve(request.to, machine.links());
          known.set(request.to, to);
        }
        // Only where there is none: whatever is asked for in one turn is stored at once.
        if (!this.#hasRoom(to, request)) await this.#room(to, request);
        receipts.push(this.#sendOne(to, request, waitMs, stored));
      }
    } catch (error) {
      await Promise.allSettled([...stored, ...receipts]);
      if (receipts.length === 0 || !(error instanceof AgentError)) throw error;
      throw new AgentError(
        `${receipts.length} of ${requests.length} messages were taken, and then: ${error.message}`,
        error.exitCode,
        { cause: error },
      );
    }
    const all = await Promise.allSettled(receipts);
    const failed = all.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
    return all.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  }

  /** In the machine at once; resolves when it is stored and, if asked, confirmed. */
  async #sendOne(
    to: Destination,
    request: SendRequest,
    waitMs: number,
    stored: Promise<void>[],
  ): Promise<SendReceipt> {
    const { header, body } = encodeMessage(request, this.#clock.wall());
    const { input, wanted } = this.#host();
    let id: Id = "";
    let failure: unknown;
    let fate: Promise<SendReceipt["state"]> | undefined;
    const keeping = new Promise<void>((resolve, reject) => {
      input((machine, now) => {
        try {
          id = machine.send(now, to, {
            header,
            body,
            ...(request.ttlMs !== undefined && { ttl: request.ttlMs }),
            ...(request.hold !== undefined && { hold: request.hold }),
          }, (error) => error === undefined ? resolve() : reject(error));
        } catch (error) {
          failure = error;
          reject(error);
          return;
        }
        wanted(to);
      });
    });
    stored.push(keeping);
    if (failure === undefined && waitMs > 0) fate = this.#fate(id, waitMs);
    try {
      await keeping;
    } catch (error) {
      this.#fates.get(id)?.("confirmed");
      throw error;
    }
    return { id, state: await fate ?? "held" };
  }

  /** `held` where nothing became of it in time. @throws {AgentError} where it was refused or dropped. */
  #fate(id: Id, waitMs: number): Promise<SendReceipt["state"]> {
    const fate = new Promise<SendReceipt["state"]>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fates.delete(id);
        resolve("held");
      }, waitMs);
      this.#fates.set(id, (fate) => {
        clearTimeout(timer);
        this.#fates.delete(id);
        if (fate === "confirmed") resolve(fate);
        else reject(fate);
      });
    });
    // Whoever asked may have gone when it is refused.
    fate.catch(() => {});
    return fate;
  }

  /** While a link is up, whoever sends faster than it can take waits, and nothing is dropped. */
  async #room(to: Destination, request: SendRequest): Promise<void> {
    const end = this.#clock.now() + ROOM_PATIENCE;
    do {
      const left = end - this.#clock.now();
      if (left <= 0) return;
      await this.#wait(this.#forRoom, left);
    } while (!this.#hasRoom(to, request));
  }

  #hasRoom(to: Destination, { text, base64, body }: SendRequest): boolean {
    const { machine, limits } = this.#host();
    const link = machine.find(to);
    if (link?.state !== "up" || link.waiting === 0) return true;
    const size = (text ?? base64)?.length ?? JSON.stringify(body)?.length ?? 0;
    const { holdEntries, holdBytes } = limits();
    return link.waiting < holdEntries && link.waitingBytes + size < holdBytes;
  }

  async inbox(most: number, waitMs: number): Promise<InboxRow[]> {
    const end = this.#clock.now() + waitMs;
    for (;;) {
      const rows = this.#rows(most);
      const left = end - this.#clock.now();
      if (rows.length > 0 || left <= 0 || this.#forInbox.size >= MOST_POLLS) return rows;
      await this.#wait(this.#forInbox, left);
    }
  }

  #rows(most: number): InboxRow[] {
    const { machine, isRouted } = this.#host();
    const rows: InboxRow[] = [];
    // Those that a route has come on top.
    for (let look = most; rows.length < most; look *= 2) {
      const messages = machine.inbox(look);
      rows.splice(0);
      for (const message of messages) {
        if (rows.length < most && !isRouted(message)) rows.push(this.#row(message));
      }
      if (messages.length < look) break;
    }
    return rows;
  }

  #row(message: Message): InboxRow {
    return inboxRow(message, this.#nameOf(message.link, message.peer));
  }

  take(keys: readonly string[]): Promise<string[]> {
    const { input } = this.#host();
    return this.#change(input, (machine) =>
      keys.filter((key) => {
        const [, link, id] = /^(\d{1,15})\/([0-9a-f]{32})$/.exec(key) ?? [];
        return id !== undefined && machine.take(Number(link), id);
      }));
  }

  outbox(): OutboxAnswer {
    const { machine } = this.#host();
    const links = machine.links().filter(({ waiting }) => waiting > 0);
    return {
      waiting: links.flatMap((link) =>
        machine.outbox(link.link, MOST_SHOWN).map((entry) => outboxRow(entry, this.#nameOf(link)))
      ),
      messages: links.reduce((sum, { waiting }) => sum + waiting, 0),
      bytes: links.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
      undelivered: machine.notices().map(noticeRow),
    };
  }

  dismiss(notices: readonly number[] | undefined): Promise<number[]> {
    const { input, noticed } = this.#host();
    return this.#change(input, (machine) => {
      const chosen = notices ?? machine.notices().map(({ at }) => at);
      const gone = chosen.filter((at) => machine.dismiss(at));
      noticed();
      return gone;
    });
  }

  links(): LinkRow[] {
    return this.#host().machine.links().map((link) => linkRow(link, this.#nameOf(link)));
  }

  changeLink(
    which: string,
    change: "approve" | "block" | "unblock" | "forget",
  ): Promise<LinkRow> {
    const { input, machine } = this.#host();
    const found = this.#linkOf(which, machine.links());
    return this.#change(input, (machine, now) => {
      machine[change](now, found.link);
      const after = machine.links().find(({ link }) => link === found.link) ?? found;
      return linkRow(after, this.#nameOf(after));
    });
  }

  subscribe(listener: (event: MessageEvent) => void): () => void {
    this.#host();
    return this.#listeners.add(listener);
  }

  *present(): Iterable<MessageEvent> {
    const { machine, isRouted } = this.#host();
    for (const message of machine.inbox()) {
      if (isRouted(message)) continue;
      const row = this.#row(message);
      yield { event: "present", ...row, node: row.from };
    }
  }

  /** Something happened; called after it is on the disk. */
  told(event: PiotEvent, nameOf: (link: LinkView | number) => string): void {
    if (event.kind === "confirmed") {
      this.#fates.get(event.id)?.("confirmed");
      for (const waiter of [...this.#forRoom]) waiter.settle();
    } else if (event.kind === "refused" || event.kind === "dropped") {
      const why = event.kind === "refused" ? `refused it: ${event.reason}` : "did not get it";
      const reason = event.kind === "dropped" ? ` (${event.reason})` : "";
      this.#fates.get(event.id)?.(
        new AgentError(`${nameOf(event.link)} ${why}${reason}`, ExitCode.Refused),
      );
    } else if (event.kind === "message") {
      for (const waiter of [...this.#forInbox]) waiter.settle();
    } else if (event.kind === "sessionDown") {
      for (const waiter of [...this.#forRoom]) waiter.settle();
    }
    if (this.#listeners.size === 0) return;
    const row = eventRow(event, this.#clock.wall(), nameOf);
    if (row !== undefined) this.#listeners.tell(row);
  }

  /** It ends: nobody waits any longer. */
  closed(): void {
    for (const waiter of [...this.#forInbox, ...this.#forRoom]) waiter.settle();
  }

  #nameOf(link: LinkView | number, peer?: Id): string {
    const { machine, directory } = this.#host();
    const view = typeof link === "number" ? machine.links().find((one) => one.link === link) : link;
    return directory.nameOf(view?.peer ?? peer, view?.name ?? "");
  }

  #linkOf(which: string, links: readonly LinkView[]): LinkView {
    const found = links.filter((link) =>
      String(link.link) === which || link.peer === which.toLowerCase() || link.name === which ||
      this.#nameOf(link) === which
    );
    const [one, ...others] = found;
    if (one === undefined) {
      throw new AgentError(
        `there is no link to "${which}"; see: agent links known`,
        ExitCode.NotThere,
      );
    }
    if (others.length === 0) return one;
    throw new AgentError(
      `${found.length} links are called "${which}"; name one by its number: ${
        found.map(({ link }) => link).join(", ")
      }`,
      ExitCode.Usage,
    );
  }

  /** Something that is written down; resolves when it is. */
  #change<T>(
    input: MailboxHost["input"],
    change: (machine: Piot, now: number) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      input((machine, now) => {
        let result: T;
        try {
          result = change(machine, now);
        } catch (error) {
          reject(error);
          return;
        }
        machine.stored(
          () => resolve(result),
          (error) => reject(new AgentError(messageOf(error), ExitCode.Refused, { cause: error })),
        );
      });
    });
  }

  #wait(where: Set<Waiter>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        where.delete(waiter);
        clearTimeout(timer);
        resolve();
      };
      const waiter = { settle };
      const timer = setTimeout(settle, ms);
      where.add(waiter);
    });
  }
}
