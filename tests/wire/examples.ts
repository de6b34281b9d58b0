/**
 * The examples of docs/wire.md: what they mean, and how the code writes and reads them. The page shows
 * each as a block of `hex NAME`.
 *
 * @module
 */
import {
  createNetworkHash,
  decodeTlvs,
  nativeProfile as profile,
  TlvEncoder,
} from "../../lib/dncp/mod.ts";
import { decodeDiscovery, encodeDiscovery } from "../../lib/leafy/discovery.ts";
import { decodeLeaf, encodeLeaf, type LeafMessage } from "../../lib/leafy/messages.ts";
import { fnv1a } from "../../lib/piot/fnv.ts";
import { decodeFrame, encodeFrame as encodePiotFrame, type Frame } from "../../lib/piot/frame.ts";
import { encodeHeader } from "../../lib/piot/header.ts";
import { proofOf } from "../../lib/piot/proof.ts";
import { NativeStateCodec } from "../../lib/state/mod.ts";
import { concat, fromHex, toHex, writeU32 } from "../../lib/wire/bytes.ts";
import { encodeInvite, InviteDecoder, type InviteMessage } from "../../lib/wire/invite_messages.ts";
import { NetworkKey } from "../../lib/wire/key.ts";
import { NoiseHandshake } from "../../lib/wire/noise.ts";
import {
  decodePreface,
  decodePrefaceReply,
  encodeFrame,
  encodeNoInvitation,
  encodePreface,
  encodePrefaceReply,
  encodeUnknownKey,
  FrameDecoder,
} from "../../lib/wire/preface.ts";
import { open, seal } from "../../lib/wire/sealed.ts";
import { NATIVE_CONTEXT } from "../../lib/agent/network/native_wire.ts";
import { fixedDh } from "./fixed_dh.ts";

/** One example: its bytes, and what reading them gives. */
export interface WireExample {
  readonly bytes: Uint8Array;
  /** Missing where there is nothing to read: a hash, a derived key. */
  readonly read?: (bytes: Uint8Array) => unknown;
  readonly value?: unknown;
}

const A = "0a00000000000001";
const B = "0b00000000000002";
const INSTANCE = "0102030405060708";
const AT = 1_795_251_600_000;
const sequence = (from: number, length: number) => Uint8Array.from({ length }, (_, i) => from + i);
const KEY = NetworkKey.fromBytes(sequence(0, 32));

const encode = new TlvEncoder(profile);
const hash = (bytes: Uint8Array) =>
  profile.hash.create().update(bytes).digest().slice(0, profile.hashBytes);

/** All of them, by name. */
export async function wireExamples(): Promise<Map<string, WireExample>> {
  const all = new Map<string, WireExample>();
  const { root } = dncp(all);
  keys(all, root);
  preface(all);
  await handshake(all);
  leafy(all);
  invitation(all);
  piot(all);
  return all;
}

