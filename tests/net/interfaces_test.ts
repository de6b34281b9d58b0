/** What is read of the interfaces, and which of them a network takes. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  canCarry,
  FixedInterfaces,
  type InterfaceInfo,
  needsReopening,
  readInterfaces,
  selectInterfaces,
  type SystemView,
} from "../../lib/net/mod.ts";
import { cidr4, linkLocal6 } from "../../lib/net/select.ts";
import { interfaceInfo } from "./interface_info.ts";

/** A made-up computer. */
class Computer implements SystemView {
  readonly files = new Map<string, string>();
  list: Deno.NetworkInterfaceInfo[] = [];

  addresses(): Deno.NetworkInterfaceInfo[] {
    return this.list;
  }

  read(path: string): string {
    const text = this.files.get(path);
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  }

  address(name: string, cidr: string, mac = "00:00:00:00:00:00", scopeid = 0): void {
    const address = cidr.split("/")[0]!;
    const family = address.includes(":") ? "IPv6" : "IPv4";
    this.list.push({ name, family, address, cidr, mac, scopeid: scopeid || null, netmask: "" });
  }

  sys(name: string, values: Record<string, string | number>): void {
    for (const [file, value] of Object.entries(values)) {
      this.files.set(`/sys/class/net/${name}/${file}`, `${value}\n`);
    }
  }
}

/** A Pi with a cable, a radio that is off, and a container bridge. */
function pi(): Computer {
  const computer = new Computer();
  const numbers = "  1 2 3 4\n";
  computer.files.set(
    "/proc/net/dev",
    `Inter-|   Receive\n face |bytes\n    lo:${numbers}  eth0:${numbers} wlan0:${numbers}docker0:${numbers}`,
  );
  computer.files.set(
    "/proc/net/if_inet6",
    "fe80000000000000ba27ebfffe000001 02 40 20 80     eth0\n" +
      "00000000000000000000000000000001 01 80 10 80       lo\n",
  );
  computer.address("lo", "127.0.0.1/8");
  computer.address("lo", "::1/128");
  computer.address("eth0", "192.0.2.7/24", "B8:27:EB:00:00:01");
  computer.address("eth0", "fe80::ba27:ebff:fe00:1/64", "b8:27:eb:00:00:01", 2);
  computer.address("docker0", "172.17.0.1/16", "02:42:00:00:00:01");
  computer.sys("lo", { type: 772, flags: "0x9", operstate: "unknown", mtu: 65536, ifindex: 1 });
  computer.sys("eth0", { type: 1, flags: "0x1003", operstate: "up", mtu: 1500, ifindex: 2 });
  computer.sys("wlan0", {
    flags: "0x1002",
    operstate: "down",
    type: 1,
    mtu: 1500,
    ifindex: 3,
    address: "b8:27:eb:00:00:02",
  });
  computer.sys("docker0", { type: 1, flags: "0x1003", operstate: "down", mtu: 1500, ifindex: 4 });
  return computer;
}

Deno.test("interfaces: all that a Pi tells of itself", () => {
  deepStrictEqual(readInterfaces(pi()), [
    {
      name: "lo",
      index: 1,
      mac: "",
      up: true,
      running: true,
      mtu: 65_536,
      addresses: ["127.0.0.1/8", "::1/128"],
      loopback: true,
      ethernet: false,
      vlan: 0,
    },
    {
      name: "eth0",
      index: 2,
      mac: "b8:27:eb:00:00:01",
      up: true,
      running: true,
      mtu: 1_500,
      addresses: ["192.0.2.7/24", "fe80::ba27:ebff:fe00:1/64"],
      loopback: false,
      ethernet: true,
      vlan: 0,
    },
    {
      name: "wlan0",
      index: 3,
      mac: "b8:27:eb:00:00:02",
      up: false,
      running: false,
      mtu: 1_500,
      addresses: [],
      loopback: false,
      ethernet: true,
      vlan: 0,
    },
    {
      name: "docker0",
      index: 4,
      mac: "02:42:00:00:00:01",
      up: true,
      running: false,
      mtu: 1_500,
      addresses: ["172.17.0.1/16"],
      loopback: false,
      ethernet: true,
      vlan: 0,
    },
  ]);
});

