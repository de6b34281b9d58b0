/** `[lsoe]` as the machine gets it, and the id on the wire. */
import { deepStrictEqual, notDeepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { parseConfig } from "../../../lib/agent/config/parse.ts";
import {
  chooseInterfaces,
  configuredId,
  derivedId,
  etherTypeOf,
  hardwareIdentity,
  labelsOf,
  machineConfig,
} from "../../../lib/agent/lsoe/config.ts";
import { toHex } from "../../../lib/wire/mod.ts";
import { DEFAULTS } from "../../lsoe/lone.ts";
import { interfaceInfo } from "../../net/interface_info.ts";

const table = (toml = "") => parseConfig(`[lsoe]\n${toml}`, "").lsoe;
const none = () => ({ speaking: new Set<string>(), exported: new Set<string>() });

const info = (name: string, mac = "02:00:00:00:00:01") =>
  interfaceInfo(name, { mac, loopback: name.startsWith("lo"), ethernet: !name.startsWith("lo") });

Deno.test("lsoe config: the defaults are those of the specification (§9)", () => {
  const { speaksOn: _, exportLoopbacks: __, ...plain } = DEFAULTS;
  const { speaksOn: ___, exportLoopbacks: ____, ...config } = machineConfig(table(), none);
  deepStrictEqual(config, plain);
  strictEqual(etherTypeOf(table()), 0x88b5);
});

Deno.test("lsoe config: every key reaches the machine", () => {
  const config = machineConfig(
    table(
      'hello-interval = 0.5\nhello-multicast-macaddr = "01:80:c2:00:00:03"\n' +
        "retransmit-initial-interval = 2\nretransmit-max-drop = 5\n" +
        "retransmit-exponential-backoff = false\nkeepalive-send-interval = 3\n" +
        'keepalive-receive-timeout = 0\nattributes = [1, 255]\nprimary-address = ["192.0.2.1"]\n' +
        'announce-scope = "all"\nkeep-state-on-timeout = true\nclose-on-carrier-loss = true\n' +
        'reassembly-timeout = "2s"\nreorder-window = "50ms"\nmac-address-cache-timeout = 30\n' +
        "hopeless-hold = 6\nmax-datagram = 576\n",
    ),
    none,
  );
  const { speaksOn: _, exportLoopbacks: __, ...plain } = config;
  deepStrictEqual(plain, {
    helloInterval: 500,
    helloDestination: 0x0180_c200_0003,
    retransmitInitialInterval: 2_000,
    retransmitMaxDrop: 5,
    retransmitExponentialBackoff: false,
    keepaliveSendInterval: 3_000,
    keepaliveReceiveTimeout: 0,
    attributes: Uint8Array.of(1, 255),
    primaryAddresses: ["192.0.2.1"],
    announceScope: "all",
    keepStateOnTimeout: true,
    closeOnCarrierLoss: true,
    reassemblyTimeout: 2_000,
    reorderWindow: 50,
    macCacheTimeout: 30_000,
    hopelessHold: 6_000,
    maxDatagram: 576,
    compatLsoed: false,
  });
});

Deno.test("lsoe config: compat stands for what lsoed bears, and what is set wins over it", () => {
  const lsoed = table('compat = "lsoed"\n');
  const { announceScope, compatLsoed } = machineConfig(lsoed, none);
  deepStrictEqual([etherTypeOf(lsoed), announceScope, compatLsoed], [0x8885, "all", true]);
  const patched = table('compat = "lsoed"\nethertype = 0x88B5\nannounce-scope = "interface"\n');
  deepStrictEqual([etherTypeOf(patched), machineConfig(patched, none).announceScope], [
    0x88b5,
    "interface",
  ]);
});

Deno.test("lsoe config: HELLOs go to a group", () => {
  throws(
    () => table('hello-multicast-macaddr = "02:00:00:00:00:01"\n'),
    /^AgentError: :2:1: hello-multicast-macaddr must be the MAC address of a group/,
  );
});

Deno.test("lsoe config: interfaces mean what they mean for networks, less those excluded", () => {
  const all = ["lo", "eth0", "eth1", "docker0", "veth7", "lo1"].map((name) => info(name));
  const speaking = (toml: string) => [...chooseInterfaces(table(toml), all).speaking];
  deepStrictEqual(speaking('exclude-interfaces = ["eth1", "lo*"]'), ["eth0"]);
  deepStrictEqual(speaking('interfaces = ["veth*"]'), ["veth7"]);
  deepStrictEqual(speaking("interfaces = []"), []);
  deepStrictEqual([...chooseInterfaces(table('export-loopbacks = ["lo1"]'), all).exported], [
    "lo1",
  ]);
});

Deno.test("lsoe config: labels are 20 bits with the bottom of the stack marked", () => {
  const kernel = [{ prefix: "10.0.0.1/8", labels: [0x11] }, {
    prefix: "10.0.0.2/8",
    labels: [0x21],
  }];
  deepStrictEqual(
    labelsOf(table('mpls-labels = [{ prefix = "10.0.0.1/8", labels = [16001, 3] }]'), kernel),
    [
      { prefix: "10.0.0.1/8", labels: [16_001 << 4, (3 << 4) | 1] },
      { prefix: "10.0.0.2/8", labels: [0x21] },
    ],
  );
});

Deno.test("lsoe id: as configured, padded on the left", () => {
  const id = (text: string) => {
    const { id, padded } = configuredId(table(`local-id = "${text}"`)) ?? {};
    return [id && toHex(id), padded];
  };
  deepStrictEqual(id("00:00:00:00:00:00:c0:00:02:01"), ["000000000000c0000201", false]);
  deepStrictEqual(id("c0-00-02-01"), ["000000000000c0000201", true]);
  deepStrictEqual(id("C0000201"), ["000000000000c0000201", true]);
  strictEqual(configuredId(table()), undefined);
});

Deno.test("lsoe id: the same after a restart, another on a copied card or another installation", () => {
  const id = derivedId("a1b2c3d4e5f60718", "serial 1");
  strictEqual(id.length, 10);
  deepStrictEqual(derivedId("a1b2c3d4e5f60718", "serial 1"), id);
  notDeepStrictEqual(derivedId("a1b2c3d4e5f60718", "serial 2"), id);
  notDeepStrictEqual(derivedId("a1b2c3d4e5f60719", "serial 1"), id);
});

Deno.test("lsoe id: hardware is told by its serial number, else by its first real network device", () => {
  const files = (all: Record<string, string>) => (path: string) => {
    const text = all[path];
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  };
  const interfaces = [info("lo", ""), info("veth0", "02:00:00:00:00:07"), info("eth0")];
  const device = { "/sys/class/net/eth0/device/uevent": "DRIVER=bcmgenet\n" };
  const pi = { "/sys/firmware/devicetree/base/serial-number": "10000000abcdef01\0" };
  strictEqual(hardwareIdentity(interfaces, files({ ...device, ...pi })), "10000000abcdef01");
  strictEqual(hardwareIdentity(interfaces, files(device)), "02:00:00:00:00:01");
  strictEqual(hardwareIdentity(interfaces, files({})), "");
});
