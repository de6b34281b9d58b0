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
import type { Id, LinkView, Message, Piot, PiotEvent } from "../../piot/mod.ts";
import { Listeners } from "../listeners.ts";
import type { MailboxHost } from "./host.ts";
import { eventRow, inboxRow, linkRow, noticeRow, outboxRow } from "./rows.ts";
import { Sending } from "./sending.ts";
import { Waiters } from "./waiters.ts";

/** Waiting messages of one link that are shown. */
const MOST_SHOWN = 100;
/** Requests that may wait for the inbox at a time. */
const MOST_POLLS = 64;

/** Implements what `lib/http` translates. */
export class Mailbox implements MessagesApi {
  readonly #clock: Clock;
  /** @throws {AgentError} where messages are switched off, or cannot be stored. */
  readonly #host: () => MailboxHost;
  readonly #listeners: Listeners<MessageEvent>;
  readonly #sending: Sending;
  readonly #forInbox = new Waiters();

  constructor(clock: Clock, host: () => MailboxHost, onFault: (error: unknown) => void) {
    this.#clock = clock;
    this.#host = host;
    this.#sending = new Sending(clock, host);
    this.#listeners = new Listeners(onFault);
  }

  send(requests: readonly SendRequest[], waitMs: number): Promise<SendReceipt[]> {
    return this.#sending.send(requests, waitMs);
  }

  async inbox(most: number, waitMs: number): Promise<InboxRow[]> {
    const end = this.#clock.now() + waitMs;
    for (;;) {
      const rows = this.#rows(most);
      const left = end - this.#clock.now();
      if (rows.length > 0 || left <= 0 || this.#forInbox.size >= MOST_POLLS) return rows;
      await this.#forInbox.wait(left);
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
    this.#sending.told(event, nameOf);
    if (event.kind === "message") this.#forInbox.wake();
    if (this.#listeners.size === 0) return;
    const row = eventRow(event, this.#clock.wall(), nameOf);
    if (row !== undefined) this.#listeners.tell(row);
  }

  /** It ends: nobody waits any longer. */
  closed(): void {
    this.#sending.closed();
    this.#forInbox.wake();
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
}
