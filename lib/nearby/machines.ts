/**
 * Floor 2: networkzero (`spec/networkzero.md`): the beacon of a computer, its RPC, and as much of
 * ZMTP as talks with any libzmq (REQ, REP, PUB, SUB; mechanism NULL). Plain machines and codecs,
 * without a socket, a clock or a timer; `lib/learn` puts them on real ones.
 *
 * `mod.ts` beside this is another face: the functions for learners.
 *
 * @module
 */
export * from "./address.ts";
export * from "./adverts.ts";
export * from "./beacon.ts";
export * from "./errors.ts";
export * from "./group.ts";
export * from "./json.ts";
export * from "./known.ts";
export * from "./rpc.ts";
export * from "./words.ts";
export * from "./zmtp/api.ts";
export * from "./zmtp/command.ts";
export * from "./zmtp/frame.ts";
export * from "./zmtp/greeting.ts";
export { HANDSHAKE_LIMIT, MAX_LINKS, type SocketOptions, ZmtpSocket } from "./zmtp/socket.ts";
export {
  MAX_PREFIX,
  PubSocket,
  RepSocket,
  ReqSocket,
  type Request,
  SubSocket,
} from "./zmtp/sockets.ts";
