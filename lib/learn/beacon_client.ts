/**
 * Asks the beacon of another program on this computer (`spec/networkzero.md §4`).
 *
 * @module
 */
import { decodeJson, type Json } from "../nearby/json.ts";
import { SocketTimedOutError } from "../nearby/errors.ts";
import { encodeRequest } from "../nearby/rpc.ts";
import { ReqSocket } from "../nearby/zmtp/sockets.ts";
import { Carried, type Ground } from "./carried.ts";
import type { Waits } from "./waiting.ts";

/** How long a reply is waited for, in s. */
const REPLY_WAIT = 5;

export class BeaconClient {
  readonly #ground: Ground;
  readonly #waits: Waits;
  readonly #host: string;
  readonly #port: number;

  constructor(ground: Ground, waits: Waits, host: string, port: number) {
    this.#ground = ground;
    this.#waits = waits;
    this.#host = host;
    this.#port = port;
  }

  /** @throws {SocketTimedOutError} where no beacon answers. */
  call(action: string, ...params: Json[]): Promise<Json> {
    return this.callWithin(REPLY_WAIT, action, ...params);
  }

  /** {@linkcode call} with another patience, in s. */
  async callWithin(wait: number, action: string, ...params: Json[]): Promise<Json> {
    const carried = new Carried(this.#ground, (options) => new ReqSocket(options));
    try {
      carried.socket.send(encodeRequest(action, ...params));
      carried.connect(this.#host, this.#port);
      const reply = await this.#waits.until(
        wait,
        () => carried.socket.take(carried.now),
        (again) => carried.onReadable(again),
      );
      if (reply) return decodeJson(reply);
    } finally {
      void carried.close();
    }
    throw new SocketTimedOutError(
      wait,
      "the beacon of this computer does not answer; end the program that uses UDP port 9999",
    );
  }
}
