/**
 * An unpatched lsoed on the cable, played from what two real ones said to each other (`capture` in the
 * vectors): its frames come octet for octet, each when its cause has come.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { decodeDatagram, decodePdu, PduType } from "../../lib/lsoe/mod.ts";
import { Place, until } from "../e2e/harness.ts";
import { readVectors } from "../wire/vectors.ts";
import { netnsTest } from "./harness.ts";
import { linksOf, session, sessionsOf, startLsoe } from "./lsoe.ts";
import { Raw } from "./raw_client.ts";

const ETHERTYPE = 0x8885;
const OUR_MAC = "02:00:00:00:0a:01";
const ITS_MAC = "02:00:00:00:0b:01";
/** Behind the Ethernet header. */
const HEADER = 14;

interface Captured {
  readonly hex: string;
  readonly src: string;
}

function pduIn(hex: string) {
  const datagram = decodeDatagram(Uint8Array.fromHex(hex).subarray(HEADER));
  if (typeof datagram === "string") throw new Error(`a datagram that is wrong: ${datagram}`);
  ok(datagram.last && datagram.number === 0, "lsoed bears one datagram a PDU at the best");
  return decodePdu(datagram.payload);
}

/** Its frames, by what they are: `1` for the OPEN, `ack 4` for the ACK of the IPv4 list. */
function captured(): Map<string, string> {
  const { frames } = readVectors<{ capture: { frames: Captured[] } }>("lsoe.json").capture;
  const all = new Map<string, string>();
  for (const { hex, src } of frames) {
    if (src !== ITS_MAC) continue;
    const pdu = pduIn(hex);
    all.set(pdu.type === PduType.Ack ? `ack ${pdu.acknowledged}` : String(pdu.type), hex);
  }
  return all;
}

netnsTest("netns lsoe: an unpatched lsoed on the cable", async (lab) => {
  await using place = new Place();
  const [one, two] = await lab.nodes("a", "b");
  await lab.cable(one, two, { ipv4: "10.9.0" });
  await one.ip("link", "set", "veth0", "address", OUR_MAC);
  const its = captured();
  const lsoed = await Raw.speak(two, "veth0", ETHERTYPE);
  const agent = await startLsoe(place, one, {
    lsoe: 'compat = "lsoed"\nmpls-labels = [{ prefix = "10.9.0.1/24", labels = [16001] }]',
  });
  let read = 0;
  const types: string[] = [];
  /** What lsoed would do: an ACK for what wants one, its lists once both OPENs are acknowledged. */
  const live = async () => {
    const fresh = lsoed.heard.slice(read);
    read += fresh.length;
    for (const hex of fresh) {
      strictEqual(hex.slice(24, 28), "8885");
      const pdu = pduIn(hex);
      types.push(pdu.type === PduType.Ack ? `ack ${pdu.acknowledged}` : String(pdu.type));
      // Its loopbacks are ours as well, which is no conflict.
      ok(pdu.type !== PduType.Ack || pdu.errorType === 0);
      // It dies of these.
      ok(pdu.type !== PduType.Vendor);
      if (pdu.type === PduType.MplsIpv4 || pdu.type === PduType.MplsIpv6) {
        deepStrictEqual(pdu.encapsulations, []);
      }
      const answers = pdu.type === PduType.Open
        ? ["ack 1", "1"]
        : pdu.type === PduType.Ack && pdu.acknowledged === PduType.Open
        ? ["4", "5", "6", "7", "2"]
        : [`ack ${pdu.type}`];
      await lsoed.send(answers.flatMap((name) => its.get(name) ?? []));
    }
  };
  await lsoed.send([its.get("0")!]);
  await until(
    "the session is open, and all lists have come",
    async () => {
      await live();
      const [row] = await sessionsOf(agent);
      return row?.state === "open" && row.addresses.length === 4 && types.includes("ack 7");
    },
    () => `${types.join()}\n${agent.stderr}`,
  );
  const row = await session(agent, "is open", ({ state }) => state === "open");
  deepStrictEqual([row.peerMac, row.peerId, row.peerNode], [
    ITS_MAC,
    "00:00:00:00:00:00:0b:00:00:02",
    null,
  ]);
  deepStrictEqual(row.addresses.toSorted(), [
    "10.9.0.2/24",
    "127.0.0.1/8",
    "::1/128",
    "fe80::ff:fe00:b01/64",
  ]);
  for (const type of ["1", "4", "5", "6", "7", "2", "ack 1", "ack 4", "ack 5", "ack 6", "ack 7"]) {
    ok(types.includes(type), `${type} in ${types}`);
  }
  await until("the cable is published", async () => (await linksOf(agent)).length === 1);
  const shown = await agent.cli("links");
  match(shown.stdout, /veth0 .*─\?─ +\(00:00:00:00:00:00:0b:00:00:02\)/);
  match(shown.stdout, / 10\.9\.0\.2\/24/);
  deepStrictEqual((await agent.status()).problems, []);
  await lsoed.stop();
});
