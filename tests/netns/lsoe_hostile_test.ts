/** Strangers on the cable of two agents that speak LSOE: what they send, and what that may cost. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  type AckPdu,
  encodeDatagram,
  encodeDatagrams,
  encodePdu,
  PduType,
} from "../../lib/lsoe/mod.ts";
import { type AgentProcess, Place, until } from "../e2e/harness.ts";
import { readVectors } from "../wire/vectors.ts";
import { type Lab, netnsTest } from "./harness.ts";
import {
  linksOf,
  lsoeToml,
  LsoeWatch,
  macOf,
  opened,
  session,
  sessionsOf,
  startLsoe,
} from "./lsoe.ts";
import { frameOf, pduFrames, Raw } from "./raw_client.ts";
import { skipReason } from "../skip.ts";

const STRANGER = "02:00:00:00:66:01";
const EVERYBODY = "01:80:c2:00:00:0e";
const NONE = new Uint8Array(0);
const MB = 1_048_576;

const openPdu = (nonce: number, id = new Uint8Array(10).fill(6)) =>
  encodePdu({ type: PduType.Open, nonce, id, attributes: NONE, authentication: NONE }).toHex();
const ackPdu = (acknowledged: AckPdu["acknowledged"], errorType = 0) =>
  encodePdu({
    type: PduType.Ack,
    acknowledged,
    errorType,
    errorCode: errorType === 0 ? 0 : 1,
    errorHint: 0,
  }).toHex();
const forged = (i: number) =>
  `06:00:00:${[i >> 16, i >> 8, i].map((n) => (n & 255).toString(16).padStart(2, "0")).join(":")}`;

/** Two agents with a session, and a stranger who sends from the far end of their cable. */
interface Scene {
  readonly a: AgentProcess;
  readonly b: AgentProcess;
  readonly stranger: Raw;
  /** MAC addresses of `a` and `b`. */
  readonly macs: readonly [string, string];
  counter(name: string): Promise<number>;
}

async function scene(lab: Lab, place: Place): Promise<Scene> {
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { ipv4: "192.0.2" });
  const [a, b] = await Promise.all([startLsoe(place, one), startLsoe(place, two)]);
  const stranger = await Raw.speak(two, "veth0");
  await opened([a, b], "veth0");
  await session(a, "knows both addresses", ({ addresses }) => addresses.length === 2);
  return {
    a,
    b,
    stranger,
    macs: [await macOf(one, "veth0"), await macOf(two, "veth0")],
    counter: async (name) => (await a.metrics())[`agent_lsoe_${name}_total`] ?? NaN,
  };
}

/** The session of the two stands as it stood, and was never closed. */
async function unharmed({ a, b, macs }: Scene): Promise<void> {
  const row = (await sessionsOf(a)).find(({ peerMac }) => peerMac === macs[1]);
  deepStrictEqual([row?.state, row?.addresses], ["open", ["192.0.2.2/24", "fe80::2/64"]]);
  for (const agent of [a, b]) strictEqual(agent.logged(/session closed/).length, 0, agent.stderr);
  await until(
    "the graph has its cable",
    async () => (await linksOf(a)).filter(({ state }) => state === "open").length === 1,
  );
}

