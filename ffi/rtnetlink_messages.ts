/**
 * What the kernel says over rtnetlink, as values (`spec/lsoe.md §10`, `linux/netlink.h`,
 * `linux/rtnetlink.h`): links, addresses, MPLS routes, and the control messages of a dump. Numbers are
 * little-endian, as on both processors that `libc.ts` takes; everything is aligned to four bytes.
 *
 * The decoder is total: any bytes give messages or a `WireError` with the offset. What it does not
 * know, it names by number.
 *
 * @module
 */
import { readU32, WireError } from "../lib/wire/bytes.ts";
import { formatIp4, formatIp6 } from "../lib/wire/ip.ts";
import { macText, readMac } from "../lib/wire/mac.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
const AF_MPLS = 28;

const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;

const NLMSG_NOOP = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_OVERRUN = 4;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;

/** What can be asked for: the type of the request and the bytes of its fixed part. */
export const Dump = {
  /** RTM_GETLINK, ifinfomsg */
  links: { type: 18, length: 16, family: 0 },
  /** RTM_GETADDR, ifaddrmsg */
  addresses: { type: 22, length: 8, family: 0 },
  /** RTM_GETROUTE, rtmsg, AF_MPLS */
  mplsRoutes: { type: 26, length: 12, family: AF_MPLS },
} as const;
export type Dump = typeof Dump[keyof typeof Dump];

const NLMSG_HEADER = 16;
const IFINFOMSG = 16;
const IFADDRMSG = 8;
const RTMSG = 12;
const RTNEXTHOP = 8;
const RTATTR = 4;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER are no part of the type. */
const ATTRIBUTE_TYPE = 0x3fff;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_MULTIPATH = 9;
const RTA_VIA = 18;
const RTA_NEWDST = 19;
const RTNH_F_DEAD = 1;

/** Of every message. */
interface Head {
  /** The request that it answers; 0 in events that no request of ours caused. */
  readonly sequence: number;
  /** NLM_F_DUMP_INTR: the tables changed during the dump, so it is inconsistent. */
  readonly interrupted: boolean;
}

/** RTM_NEWLINK, RTM_DELLINK. What the message does not say is `undefined`: it did not change. */
export interface LinkMessage extends Head {
  readonly kind: "link";
  readonly gone: boolean;
  /** 0; of another family (a bridge's) it is not about the link as such. */
  readonly family: number;
  readonly index: number;
  /** ARPHRD (`linux/if_arp.h`). */
  readonly hardware: number;
  /** `linux/if.h`. */
  readonly flags: number;
  readonly name: string | undefined;
  /** `02:00:00:00:00:01`; empty where it has none of six octets. */
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  /** RFC 2863, as in `linux/if.h`: 0 unknown, 6 up. */
  readonly operstate: number | undefined;
  /** Of a VLAN interface. */
  readonly vlan: VlanTag | undefined;
}

/** What makes an interface one of a VLAN. */
export interface VlanTag {
  /** 12 bits. */
  readonly id: number;
  /** Index of the interface that it is on; 0: it is in another namespace. */
  readonly parent: number;
}

/** RTM_NEWADDR, RTM_DELADDR, of IPv4 and IPv6. */
export interface AddressMessage extends Head {
  readonly kind: "address";
  readonly gone: boolean;
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly index: number;
  /** Our own: of a point-to-point link not the peer's. */
  readonly address: string;
  readonly prefixLength: number;
  /** `linux/if_addr.h`. */
  readonly flags: number;
}

/** RTM_NEWROUTE, RTM_DELROUTE, of MPLS: what becomes of packets with a label. */
export interface MplsRouteMessage extends Head {
  readonly kind: "mplsRoute";
  readonly gone: boolean;
  /** 20 bits. */
  readonly label: number;
  readonly hops: readonly MplsHop[];
}

export interface MplsHop {
  /** The interface; 0: not said. */
  readonly index: number;
  /** It ends here: no neighbour, and no new label. */
  readonly local: boolean;
  /** The interface has gone down. */
  readonly dead: boolean;
}

/** Any message. */
export type NetlinkMessage =
  | LinkMessage
  | AddressMessage
  | MplsRouteMessage
  /** A refusal; 0 is an acknowledgement. */
  | Head & { readonly kind: "error"; readonly errno: number }
  /** The end of a dump; anything but 0: it failed. */
  | Head & { readonly kind: "done"; readonly errno: number }
  /** The kernel lost messages. */
  | Head & { readonly kind: "overrun" }
  | Head & { readonly kind: "other"; readonly type: number };

