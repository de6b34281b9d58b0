/**
 * What the kernel's headers say, as tables: where the fields of structures stand and what constants
 * are worth. All of it is the same on x86-64 and aarch64, little-endian; `tests/ffi/layouts_test.ts`
 * holds it against the C compiler's word.
 *
 * @module
 */

/** Field → where it stands and how long it is, in bytes. */
export interface Layout {
  readonly size: number;
  readonly fields: Readonly<Record<string, readonly [offset: number, size: number]>>;
}

/** By the name that C gives them, without `struct`. */
export const Layouts = {
  pollfd: { size: 8, fields: { fd: [0, 4], events: [4, 2], revents: [6, 2] } },
  iovec: { size: 16, fields: { iov_base: [0, 8], iov_len: [8, 8] } },
  msghdr: {
    size: 56,
    fields: {
      msg_name: [0, 8],
      msg_namelen: [8, 4],
      msg_iov: [16, 8],
      msg_iovlen: [24, 8],
      msg_control: [32, 8],
      msg_controllen: [40, 8],
      msg_flags: [48, 4],
    },
  },
  mmsghdr: { size: 64, fields: { msg_hdr: [0, 56], msg_len: [56, 4] } },
  /** `sll_protocol` is big-endian. */
  sockaddr_ll: {
    size: 20,
    fields: {
      sll_family: [0, 2],
      sll_protocol: [2, 2],
      sll_ifindex: [4, 4],
      sll_hatype: [8, 2],
      sll_pkttype: [10, 1],
      sll_halen: [11, 1],
      sll_addr: [12, 8],
    },
  },
  packet_mreq: {
    size: 16,
    fields: { mr_ifindex: [0, 4], mr_type: [4, 2], mr_alen: [6, 2], mr_address: [8, 8] },
  },
  tpacket_stats: { size: 8, fields: { tp_packets: [0, 4], tp_drops: [4, 4] } },
} as const satisfies Readonly<Record<string, Layout>>;

/** By the name that C gives them. */
export const Sys = {
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_RCVBUF: 8,
  SO_RCVBUFFORCE: 33,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  EFD_CLOEXEC: 0o2000000,
  EFD_NONBLOCK: 0o4000,
  POLLIN: 0x1,
  POLLERR: 0x8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  AF_PACKET: 17,
  SOL_PACKET: 263,
  PACKET_ADD_MEMBERSHIP: 1,
  PACKET_DROP_MEMBERSHIP: 2,
  PACKET_STATISTICS: 6,
  PACKET_MR_MULTICAST: 0,
} as const;