netnsTest("netns lsoe: every malformed datagram and PDU of the vectors", async (lab) => {
  await using place = new Place();
  const world = await scene(lab, place);
  const { stranger, macs, counter } = world;
  const vectors = readVectors<{
    datagrams: { hex: string; valid: boolean }[];
    badPdus: { hex: string }[];
  }>("lsoe.json");
  const route = { to: macs[0], from: STRANGER };
  const wrong = vectors.datagrams.filter(({ valid }) => !valid);
  // One that is to be refused has a wrong length (tests/vectors/README.md): rejected as well.
  const rejected = vectors.badPdus;
  ok(wrong.length >= 8 && rejected.length >= 20);
  const inDatagram = (hex: string) =>
    encodeDatagram({ last: true, number: 0, payload: Uint8Array.fromHex(hex) }).toHex();
  // Of the peer's address as well: that is no reason to give the peer up.
  for (const from of [STRANGER, macs[1]]) {
    const datagrams = await counter("bad_datagrams");
    const pdus = await counter("bad_pdus");
    await stranger.send(wrong.map(({ hex }) => frameOf({ ...route, from }, hex)));
    await stranger.send(rejected.map(({ hex }) => frameOf({ ...route, from }, inDatagram(hex))));
    await until(
      "each was counted",
      async () =>
        await counter("bad_datagrams") === datagrams + wrong.length &&
        await counter("bad_pdus") === pdus + rejected.length,
      () => world.a.stderr,
    );
  }
  // Reserved types, all of them.
  const before = await counter("bad_pdus");
  const unknown = Array.from(
    { length: 247 },
    (_, i) => `${(i + 8).toString(16).padStart(2, "0")}0003`,
  );
  await stranger.send(unknown.flatMap((pdu) => pduFrames(route, pdu)));
  await until("they are counted", async () => await counter("bad_pdus") === before + 247);
  // What decodes, and must be refused, is answered with the reason.
  const withProof = encodePdu({
    type: PduType.Open,
    nonce: 1,
    id: new Uint8Array(10),
    attributes: NONE,
    authentication: Uint8Array.of(0xde, 0xad),
  });
  await stranger.send(pduFrames(route, withProof.toHex()));
  const answer = encodePdu({
    type: PduType.Ack,
    acknowledged: PduType.Open,
    errorType: 3,
    errorCode: 2,
    errorHint: 0,
  }).toHex();
  await until(
    "it is refused",
    () => stranger.heard.some((hex) => hex.endsWith(answer)),
    () => `${stranger.heard.slice(-5).join("\n")}\n${world.a.stderr}`,
  );
  // A stranger whom nobody understands gets no session, and a few lines in the log.
  strictEqual((await sessionsOf(world.a)).length, 1);
  ok(world.a.logged(/not taken/).length <= 3, world.a.stderr);
  await unharmed(world);
});

netnsTest("netns lsoe: acknowledgements of nothing, lists without a session", async (lab) => {
  await using place = new Place();
  const world = await scene(lab, place);
  const { stranger, macs, a } = world;
  const watch = await LsoeWatch.on(a);
  for (const from of [macs[1], STRANGER]) {
    const route = { to: macs[0], from };
    const pdus = [0, 1, 2, 3].flatMap((errorType) =>
      ([1, 4, 5, 6, 7, 255] as const).map((type) => ackPdu(type, errorType))
    );
    await stranger.send(pdus.flatMap((pdu) => pduFrames(route, pdu)));
    if (from === macs[1]) continue;
    await stranger.send(
      ["0400050000", "0500050000", "ff00080000000101"].flatMap((pdu) => pduFrames(route, pdu)),
    );
  }
  await stranger.send(pduFrames({ to: macs[0], from: STRANGER }, "020003"));
  await session(a, "has heard all", ({ peerMac }) => peerMac === STRANGER);
  ok((await a.metrics())["agent_lsoe_frames_received_total"]! > 51);
  deepStrictEqual(watch.events.filter(({ event }) => event === "error" || event === "closed"), []);
  await watch.stop();
  await unharmed(world);
});

netnsTest("netns lsoe: fragments without end from 10 000 forged stations", async (lab) => {
  await using place = new Place();
  const world = await scene(lab, place);
  const { stranger, macs, a, counter } = world;
  const long = encodePdu({
    type: PduType.Vendor,
    enterprise: 1,
    enterpriseType: 1,
    data: new Uint8Array(2_800),
  });
  // The first and the second of three: the last one never comes.
  const parts = encodeDatagrams(long, 1_000).slice(0, 2).map((bytes) => bytes.toHex());
  const flood = async (from: number) => {
    for (let i = from; i < from + 10_000; i += 500) {
      await stranger.send(
        Array.from({ length: 500 }, (_, k) => {
          const route = { to: macs[0], from: forged(i + k) };
          return parts.map((part) => frameOf(route, part));
        }).flat(),
      );
    }
  };
  // Once, so that what a flood costs the runtime for good is not counted.
  await flood(0);
  const before = a.rss();
  for (let round = 1; round <= 10; round++) await flood(10_000 * round);
  // Kept for ever it would be 200 MB and more; the rest is what the runtime has not collected yet.
  const isBounded = () => {
    const grown = (a.rss() - before) / MB;
    ok(grown < 150, `${Math.round(grown)} MB more`);
  };
  isBounded();
  ok(await counter("frames_received") > 40_000);
  // Overlapping, doubled, out of order: from one that goes on for long.
  const route = { to: macs[0], from: STRANGER };
  const mixed = Array.from(
    { length: 2_000 },
    (_, i) =>
      encodeDatagram({ last: i % 7 === 6, number: (i * 37) % 128, payload: new Uint8Array(1_400) })
        .toHex(),
  );
  await stranger.send(mixed.map((payload) => frameOf(route, payload)));
  isBounded();
  await unharmed(world);
});

