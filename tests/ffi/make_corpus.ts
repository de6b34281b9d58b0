/**
 * Writes the corpus of the rtnetlink decoder: `deno run -A tests/ffi/make_corpus.ts`. Run by hand; the
 * files are committed.
 *
 * @module
 */
import { address, done, error, join, le, link, message, mplsRoute } from "./rtnetlink_bytes.ts";
import { writeCorpus } from "../fuzz/corpus.ts";

const files: Record<string, Uint8Array> = {
  link: link({ index: 2 }),
  "link-wireless": link({ index: 2, name: undefined, mac: undefined }),
  "link-deleted-in-a-bridge": link({ index: 2, type: 17, family: 7 }),
  addresses: join(
    address({ index: 2, address: "c0000202", local: "c0000201", flags: 0x80 }),
    address({ index: 2, address: `fe80${"0".repeat(27)}1`, shortFlags: 0x40 }),
  ),
  "mpls-routes": join(
    mplsRoute(100, [{ index: 1 }]),
    mplsRoute(101, [{ index: 1, via: "0200c0000202", swap: 7 }, { index: 2, dead: true }]),
  ),
  control: join(done(1), error(2, 95), message(4, new Uint8Array(0)), message(99, le([1, 4]))),
  "bad-cut": link({ index: 2 }).slice(0, 41),
  "bad-length": le([0xffff_fff0, 4], [16, 2], [0, 2], [0, 4], [0, 4]),
  "bad-attribute": message(16, join(new Uint8Array(16), le([2, 2], [3, 2]))),
};
writeCorpus("rtnetlink", files);
