/**
 * Floor 2: leafy (design §4, `spec/dncp.md` §16): taking part without being a node. Read once and
 * publish with a TTL are one request and one answer on a stream of purpose "leaf"; publish
 * continually is a DNCP node that mirrors the hash of its first hop and keeps nobody's data. Here are
 * the messages, the client's and the node's side of them, and the mirror; and in `hncp_*.ts` the same
 * for networks of profile `hncp`, over datagrams. Bytes in, bytes out.
 *
 * A command that starts and ends at once imports `client.ts` alone, which loads no DNCP machine.
 *
 * @module
 */
export * from "./client.ts";
export * from "./discovery.ts";
export type * from "./guest_book.ts";
export * from "./hncp_messages.ts";
export * from "./hncp_mirror.ts";
export * from "./hncp_proxy.ts";
export * from "./hncp_publish.ts";
export * from "./hncp_read.ts";
export * from "./messages.ts";
export * from "./mirror.ts";
export * from "./server.ts";
export * from "./session.ts";
