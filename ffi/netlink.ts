/**
 * The interfaces of this computer as the kernel tells them (`spec/lsoe.md §10`): a dump, then every
 * change. The monitor is open before the dump, so nothing falls in between; where the kernel lost
 * events, a new dump takes the place of what was known, and only the differences are told.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../lib/core/errors.ts";
import type { InterfaceInfo, InterfaceSource } from "../lib/net/interfaces.ts";
import type { LabelBinding, LabelSource } from "../lib/net/labels.ts";
import { WireError } from "../lib/wire/bytes.ts";
import { Errno, errnoName } from "./errno.ts";
import { MplsTable } from "./mpls_table.ts";
import { kernelSockets, type RouteSocket, type RouteSockets } from "./netlink_socket.ts";
import type { Poller, Watch } from "./poller.ts";
import { decodeMessages, Dump, dumpRequest, type NetlinkMessage } from "./rtnetlink_messages.ts";
import { InterfaceTable } from "./rtnetlink_table.ts";

/** Datagrams of one turn; what is left is read in the next. After a loss: all that there are. */
const MOST_AT_ONCE = 256;
const MOST_HISTORY = 100_000;
/** While the tables change all the time, a dump is repeated this often; then once more, later. */
const DUMP_ATTEMPTS = 8;
const AGAIN_AFTER = 1_000;
/** What a kernel says that knows nothing of MPLS. */
const NO_MPLS: readonly number[] = [Errno.EOPNOTSUPP, Errno.EAFNOSUPPORT, Errno.EPROTONOSUPPORT];

/** What {@linkcode KernelInterfaces} is made with. */
export interface KernelInterfacesOptions {
  readonly poller: Pick<Poller, "add">;
  /** One line: interfaces are not followed for now, and why. `undefined`: they are again. */
  readonly onProblem: (message: string | undefined) => void;
  /** Default: those of the kernel. */
  readonly sockets?: RouteSockets;
  /** After a dump or a socket that failed, the next attempt follows so much later, in ms. Default: 1000. */
  readonly againAfter?: number;
}

/** A list that others listen to. */
class Listened<T> {
  readonly listeners = new Set<(all: T[]) => void>();
  #all: T[] = [];
  #text = "[]";

