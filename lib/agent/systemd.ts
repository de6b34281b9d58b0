/**
 * Telling systemd how things stand (sd_notify(3)): ready, stopping, and the watchdog. The watchdog
 * is fed as a machine of the one scheduler, so a loop that hangs stops feeding it.
 *
 * @module
 */
import type { Machine } from "../core/mod.ts";
import { type Environment, variable } from "./config/paths.ts";

/** Sends notifications, where systemd wants some. */
export class Systemd implements Machine {
  readonly #send: ((message: string) => Promise<unknown>) | undefined;
  readonly #interval: number;
  #nextFeed: number;

  private constructor(
    send: ((message: string) => Promise<unknown>) | undefined,
    interval: number,
    now: number,
  ) {
    this.#send = send;
    this.#interval = interval;
    this.#nextFeed = send ? now + interval : Infinity;
  }

  /** As `$NOTIFY_SOCKET` and `$WATCHDOG_USEC` say. */
  static connect(env: Environment, now: number, onError: (error: unknown) => void): Systemd {
    const path = variable(env, "NOTIFY_SOCKET");
    if (!path) return new Systemd(undefined, Infinity, now);
    const micros = Number(variable(env, "WATCHDOG_USEC") ?? "0");
    const interval = micros > 0 ? micros / 2_000 : Infinity;
    const address = path.startsWith("@") ? `\0${path.slice(1)}` : path;
    // The socket needs a name of its own to send from.
    const own = Deno.makeTempDirSync({ prefix: "agent-notify-" });
    const socket = Deno.listenDatagram({ transport: "unixpacket", path: `${own}/socket` });
    Deno.removeSync(own, { recursive: true });
    const encoder = new TextEncoder();
    // One after the other: the runtime refuses a send while another is under way.
    let last: Promise<unknown> = Promise.resolve();
    const send = (message: string) => {
      last = last
        .then(() =>
          socket.send(encoder.encode(message), { transport: "unixpacket", path: address })
        )
        .catch(onError);
      return last;
    };
    return new Systemd(send, interval, now);
  }

  /** The agent answers its local API now. */
  ready(status: string): void {
    this.#send?.(`READY=1\nSTATUS=${status.replace(/\p{Cc}+/gu, " ")}`);
  }

  /**
   * The config is being read again; {@linkcode ready} ends that. `Type=notify-reload` wants to know
   * since when, in microseconds of the kernel's monotonic clock.
   */
  reloading(since: bigint | undefined): void {
    this.#send?.(`RELOADING=1${since === undefined ? "" : `\nMONOTONIC_USEC=${since}`}`);
  }

  /** Resolves when all has been sent, because the process may end right afterwards. */
  async stopping(): Promise<void> {
    await this.#send?.("STOPPING=1");
  }

  nextWake(): number {
    return this.#nextFeed;
  }

  wake(now: number): void {
    this.#send?.("WATCHDOG=1");
    this.#nextFeed = now + this.#interval;
  }
}
