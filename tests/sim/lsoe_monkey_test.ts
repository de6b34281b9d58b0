/**
 * A monkey at the cables: computers on a bridge and on a cable, for a while of which interfaces go
 * up and down, frames get lost, agents die and start, addresses change. Then it is quiet, and all
 * have to agree exactly: no session missing, none too many, nothing stale northbound.
 */
import { ok, strictEqual } from "node:assert/strict";
import { isGroup } from "../../lib/wire/mac.ts";
import { type SimInterface, Wires } from "./kernel.ts";
import { disagreement, type End, LsoeNode, northboundTrouble } from "./lsoe.ts";

const SEEDS = 250;
/** Of virtual ms: how long the monkey plays, and how long at most until all agree. */
const PLAY = 90_000;
/**
 * A session of which only one end knows closes after 7 s without an ACK, or 60 s of silence; then a
 * HELLO brings both together.
 */
const CALM = 75_000;

/** How long an agent takes to start again, in virtual ms: longer than any frame takes. */
const START = 12;

function world(seed: number) {
  const wires = new Wires({ seed });
  const bridge = wires.bridge({ groupForwardMask: 0x4000 });
  const nodes = [1, 2, 3].map((number) => new LsoeNode(wires.computer(`n${number}`), number));
  const shared = nodes.map((node): End => ({ node, at: bridge.connect(node.kernel) }));
  const [first, second] = nodes as [LsoeNode, LsoeNode, LsoeNode];
  const [x, y] = wires.cable(first.kernel, second.kernel);
  const alone: End[] = [{ node: first, at: x }, { node: second, at: y }];
  const ends = [...shared, ...alone];
  for (const { at } of ends) readdress(wires, at);
  const trouble = () => disagreement(shared) ?? disagreement(alone);
  return { wires, bridge, cable: x.wire, nodes, ends, trouble };
}

type World = ReturnType<typeof world>;

function readdress({ random }: Wires, at: SimInterface): void {
  const ipv4 = random.chance(0.05) ? 200 + random.below(400) : random.below(4);
  const list = Array.from(
    { length: ipv4 },
    (_, i) => `10.${random.below(2)}.${i >> 8}.${i & 255}/16`,
  );
  if (random.chance(0.7)) list.push(`fe80::${(1 + random.below(0xfff)).toString(16)}/64`);
  at.addresses = [...new Set(list)];
}

/** One thing that goes wrong, or right. */
function mischief({ wires, bridge, cable, nodes, ends }: World): void {
  const { random } = wires;
  const { at } = random.pick(ends);
  const node = random.pick(nodes);
  switch (random.below(9)) {
    case 0:
      at.up = !at.up;
      break;
    case 1:
      if (node.running) node.kill();
      else node.start();
      break;
    case 2:
      if (node.running) node.stop();
      // No program starts so fast that frames of the one before are still on their way.
      wires.run(wires.now + START);
      node.start();
      break;
    case 3:
      if (cable) cable.up = !cable.up;
      break;
    case 4:
      bridge.conditions = {
        ...bridge.conditions,
        loss: random.pick([0, 0.05, 0.3, 0.9]),
        jitter: random.pick([0, 5]),
        duplicate: random.pick([0, 0.1]),
      };
      break;
    case 5:
      at.macNumber = wires.freshMac();
      break;
    case 6:
      at.mtu = random.pick([576, 1_500, 9_000]);
      break;
    case 7:
      at.name = `eth${10 + random.below(1_000)}`;
      break;
    default:
      readdress(wires, at);
  }
}

/** Everything works again. */
function quiet({ bridge, cable, nodes, ends }: World): void {
  bridge.conditions = { ...bridge.conditions, loss: 0, jitter: 0, duplicate: 0 };
  if (cable) cable.up = true;
  for (const node of nodes) if (!node.running) node.start();
  for (const { at } of ends) {
    at.up = true;
    at.mtu = 1_500;
  }
}

Deno.test(`sim lsoe: whatever the monkey did, then all agree exactly (${SEEDS} seeds)`, () => {
  let sessions = 0;
  let slowest = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const played = world(seed);
    const { wires, nodes, trouble } = played;
    while (wires.now < PLAY) {
      wires.run(wires.now + wires.random.below(wires.random.chance(0.5) ? 200 : 8_000));
      mischief(played);
    }
    quiet(played);
    const from = wires.now;
    ok(wires.runUntil(() => trouble() === undefined, from + CALM), `seed ${seed}: ${trouble()}`);
    slowest = Math.max(slowest, wires.now - from);
    // What is left of MAC addresses that are no more goes after the receive timeout.
    wires.run(from + CALM + 65_000);
    strictEqual(trouble(), undefined, `seed ${seed}`);
    for (const node of nodes) {
      strictEqual(northboundTrouble(node), undefined, `seed ${seed}, ${node.kernel.name}`);
      const open = node.kernel.name === "n3" ? 2 : 3;
      strictEqual(node.lsoe.sessions().length, open, `seed ${seed}, ${node.kernel.name}`);
      strictEqual(node.lsoe.sizes.partials, 0);
      for (const view of node.lsoe.sessions()) strictEqual(view.state, "open");
      sessions += node.count("opened");
    }
    // It is quiet: no more than KEEPALIVEs now.
    const opened = nodes.map((node) => node.count("opened"));
    wires.observer = ({ payload, destination }) => {
      ok(payload[8] === 2 || isGroup(destination), `seed ${seed}: PDU of type ${payload[8]}`);
    };
    wires.run(wires.now + 10_000);
    strictEqual(nodes.map((node) => node.count("opened")).join(), opened.join());
  }
  ok(sessions > 10 * SEEDS, "the monkey did not do much");
  ok(slowest > 0);
});
