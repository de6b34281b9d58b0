/** A node that restarts and says so keeps its place (docs/dncp.md, Restarts). */
import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { PeerLink } from "../../lib/dncp/api.ts";
import { nativeProfile as profile } from "../../lib/dncp/mod.ts";
import { TlvType } from "../../lib/dncp/tlv.ts";
import { dialled, Lone, sharedLink } from "./harness.ts";
import { type Member, Net } from "./toy_links.ts";

const LIMIT = profile.keepAlive.interval * profile.keepAlive.multiplier;
const text = (value: string) => profile.tlv.encode(200, new TextEncoder().encode(value));
const idOf = (i: number) => (i + 1).toString(16).padStart(16, "0");

/** `count` nodes, each holding a stream to the one before; all of them agree. */
function line(count: number): { net: Net; nodes: Member[] } {
  const net = new Net(5);
  const nodes = Array.from(
    { length: count },
    (_, i) => net.add(`n${i}`, { profile, nodeId: idOf(i), seed: i + 1 }).join("l", dialled()),
  );
  nodes.slice(1).forEach((node, i) => node.machine.connect(0, 1, `n${i}`));
  for (const { machine, name } of nodes) machine.publish(0, [text(name)]);
  ok(net.until(() => net.converged, 5_000) !== undefined);
  net.run(10_000);
  return { net, nodes };
}

/** Ends a member; with `pause` as for a restart. */
function end(net: Net, member: Member, pause: boolean): PeerLink[] {
  const links = pause ? member.machine.pause(net.now, LIMIT) : [];
  // What was said is on its way, and the streams end behind it.
  net.kill(member);
  member.dead = false;
  return links;
}

function startAgain(net: Net, i: number, seqno: number, links: readonly PeerLink[]): Member {
  const again = net.add(`n${i}`, { profile, nodeId: idOf(i), seed: 100 + i, seqno });
  again.machine.resume(net.now, links, LIMIT);
  again.machine.publish(net.now, [text(`n${i} again`)]);
  again.join("l", dialled());
  if (i > 0) again.machine.connect(net.now, 1, `n${i - 1}`);
  return again;
}

/** Who saw whom go, since this was called. */
function watch(nodes: readonly Member[]): () => string[] {
  const starts = nodes.map(({ told }) => told.nodes.length);
  return () =>
    nodes.flatMap(({ name, told }, n) =>
      told.nodes.slice(starts[n]).flatMap(({ before, after }) =>
        before && !after ? [`${name} lost ${before.id.at(-1)}`] : []
      )
    );
}

Deno.test("pause: a node in the middle restarts, and nobody sees anybody go", () => {
  for (const away of [50, 700, 8_000]) {
    const { net, nodes } = line(5);
    const middle = nodes[2]!;
    const others = nodes.filter((node) => node !== middle);
    const lost = watch(others);
    const links = end(net, middle, true);
    strictEqual(links.length, 2);
    net.run(away);
    const again = startAgain(net, 2, middle.machine.seqno + 1_000, links);
    ok(net.until(() => net.converged, 15_000) !== undefined, `after ${away} ms`);
    net.run(2 * LIMIT);
    deepStrictEqual(lost(), [], `away for ${away} ms`);
    ok(net.converged);
    strictEqual(again.peers.length, 2);
    for (const { told } of others) {
      deepStrictEqual(told.peers.filter(({ kind }) => kind === "dropped"), []);
    }
  }
});

Deno.test("pause: without it the others see the node go, so the test above can fail", () => {
  const { net, nodes } = line(5);
  const middle = nodes[2]!;
  const lost = watch(nodes.filter((node) => node !== middle));
  end(net, middle, false);
  net.run(700);
  startAgain(net, 2, middle.machine.seqno + 1_000, []);
  ok(net.until(() => net.converged, 15_000) !== undefined);
  notDeepStrictEqual(lost(), []);
});

Deno.test("pause: a next process that forgets its peers is seen to leave, and comes back", () => {
  const { net, nodes } = line(3);
  const lost = watch([nodes[0]!, nodes[2]!]);
  end(net, nodes[1]!, true);
  net.run(300);
  startAgain(net, 1, nodes[1]!.machine.seqno + 1_000, []);
  ok(net.until(() => net.converged, 15_000) !== undefined);
  ok(lost().length > 0);
});