/** A request for all of something. */
export function dumpRequest(dump: Dump, sequence: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(NLMSG_HEADER + dump.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, dump.type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, sequence, true);
  view.setUint8(NLMSG_HEADER, dump.family);
  return bytes;
}

/**
 * The messages of one datagram.
 * @throws {WireError} where it is none that the kernel could have sent.
 */
export function decodeMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < NLMSG_HEADER) throw new WireError("a message header is cut off", at);
    const length = view.getUint32(at, true);
    if (length < NLMSG_HEADER || length > bytes.length - at) {
      throw new WireError(`a message of ${length} bytes, ${bytes.length - at} left`, at);
    }
    const message = decodeOne({ bytes, view, at: at + NLMSG_HEADER, end: at + length }, at);
    if (message) messages.push(message);
    // The padding of the last message may be missing.
    at = Math.min(align(at + length), bytes.length);
  }
  return messages;
}

/** A part of a datagram that is being read. */
interface Part {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  readonly end: number;
}

function decodeOne(part: Part, header: number): NetlinkMessage | undefined {
  const { view } = part;
  const type = view.getUint16(header + 4, true);
  const head: Head = {
    sequence: view.getUint32(header + 8, true),
    interrupted: (view.getUint16(header + 6, true) & NLM_F_DUMP_INTR) !== 0,
  };
  switch (type) {
    case NLMSG_NOOP:
      return undefined;
    case NLMSG_ERROR:
      return { ...head, kind: "error", errno: errnoAt(need(part, 4, "an error"), part.at) };
    case NLMSG_DONE: {
      // Old kernels say nothing more.
      const errno = part.end - part.at < 4 ? 0 : errnoAt(part, part.at);
      return { ...head, kind: "done", errno };
    }
    case NLMSG_OVERRUN:
      return { ...head, kind: "overrun" };
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return decodeLink(part, head, type === RTM_DELLINK);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return decodeAddress(part, head, type);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return decodeRoute(part, head, type);
    default:
      return { ...head, kind: "other", type };
  }
}

function decodeLink(part: Part, head: Head, gone: boolean): LinkMessage {
  const { bytes, view, at } = need(part, IFINFOMSG, "a link");
  let name: string | undefined;
  let mac: string | undefined;
  let mtu: number | undefined;
  let operstate: number | undefined;
  let vlanId: number | undefined;
  let parent = 0;
  let elsewhere = false;
  for (const { type, at: from, end } of attributes(part, at + IFINFOMSG)) {
    const length = end - from;
    if (type === IFLA_IFNAME) name = nameIn(bytes.subarray(from, end));
    else if (type === IFLA_ADDRESS) mac = length === 6 ? macText(readMac(view, from)) : "";
    else if (type === IFLA_MTU && length >= 4) mtu = view.getUint32(from, true);
    else if (type === IFLA_OPERSTATE && length >= 1) operstate = view.getUint8(from);
    else if (type === IFLA_LINK && length >= 4) parent = view.getInt32(from, true);
    else if (type === IFLA_LINK_NETNSID) elsewhere = true;
    else if (type === IFLA_LINKINFO) vlanId = vlanIdIn({ ...part, end }, from);
  }
  return {
    ...head,
    kind: "link",
    gone,
    family: view.getUint8(at),
    hardware: view.getUint16(at + 2, true),
    index: view.getInt32(at + 4, true),
    flags: view.getUint32(at + 8, true),
    name,
    mac,
    mtu,
    operstate,
    vlan: vlanId === undefined ? undefined : { id: vlanId, parent: elsewhere ? 0 : parent },
  };
}

/** IFLA_LINKINFO: what kind of interface it is, and what only that kind has. */
function vlanIdIn(part: Part, from: number): number | undefined {
  let kind = "";
  let id: number | undefined;
  for (const { type, at, end } of attributes(part, from)) {
    if (type === IFLA_INFO_KIND) kind = nameIn(part.bytes.subarray(at, end));
    else if (type === IFLA_INFO_DATA && kind === "vlan") {
      for (const inner of attributes({ ...part, end }, at)) {
        if (inner.type === IFLA_VLAN_ID && inner.end - inner.at >= 2) {
          id = part.view.getUint16(inner.at, true);
        }
      }
    }
  }
  return id;
}

