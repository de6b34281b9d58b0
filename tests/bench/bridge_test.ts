/** The parts of the benches of a bridge, of avahi and of whole processes that read and reckon. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { parseBrowseLine } from "../../bench/avahi.ts";
import { seenAt } from "../../bench/bridge_cluster.ts";
import { rateOf, type Sample, surplus } from "../../bench/bridge_idle.ts";
import { parseNetDev } from "../../bench/bridge_lab.ts";
import { parseSerfLine } from "../../bench/bridge_serf.ts";
import { Context } from "../../bench/harness/context.ts";
import { findProgram, wholeProcess } from "../../bench/harness/program.ts";
import { Report } from "../../bench/harness/report.ts";

Deno.test("the kernel's counters of an interface", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs …",
    "    lo:       0       0    0    0    0     0          0         0        0       0    0",
    "veth0: 3512 21    0    0    0     0          0         7   1040      12    0    0    0     0",
  ].join("\n");
  const found = parseNetDev(text);
  deepStrictEqual([...found.keys()], ["lo", "veth0"]);
  deepStrictEqual(found.get("veth0"), {
    bytesIn: 3512,
    packetsIn: 21,
    bytesOut: 1040,
    packetsOut: 12,
  });
});

Deno.test("what serf's log says of its members", () => {
  const line = (text: string) => parseSerfLine(`    2026/11/21 16:52:12 [INFO] ${text}`);
  deepStrictEqual(line("agent: Serf agent starting"), { what: "starting", node: "" });
  deepStrictEqual(line("serf: EventMemberJoin: n3 10.77.0.3"), { what: "join", node: "n3" });
  deepStrictEqual(line("serf: EventMemberUpdate: n1"), { what: "update", node: "n1" });
  // That comes a second later, and is for event handlers.
  strictEqual(line("agent: Received event: member-update"), undefined);
  strictEqual(parseSerfLine("==> Starting Serf agent..."), undefined);
});

Deno.test("avahi-browse has found what it has an address of", () => {
  strictEqual(parseBrowseLine("+;veth0;IPv4;lamp;_bench._tcp;local"), undefined);
  const found = "=;veth0;IPv4;lamp;_bench._tcp;local;pi1.local;10.77.0.1;5000;";
  strictEqual(parseBrowseLine(found), "lamp");
  strictEqual(parseBrowseLine(""), undefined);
});

Deno.test("a change is seen by the first and by the last of the others", () => {
  deepStrictEqual(seenAt(100, [130, 104, 112]), { first: 4, all: 30 });
});

Deno.test("what a node uses in a second is the mean of all nodes, and of their window only", () => {
  const at = (cpuMs: number, bytesOut: number): Sample => ({
    cpuMs,
    bytesOut,
    bytesIn: 0,
    packetsOut: 0,
    packetsIn: 0,
  });
  const before = [at(1_000, 5_000), at(2_000, 0)];
  const after = [at(1_010, 5_600), at(2_030, 200)];
  strictEqual(rateOf(before, after, 2, ({ bytesOut }) => bytesOut), 200);
  strictEqual(rateOf(before, after, 2, ({ cpuMs }) => cpuMs), 10);
});

Deno.test("what a change costs is what is above idle", () => {
  // 3 nodes, 10 s, 20 bytes/s each when idle.
  strictEqual(surplus([1_000, 400, 200], 20, 10), 1_000);
});

Deno.test("a program that is missing is a note with its Debian package", () => {
  const lines: string[] = [];
  const context = new Context({
    quick: true,
    report: new Report((text) => lines.push(text), false),
  });
  strictEqual(findProgram(context, "no-such-program", "some-package"), undefined);
  match(lines.join("\n"), /no no-such-program here \(Debian: some-package\)/);
  ok(findProgram(context, "sh", "dash")?.endsWith("/sh"));
  strictEqual(lines.length, 1);
});

Deno.test("a whole process is timed, and one that fails is no figure", async () => {
  ok(await wholeProcess("sh", ["-c", 'test "$A" = b'], { A: "b" }) > 0);
  await rejects(wholeProcess("sh", ["-c", "echo why >&2; exit 3"]), /ended with 3: why/);
});
