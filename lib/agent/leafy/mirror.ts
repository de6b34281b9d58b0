/**
 * `--leafy publish` without a TTL: the mirror of `lib/leafy` on real streams, one after the other. It
 * stays the same node, with the same dates, whichever first hop carries it.
 *
 * @module
 */
import { monotonicClock, Scheduler } from "../../core/mod.ts";
import { nativeProfile } from "../../dncp/mod.ts";
import { Mirror } from "../../leafy/mirror.ts";
import type { SecureStream } from "../../net/secure_stream.ts";
import { type Entry, NativeStateCodec } from "../../state/mod.ts";
import type { RemoteMirrorOptions } from "../config/leafy.ts";
import { type Feed, feedInto } from "../network/feed.ts";

/** Publishes through one stream at a time. */
export class MirrorRunner {
  readonly #options: RemoteMirrorOptions;
  readonly #mirror: Mirror;
  readonly #scheduler: Scheduler;
  readonly #feed: Feed;
  #stream: SecureStream | undefined;
  #fault: unknown;

  /** @throws {AgentError} exit code 4 where the entries are too large. */
  constructor(options: RemoteMirrorOptions) {
    this.#options = options;
    const onFault = (error: unknown) => {
      this.#fault = error;
      this.#stream?.close("a fault of this program");
    };
    this.#scheduler = new Scheduler(monotonicClock, onFault);
    this.#feed = feedInto(this.#scheduler, onFault);
    this.#mirror = new Mirror({
      profile: nativeProfile,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      transport: {
        write: (payload) => this.#stream?.write(payload) ?? false,
        close: (reason) => this.#stream?.close(reason),
      },
      events: {
        consistencyChanged: (connected) => {
          if (connected) options.onChange({ node: this.#stream?.remote ?? "", connected });
        },
      },
    });
    this.#mirror.setPayload(
      this.#scheduler.now(),
      new NativeStateCodec().encode(entriesOf(options)),
    );
    this.#scheduler.add(this.#mirror);
  }

  /** Mirror over one stream; resolves when it has closed, also because `stop` was aborted. */
  async over(stream: SecureStream): Promise<void> {
    const { stop, onChange } = this.#options;
    this.#stream = stream;
    const end = () => stream.close("withdrawn");
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    const closed = new Promise<string>((resolve) => stream.onClosed(resolve));
    stream.onWritable(() => this.#feed((now) => this.#mirror.writable(now)));
    this.#feed((now) => this.#mirror.opened(now));
    stream.onData((bytes) => this.#feed((now) => this.#mirror.receive(now, bytes)));
    const why = await closed;
    stop.removeEventListener("abort", end);
    this.#mirror.closed();
    onChange({ node: stream.remote, connected: false, why });
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** No stream will follow. */
  end(): void {
    this.#scheduler.stop();
  }
}

/** A leaf is seen like a node, under this computer's name. */
function* entriesOf({ entries }: RemoteMirrorOptions): Iterable<Entry> {
  const at = Math.round(monotonicClock.wall());
  yield { key: "agent/name", value: `${Deno.hostname()}-leaf`, at };
  for (const [key, value] of Object.entries(entries)) {
    if (value !== null) yield { key, value, at };
  }
}
