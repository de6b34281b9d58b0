/**
 * Writes the corpus files for `lib/agent`: `deno run -A tests/agent/make_corpus.ts`. Run it by hand
 * after a format changed; the files are committed.
 *
 * @module
 */
import { unitText } from "../../lib/agent/service/unit.ts";
import { NativeStateCodec, type Value } from "../../lib/state/mod.ts";
import { concat } from "../../lib/wire/bytes.ts";
import { encodeCbor } from "../../lib/wire/cbor.ts";
import { writeCorpus } from "../fuzz/corpus.ts";

const text = (value: string) => new TextEncoder().encode(value);
const codec = new NativeStateCodec();
const entry = (key: string, value: Value) => concat(codec.encode([{ key, value, at: 1 }]));

writeCorpus("config", {
  empty: text(""),
  least: text('[[network]]\nname = "home"\n'),
  several: text(`# a comment
[agent]
name = "pi-kitchen"
state_dir = "/var/lib/agent"

[[network]]
name = "home"
key_file = "/etc/agent/home.key"
interfaces = ["eth*", "wlan0"]
connect = ["pi-1.local:8331", "[fd00::1]:9000"]

[[network]]
name = "old"
profile = "hncp"

[http]
listen = "127.0.0.1:8080"

[piot]
enabled = true

[[piot.route]]
name = "door/*"
run = ["/usr/bin/true", "x"]

[nearby]
enabled = false
`),
  inline: text('agent = { name = "x" }\nhttp = {listen="none"}\n'),
  unicode: text('[agent]\nname = "K\\u00fcche"\n'),
  "bad-toml": text('[agent\nname = "x"\n'),
  "bad-key": text("[agent]\nnaem = 1\n"),
  "bad-type": text("[agent]\nname = 1\n"),
  "bad-table": text("agent = 3\n"),
  "bad-array": text("[network]\nname = 1\n"),
  "bad-twice": text("[agent]\n[agent]\n"),
  "bad-deep": text(`a = ${"[".repeat(40)}${"]".repeat(40)}\n`),
  "bad-utf8": Uint8Array.of(0x5b, 0xff, 0x5d),
});

writeCorpus("agent-entry", {
  link: entry("agent/links/eth0/02:00:00:00:00:01", {
    mac: "02:00:00:00:00:02",
    addresses: ["192.0.2.1/24"],
    peerId: "0a01",
    peerAddresses: ["192.0.2.2/24"],
    stale: true,
  }),
  service: entry("agent/services/printer", { addresses: ["192.0.2.1:80"], ttl: 20 }),
  messages: entry("agent/piot", {
    id: "0123456789abcdef".repeat(2),
    at: ["192.0.2.1:8333", "[fe80::1]:8333", "127.0.0.1:8333"],
    host: "abcd",
    calls: ["0123456789abcdef".repeat(2)],
  }),
  odd: entry("agent/services/%", { addresses: "x", ttl: -1 }),
  array: entry("agent/links/eth0/02:00:00:00:00:01", [1]),
});

writeCorpus("agent-identity", {
  whole: encodeCbor({ id: "0123456789abcdef".repeat(2), nodes: { home: "ab12" } }),
  other: encodeCbor({ id: "0123456789abcdef".repeat(2), nodes: { home: "cd34", work: "1" } }),
  null: encodeCbor(null),
  nodeless: encodeCbor({ id: "0123456789abcdef".repeat(2) }),
  numbers: encodeCbor({ id: 1, nodes: [1] }),
});

const held = {
  source: "agent",
  name: "x",
  leftMs: 5_000,
  entries: [{ key: "agent/version", value: "0.1.0", at: 1 }],
};
writeCorpus("agent-file", {
  handover: text(JSON.stringify({
    boot: "b",
    now: 9_000,
    networks: {
      home: {
        peers: [{ endpoint: 1, node: "0123456789abcdef", peerEndpoint: 2 }],
        held: [held, { ...held, source: "guest", leftMs: undefined }],
        guests: [{ id: "01020304", sequence: 1, content: "0102" }],
      },
    },
  })),
  sums: text(`${"ab".repeat(32)}  agent\n${"cd".repeat(32)} *./other\n`),
  trial: text(JSON.stringify({ id: "x", version: "0.2.0-rc.1+build" })),
  unit: text(
    await unitText({
      user: false,
      program: ["/usr/local/bin/agent"],
      config: "/etc/agent/config.toml",
      credentials: [],
      rawFrames: true,
      writable: [],
      denoCache: false,
    }),
  ),
  cgroup: text("0::/system.slice/agent.service\n"),
});