function dncp(all: Map<string, WireExample>): { root: Uint8Array } {
  const entry = { key: "t", value: 21.5, at: AT };
  const codec = new NativeStateCodec();
  const [state] = codec.encode([entry]) as [Uint8Array];
  all.set("state", {
    bytes: state,
    read: (b) => [...codec.decode(b).entries.values()],
    value: [entry],
  });
  const fields = (bytes: Uint8Array) => decodeTlvs(profile, bytes).tlvs.map(({ fields }) => fields);
  const tlv = (name: string, bytes: Uint8Array, ...value: unknown[]) =>
    all.set(name, { bytes, read: fields, value });
  const peerA = encode.peer(B, 3, 2);
  const peerB = encode.peer(A, 2, 3);
  tlv("peer", peerA, { type: 8, peerNodeId: B, peerEndpointId: 3, endpointId: 2 });
  tlv("peer-of-b", peerB, { type: 8, peerNodeId: A, peerEndpointId: 2, endpointId: 3 });
  const data = concat([peerA, state]);
  const [hashA, hashB] = [hash(data), hash(peerB)];
  all.set("hash-of-a", { bytes: hashA });
  all.set("hash-of-b", { bytes: hashB });
  const short = { type: 5, nodeId: A, seqno: 1, age: 1_500, hash: hashA };
  tlv("node-state-short", encode.nodeState(A, 1, 1_500, hashA), {
    ...short,
    data: new Uint8Array(),
  });
  tlv("node-state", encode.nodeState(A, 1, 1_500, hashA, data), { ...short, data });
  const leaf = (id: string, seqno: number, of: Uint8Array) => {
    const number = new Uint8Array(4);
    writeU32(number, 0, seqno);
    return concat([fromHex(id), number, of]);
  };
  const bucketA = hash(leaf(A, 1, hashA));
  const bucketB = hash(leaf(B, 3, hashB));
  const group = hash(concat([Uint8Array.of(0x0a), bucketA, Uint8Array.of(0x0b), bucketB]));
  const network = createNetworkHash(profile);
  network.set(A, 1, hashA);
  network.set(B, 3, hashB);
  const root = network.digest();
  const tree = { "bucket-0a": bucketA, "bucket-0b": bucketB, "group-0": group, root };
  for (const [name, bytes] of Object.entries(tree)) all.set(name, { bytes });
  tlv("request-network-state", encode.requestNetworkState(), { type: 1 });
  tlv("request-node-state", encode.requestNodeState(A), { type: 2, nodeId: A });
  tlv("keep-alive-interval", encode.keepAliveInterval(0, 20_000), {
    type: 9,
    endpointId: 0,
    interval: 20_000,
  });
  tlv("mirror", encode.mirror(), undefined);
  tlv("pause", encode.pause(30_000), { type: 35, limit: 30_000 });
  tlv(
    "multicast",
    multicastOf(root),
    { type: 3, nodeId: A, endpointId: 2 },
    { type: 32, streamPort: 8331, instance: INSTANCE },
    { type: 4, hash: root },
  );
  return { root };
}

function multicastOf(root: Uint8Array): Uint8Array {
  return concat([
    encode.nodeEndpoint(A, 2),
    encode.hello(8331, INSTANCE),
    encode.networkState(root),
  ]);
}

function keys(all: Map<string, WireExample>, root: Uint8Array): void {
  all.set("key-id", { bytes: KEY.idBytes });
  all.set("multicast-key", { bytes: KEY.multicastKey });
  all.set("stream-psk", { bytes: KEY.streamPsk });
  const origin = { sender: A, epoch: 5, counter: 7 };
  const payload = multicastOf(root);
  const nonce = sequence(0x40, 24);
  all.set("sealed-block", {
    bytes: seal(KEY, NATIVE_CONTEXT, origin, payload, nonce),
    read: (bytes) => open([KEY], NATIVE_CONTEXT, bytes),
    value: { kind: "opened", keyIndex: 0, ...origin, payload },
  });
}

function preface(all: Map<string, WireExample>): void {
  all.set("preface", {
    bytes: encodePreface("node", KEY.idBytes),
    read: decodePreface,
    value: { kind: "preface", purpose: "node", keyId: KEY.idBytes },
  });
  const other = NetworkKey.fromBytes(new Uint8Array(32).fill(1));
  const replies = {
    "go-on": [encodePrefaceReply("go-on"), {}],
    "unknown-key": [encodeUnknownKey([other.idBytes]), { keyIds: [other.id] }],
    "busy": [encodePrefaceReply("busy"), {}],
    "unknown-version": [encodePrefaceReply("unknown-version"), {}],
    "no-invitation": [encodeNoInvitation("expired"), { why: "expired" }],
  } as const;
  for (const [status, [bytes, rest]] of Object.entries(replies)) {
    all.set(`reply-${status}`, {
      bytes,
      read: decodePrefaceReply,
      value: { reply: { status, ...rest }, length: bytes.length },
    });
  }
}

async function handshake(all: Map<string, WireExample>): Promise<void> {
  const prologue = encodePreface("node", KEY.idBytes);
  const side = (role: "initiator" | "responder", from: number) =>
    new NoiseHandshake({ role, psk: KEY.streamPsk, prologue, dh: fixedDh(sequence(from, 32)) });
  const client = side("initiator", 0x20);
  const server = side("responder", 0x40);
  const first = await client.writeMessage(new Uint8Array());
  await server.readMessage(first);
  const second = await server.writeMessage(new Uint8Array());
  await client.readMessage(second);
  const plaintext = encode.nodeEndpoint(B, 3);
  const session = client.finish();
  const third = session.send.encrypt(plaintext);
  const framed = (name: string, message: Uint8Array) =>
    all.set(name, {
      bytes: encodeFrame(message),
      read: (bytes) => new FrameDecoder().feed(bytes).map((one) => toHex(one)),
      value: [toHex(message)],
    });
  framed("noise-1", first);
  framed("noise-2", second);
  framed("noise-3", third);
  all.set("noise-hash", { bytes: session.hash });
}

