/**
 * A connection that others opened. Its first line decides whether it is a client's or a server's
 * (`spec/pzog.md` §4).
 *
 * @module
 */
import type { ConnectionId, Remote } from "./api.ts";
import { type Ending, LineReader } from "./lines.ts";

const encoder = new TextEncoder();

/** One connection and what is to be answered on it. */
export class Inbound {
  readonly id: ConnectionId;
  readonly remote: Remote;
  /** `ADDR:PORT`, as the logs show it. */
  readonly where: string;
  readonly reader: LineReader;
  /** A number: the server with this index. */
  kind: "new" | "client" | number = "new";
  lastHeard: number;
  paused = false;
  /** It is to be closed once the answers are written. */
  closing = false;
  #answers = "";

  constructor(now: number, id: ConnectionId, remote: Remote, ending: Ending, limit: number) {
    this.id = id;
    this.remote = remote;
    const address = remote.address.includes(":") ? `[${remote.address}]` : remote.address;
    this.where = `${address}:${remote.port}`;
    this.reader = new LineReader(ending, limit);
    this.lastHeard = now;
  }

  /** A line, with its ending. */
  answer(line: string): void {
    this.#answers += line;
  }

  /** What was answered since the last call; undefined where nothing was. */
  takeAnswers(): Uint8Array | undefined {
    if (this.#answers === "") return undefined;
    const bytes = encoder.encode(this.#answers);
    this.#answers = "";
    return bytes;
  }
}
