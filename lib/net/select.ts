/**
 * Which interfaces a network uses: globs from the config file, and what holds without them.
 *
 * @module
 */
import { addressOf, isLinkLocal6 } from "./address.ts";
import type { InterfaceInfo } from "./interfaces.ts";

/**
 * Left out unless they are asked for: what connects containers and virtual machines with their own
 * host (nobody else is there, and each would cost a peering), tunnels that carry no multicast, and
 * devices that carry nothing. A container's own end is called `eth0` inside it, and stays in.
 */
const VIRTUAL = [
  // Docker, Podman, CNI, LXC, LXD, Incus, networks of Kubernetes.
  ...["docker*", "br-*", "veth*", "podman*", "cni*", "lxc*", "lxd*", "incusbr*"],
  ...["cali*", "flannel*", "cilium*", "weave*", "kube-*", "nodelocaldns*", "cbr0"],
  // libvirt, systemd-nspawn, VirtualBox, VMware, backing ports of virtual machines.
  ...["virbr*", "vnet*", "macvtap*", "ve-*", "vb-*", "vboxnet*", "vmnet*"],
  // WireGuard and Tailscale route unicast only.
  ...["wg*", "tailscale*"],
  // Made by the kernel by itself, or for traffic control and monitoring.
  ...["ifb*", "dummy*", "nlmon*", "teql*"],
  ...["sit0", "tunl0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"],
];

/**
 * The interfaces that a network uses, in the order of `all`. No globs: all but loopback and virtual
 * ones. Globs mean just what they say, so `["lo"]` and `["veth*"]` work, and `[]` means none.
 * `*` stands for any text, `?` for any character.
 */
export function selectInterfaces(
  globs: readonly string[] | undefined,
  all: readonly InterfaceInfo[],
): InterfaceInfo[] {
  if (globs) return all.filter(({ name }) => globs.some((glob) => matchesGlob(glob, name)));
  return all.filter(({ name, loopback }) =>
    !loopback && !VIRTUAL.some((glob) => matchesGlob(glob, name))
  );
}

/** Whether the whole name matches: `*` any text, `?` any character. */
function matchesGlob(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1;
  let starAt = 0;
  while (n < name.length) {
    if (glob[g] === "*") {
      star = g++;
      starAt = n;
    } else if (g < glob.length && (glob[g] === "?" || glob[g] === name[n])) {
      g++;
      n++;
    } else if (star >= 0) {
      // Let the last star take one more character: time stays in proportion to glob × name.
      g = star + 1;
      n = ++starAt;
    } else {
      return false;
    }
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}

/** Whether an endpoint can run on it now: it carries, and it has an address for our datagrams. */
export function canCarry(info: InterfaceInfo): boolean {
  return info.running && (linkLocal6(info) !== undefined || cidr4(info) !== undefined);
}

/** Whether sockets opened for `before` have to be opened anew for `after`. */
export function needsReopening(before: InterfaceInfo, after: InterfaceInfo): boolean {
  return before.index !== after.index || before.name !== after.name ||
    linkLocal6(before) !== linkLocal6(after) || cidr4(before) !== cidr4(after);
}

/** The link-local IPv6 address that we send from. Loopback has none that works. */
export function linkLocal6(info: InterfaceInfo): string | undefined {
  return info.loopback ? undefined : info.addresses.map(addressOf).find(isLinkLocal6);
}

/** The IPv4 address that we send from, with its prefix length. */
export function cidr4(info: InterfaceInfo): string | undefined {
  return info.addresses.find((cidr) => !cidr.includes(":"));
}