Deno.test("interfaces: the VLAN that an interface is of", () => {
  const computer = pi();
  const vlan = (name: string, id: number, parent: string) => {
    const text = `${name}  VID: ${id}\t REORDER_HDR: 1  dev->priv_flags: 1021\n` +
      `         total frames received            0\nDevice: ${parent}\nINGRESS priority mappings:\n`;
    computer.files.set(`/proc/net/vlan/${name}`, text);
  };
  vlan("wlan0", 7, "eth0");
  vlan("docker0", 9, "wlan0");
  deepStrictEqual(readInterfaces(computer).map(({ vlan }) => vlan), [0, 0, 7, 7 * 4_096 + 9]);
  // Nonsense does not hang.
  vlan("eth0", 9, "eth0");
  ok(readInterfaces(computer).every(({ vlan }) => Number.isSafeInteger(vlan)));
});

Deno.test("interfaces: an address that is still tentative cannot be used, so it is not told", () => {
  const computer = pi();
  const path = "/proc/net/if_inet6";
  computer.files.set(path, computer.read(path).replace("20 80     eth0", "20 c0     eth0"));
  deepStrictEqual(readInterfaces(computer)[1]?.addresses, ["192.0.2.7/24"]);
});

Deno.test("interfaces: a pulled cable and a radio without a partner do not run", () => {
  const computer = pi();
  computer.sys("eth0", { carrier: 0 });
  computer.sys("wlan0", { flags: "0x1003", carrier: 1, operstate: "dormant" });
  deepStrictEqual(readInterfaces(computer).map(({ up, running }) => [up, running]).slice(1, 3), [
    [true, false],
    [true, false],
  ]);
});

Deno.test("interfaces: without /proc and /sys the addresses tell what they can", () => {
  const computer = pi();
  computer.files.clear();
  const all = readInterfaces(computer);
  deepStrictEqual(all.map(({ name, up, running, loopback }) => [name, up, running, loopback]), [
    ["docker0", true, true, false],
    ["lo", true, true, true],
    ["eth0", true, true, false],
  ]);
  deepStrictEqual(all.map(({ index, mtu }) => [index, mtu]), [[0, 0], [0, 0], [2, 0]]);
});

Deno.test("interfaces: in a sandbox where the runtime cannot ask, /proc tells of IPv6", () => {
  const computer = pi();
  computer.addresses = () => {
    throw new Error("Address family not supported by protocol (os error 97)");
  };
  computer.sys("eth0", { address: "b8:27:eb:00:00:01" });
  const all = readInterfaces(computer);
  deepStrictEqual(all.map(({ name, addresses }) => [name, ...addresses]), [
    ["lo", "127.0.0.1/8", "::1/128"],
    ["eth0", "fe80::ba27:ebff:fe00:1/64"],
    ["wlan0"],
    ["docker0"],
  ]);
  deepStrictEqual([all[0]?.loopback, all[1]?.mac, all[1]?.index], [true, "b8:27:eb:00:00:01", 2]);
});

Deno.test("interfaces: nonsense in /proc and /sys breaks nothing", () => {
  const computer = pi();
  computer.files.set("/proc/net/dev", "eth0\n\n\n:::\n eth0:");
  computer.files.set("/proc/net/if_inet6", "zz\nfe80 x\n1 2 3 4 5 6 7\n");
  computer.sys("eth0", { flags: "?", mtu: "many", operstate: "", ifindex: "-" });
  const eth0 = readInterfaces(computer).find(({ name }) => name === "eth0");
  deepStrictEqual([eth0?.index, eth0?.mtu, eth0?.up, eth0?.running], [2, 0, true, true]);
});

Deno.test("interfaces: this computer has a loopback that is up", () => {
  const lo = readInterfaces().find(({ loopback }) => loopback);
  ok(lo?.up && lo.running);
  ok(lo.addresses.some((cidr) => cidr === "127.0.0.1/8" || cidr === "::1/128"));
  // And without the runtime's help the same of IPv6.
  const ipv6 = (all: InterfaceInfo[]) =>
    all.map(({ name, addresses }) => [name, ...addresses.filter((cidr) => cidr.includes(":"))]);
  const addresses = () => {
    throw new Error("not here");
  };
  const read = (path: string) => Deno.readTextFileSync(path);
  deepStrictEqual(
    ipv6(readInterfaces({ addresses, read })).map((all) => all.sort()),
    ipv6(readInterfaces()).map((all) => all.sort()),
  );
});

