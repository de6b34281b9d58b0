/**
 * Telling systemd how things stand (sd_notify(3)): ready, stopping, and the watchdog. The watchdog
 * is fed as a machine of the one scheduler, so a loop that hangs stops feeding it.
 *
 * @module
 */
import type { Machine } from "../core/mod.ts";
import { type Environment, variable } from "./config_paths.ts";

/** Sends notifications, where systemd wants some. */
export class Systemd implements Machine {
  readonly #send: ((message: string) => void) | undefined;
  readonly #interval: number;
  #nextFeed: number;

  private constructor(
    send: ((message: string) => void) | undefined,
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
    const send = (message: string) => {
      socket.send(encoder.encode(message), { transport: "unixpacket", path: address })
        .catch(onError);
    };
    return new Systemd(send, interval, now);
  }

  /** The agent answers its local API now. */
  ready(status: string): void {
    this.#send?.(`READY=1\nSTATUS=${status}`);
  }

  stopping(): void {
    this.#send?.("STOPPING=1");
  }

  nextWake(): number {
    return this.#nextFeed;
  }

  wake(now: number): void {
    this.#send?.("WATCHDOG=1");
    this.#nextFeed = now + this.#interval;
  }
}