function decodeAddress(part: Part, head: Head, type: number): NetlinkMessage {
  const { bytes, view, at } = need(part, IFADDRMSG, "an address");
  const family = view.getUint8(at);
  if (family !== AF_INET && family !== AF_INET6) return { ...head, kind: "other", type };
  const octets = family === AF_INET ? 4 : 16;
  const format = family === AF_INET ? formatIp4 : formatIp6;
  let address: string | undefined;
  let local: string | undefined;
  let flags = view.getUint8(at + 2);
  for (const attribute of attributes(part, at + IFADDRMSG)) {
    const length = attribute.end - attribute.at;
    if (attribute.type === IFA_FLAGS && length >= 4) flags = view.getUint32(attribute.at, true);
    if (attribute.type !== IFA_LOCAL && attribute.type !== IFA_ADDRESS) continue;
    if (length !== octets) throw new WireError(`an address of ${length} bytes`, attribute.at);
    if (attribute.type === IFA_LOCAL) local = format(bytes, attribute.at);
    else address = format(bytes, attribute.at);
  }
  const own = local ?? address;
  if (own === undefined) throw new WireError("an address message without address", at);
  const prefixLength = view.getUint8(at + 1);
  if (prefixLength > 8 * octets) throw new WireError(`a prefix of ${prefixLength} bits`, at + 1);
  return {
    ...head,
    kind: "address",
    gone: type === RTM_DELADDR,
    family,
    index: view.getUint32(at + 4, true),
    address: own,
    prefixLength,
    flags,
  };
}

function decodeRoute(part: Part, head: Head, type: number): NetlinkMessage {
  const { bytes, view, at } = need(part, RTMSG, "a route");
  // A kernel without MPLS answers with the routes of all other families.
  if (view.getUint8(at) !== AF_MPLS) return { ...head, kind: "other", type };
  let label: number | undefined;
  const hops: MplsHop[] = [];
  for (const attribute of attributes(part, at + RTMSG)) {
    if (attribute.type === RTA_DST) {
      if (attribute.end - attribute.at < 4) throw new WireError("no label", attribute.at);
      // A label stack entry (RFC 3032 §2.1), as on the wire.
      label = readU32(bytes, attribute.at) >>> 12;
    } else if (attribute.type === RTA_MULTIPATH) {
      hops.push(...nextHops({ ...part, ...attribute }));
    }
  }
  if (label === undefined) throw new WireError("a route without label", at);
  const dead = (view.getUint32(at + 8, true) & RTNH_F_DEAD) !== 0;
  if (hops.length === 0) hops.push(hopOf(part, at + RTMSG, dead));
  return { ...head, kind: "mplsRoute", gone: type === RTM_DELROUTE, label, hops };
}

/** RTA_MULTIPATH: rtnexthop and its attributes, again and again. */
function nextHops(part: Part): MplsHop[] {
  const { view } = part;
  const hops: MplsHop[] = [];
  let { at } = part;
  while (at < part.end) {
    need({ ...part, at }, RTNEXTHOP, "a next hop");
    const length = view.getUint16(at, true);
    if (length < RTNEXTHOP || length > part.end - at) {
      throw new WireError(`a next hop of ${length} bytes, ${part.end - at} left`, at);
    }
    const dead = (view.getUint8(at + 2) & RTNH_F_DEAD) !== 0;
    const hop = hopOf({ ...part, end: at + length }, at + RTNEXTHOP, dead);
    hops.push({ ...hop, index: view.getInt32(at + 4, true) });
    at = Math.min(align(at + length), part.end);
  }
  return hops;
}

function hopOf(part: Part, from: number, dead: boolean): MplsHop {
  let index = 0;
  let local = true;
  for (const { type, at, end } of attributes(part, from)) {
    if (type === RTA_OIF && end - at >= 4) index = part.view.getInt32(at, true);
    if (type === RTA_VIA || type === RTA_GATEWAY || type === RTA_NEWDST) local = false;
  }
  return { index, local, dead };
}

/** The attributes from `from` to the end of the part: where each value begins and ends. */
function* attributes({ view, end }: Part, from: number) {
  let at = from;
  while (at < end) {
    if (end - at < RTATTR) throw new WireError("an attribute is cut off", at);
    const length = view.getUint16(at, true);
    if (length < RTATTR || length > end - at) {
      throw new WireError(`an attribute of ${length} bytes, ${end - at} left`, at);
    }
    const type = view.getUint16(at + 2, true) & ATTRIBUTE_TYPE;
    yield { type, at: at + RTATTR, end: at + length };
    at = Math.min(align(at + length), end);
  }
}

function need(part: Part, length: number, what: string): Part {
  if (part.end - part.at >= length) return part;
  throw new WireError(`${what} is cut off`, part.at);
}

/** The kernel gives them negative. */
function errnoAt({ view }: Part, at: number): number {
  return Math.abs(view.getInt32(at, true));
}

/** Up to the zero that ends it. Names are bytes; almost always they are text. */
function nameIn(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return new TextDecoder().decode(zero < 0 ? bytes : bytes.subarray(0, zero));
}

function align(at: number): number {
  return (at + 3) & ~3;
}
