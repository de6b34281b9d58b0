/**
 * Writes the corpus files of the decoders in `lib/lsoe`: `deno run -A tests/lsoe/make_corpus.ts`.
 * Run it by hand after a format changed; the files are committed.
 *
 * @module
 */
import { encodeDatagram, encodeDatagrams, encodePdu } from "../../lib/lsoe/mod.ts";
import { concat, fromHex } from "../../lib/wire/bytes.ts";
import { writeCorpus as write } from "../fuzz/corpus.ts";

const ID = fromHex("00000000000000000a01");
const nothing = new Uint8Array(0);
const ipv4 = { flags: 0x80, address: "192.0.2.1", prefixLength: 24 };
const ipv6 = { flags: 0x40, address: "2001:db8::1", prefixLength: 64 };

const hello = encodePdu({ type: 0 });
const open = encodePdu({
  type: 1,
  nonce: 0xaabbccdd,
  id: ID,
  attributes: Uint8Array.of(1, 2, 255),
  authentication: fromHex("deadbeef"),
});
const list = encodePdu({
  type: 4,
  encapsulations: [ipv4, { ...ipv4, flags: 0xbf, address: "10.0.0.1", prefixLength: 32 }],
});

write("lsoe-pdu", {
  hello,
  open,
  "open-plain": encodePdu({
    type: 1,
    nonce: 0,
    id: ID,
    attributes: nothing,
    authentication: nothing,
  }),
  keepalive: encodePdu({ type: 2 }),
  ack: encodePdu({ type: 3, acknowledged: 1, errorType: 0, errorCode: 0, errorHint: 0 }),
  "ack-error": encodePdu({ type: 3, acknowledged: 4, errorType: 1, errorCode: 1, errorHint: 3 }),
  ipv4: list,
  "ipv4-none": encodePdu({ type: 4, encapsulations: [] }),
  ipv6: encodePdu({ type: 5, encapsulations: [ipv6, { ...ipv6, address: "::" }] }),
  "mpls-ipv4": encodePdu({
    type: 6,
    encapsulations: [{ ...ipv4, labels: [0x641, 0xffffff] }, { ...ipv4, labels: [] }],
  }),
  "mpls-ipv6": encodePdu({ type: 7, encapsulations: [{ ...ipv6, labels: [0x31] }] }),
  vendor: encodePdu({
    type: 255,
    enterprise: 0xffff_ffff,
    enterpriseType: 7,
    data: fromHex("68656c6c6f"),
  }),
  "ack-trailing": fromHex("030009040000000000"),
  "bad-empty": nothing,
  "bad-type": fromHex("080003"),
  "bad-length": fromHex("020004"),
  "bad-hello": fromHex("00000400"),
  "bad-count": fromHex("040005ffff"),
  "bad-prefix": fromHex("04000b0001000a00000121"),
  "bad-labels": fromHex("06000d00010003000641000000"),
  "bad-ack": fromHex("0300080440010000"),
  "bad-open": open.slice(0, 19),
});

const [first] = encodeDatagrams(list, 12) as [Uint8Array];
const whole = encodeDatagram({ last: true, number: 0, payload: open });
write("lsoe-datagram", {
  hello: encodeDatagram({ last: true, number: 0, payload: hello }),
  open: whole,
  padded: concat([encodeDatagram({ last: true, number: 0, payload: hello }), new Uint8Array(35)]),
  first,
  last: encodeDatagram({ last: true, number: 127, payload: list }),
  empty: encodeDatagram({ last: false, number: 5, payload: nothing }),
  "bad-short": whole.slice(0, 7),
  "bad-version": Uint8Array.of(1, ...whole.subarray(1)),
  "bad-length": whole.slice(0, -1),
  "bad-length-7": fromHex("008000075089ca1c020003"),
  "bad-checksum": fromHex("0080000b5089ca1d020003"),
});
