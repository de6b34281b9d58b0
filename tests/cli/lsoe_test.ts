/** `links` and `lsoe sessions` as a person and a script see them. */
import assert from "node:assert/strict";
import { idText } from "../../lib/cli/cables.ts";
import { dotOf } from "../../lib/cli/links_dot.ts";
import { adjacencyOf, treeOf } from "../../lib/cli/links_text.ts";
import { render } from "../../lib/cli/output/text.ts";
import type { Cell } from "../../lib/cli/output/output.ts";
import type { LinkEnd, LinkRow } from "../../lib/http/api.ts";
import { LSOE_OFF, serveFake, SESSION } from "../http/fake_agent.ts";
import { cli } from "./run_cli.ts";

const end = (node: string | null, name: string | null, n: number, ...addresses: string[]) => ({
  node,
  interface: name,
  mac: `02:00:00:00:00:0${n}`,
  addresses,
  id: `00:00:00:00:00:00:00:00:00:0${n}`,
});
const cable = (a: LinkEnd, b: LinkEnd, state: LinkRow["state"] = "open"): LinkRow => ({
  a,
  b,
  state,
  carrier: true,
});

const LINKS: LinkRow[] = [
  cable(
    end("pi-1", "eth0", 1, "192.0.2.1/24", "fe80::1/64"),
    end("pi-2", "eth1", 2, "192.0.2.2/24", "10.0.0.2/8", "fe80::2/64"),
  ),
  cable(end("pi-1", "wlan0", 3, "fe80::3/64"), end(null, null, 4), "half"),
  cable(end("pi-2", "eth10", 5), end("pi-3", "eth0", 6)),
  cable(end("pi-2", "eth2", 7), end("pi-3", "eth1", 8)),
];

const lines = (cells: Cell[][]) =>
  render({ lines: cells }, { colour: false, width: undefined, now: 0 });

Deno.test("links: by node, this one first, interfaces in their order, both ends on a line", () => {
  assert.deepEqual(
    lines(adjacencyOf(LINKS, "pi-2")),
    [
      "pi-2 (this node)",
      "  eth1   192.0.2.2/24  ───  pi-1                             eth0   192.0.2.1/24",
      "         10.0.0.2/8",
      "  eth2                 ───  pi-3                             eth1",
      "  eth10                ───  pi-3                             eth0",
      "pi-1",
      "  eth0   192.0.2.1/24  ───  pi-2                             eth1   192.0.2.2/24",
      "                                                                    10.0.0.2/8",
      "  wlan0  fe80::3/64    ─?─  (00:00:00:00:00:00:00:00:00:04)",
      "pi-3",
      "  eth0                 ───  pi-2                             eth10",
      "  eth1                 ───  pi-2                             eth2",
    ].map((line) => line.trimEnd()),
  );
});

Deno.test("links: long addresses go below, so that lines stay below 100 columns", () => {
  const long = (n: number) => `2001:db8:1234:5678:9abc:def0:1234:567${n}/64`;
  const shown = lines(adjacencyOf([
    cable(end("pi-1", "eth0", 1, long(1)), end("pi-2", "eth1", 2, long(2))),
  ], "pi-1"));
  assert.deepEqual(shown.slice(0, 3), [
    "pi-1 (this node)",
    "  eth0  ───  pi-2  eth1",
    `      ${long(1)} – ${long(2)}`,
  ]);
  assert.ok(shown.every((line) => line.length <= 100), shown.join("\n"));
});

Deno.test("links --tree: the fewest cables to each node, circles marked, islands after it", () => {
  const island = cable(end("pi-8", "eth0", 8), end("pi-9", "eth0", 9));
  assert.deepEqual(lines(treeOf([...LINKS, island], "pi-1")), [
    "pi-1 (this node)",
    "├─ eth0 ─── eth1 pi-2 192.0.2.1/24 – 192.0.2.2/24",
    "│  ├─ eth2 ─── eth1 pi-3",
    "│  └─ eth10 ─── eth0 pi-3 (above)",
    "└─ wlan0 ─?─ (00:00:00:00:00:00:00:00:00:04) fe80::3/64",
    "pi-8",
    "└─ eth0 ─── eth0 pi-9",
  ]);
});

Deno.test("links --tree: a ring, and a node that is cabled to itself, come to an end", () => {
  const ring = [
    cable(end("a", "e0", 1), end("b", "e1", 2)),
    cable(end("b", "e0", 3), end("c", "e1", 4)),
    cable(end("c", "e0", 5), end("a", "e1", 6)),
    cable(end("a", "e8", 7), end("a", "e9", 8)),
  ];
  assert.deepEqual(lines(treeOf(ring, "a")), [
    "a (this node)",
    "├─ e0 ─── e1 b",
    "│  └─ e0 ─── e1 c (above)",
    "├─ e1 ─── e0 c",
    "└─ e8 ─── e9 a (above)",
  ]);
});

