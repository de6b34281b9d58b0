/**
 * Sending for the local API: as many messages as there is room for go into the machine at once and are
 * stored together; who asked is told when they are and, if so wished, what became of each.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode } from "../../core/mod.ts";
import type { SendReceipt, SendRequest } from "../../http/api.ts";
import type { Destination, Header, Id, LinkView, PiotEvent } from "../../piot/mod.ts";
import type { MailboxHost } from "./host.ts";
import { encodeMessage } from "./rows.ts";
import { Waiters } from "./waiters.ts";

/** While a link is up, a full outbox is waited for so long, in ms: it is being emptied. */
const ROOM_PATIENCE = 30_000;

/** A request of the API under way. */
interface Batch {
  readonly requests: readonly SendRequest[];
  readonly waitMs: number;
  readonly destinations: Map<string, Destination>;
  /** Of those that the machine has heard of: what became of each, where that is asked for. */
  readonly receipts: (SendReceipt | Promise<SendReceipt>)[];
  /** Of each part that went in at once, when it is on the disk. */
  readonly stored: Promise<void>[];
}

/** Hands messages to the machine. */
export class Sending {
  readonly #clock: Clock;
  readonly #host: () => MailboxHost;
  /** By message id: what became of it. */
  readonly #fates = new Map<Id, (fate: "confirmed" | AgentError) => void>();
  readonly #forRoom = new Waiters();

  /** @param host throws an AgentError where messages are switched off, or cannot be stored. */
  constructor(clock: Clock, host: () => MailboxHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /** See `MessagesApi.send`. */
  async send(requests: readonly SendRequest[], waitMs: number): Promise<SendReceipt[]> {
    const batch: Batch = { requests, waitMs, destinations: new Map(), receipts: [], stored: [] };
    const { receipts, stored } = batch;
    try {
      while (receipts.length < requests.length) {
        const next = requests[receipts.length] as SendRequest;
        const to = this.#resolve(batch, next.to);
        // Only where there is none: whatever is asked for in one turn is stored at once.
        if (!this.#roomFor(to)(next)) await this.#room(to, next);
        this.#put(batch);
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
    const all = await Promise.allSettled([...stored, ...receipts]);
    const failed = all.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
    return await Promise.all(receipts);
  }

  /** Something happened; `nameOf` is for people. */
  told(event: PiotEvent, nameOf: (link: LinkView | number) => string): void {
    if (event.kind === "confirmed") {
      if (this.#fates.size > 0) this.#fates.get(event.id)?.("confirmed");
      this.#forRoom.wake();
    } else if (event.kind === "refused" || event.kind === "dropped") {
      const why = event.kind === "refused" ? `refused it: ${event.reason}` : "did not get it";
      const reason = event.kind === "dropped" ? ` (${event.reason})` : "";
      this.#fates.get(event.id)?.(
        new AgentError(`${nameOf(event.link)} ${why}${reason}`, ExitCode.Refused),
      );
    } else if (event.kind === "sessionDown") this.#forRoom.wake();
  }

  /** It ends: nobody waits any longer. */
  closed(): void {
    this.#forRoom.wake();
  }

  /** The next message of a batch, and as many behind it as there is room for. */
  #put(batch: Batch): void {
    const { input, wanted } = this.#host();
    const { requests, receipts } = batch;
    const from = receipts.length;
    const ids: Id[] = [];
    let isHeard = false;
    const kept = new Promise<void>((resolve, reject) => {
      input((machine, now) => {
        isHeard = true;
        const wall = this.#clock.wall();
        let to: Destination | undefined;
        let hasRoom = (_: SendRequest) => true;
        let like: Header | undefined;
        for (let i = from; i < requests.length; i++) {
          const request = requests[i] as SendRequest;
          const destination = batch.destinations.get(request.to);
          // One that is not known yet may not be there at all: whoever asked is told by its turn.
          if (!destination) break;
          if (destination !== to) {
            // Before it: what waits for its name so far must not end up behind it.
            wanted(destination);
            hasRoom = this.#roomFor(to = destination);
          }
          // The first has waited for room, or as long as one may.
          if (!hasRoom(request) && i > from) break;
          try {
            const { header, body } = encodeMessage(request, wall, like);
            like = header;
            const { ttlMs, hold } = request;
            const id = machine.send(now, to, {
              header,
              body,
              ...(ttlMs !== undefined && { ttl: ttlMs }),
              ...(hold !== undefined && { hold }),
            });
            ids.push(id);
            receipts.push(this.#receipt(id, batch.waitMs));
            if (ids.length === 1) wanted(to);
          } catch (error) {
            receipts.push(refused(error));
          }
        }
        machine.stored(resolve, reject);
      });
    });
    if (!isHeard) throw new AgentError("the agent is stopping", ExitCode.Unreachable);
    kept.catch(() => {
      for (const id of ids) this.#fates.get(id)?.("confirmed");
    });
    batch.stored.push(kept);
  }

  #receipt(id: Id, waitMs: number): SendReceipt | Promise<SendReceipt> {
    if (waitMs <= 0) return { id, state: "held" };
    return this.#fate(id, waitMs).then((state) => ({ id, state }));
  }

  /** `held` where nothing became of it in time. @throws {AgentError} where it was refused or dropped. */
  #fate(id: Id, waitMs: number): Promise<SendReceipt["state"]> {
    return new Promise((resolve, reject) => {
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
  }

  /** @throws {AgentError} where nobody is called so, or several are. */
  #resolve({ destinations }: Batch, name: string): Destination {
    let to = destinations.get(name);
    if (!to) {
      const { directory, machine } = this.#host();
      to = directory.resolve(name, machine.links());
      destinations.set(name, to);
    }
    return to;
  }

  /** While a link is up, whoever sends faster than it can take waits, and nothing is dropped. */
  async #room(to: Destination, request: SendRequest): Promise<void> {
    const end = this.#clock.now() + ROOM_PATIENCE;
    do {
      const left = end - this.#clock.now();
      if (left <= 0) return;
      await this.#forRoom.wait(left);
    } while (!this.#roomFor(to)(request));
  }

  /** Tells of one message after the other whether there is room for it too. */
  #roomFor(to: Destination): (request: SendRequest) => boolean {
    const { machine, limits } = this.#host();
    const link = machine.find(to);
    if (link?.state !== "up") return () => true;
    const { holdEntries, holdBytes } = limits();
    let { waiting, waitingBytes } = link;
    return (request) => {
      const size = sizeOf(request);
      const fits = waiting === 0 || waiting < holdEntries && waitingBytes + size < holdBytes;
      waiting++;
      waitingBytes += size;
      return fits;
    };
  }
}

/** Near enough: of the body as it stands in the request. */
function sizeOf({ text, base64, body }: SendRequest): number {
  return (text ?? base64)?.length ?? JSON.stringify(body)?.length ?? 0;
}

function refused(error: unknown): Promise<never> {
  const refusal = Promise.reject(error);
  // Whoever asked may be told later, of all at once.
  refusal.catch(() => {});
  return refusal;
}
