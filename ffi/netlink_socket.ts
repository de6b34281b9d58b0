/**
 * Sockets of rtnetlink (`spec/lsoe.md §10`): one that hears what changes, and one to ask on.
 *
 * @module
 */
import { AgentError, ExitCode } from "../lib/core/errors.ts";
import { Errno, errnoName } from "./errno.ts";
import { Sys } from "./layouts.ts";
import { enlargeReceiveBuffer, type Libc, libc } from "./libc.ts";

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const SO_RCVTIMEO = 20;
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR: a mask, for bind. */
const GROUPS = 0x111;
/** RTNLGRP_MPLS_ROUTE: a number, beyond the mask. */
const MPLS_ROUTE_GROUP = 27;
/** sockaddr_nl: family 2, padding 2, pid 4, groups 4. */
const SOCKADDR_NL = 12;

/** More than the kernel puts into one datagram. */
const LONGEST_DATAGRAM = 65_536;
/** Room for some thousand events. */
const RECEIVE_BUFFER = 1 << 20;
/** A dump takes milliseconds; whoever waits this long for a part of one waits in vain. In seconds. */
const PATIENCE = 1n;

/** An open socket. */
export interface RouteSocket {
  readonly fd: number;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /**
   * The next datagram of the kernel, a view that holds until the next call; `undefined` where there is
   * none; `"lost"` where some could not be kept, so that what is known has to be asked anew.
   * @throws {AgentError} where the socket is broken.
   */
  receive(): Uint8Array | "lost" | undefined;
  close(): void;
}

/** Opens sockets. Tests bring their own. */
export interface RouteSockets {
  /** Hears of links, addresses and MPLS routes. Receiving does not wait. */
  monitor(): RouteSocket;
  /** For requests. Receiving waits for the answer, a moment. */
  requests(): RouteSocket;
  /** Whether this kernel routes MPLS; one that does not answers with other routes. */
  readonly mpls: boolean;
}

/** The sockets of this computer's kernel, in our network namespace. */
export const kernelSockets: RouteSockets = {
  monitor: () => new NetlinkSocket("monitor"),
  requests: () => new NetlinkSocket("requests"),
  get mpls() {
    try {
      return Deno.statSync("/proc/sys/net/mpls").isDirectory;
    } catch {
      return false;
    }
  },
};

class NetlinkSocket implements RouteSocket {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #flags: number;
  readonly #buffer = new Uint8Array(new ArrayBuffer(LONGEST_DATAGRAM));
  readonly #room = BigInt(LONGEST_DATAGRAM);
  readonly #from = new Uint8Array(new ArrayBuffer(SOCKADDR_NL));
  readonly #sender = new DataView(this.#from.buffer);
  readonly #fromLength = new Int32Array(new ArrayBuffer(4));

  /** @throws {AgentError} where it cannot be had. */
  constructor(purpose: "monitor" | "requests") {
    this.#libc = libc();
    const waits = purpose === "requests";
    this.#flags = Sys.MSG_TRUNC | (waits ? 0 : Sys.MSG_DONTWAIT);
    this.fd = check(
      "socket(AF_NETLINK)",
      this.#libc.socket(AF_NETLINK, Sys.SOCK_RAW | Sys.SOCK_CLOEXEC, NETLINK_ROUTE),
    );
    try {
      if (waits) this.#waitAtMost();
      else enlargeReceiveBuffer(this.#libc, this.fd, RECEIVE_BUFFER);
      const address = new DataView(new ArrayBuffer(SOCKADDR_NL));
      address.setUint16(0, AF_NETLINK, true);
      address.setUint32(8, waits ? 0 : GROUPS, true);
      check("bind(AF_NETLINK)", this.#libc.bind(this.fd, new Uint8Array(address.buffer)));
      if (!waits) this.#join(MPLS_ROUTE_GROUP);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    check("send(AF_NETLINK)", this.#libc.send(this.fd, bytes, BigInt(bytes.length), 0));
  }

  receive(): Uint8Array | "lost" | undefined {
    while (true) {
      this.#fromLength[0] = SOCKADDR_NL;
      const length = this.#libc.recvfrom(
        ...[this.fd, this.#buffer, this.#room, this.#flags, this.#from, this.#fromLength] as const,
      );
      if (length === -Errno.EINTR) continue;
      if (length === -Errno.EAGAIN) return undefined;
      if (length === -Errno.ENOBUFS) return "lost";
      check("recv(AF_NETLINK)", length);
      // Any program may send us a datagram; only the kernel is believed.
      if (this.#sender.getUint32(4, true) !== 0) continue;
      return length > LONGEST_DATAGRAM ? "lost" : this.#buffer.subarray(0, length);
    }
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #waitAtMost(): void {
    const timeval = new DataView(new ArrayBuffer(16));
    timeval.setBigInt64(0, PATIENCE, true);
    const value = new Uint8Array(timeval.buffer);
    check("SO_RCVTIMEO", this.#libc.setsockopt(this.fd, Sys.SOL_SOCKET, SO_RCVTIMEO, value));
  }

  /** A kernel that does not know the group has nothing to say there. */
  #join(group: number): void {
    const value = new Int32Array(new ArrayBuffer(4));
    value[0] = group;
    this.#libc.setsockopt(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value);
  }
}

function check(call: string, result: number): number {
  if (result >= 0) return result;
  const name = errnoName(-result);
  const hint = -result === Errno.EAFNOSUPPORT || -result === Errno.EPERM
    ? "; under systemd, RestrictAddressFamilies has to name AF_NETLINK"
    : "";
  throw new AgentError(`${call} failed: ${name}${hint}`, ExitCode.Refused);
}