  get all(): T[] {
    return [...this.#all];
  }

  /** Takes a new list, and tells it where it differs. */
  update(all: T[]): void {
    const text = JSON.stringify(all);
    if (text === this.#text) return;
    this.#all = all;
    this.#text = text;
    for (const listener of [...this.listeners]) listener(this.all);
  }

  subscribe(listener: (all: T[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Follows links and addresses, and with them the labels that MPLS routes give to addresses. */
export class KernelInterfaces implements InterfaceSource {
  readonly labels: LabelSource = {
    current: () => this.#labels.all,
    subscribe: (listener) => this.#labels.subscribe(listener),
  };
  readonly #options: KernelInterfacesOptions;
  readonly #sockets: RouteSockets;
  readonly #interfaces = new Listened<InterfaceInfo>();
  readonly #labels = new Listened<LabelBinding>();
  #table = new InterfaceTable();
  #mpls = new MplsTable();
  #monitor: { readonly socket: RouteSocket; readonly watch: Watch } | undefined;
  #sequence = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** Dumps so far, for tests and for whoever wonders. */
  dumps = 0;

  /**
   * Knows all interfaces once it is made.
   * @throws {AgentError} where the kernel cannot be asked; nothing is left open then.
   */
  constructor(options: KernelInterfacesOptions) {
    this.#options = options;
    this.#sockets = options.sockets ?? kernelSockets;
    this.#open();
  }

  current(): InterfaceInfo[] {
    return this.#interfaces.all;
  }

  subscribe(listener: (all: InterfaceInfo[]) => void): () => void {
    return this.#interfaces.subscribe(listener);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#interfaces.listeners.clear();
    this.#labels.listeners.clear();
    this.#shut();
  }

  #open(): void {
    const socket = this.#sockets.monitor();
    try {
      this.#synchronize();
      const watch = this.#options.poller.add(socket.fd, () => this.#read(socket));
      this.#monitor = { socket, watch };
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#tell();
  }

  #shut(): void {
    this.#monitor?.watch.remove();
    this.#monitor?.socket.close();
    this.#monitor = undefined;
  }

  /** Takes all that waits, and tells it at once. Whether there was anything. */
  #read(socket: RouteSocket): boolean {
    let datagrams = 0;
    try {
      let lost = false;
      for (; datagrams < (lost ? MOST_HISTORY : MOST_AT_ONCE); datagrams++) {
        const bytes = socket.receive();
        if (bytes === undefined) break;
        // After a loss the rest of the queue is history with gaps: it must not overwrite the dump.
        if (bytes === "lost" || lost) lost = true;
        else lost = !this.#take(bytes);
      }
      if (lost) this.#synchronize();
    } catch (error) {
      this.#broken(error);
      return true;
    }
    // What a listener throws is no fault of the socket: the poller passes it on.
    this.#tell();
    return datagrams > 0;
  }

  /** Whether all of it was understood. */
  #take(bytes: Uint8Array): boolean {
    let messages: NetlinkMessage[];
    try {
      messages = decodeMessages(bytes);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
    for (const message of messages) {
      if (message.kind === "overrun") return false;
      this.#table.apply(message);
      this.#mpls.apply(message);
    }
    return true;
  }

  #tell(): void {
    const all = this.#table.interfaces();
    // Whoever hears of interfaces may look at the labels, and finds those that belong to them.
    const labels = this.#mpls.bindings(all);
    this.#interfaces.update(all);
    this.#labels.update(labels);
  }

  /** Asks for everything and puts it in the place of what was known. */
  #synchronize(): void {
    const socket = this.#sockets.requests();
    const table = new InterfaceTable();
    const mpls = new MplsTable();
    try {
      for (const message of this.#dump(socket, Dump.links)) table.apply(message);
      for (const message of this.#dump(socket, Dump.addresses)) table.apply(message);
      for (const message of this.#mplsRoutes(socket)) mpls.apply(message);
    } finally {
      socket.close();
    }
    table.orderLike(this.#table);
    this.#table = table;
    this.#mpls = mpls;
    this.dumps++;
  }

  #mplsRoutes(socket: RouteSocket): NetlinkMessage[] {
    return this.#sockets.mpls ? this.#dump(socket, Dump.mplsRoutes, NO_MPLS) : [];
  }

  /** `nothing`: error numbers that mean that there is nothing to tell. */
  #dump(socket: RouteSocket, dump: Dump, nothing: readonly number[] = []): NetlinkMessage[] {
    for (let attempt = 1;; attempt++) {
      const sequence = ++this.#sequence;
      socket.send(dumpRequest(dump, sequence));
      const answer = readDump(socket, sequence, nothing);
      if (!answer.interrupted) return answer.messages;
      if (attempt < DUMP_ATTEMPTS) continue;
      // Better than nothing, and soon asked for again.
      this.#later();
      return answer.messages;
    }
  }

  #broken(error: unknown): void {
    this.#options.onProblem(`interfaces are not followed for now: ${messageOf(error)}`);
    this.#shut();
    this.#later();
  }

  /** Everything anew, in a while. */
  #later(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      try {
        this.#shut();
        this.#open();
        this.#options.onProblem(undefined);
      } catch (error) {
        this.#broken(error);
      }
    }, this.#options.againAfter ?? AGAIN_AFTER);
  }
}

/** The answer to one request. */
function readDump(socket: RouteSocket, sequence: number, nothing: readonly number[]) {
  const failed = (why: string) =>
    new AgentError(`asking the kernel for its interfaces failed: ${why}`, ExitCode.Refused);
  const messages: NetlinkMessage[] = [];
  let interrupted = false;
  while (true) {
    const bytes = socket.receive();
    if (bytes === undefined) throw failed("it does not answer");
    if (bytes === "lost") {
      interrupted = true;
      continue;
    }
    for (const message of decodeMessages(bytes)) {
      if (message.sequence !== sequence) continue;
      interrupted ||= message.interrupted;
      if (message.kind === "done" || message.kind === "error") {
        if (nothing.includes(message.errno)) return { messages: [], interrupted: false };
        if (message.errno !== 0) throw failed(errnoName(message.errno));
        return { messages, interrupted };
      }
      messages.push(message);
    }
  }
}