Deno.test("interfaces: where nobody tells of changes, they stay as they were", () => {
  const computer = pi();
  const source = new FixedInterfaces(readInterfaces(computer));
  source.subscribe();
  computer.list = [];
  deepStrictEqual(source.current().map(({ name }) => name), ["lo", "eth0", "wlan0", "docker0"]);
  source.current().pop();
  strictEqual(source.current().length, 4);
  source.close();
  ok(new FixedInterfaces().current().some(({ loopback }) => loopback));
});

Deno.test("interfaces: by default all but loopback, containers, machines and tunnels", () => {
  const taken = [
    "eth0",
    "enp3s0",
    "wlan0",
    "end0",
    "usb0",
    "bond0",
    "br0",
    "br_lan",
    "tap0",
    "zt7nnig26",
    "bat0",
  ];
  const left = [
    "lo",
    "docker0",
    "br-3f2a",
    "veth12ab",
    "virbr0",
    "vnet3",
    "cni0",
    "podman1",
    "lxcbr0",
    "lxdbr0",
    "cali12",
    "flannel.1",
    "tailscale0",
    "wg0",
    "ifb0",
    "dummy0",
    "sit0",
    "tunl0",
    "vboxnet0",
  ];
  const all = [...left, ...taken].map((name) => interfaceInfo(name));
  deepStrictEqual(selectInterfaces(undefined, all).map(({ name }) => name), taken);
});

Deno.test("interfaces: globs mean just what they say", () => {
  const all = ["lo", "eth0", "eth1", "eth10", "wlan0", "veth0", "docker0"].map((name) =>
    interfaceInfo(name)
  );
  const names = (...globs: string[]) => selectInterfaces(globs, all).map(({ name }) => name);
  deepStrictEqual(names(), []);
  deepStrictEqual(names("*"), all.map(({ name }) => name));
  deepStrictEqual(names("eth*", "wlan0"), ["eth0", "eth1", "eth10", "wlan0"]);
  deepStrictEqual(names("eth?"), ["eth0", "eth1"]);
  deepStrictEqual(names("lo"), ["lo"]);
  deepStrictEqual(names("*0"), ["eth0", "eth10", "wlan0", "veth0", "docker0"]);
  deepStrictEqual(names("?eth*"), ["veth0"]);
  deepStrictEqual(names("e*1*0"), ["eth10"]);
  deepStrictEqual(names("", "eth", "[eth0]", "ETH0", "eth.", "eth0 "), []);
});

Deno.test("interfaces: a glob of many stars takes no time", () => {
  deepStrictEqual(selectInterfaces(["*a".repeat(200) + "b"], [interfaceInfo("a".repeat(400))]), []);
});

Deno.test("interfaces: what an endpoint needs, and when its sockets are stale", () => {
  const eth0 = interfaceInfo("eth0", {
    addresses: ["2001:db8::1/64", "fe80::1/64", "192.0.2.7/24", "10.0.0.1/8"],
  });
  ok(canCarry(eth0));
  strictEqual(linkLocal6(eth0), "fe80::1");
  strictEqual(cidr4(eth0), "192.0.2.7/24");
  ok(canCarry(interfaceInfo("eth0", { addresses: ["192.0.2.7/24"] })));
  ok(!canCarry(interfaceInfo("eth0", { addresses: ["2001:db8::1/64"] })));
  ok(!canCarry({ ...eth0, running: false }));
  ok(!canCarry(interfaceInfo("lo", { addresses: ["::1/128"] })));
  ok(canCarry(interfaceInfo("lo", { addresses: ["127.0.0.1/8", "::1/128"] })));

  ok(!needsReopening(eth0, { ...eth0, mtu: 1_400, addresses: [...eth0.addresses, "10.1.0.1/8"] }));
  ok(needsReopening(eth0, { ...eth0, index: 9 }), "deleted and made again");
  ok(needsReopening(eth0, { ...eth0, addresses: ["fe80::1/64"] }), "the IPv4 address went");
  ok(needsReopening(eth0, { ...eth0, addresses: ["fe80::2/64", "192.0.2.7/24"] }));
});
