/**
 * rtnetlink messages, written field by field as `linux/netlink.h` and `linux/rtnetlink.h` lay them
 * out: an encoder of its own, so that the decoder is not measured by its own mistakes.
 *
 * @module
 */

/** Little-endian numbers, one after the other. */
export function le(...fields: readonly (readonly [value: number, bytes: 1 | 2 | 4])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [value, size] of fields) {
    for (let i = 0; i < size; i++) bytes.push((value >>> (8 * i)) & 0xff);
  }
  return Uint8Array.from(bytes);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Filled with zeros to a multiple of four. */
function padded(bytes: Uint8Array): Uint8Array {
  return join(bytes, new Uint8Array(-bytes.length & 3));
}

export function attribute(type: number, value: Uint8Array): Uint8Array {
  return padded(join(le([4 + value.length, 2], [type, 2]), value));
}

export function message(
  type: number,
  body: Uint8Array,
  { flags = 0, seq = 0 }: { flags?: number; seq?: number } = {},
): Uint8Array {
  return padded(join(le([16 + body.length, 4], [type, 2], [flags, 2], [seq, 4], [0, 4]), body));
}

const text = (value: string) => new TextEncoder().encode(`${value}\0`);
const hex = (value: string) => Uint8Array.fromHex(value);

export interface LinkFields {
  index: number;
  type?: number;
  family?: number;
  hardware?: number;
  flags?: number;
  name?: string | undefined;
  mac?: string | undefined;
  mtu?: number;
  operstate?: number;
  /** IFLA_LINKINFO of a VLAN: its id, and the interface that it is on (IFLA_LINK). */
  vlan?: { id: number; parent: number; elsewhere?: boolean };
  seq?: number;
  nlFlags?: number;
}

/** Up, and the cable carries. */
export const UP = 0x1 | 0x2 | 0x40 | 0x1000 | 0x10000;

/** RTM_NEWLINK, or `type` 17 for RTM_DELLINK. A name or MAC of `undefined` is left out. */
export function link(fields: LinkFields): Uint8Array {
  const { index, type = 16, family = 0, hardware = 1, flags = UP, seq = 0, nlFlags = 2 } = fields;
  const { mtu = 1_500, operstate = 6 } = fields;
  const name = "name" in fields ? fields.name : `eth${index}`;
  const mac = "mac" in fields ? fields.mac : `0200000000${index.toString(16).padStart(2, "0")}`;
  const named = name !== undefined;
  const { vlan } = fields;
  return message(
    type,
    join(
      le([family, 1], [0, 1], [hardware, 2], [index, 4], [flags, 4], [0, 4]),
      ...(named ? [attribute(3, text(name)), attribute(4, le([mtu, 4]))] : []),
      ...(named ? [attribute(16, le([operstate, 1]))] : []),
      ...(mac === undefined ? [] : [attribute(1, hex(mac))]),
      ...(vlan ? [attribute(5, le([vlan.parent, 4])), vlanInfo(vlan.id)] : []),
      ...(vlan?.elsewhere ? [attribute(37, le([3, 4]))] : []),
    ),
    { flags: nlFlags, seq },
  );
}

/** IFLA_INFO_KIND; IFLA_INFO_DATA with IFLA_VLAN_FLAGS, IFLA_VLAN_PROTOCOL and IFLA_VLAN_ID. */
function vlanInfo(id: number): Uint8Array {
  const data = [
    attribute(2, new Uint8Array(8)),
    attribute(5, hex("8100")),
    attribute(1, le([id, 2])),
  ];
  return attribute(18, join(attribute(1, text("vlan")), attribute(0x8002, join(...data))));
}

export interface AddressFields {
  index: number;
  /** Hexadecimal octets. */
  address?: string;
  local?: string;
  prefix?: number;
  type?: number;
  /** The 8-bit field. */
  shortFlags?: number;
  /** The attribute; left out where `undefined`. */
  flags?: number | undefined;
  seq?: number;
  nlFlags?: number;
}

/** RTM_NEWADDR, or `type` 21 for RTM_DELADDR. */
export function address(fields: AddressFields): Uint8Array {
  const { index, address, local, type = 20, shortFlags = 0x80, seq = 0, nlFlags = 2 } = fields;
  const octets = (address ?? local ?? "").length / 2;
  const { prefix = octets === 4 ? 24 : 64 } = fields;
  return message(
    type,
    join(
      le([octets === 4 ? 2 : 10, 1], [prefix, 1], [shortFlags, 1], [0, 1], [index, 4]),
      ...(address === undefined ? [] : [attribute(1, hex(address))]),
      ...(local === undefined ? [] : [attribute(2, hex(local))]),
      ...(fields.flags === undefined ? [] : [attribute(8, le([fields.flags, 4]))]),
    ),
    { flags: nlFlags, seq },
  );
}

export interface Hop {
  index: number;
  /** A neighbour's address: family and octets (RTA_VIA). */
  via?: string;
  /** A label to put on (RTA_NEWDST). */
  swap?: number;
  dead?: boolean;
}

/** A label stack entry as on the wire: label 20, traffic class 3, bottom of stack 1, TTL 8. */
function shim(label: number): Uint8Array {
  const value = (label * 2 ** 12) + 0x100;
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function hopAttributes({ index, via, swap }: Hop, withIndex: boolean): Uint8Array {
  return join(
    ...(swap === undefined ? [] : [attribute(19, shim(swap))]),
    ...(via === undefined ? [] : [attribute(18, hex(via))]),
    ...(withIndex ? [attribute(4, le([index, 4]))] : []),
  );
}

/** RTM_NEWROUTE of AF_MPLS, or `type` 25 for RTM_DELROUTE. Several hops make an RTA_MULTIPATH. */
export function mplsRoute(
  label: number,
  hops: readonly Hop[],
  { type = 24, seq = 0, family = 28 } = {},
): Uint8Array {
  const only = hops.length === 1 ? hops[0] : undefined;
  const rtmsg = le(
    ...[[family, 1], [20, 1], [0, 1], [0, 1], [254, 1], [4, 1], [0, 1], [1, 1]] as const,
    [only?.dead ? 1 : 0, 4],
  );
  const several = hops.map((hop) => {
    const attributes = hopAttributes(hop, false);
    const head = le([8 + attributes.length, 2], [hop.dead ? 1 : 0, 1], [0, 1], [hop.index, 4]);
    return join(head, attributes);
  });
  return message(
    type,
    join(
      rtmsg,
      attribute(1, shim(label)),
      only ? hopAttributes(only, true) : attribute(9, join(...several)),
      // RTA_TTL_PROPAGATE, as the kernel adds it.
      attribute(26, le([1, 1])),
    ),
    { flags: 2, seq },
  );
}

/** NLMSG_DONE. */
export function done(seq: number, errno = 0, flags = 2): Uint8Array {
  return message(3, le([-errno, 4]), { flags, seq });
}

/** NLMSG_ERROR, with the header that it is about. */
export function error(seq: number, errno: number): Uint8Array {
  return message(2, join(le([-errno, 4]), new Uint8Array(16)), { seq });
}