Deno.test("links --dot: an edge a cable, and whatever a name holds stays within its quotes", () => {
  const dot = dotOf([
    cable(end('pi "1"\\', "eth0", 1, "192.0.2.1/24"), end("pi-2\n", "e;}", 2, "192.0.2.2/24")),
    cable(end("pi-2\n", "eth1", 3), end(null, null, 4), "half"),
  ]);
  assert.deepEqual(dot, [
    "graph links {",
    '  node [shape=box, fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=9];',
    '  "pi \\"1\\"\\\\";',
    '  "pi-2 ";',
    '  "(00:00:00:00:00:00:00:00:00:04)" [style=dashed];',
    '  "pi \\"1\\"\\\\" -- "pi-2 " [taillabel="eth0", headlabel="e;}", label="192.0.2.1/24 – 192.0.2.2/24"];',
    '  "pi-2 " -- "(00:00:00:00:00:00:00:00:00:04)" [taillabel="eth1", style=dashed];',
    "}",
  ]);
});

Deno.test("links: a cable that is out is drawn so, whatever both ends last said", () => {
  const out = [{ ...cable(end("a", "e0", 1), end("b", "e1", 2)), carrier: false }];
  assert.deepEqual(lines(adjacencyOf(out, "a")).slice(0, 2).map((line) => line.trimEnd()), [
    "a (this node)",
    "  e0    ─╳─  b  e1",
  ]);
  assert.deepEqual(lines(treeOf(out, "a")), ["a (this node)", "└─ e0 ─╳─ e1 b"]);
  assert.match(dotOf(out).join(), /headlabel="e1", style=dotted, color=gray\]/);
});

Deno.test("an LSOE id is shown as text where it is text", () => {
  assert.equal(idText("73:70:69:6e:65:31:00:00:00:00"), "spine1");
  assert.equal(idText("00:00:00:00:00:00:c0:00:02:01"), "00:00:00:00:00:00:c0:00:02:01");
  assert.equal(idText(""), "");
});

Deno.test("links and lsoe sessions: JSON as the agent tells it, and text", async () => {
  await using served = await serveFake();
  const { agent } = served;
  agent.sessions = [SESSION, {
    ...SESSION,
    peerMac: "02:00:00:00:00:03",
    peerId: "",
    peerNode: null,
    state: "opening",
    addresses: [],
  }];
  agent.cables = LINKS;
  assert.deepEqual(JSON.parse((await cli(served, "links", "--json")).stdout), LINKS);
  const text = await cli(served, "links");
  assert.match(text.stdout, /^pi-1 \(this node\)\n {2}eth0 /);
  assert.match((await cli(served, "links", "--dot")).stdout, /^graph links \{\n[^]*\n\}\n$/);
  assert.match((await cli(served, "links", "--tree")).stdout, /^pi-1 \(this node\)\n├─ eth0 ─── /);
  const both = await cli(served, "links", "--tree", "--dot");
  assert.deepEqual([both.code, both.stderr], [2, "--tree, --dot and --json exclude each other\n"]);
  assert.deepEqual(
    JSON.parse((await cli(served, "lsoe", "sessions", "--json")).stdout),
    agent.sessions,
  );
  const sessions = await cli(served, "lsoe", "sessions");
  assert.deepEqual(sessions.stdout.split("\n").map((line) => line.split(/ {2,}/)), [
    ["INTERFACE", "PEER", "MAC", "STATE", "SINCE", "ADDRESSES"],
    ["eth0", "pi-2", "02:00:00:00:00:02", "open", "1m 5s", "192.0.2.2/24"],
    ["eth0", "-", "02:00:00:00:00:03", "opening", "1m 5s"],
    [""],
  ]);
});

Deno.test("where LSOE is off, one line says so; cables that others report show all the same", async () => {
  await using served = await serveFake();
  for (const args of [["lsoe", "sessions"], ["lsoe", "watch"], ["links"], ["links", "--json"]]) {
    const { code, stdout, stderr } = await cli(served, ...args);
    assert.deepEqual([code, stdout, stderr], [1, "", `${LSOE_OFF}\n`], args.join(" "));
  }
  served.agent.cables = LINKS;
  assert.equal((await cli(served, "links")).code, 0);
  served.agent.cables = [];
  served.agent.sessions = [];
  const none = await cli(served, "links", "--json");
  assert.deepEqual([none.code, none.stdout], [0, "[]\n"]);
  assert.match(none.stderr, /^no cables; /);
});

Deno.test("without an agent the commands end with 3", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    for (const args of [["links"], ["lsoe", "sessions"], ["lsoe", "watch"]]) {
      const { code, stderr } = await cli({ dir, socket: `${dir}/none.sock` }, ...args);
      assert.equal(code, 3);
      assert.match(stderr, /^no agent answers on .*; start it with: agent run\n$/);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