function leafy(all: Map<string, WireExample>): void {
  const leaf = (message: LeafMessage) =>
    all.set(`leaf-${message.type}`, {
      bytes: encodeLeaf(message),
      read: decodeLeaf,
      value: [message],
    });
  const who = { node: "pi-1", id: A };
  const guest = { guestId: "5eaf000000000001", sequence: 9 };
  leaf({ type: "read", wanted: ["pi-1:t"] });
  leaf({ type: "state", ...who, entries: [{ key: "t", value: 21.5, at: AT }] });
  leaf({ type: "read-end", reasons: [], ...who, count: 1, missing: [] });
  leaf({ type: "publish", ...guest, ttlMs: 60_000, entries: [["load", 0.5]] });
  leaf({
    type: "ack",
    ...guest,
    grantedMs: 60_000,
    status: 0,
    until: AT + 60_000,
    ...who,
    message: "",
  });
  leaf({ type: "error", exitCode: 2, message: "no such address" });
  for (const message of [{ type: "query", port: 40_000 }, { type: "here", port: 8331 }] as const) {
    const read = decodeDiscovery;
    all.set(`leaf-${message.type}`, { bytes: encodeDiscovery(message), read, value: message });
  }
}

function invitation(all: Map<string, WireExample>): void {
  const message: InviteMessage = { type: "hello", name: "pi-2" };
  const read = (bytes: Uint8Array) => new InviteDecoder().feed(bytes);
  all.set("invite-hello", { bytes: encodeInvite(message), read, value: [message] });
}

function piot(all: Map<string, WireExample>): void {
  const x = (octet: string, times: number) => octet.repeat(times);
  const node = toHex(sequence(0, 16));
  const other = toHex(sequence(0x10, 16));
  const header = encodeHeader({ kind: 0, name: "temperature", created: 1_700_000_000_000 });
  const body = fromHex("a1616318d7");
  const epoch = x("e1", 8);
  const message = { seq: 6, id: x("31", 16) };
  const proof = proofOf(
    new TextEncoder().encode("secret"),
    "client",
    { nonce: x("55", 16), node },
    { nonce: x("66", 16), node: other },
  );
  const confirmed = concat([header, body]);
  const frames: Record<string, Frame> = {
    hello: {
      frame: "hello",
      version: 1,
      node,
      name: "kitchen",
      boot: x("77", 8),
      nonce: x("55", 16),
      inherit: true,
    },
    auth: { frame: "auth", proof },
    "link-request": { frame: "linkRequest", wanted: ["name", "addresses"] },
    "link-info": { frame: "linkInfo", name: "kitchen", addresses: [] },
    "link-accept": { frame: "linkAccept", link: x("aa", 16), created: true, name: "hub" },
    resume: {
      frame: "resume",
      inherit: true,
      txEpoch: epoch,
      lastSeq: 7,
      rxEpoch: x("e2", 8),
      rxSeq: 3,
      held: 2,
      waiting: [],
      running: [],
    },
    ready: { frame: "ready", outcome: 0, txEpoch: epoch, firstSeq: 6, session: x("5e", 16) },
    msg: { frame: "msg", ...message, header, body },
    confirm: {
      frame: "confirm",
      ...message,
      length: confirmed.length,
      hash: fnv1a(confirmed),
      status: 0,
    },
    ping: { frame: "ping", token: 1 },
    pong: { frame: "pong", token: 1 },
    close: { frame: "close", code: 10, text: "sequence gap", resumable: true },
  };
  for (const [name, value] of Object.entries(frames)) {
    all.set(`piot-${name}`, {
      bytes: encodePiotFrame(value),
      read: (bytes) => decodeFrame(bytes.subarray(4)),
      value,
    });
  }
}
