/** A listener in a process of its own, whose limits the test has set. Prints its port, then problems. */
import { SecureListener } from "../../lib/net/mod.ts";
import { key } from "./streams.ts";

const listener = SecureListener.listen({
  host: "127.0.0.1",
  port: 0,
  keys: [key(1)],
  maxStreams: 1_000,
  maxHalfOpen: 1_000,
  onStream: (stream) => stream.onData((bytes) => stream.write(bytes)),
  onProblem: (kind, _remote, message) => console.log(`${kind} ${message}`),
});
console.log(listener.port);
