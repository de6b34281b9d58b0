/**
 * The inner loops: sealing, streams, CBOR, TLVs, the network hash, and one commit to the disk, each
 * against a plain piece of work of the same size.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { Random } from "../lib/core/mod.ts";
import {
  createNetworkHash,
  decodeTlvs,
  hncpProfile,
  nativeProfile,
  type Profile,
  TlvEncoder,
} from "../lib/dncp/mod.ts";
import { openStore } from "../lib/store/mod.ts";
import {
  CipherState,
  concat,
  decodeCbor,
  encodeCbor,
  type Json,
  NetworkKey,
  NoiseHandshake,
  open,
  seal,
  SEAL_NONCE_BYTES,
  webCryptoDh,
} from "../lib/wire/mod.ts";
import type { Bench, Context } from "./harness/context.ts";
import { interleave, perAwait, perCall } from "./harness/rounds.ts";

const NODES = 10_000;

type Case = () => number | Promise<number>;
type Group = Readonly<Record<string, Case>>;

export const bench: Bench = {
  name: "wire",
  title: "inner loops, µs a call, each against plain work of the same size",
  about: `
Each call beside plain work on as many bytes: what part of the machine's speed it reaches, and how the
cost would move on a slower processor.
`,
  async run(context) {
    const random = new Random(1);
    await compare(context, "SHA-256 (noble) of the same 1 200 bytes", sealing(random));
    await compare(context, "X25519 alone: two key pairs, two agreements", handshake(random));
    for (const [reference, group] of state()) await compare(context, reference, group);
    for (const [reference, group] of networkHash(random)) await compare(context, reference, group);
    await compare(context, "appending 4 KiB to a file, with fsync", commits(context));
  },
};

/** Measures a group in turns with its reference, which has the name `reference` there. */
async function compare(context: Context, reference: string, group: Group): Promise<void> {
  const samples = await interleave(context.choose(200, 40), group);
  const micro = (name: string) => (samples[name] ?? []).map((ms) => ms * 1_000);
  const beside = { what: reference, samples: micro("reference") };
  for (const what of Object.keys(group)) {
    if (what === "reference") continue;
    context.report.measured({ what, unit: "µs", samples: micro(what), reference: beside });
  }
}

function sealing(random: Random): Group {
  const key = NetworkKey.fromBytes(random.bytes(32));
  const payload = random.bytes(1_200);
  const nonce = random.bytes(SEAL_NONCE_BYTES);
  const origin = { sender: "0123456789abcdef", epoch: 3, counter: 77 };
  const block = seal(key, "bench", origin, payload, nonce);
  const sender = new CipherState(random.bytes(32));
  const secret = random.bytes(32);
  const there = new CipherState(secret);
  const back = new CipherState(secret);
  return {
    reference: perCall(() => void sha256(payload)),
    "seal a datagram of 1 200 bytes": perCall(() =>
      void seal(key, "bench", origin, payload, nonce)
    ),
    "open it": perCall(() => void open([key], "bench", block)),
    "Noise: encrypt 1 200 bytes": perCall(() => void sender.encrypt(payload)),
    "Noise: encrypt and decrypt 1 200 bytes": perCall(() =>
      void back.decrypt(there.encrypt(payload))
    ),
  };
}

function handshake(random: Random): Group {
  const psk = random.bytes(32);
  const prologue = random.bytes(16);
  const nothing = new Uint8Array(0);
  return {
    reference: perAwait(async () => {
      const [a, b] = [await webCryptoDh.generate(), await webCryptoDh.generate()];
      await a.agree(b.publicKey);
      await b.agree(a.publicKey);
    }),
    "Noise: a handshake, both sides": perAwait(async () => {
      const a = new NoiseHandshake({ role: "initiator", psk, prologue });
      const b = new NoiseHandshake({ role: "responder", psk, prologue });
      await b.readMessage(await a.writeMessage(nothing));
      await a.readMessage(await b.writeMessage(nothing));
      a.finish();
      b.finish();
    }),
  };
}

/** An entry as nodes publish it, and node data with 100 of its kind. */
function state(): [reference: string, Group][] {
  const value: Json = ["heating/target", 1_795_000_000_000, {
    celsius: 21.5,
    mode: "auto",
    rooms: ["kitchen", "attic"],
    on: true,
    since: 1_795_000_000,
  }];
  const text = JSON.stringify(value);
  const cbor = encodeCbor(value);
  const format = nativeProfile.tlv;
  const data = concat(
    Array.from(
      { length: 100 },
      (_, i) => format.encode(200, encodeCbor([`key/${i}`, 1_795_000_000_000 + i, i])),
    ),
  );
  const encode = new TlvEncoder(nativeProfile);
  const message = concat(
    Array.from(
      { length: 30 },
      (_, i) => encode.nodeState(i.toString(16).padStart(16, "0"), i, 5, sha256(Uint8Array.of(i))),
    ),
  );
  return [
    [`JSON.stringify of the same (${text.length} bytes)`, {
      reference: perCall(() => void JSON.stringify(value)),
      [`CBOR: encode an entry (${cbor.length} bytes)`]: perCall(() => void encodeCbor(value)),
    }],
    ["JSON.parse of the same", {
      reference: perCall(() => void JSON.parse(text)),
      "CBOR: decode it": perCall(() => void decodeCbor(cbor)),
    }],
    ["SHA-256 (noble) of the same bytes", {
      reference: perCall(() => void sha256(data)),
      [`TLVs: node data with 100 entries (${data.length} bytes)`]: perCall(() =>
        void format.decode(data)
      ),
    }],
    ["SHA-256 (noble) of the same bytes", {
      reference: perCall(() => void sha256(message)),
      [`DNCP: 30 short Node States (${message.length} bytes)`]: perCall(() =>
        void decodeTlvs(nativeProfile, message)
      ),
    }],
  ];
}

/** One changed node of 10 000, and the plain way: all leaves through the hash. */
function networkHash(random: Random): [reference: string, Group][] {
  const group = (profile: Profile): Group => {
    const network = createNetworkHash(profile);
    const ids = Array.from({ length: NODES }, () => random.bytes(profile.nodeIdBytes).toHex());
    const hash = random.bytes(profile.hashBytes);
    for (const id of ids) network.set(id, 1, hash);
    network.digest();
    const leaves = random.bytes(NODES * (4 + profile.hashBytes));
    let seqno = 1;
    const name = `network hash (${profile.networkHash}): a node of ${NODES} changes`;
    return {
      reference: perCall(() => void profile.hash(leaves)),
      [name]: perCall(() => {
        network.set(random.pick(ids), ++seqno, hash);
        network.digest();
      }),
    };
  };
  const all = (profile: Profile, name: string) =>
    `${name} (noble) of all ${NODES} leaves, ${NODES * (4 + profile.hashBytes) / 1_000} kB`;
  return [
    [all(nativeProfile, "SHA-256"), group(nativeProfile)],
    [all(hncpProfile, "MD5"), group(hncpProfile)],
  ];
}

function commits(context: Context): Group {
  const folder = context.tempDir();
  const store = openStore(`${folder}/agent.db`, () => {});
  const file = Deno.openSync(`${folder}/plain`, { append: true, create: true });
  context.defer(() => {
    store.close();
    file.close();
  });
  const block = new Uint8Array(4_096);
  const value = encodeCbor(21.5);
  let at = 1_795_000_000_000;
  return {
    reference: perCall(() => {
      file.writeSync(block);
      file.syncDataSync();
    }),
    "store: set one entry": perCall(() => {
      store.putEntries("home", [{ key: "heating/target", value, at: ++at }]);
    }),
  };
}
