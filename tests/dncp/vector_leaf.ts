/**
 * Vectors of kind `trace` and role `leaf-continual`: our mirror in the place of the leaf, fed with what the
 * first hop sent then.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeTlvs, hncpProfile, type NodeState, TlvType } from "../../lib/dncp/mod.ts";
import { HncpMirror } from "../../lib/leafy/mod.ts";
import { fromHex, toHex } from "../../lib/wire/mod.ts";

export interface LeafTrace {
  readonly leaf: { readonly nodeId: string; readonly endpointId: number };
  readonly events: readonly {
    readonly dir: "rx" | "tx";
    readonly sender?: string;
    readonly to?: string | null;
    readonly hex: string;
  }[];
}

const profile = hncpProfile;
/** Between two events, in ms: beyond what limits the rate of requests. */
const STEP = 500;

const fieldsOf = (datagram: Uint8Array) =>
  decodeTlvs(profile, datagram).tlvs.flatMap(({ fields }) => fields ? [fields] : []);

/** The leaf's own state, where a datagram carries it. */
function ownState(datagram: Uint8Array, id: string): NodeState | undefined {
  for (const fields of fieldsOf(datagram)) {
    if (fields.type === TlvType.NodeState && fields.nodeId === id) return fields;
  }
  return undefined;
}

/** What the leaf published besides its Peer TLV. */
function payloadOf({ data }: NodeState): Uint8Array[] {
  return decodeTlvs(profile, data).tlvs.filter(({ fields }) => fields?.type !== TlvType.Peer)
    .map(({ raw }) => raw.encoded);
}

export function checkLeafTrace({ leaf, events }: LeafTrace): void {
  const pushed = events.flatMap(({ dir, hex }) =>
    dir === "tx" ? ownState(fromHex(hex), leaf.nodeId) ?? [] : []
  );
  const [first] = pushed;
  ok(first, "the leaf of the trace publishes something");
  const firstHop = events.find(({ to }) => typeof to === "string")?.to;
  const sent: Uint8Array[] = [];
  let now = 0;
  const mirror = new HncpMirror({
    now,
    send: (datagram) => sent.push(datagram),
    randomBytes: () => {
      throw new Error("the id is given");
    },
    ...leaf,
  });
  mirror.setPayload(now, payloadOf(first));
  let told: string | undefined;
  for (const { dir, sender, hex } of events) {
    now += STEP;
    if (mirror.nextWake() <= now) mirror.wake(now);
    const datagram = fromHex(hex);
    const change = dir === "tx" ? ownState(datagram, leaf.nodeId) : undefined;
    if (change) mirror.setPayload(now, payloadOf(change));
    if (dir === "tx" || sender !== firstHop) continue;
    mirror.receive(now, datagram);
    for (const fields of fieldsOf(datagram)) {
      if (fields.type === TlvType.NetworkState) told = toHex(fields.hash);
    }
  }
  for (const datagram of sent) {
    const [head, ...rest] = fieldsOf(datagram);
    deepStrictEqual(head, { type: TlvType.NodeEndpoint, ...leaf });
    for (const fields of rest) {
      if (fields.type === TlvType.NodeState) {
        strictEqual(fields.nodeId, leaf.nodeId, "lists others");
      } else {ok(
          fields.type === TlvType.NetworkState || fields.type === TlvType.RequestNetworkState,
        );}
    }
  }
  const published = (states: Iterable<NodeState>) =>
    Object.fromEntries(Array.from(states, ({ seqno, data }) => [seqno, toHex(data)]));
  const own = sent.flatMap((datagram) => ownState(datagram, leaf.nodeId) ?? []);
  deepStrictEqual(published(own), published(pushed));
  strictEqual(toHex(mirror.networkHash), told);
  ok(mirror.consistent);
}
