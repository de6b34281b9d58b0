/**
 * Floor 2: pzog, a logging ring (`spec/pzog.md`). A text that a client hands to any one server is
 * logged by every server of the ring exactly once.
 *
 * Two machines: {@linkcode Ring}, a server of the ring (v0.2.2), and {@linkcode Logger}, the single
 * server before it (v0.1). Both are handed bytes of connections and the time, and hand back bytes,
 * lines for the logs, and when they want to be woken.
 *
 * @module
 */
export * from "./api.ts";
export { excerpt } from "./text.ts";
export { foldLine, stamp, STAMP_COLUMNS } from "./log_line.ts";
export { Logger } from "./logger.ts";
export { randomText } from "./random_text.ts";
export { Ring, type RingOptions } from "./ring.ts";
export { firstHops, type Hop, MAX_MEMBERS, wrappingOctet, wrappingOf } from "./topology.ts";
