/**
 * The beacon of this computer on real sockets: adverts over UDP 9999, RPC on 127.0.0.1:9998
 * (`spec/networkzero.md §3`, `§4`).
 *
 * @module
 */
import { messageOf } from "../core/errors.ts";
import type { AddressBook } from "../nearby/address.ts";
import { Beacon, type BeaconEvent, type BeaconInterface } from "../nearby/beacon.ts";
import { SocketAlreadyExistsError } from "../nearby/errors.ts";
import { RpcServer } from "../nearby/rpc.ts";
import { RepSocket } from "../nearby/zmtp/sockets.ts";
import { type BroadcastInterface, BroadcastPort } from "../net/udp_broadcast.ts";
import { Carried, type Ground } from "./carried.ts";

export const BEACON_PORT = 9999;
export const RPC_PORT = 9998;
/** Longest datagram that is read, in octets; longer than any advert, so that such can be told. */
const MAX_DATAGRAM = 2_048;
/** Longest RPC request, in octets. */
const MAX_REQUEST = 65_536;
const BIND_TRIES = 3;
const BIND_PAUSE = 500;
/** Time between two looks at the interfaces, in ms, where nobody tells. */
const LOOK_AGAIN = 2_000;

export interface BeaconServiceOptions extends Ground {
  readonly book: AddressBook;
  /** IPv4 interfaces now. */
  readonly interfaces: () => readonly BroadcastInterface[];
  /** IP addresses of a host; rejects or gives none where there are none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Resolves after so many ms. */
  readonly pause: (ms: number) => Promise<void>;
  /** Where adverts are received. Default: `0.0.0.0`, 9999. */
  readonly beaconHost?: string;
  readonly beaconPort?: number;
  /** Where other programs ask. Default: `127.0.0.1`, 9998. */
  readonly rpcHost?: string;
  readonly rpcPort?: number;
  readonly prefer?: readonly string[];
  readonly onEvent?: (event: BeaconEvent) => void;
  /** A program of this computer asked the beacon to end; by default it does. */
  readonly onStop?: () => void;
}

export class BeaconService {
  readonly beacon: Beacon;
  readonly rpc: RpcServer;
  readonly #options: BeaconServiceOptions;
  readonly #udp: BroadcastPort;
  readonly #replies: Carried<RepSocket>;
  /** The interfaces, looked at again and again. */
  readonly #watch: { nextWake(): number; wake(now: number): void };
  #interfaces: readonly BroadcastInterface[] = [];
  #closed = false;

  private constructor(options: BeaconServiceOptions) {
    this.#options = options;
    const { scheduler, book, prefer, onEvent, onProblem = () => {} } = options;
    this.beacon = new Beacon({
      output: {
        broadcast: (from, advert) => this.#broadcast(from, advert),
        ...(onEvent && { event: onEvent }),
      },
      ...(prefer && { prefer }),
    });
    this.#udp = new BroadcastPort({
      ...(options.beaconHost !== undefined && { host: options.beaconHost }),
      port: options.beaconPort ?? BEACON_PORT,
      maxDatagram: MAX_DATAGRAM,
      background: true,
      onProblem: (message) => onProblem(`beacon: ${message}`),
      onDatagram: (bytes, source) => {
        this.beacon.receive(scheduler.now(), bytes, source);
        scheduler.touch();
      },
    });
    this.rpc = new RpcServer(this.beacon, book, {
      resolve: (host, done) => void options.resolve(host).then(done, () => done([])),
      stop: () => options.onStop ? options.onStop() : void this.close(),
    }, () => scheduler.now());
    this.#replies = new Carried(
      options,
      (socket) => new RepSocket({ ...socket, maxBody: MAX_REQUEST }),
    );
    let next = scheduler.now();
    this.#watch = {
      nextWake: () => next,
      wake: (now) => {
        next = now + LOOK_AGAIN;
        this.lookAtInterfaces();
      },
    };
  }

  /**
   * Becomes the beacon of this computer.
   * @returns `undefined` where it has one already.
   * @throws {SocketAlreadyExistsError} where the RPC port stays taken; anything else is thrown as it is.
   */
  static async start(options: BeaconServiceOptions): Promise<BeaconService | undefined> {
    let service: BeaconService;
    try {
      service = new BeaconService(options);
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return undefined;
      throw error;
    }
    try {
      await service.#listen();
    } catch (error) {
      await service.close();
      throw error;
    }
    service.lookAtInterfaces();
    options.scheduler.add(service.beacon);
    options.scheduler.add(service.#watch);
    return service;
  }

  /** The interfaces may have changed. */
  lookAtInterfaces(): void {
    let interfaces: readonly BroadcastInterface[];
    try {
      interfaces = this.#options.interfaces();
    } catch (error) {
      this.#options.onProblem?.(`beacon: cannot ask for the interfaces: ${messageOf(error)}`);
      return;
    }
    this.#interfaces = interfaces;
    this.#udp.setInterfaces(interfaces);
    this.beacon.setInterfaces(this.#options.scheduler.now(), interfaces);
    this.#options.scheduler.touch();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.scheduler.remove(this.beacon);
    this.#options.scheduler.remove(this.#watch);
    await Promise.all([this.#udp.close(), this.#replies.close()]);
  }

  get closed(): boolean {
    return this.#closed;
  }

  #broadcast(from: BeaconInterface, advert: Uint8Array): void {
    const through = this.#interfaces.find(({ address }) => address === from.address);
    if (through) this.#udp.broadcast(through, advert);
  }

  async #listen(): Promise<void> {
    const { rpcHost = "127.0.0.1", rpcPort = RPC_PORT, pause } = this.#options;
    for (let tries = 1;; tries++) {
      try {
        this.#replies.listen(rpcHost, rpcPort);
        break;
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse)) throw error;
        if (tries >= BIND_TRIES) {
          throw new SocketAlreadyExistsError(
            `TCP port ${rpcPort} of this computer is taken by another program; ` +
              "advertise and discover need it, so stop that program",
          );
        }
      }
      await pause(BIND_PAUSE);
    }
    this.#replies.onReadable(() => this.#answer());
  }

  #answer(): void {
    const { socket } = this.#replies;
    const { scheduler } = this.#options;
    for (;;) {
      const request = socket.take(scheduler.now());
      if (!request) break;
      this.rpc.handle(scheduler.now(), request.body, (reply) => {
        socket.answer(request, reply);
      });
    }
    scheduler.touch();
  }
}
