/**
 * `--leafy publish` without a TTL: the mirror of `lib/leafy` on a real stream.
 *
 * @module
 */
import { monotonicClock, Scheduler } from "../core/mod.ts";
import { nativeProfile } from "../dncp/mod.ts";
import { Mirror } from "../leafy/mirror.ts";
import type { SecureStream } from "../net/secure_stream.ts";
import { type Entry, NativeStateCodec } from "../state/mod.ts";
import type { RemoteMirrorOptions } from "./config_leafy.ts";
import { feedInto } from "./feed.ts";

/** Mirror over one stream; resolves when it has closed, or `stop` was aborted and it is closed. */
export function runMirror(stream: SecureStream, options: RemoteMirrorOptions): Promise<void> {
  const { stop, onChange } = options;
  const clock = monotonicClock;
  return new Promise((resolve, reject) => {
    const scheduler = new Scheduler(clock, reject);
    const feed = feedInto(scheduler, reject);
    const mirror = new Mirror({
      profile: nativeProfile,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      transport: {
        write: (payload) => stream.write(payload),
        close: (reason) => stream.close(reason),
      },
      events: {
        consistencyChanged: (connected) => {
          if (connected) onChange({ node: stream.remote, connected });
        },
      },
    });
    const end = () => stream.close("withdrawn");
    stop.addEventListener("abort", end, { once: true });
    stream.onClosed((why) => {
      stop.removeEventListener("abort", end);
      scheduler.stop();
      mirror.closed();
      onChange({ node: stream.remote, connected: false, why });
      resolve();
    });
    scheduler.add(mirror);
    stream.onWritable(() => feed((now) => mirror.writable(now)));
    feed((now) => {
      mirror.setPayload(now, new NativeStateCodec().encode(entriesOf(options)));
      mirror.opened(now);
    });
    stream.onData((bytes) => feed((now) => mirror.receive(now, bytes)));
    if (stop.aborted) end();
  });
}

/** A leaf is seen like a node, under this computer's name. */
function* entriesOf({ entries }: RemoteMirrorOptions): Iterable<Entry> {
  const at = Math.round(monotonicClock.wall());
  yield { key: "agent/name", value: `${Deno.hostname()}-leaf`, at };
  for (const [key, value] of Object.entries(entries)) {
    if (value !== null) yield { key, value, at };
  }
}
