/**
 * Leaves that keep something: mirrors and readers, in both profiles, and the node that publishes for HNCP's
 * leaves.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import { AgentError, Random } from "../../../lib/core/mod.ts";
import {
  decodeTlvs,
  hncpProfile,
  nativeProfile,
  TlvEncoder,
  TlvType,
} from "../../../lib/dncp/mod.ts";
import {
  HncpMirror,
  HncpPublication,
  HncpReader,
  LeafProxy,
  Mirror,
} from "../../../lib/leafy/mod.ts";
import { decodeHncpAck, encodeHncpPublishRequest } from "../../../lib/leafy/hncp_messages.ts";
import { OwnDictionary, ShspStateCodec } from "../../../lib/state/mod.ts";
import { concat, fromHex, TlvFormat } from "../../../lib/wire/mod.ts";
import { slowNetworkHash } from "../../dncp/harness.ts";
import { pass } from "../time.ts";
import { machine, type Target } from "../target.ts";

const NODES = ["01", "02", "03"];

/** Datagrams of a network of a few nodes, whose parts mostly fit together. */
function message(profile: typeof hncpProfile, random: Random, own: string): Uint8Array {
  const encode = new TlvEncoder(profile);
  const id = () => random.chance(0.2) ? own : random.pick(NODES).repeat(profile.nodeIdBytes);
  const parts = [
    encode.nodeEndpoint(random.chance(0.95) ? "01".repeat(profile.nodeIdBytes) : id(), 1),
  ];
  for (let i = random.below(6); i > 0; i--) {
    const data = random.bytes(4 * random.below(10));
    const hash = profile.hash(data).slice(0, profile.hashBytes);
    const seqno = random.pick([1, 2, 3, 900, 0x8000_0000, 0xffff_ffff]);
    parts.push(
      random.pick([
        () => encode.networkState(random.chance(0.5) ? hash : random.bytes(profile.hashBytes)),
        () => encode.nodeState(id(), seqno, random.below(9), hash),
        () => encode.nodeState(id(), seqno, random.below(9), hash, data),
        () => encode.requestNetworkState(),
        () => encode.requestNodeState(id()),
      ])(),
    );
  }
  return concat(parts);
}

const mirror = machine({
  name: "leafy/mirror",
  covers: ["lib/leafy/mirror.ts Mirror.receive"],
  corpus: ["dncp-native"],
  types: { taken: ["attached", "closed", "new id", "consistent"] },
  begin(seed, tally) {
    const random = new Random(seed);
    let open = false;
    let now = 0;
    let written = 0;
    /** Its own state, as it said it last. */
    let own: { id: string; seqno: number; hash: Uint8Array } | undefined;
    const mirror = new Mirror({
      profile: nativeProfile,
      randomBytes: (length) => random.bytes(length),
      transport: {
        write(payload) {
          ok(open, "it writes to a stream that is gone");
          written += payload.length;
          for (const { fields } of decodeTlvs(nativeProfile, payload).tlvs) {
            if (fields?.type === TlvType.NodeState) {
              own = { id: fields.nodeId, seqno: fields.seqno, hash: fields.hash.slice() };
            }
          }
          return random.chance(0.95);
        },
        close() {
          ok(open, "it closes a stream that is gone");
          open = false;
          tally.type("closed", true);
        },
      },
      events: {
        attached: () => tally.type("attached", true),
        nodeIdChanged: () => tally.type("new id", true),
        consistencyChanged: (yes) => yes && tally.type("consistent", true),
      },
    });
    return {
      step(input, random) {
        if (!open) {
          open = true;
          mirror.opened(now);
        }
        written = 0;
        const damaged = random.chance(0.2);
        const bytes = damaged ? input : message(nativeProfile, random, mirror.nodeId);
        if (random.chance(0.1)) {
          mirror.setPayload(now, [nativeProfile.tlv.encode(64, input.subarray(0, 99))]);
        }
        if (own && random.chance(0.1)) {
          // What it says itself, told back to it by a node that is alone with it.
          const encode = new TlvEncoder(nativeProfile);
          const hop = {
            id: "01".repeat(8),
            seqno: 1,
            hash: nativeProfile.hash(input).slice(0, 16),
          };
          mirror.receive(
            now,
            concat([
              encode.nodeEndpoint(hop.id, 1),
              encode.networkState(fromHex(slowNetworkHash(nativeProfile, [own, hop]))),
              ...[own, hop].map(({ id, seqno, hash }) => encode.nodeState(id, seqno, 0, hash)),
            ]),
          );
        }
        for (let at = 0; at < bytes.length && open;) {
          const end = at + 1 + random.below(200);
          mirror.receive(now, bytes.subarray(at, end));
          at = end;
        }
        ok(written < 100_000, `${written} bytes at once`);
        if (random.chance(0.3)) mirror.writable(now);
        if (random.chance(0.05) && open) {
          open = false;
          mirror.closed();
        }
        now = pass(mirror, now, random.below(random.chance(0.98) ? 500 : 100_000));
        return !damaged;
      },
    };
  },
});