Deno.test("pause: whoever does not come back is gone when the time is over", () => {
  const { net, nodes } = line(3);
  const lost = watch([nodes[0]!, nodes[2]!]);
  end(net, nodes[1]!, true);
  net.run(LIMIT - 100);
  deepStrictEqual(lost(), []);
  net.run(1_000);
  deepStrictEqual(lost().sort(), ["n0 lost 2", "n0 lost 3", "n2 lost 1", "n2 lost 2"]);
  deepStrictEqual(nodes[0]!.peers, []);
});

Deno.test("pause: nodes on a shared link find each other again in time", () => {
  const net = new Net(2);
  const nodes = Array.from(
    { length: 4 },
    (_, i) => net.add(`n${i}`, { profile, nodeId: idOf(i), seed: i + 1 }).join("l", sharedLink()),
  );
  for (const { machine, name } of nodes) machine.publish(0, [text(name)]);
  ok(net.until(() => net.converged, 10_000) !== undefined);
  net.run(10_000);
  for (const i of [0, 3]) {
    const others = net.members.filter(({ name }) => name !== `n${i}`);
    const member = net.member(`n${i}`)!;
    const lost = watch(others);
    const links = end(net, member, true);
    net.run(500);
    const again = net.add(`n${i}`, {
      profile,
      nodeId: idOf(i),
      seed: 50 + i,
      seqno: member.machine.seqno + 1_000,
    });
    again.machine.resume(net.now, links, LIMIT);
    again.machine.publish(net.now, [text("again")]);
    again.join("l", sharedLink());
    ok(net.until(() => net.converged, 10_000) !== undefined);
    net.run(2 * LIMIT);
    deepStrictEqual(lost(), []);
  }
});

Deno.test("pause: expected peers that never come are named no longer than the limit", () => {
  const lone = new Lone({ profile, endpoints: [dialled()] });
  lone.machine.resume(0, [{ endpoint: 1, node: idOf(6), peerEndpoint: 1 }], 5_000);
  lone.machine.publish(0, [text("mine")]);
  const named = () => lone.encode.peer(idOf(6), 1, 1).toHex();
  const data = () => lone.machine.node(lone.machine.nodeId)!.data.toHex();
  ok(data().includes(named()));
  lone.advance(4_900);
  ok(data().includes(named()));
  lone.advance(200);
  ok(!data().includes(named()));
  strictEqual(lone.machine.peers().length, 0);
});

Deno.test("pause: it is the last TLV down each stream, and asks no longer than is borne", () => {
  const lone = new Lone({ profile, endpoints: [dialled()] });
  lone.machine.publish(0, [text("mine")]);
  lone.open(1, 9, "x").stream(9, lone.encode.nodeEndpoint(idOf(6), 1));
  lone.open(1, 10, "y");
  lone.take();
  lone.machine.pause(lone.now, 77);
  const sent = lone.take();
  const last = sent.flatMap((one) => lone.fields(one)).at(-1);
  deepStrictEqual(last, { type: TlvType.Pause, limit: 77 });
  // A stranger who asks for ever is kept for as long as silence is borne.
  lone.stream(9, lone.encode.pause(0xffff_ffff));
  lone.machine.streamClosed(lone.now, 9, "gone");
  lone.advance(LIMIT - 1);
  strictEqual(lone.machine.peers().length, 1);
  lone.advance(2);
  strictEqual(lone.machine.peers().length, 0);
});

Deno.test("renew: the other side is asked to wait, and is waited for, and no longer", () => {
  const lone = new Lone({ profile, endpoints: [dialled()] });
  lone.machine.publish(0, [text("mine")]);
  lone.open(1, 9, "x").stream(9, lone.encode.nodeEndpoint(idOf(6), 1));
  lone.take();
  lone.machine.renew(lone.now, 9, 5_000);
  const last = lone.take().flatMap((one) => lone.fields(one)).at(-1);
  deepStrictEqual(last, { type: TlvType.Pause, limit: 5_000 });
  lone.machine.streamClosed(lone.now, 9, "its key is no longer in use here");
  lone.open(1, 10, "x").stream(10, lone.encode.nodeEndpoint(idOf(6), 1));
  lone.advance(6_000);
  strictEqual(lone.machine.peers().length, 1, "there is another stream");
  lone.machine.renew(lone.now, 10, 5_000);
  lone.machine.streamClosed(lone.now, 10, "its key is no longer in use here");
  lone.advance(4_999);
  strictEqual(lone.machine.peers().length, 1);
  lone.advance(2);
  strictEqual(lone.machine.peers().length, 0);
});