netnsTest("netns lsoe: 10 000 forged stations that want a session", async (lab) => {
  await using place = new Place();
  const world = await scene(lab, place);
  const { stranger, macs, a } = world;
  const flood = async (from: number, count = 10_000) => {
    for (let i = from; i < from + count; i += 1_000) {
      await stranger.send(
        Array.from({ length: 1_000 }, (_, k) => {
          const route = { to: macs[0], from: forged(i + k) };
          return k % 2
            ? pduFrames({ ...route, to: EVERYBODY }, "000003")
            : pduFrames(route, openPdu(i + k));
        }).flat(),
      );
    }
  };
  await flood(0);
  const before = a.rss();
  await flood(10_000);
  ok((a.rss() - before) / MB < 150, `${(a.rss() - before) / MB} MB more`);
  // Those that came to nothing make room for the next ones.
  let from = 20_000;
  await until("all places are taken, and no more", async () => {
    const { length } = await sessionsOf(a);
    ok(length <= 64, `${length} sessions`);
    if (length < 64) await flood(from += 1_000, 1_000);
    return length === 64;
  });
  ok(a.stderr.split("\n").length < 200, "not a line for each");
  await unharmed(world);
  // The flood ends, and what it left goes.
  await until("one session is left", async () => (await sessionsOf(a)).length === 1);
  await unharmed(world);
});

netnsTest("netns lsoe: a storm of OPENs in the name of the peer", async (lab) => {
  await using place = new Place();
  const world = await scene(lab, place);
  const { stranger, macs, a, b, counter } = world;
  const route = { to: macs[0], from: macs[1] };
  const id = Uint8Array.fromHex((await sessionsOf(a))[0]!.peerId.replaceAll(":", ""));
  const began = performance.now();
  let i = 0;
  await until("thousands are refused", async () => {
    await stranger.send(
      Array.from({ length: 200 }, (_, k) => pduFrames(route, openPdu(1_000 + i + k, id))).flat(),
    );
    i += 200;
    return await counter("refused") > 3_000;
  });
  // One a second is followed.
  const seconds = (performance.now() - began) / 1_000;
  ok(await counter("sessions_closed") <= 3 + seconds, a.stderr);
  // There is no secrecy in LSOE: this costs a session. But it comes back, and then stays.
  await opened([a, b], "veth0");
  for (const agent of [a, b]) {
    await session(agent, "has both addresses", ({ addresses }) => addresses.length === 2);
  }
  const closed = a.logged(/session closed/).length;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await opened([a, b], "veth0");
  strictEqual(a.logged(/session closed/).length, closed, a.stderr);
});

const WITHOUT = "netns lsoe: without CAP_NET_RAW the agent runs on, and says what to do";
netnsTest(WITHOUT, async (lab) => {
  if (!new Deno.Command("sh", { args: ["-c", "command -v setpriv"] }).outputSync().success) {
    return void skipReason(WITHOUT, "needs setpriv (util-linux)");
  }
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two);
  const a = await place.agent("a", {
    toml: lsoeToml(place),
    spawn: (command, args, options) =>
      one.spawn("setpriv", ["--bounding-set", "-net_raw", command, ...args], options),
  });
  const b = await startLsoe(place, two);
  // All else works.
  await place.meet(a, b);
  await a.set({ x: 1 });
  await until("b has it", async () => (await b.values())["a:x"] === 1);
  const { problems } = await a.status();
  strictEqual(problems.length, 1);
  match(problems[0]!, /LSOE does not run: .*CAP_NET_RAW.*AmbientCapabilities=CAP_NET_RAW/);
  strictEqual(problems[0]!.split("\n").length, 1);
  strictEqual(a.logged(/CAP_NET_RAW/).length, 1, "said once");
  for (const words of [["lsoe", "sessions"], ["lsoe", "watch"], ["links"]]) {
    const { code, stdout, complaints } = await a.cli(...words);
    deepStrictEqual([code, stdout, complaints.length], [4, "", 1], `${words}: ${complaints}`);
    match(complaints[0]!, /CAP_NET_RAW/);
  }
});