const hncpMirror = machine({
  name: "leafy/hncp-mirror",
  covers: ["lib/leafy/hncp_mirror.ts HncpMirror.receive"],
  corpus: ["dncp-hncp"],
  types: { taken: ["attached", "lost"] },
  begin(seed, tally) {
    const random = new Random(seed);
    let now = 0;
    let sent = 0;
    const make = () =>
      new HncpMirror({
        now,
        send: (datagram) => void (sent += datagram.length),
        randomBytes: (length) => random.bytes(length),
      });
    let mirror = make();
    return {
      step(input, random) {
        sent = 0;
        const damaged = random.chance(0.2);
        mirror.receive(now, damaged ? input : message(hncpProfile, random, mirror.nodeId));
        ok(sent < 100_000, `${sent} bytes at once`);
        if (random.chance(0.1)) {
          mirror.setPayload(now, [TlvFormat.rfc7787.encode(64, input.subarray(0, 99))]);
        }
        if (mirror.firstHop !== undefined) tally.type("attached", true);
        now = pass(mirror, now, random.below(random.chance(0.98) ? 500 : 200_000));
        if (mirror.lost) {
          tally.type("lost", true);
          mirror = make();
        }
        return !damaged;
      },
    };
  },
});

const hncpReader = machine({
  name: "leafy/hncp-reader",
  covers: ["lib/leafy/hncp_read.ts HncpReader.receive"],
  corpus: ["dncp-hncp"],
  types: { taken: ["answered", "failed", "read"] },
  begin(_seed, tally) {
    let now = 0;
    const make = () => new HncpReader(now, () => {});
    let reader = make();
    let heard = 0;
    return {
      step(input, random) {
        const damaged = random.chance(0.1);
        const bytes = damaged ? input : honest(random) ?? message(hncpProfile, random, "09090909");
        heard += bytes.length;
        reader.receive(now, bytes);
        if (reader.answered) tally.type("answered", true);
        now = pass(reader, now, random.below(random.chance(0.95) ? 300 : 20_000));
        if (reader.result || reader.failed) {
          tally.type(reader.failed ? "failed" : "read", true);
          const nodes = [...reader.result?.nodes.values() ?? []];
          ok(nodes.reduce((sum, { data }) => sum + data.length, 0) <= heard);
          reader = make();
          heard = 0;
        }
        return !damaged;
      },
    };
  },
});

/** The whole network in one datagram, as a first hop would tell it. */
function honest(random: Random): Uint8Array | undefined {
  if (random.chance(0.7)) return undefined;
  const encode = new TlvEncoder(hncpProfile);
  const data = random.bytes(4 * random.below(10));
  const hash = hncpProfile.hash(data).slice(0, hncpProfile.hashBytes);
  const seqno = Uint8Array.of(0, 0, 0, 1);
  const network = hncpProfile.hash(concat([seqno, hash])).slice(0, hncpProfile.hashBytes);
  return concat([
    encode.nodeEndpoint("01010101", 1),
    encode.networkState(network),
    encode.nodeState("01010101", 1, 0, hash, data),
    encode.nodeState("01010101", 1, 0, hash),
  ]);
}

const hncpPublication = machine({
  name: "leafy/hncp-publication",
  covers: ["lib/leafy/hncp_publish.ts HncpPublication.receive"],
  corpus: ["hncp-leaf"],
  types: { taken: ["granted", "refused"] },
  begin(_seed, tally) {
    let now = 0;
    const make = () =>
      new HncpPublication(now, { leafId: "01020304", seqno: 7, ttlMs: 60_000, tlvs: [] }, () => {});
    let publication = make();
    return {
      step(input, random) {
        let over = false;
        try {
          publication.receive(now, input);
          now = pass(publication, now, random.below(random.chance(0.95) ? 300 : 20_000));
        } catch (error) {
          ok(error instanceof AgentError, String(error));
          tally.type("refused", true);
          over = true;
        }
        if (publication.grant) tally.type("granted", true);
        if (over || publication.grant) publication = make();
        return !over;
      },
    };
  },
});

/** Publishes for anybody who asks. */
const proxy = machine({
  name: "leafy/hncp-proxy",
  covers: ["lib/leafy/hncp_proxy.ts LeafProxy.receive"],
  corpus: ["hncp-leaf"],
  types: { taken: ["status 0", "status 2", "status 3"] },
  begin(_seed, tally) {
    const own = new OwnDictionary({ codec: new ShspStateCodec(), onChanged: () => {} });
    const proxy = new LeafProxy({ own, shspKey: undefined, onChanged: () => {} });
    let now = 0;
    return {
      step(input, random) {
        const datagram = random.chance(0.3) ? input : encodeHncpPublishRequest({
          leafId: random.pick(["01020304", "05060708", random.bytes(4).toHex()]),
          seqno: random.below(5),
          ttlMs: random.pick([0, 1, 60_000, 0xffff_ffff]),
          content: random.chance(0.5)
            ? random.chance(0.1) ? TlvFormat.rfc7787.encode(64, new Uint8Array(999)) : input
            : TlvFormat.rfc7787.encode(789, new TextEncoder().encode('{"ts":1,"k":"a","v":1}')),
        });
        const ack = proxy.receive(now, now, datagram);
        const answered = ack && decodeHncpAck(TlvFormat.rfc7787.decode(ack).tlvs[0] as never);
        if (answered) tally.type(`status ${answered.status}`, true);
        const bytes = proxy.tlvs.reduce((sum, tlv) => sum + tlv.length, 0);
        ok(bytes <= 256, `${bytes} bytes of others`);
        own.wake(now);
        ok(own.counts.guests <= 64 && concat(own.encoded()).length <= 70_000);
        now = pass(proxy, now, random.below(random.chance(0.9) ? 2_000 : 4_000_000));
        return answered && answered.status === 0;
      },
      end() {
        pass(proxy, now, 8_000_000);
        own.wake(now + 8_000_000);
        ok(proxy.nextWake() === Infinity && proxy.tlvs.length === 0 && own.counts.guests === 0);
      },
    };
  },
});

/** All of them. */
export const machines: readonly Target[] = [
  mirror,
  hncpMirror,
  hncpReader,
  hncpPublication,
  proxy,
];
