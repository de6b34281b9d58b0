/** Where the base binary of `deno compile` comes from, and how it comes out of its archive. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type BaseSources, findBase } from "../../tools/build/base.ts";
import { DENO_VERSION, TARGETS } from "../../tools/build/targets.ts";
import { unzip, ZipError } from "../../tools/build/zip.ts";

const PATH = `release/v${DENO_VERSION}/denort-${TARGETS.aarch64.triple}.zip`;

/** The head of an ELF file for a processor. */
function program(machine: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(100);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes[0x12] = machine;
  bytes[0x36] = 56;
  return bytes;
}

const ARM = program(TARGETS.aarch64.elfMachine);
const INTEL = program(TARGETS.x86_64.elfMachine);

/** A zip archive of two files; the second one is `name`. */
async function zip(name: string, content: Uint8Array<ArrayBuffer>, deflate = true) {
  const entries: Uint8Array[] = [];
  const locals: Uint8Array[] = [];
  let at = 0;
  for (const [file, bytes] of [["README", new Uint8Array(5)], [name, content]] as const) {
    const label = new TextEncoder().encode(file);
    const body = deflate
      ? await new Response(
        new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw")),
      ).bytes()
      : bytes;
    const local = new Uint8Array(30 + label.length);
    const entry = new Uint8Array(46 + label.length);
    const view = new DataView(entry.buffer);
    new DataView(local.buffer).setUint32(0, 0x04034b50, true);
    new DataView(local.buffer).setUint16(26, label.length, true);
    local.set(label, 30);
    view.setUint32(0, 0x02014b50, true);
    view.setUint16(10, deflate ? 8 : 0, true);
    view.setUint32(20, body.length, true);
    view.setUint32(24, bytes.length, true);
    view.setUint16(28, label.length, true);
    view.setUint32(42, at, true);
    entry.set(label, 46);
    locals.push(local, body);
    entries.push(entry);
    at += local.length + body.length;
  }
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(10, entries.length, true);
  view.setUint32(16, at, true);
  return await new Blob([...locals, ...entries, end] as BlobPart[]).bytes();
}

Deno.test("a file comes out of a zip archive, compressed or not", async () => {
  for (const deflate of [true, false]) {
    deepStrictEqual(await unzip(await zip("denort", ARM, deflate), "denort"), ARM);
    await rejects(async () => unzip(await zip("other", ARM, deflate), "denort"), /no denort in it/);
  }
});

Deno.test("a broken archive gives a ZipError, whatever is broken", async () => {
  const whole = await zip("denort", ARM);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.nat(whole.length),
      async (changes, length) => {
        const bytes = whole.slice(0, length || undefined);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          await unzip(bytes, "denort");
        } catch (error) {
          ok(error instanceof ZipError, String(error));
        }
      },
    ),
  );
});

/** A download server on loopback, and an empty cache. */
async function place(
  fn: (sources: BaseSources & { readonly server: string }, asked: string[]) => Promise<void>,
  answer: () => Response | Promise<Response>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return answer();
  });
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    await fn({ file: undefined, denoDir: folder, server: url }, asked);
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("DENORT_BIN comes first, then Deno's cache, then the download", async () => {
  const archive = await zip("denort", ARM);
  await place(async (sources, asked) => {
    const from = async (more: Partial<BaseSources> = {}) => {
      const found = await findBase("aarch64", { ...sources, ...more });
      ok("base" in found, JSON.stringify(found));
      deepStrictEqual(found.base.bytes, ARM);
      return found.base.from;
    };
    strictEqual(await from(), "download");
    deepStrictEqual(asked, [`/${PATH}`]);
    const file = `${sources.denoDir}/denort`;
    await Deno.writeFile(file, ARM);
    strictEqual(await from({ file }), "DENORT_BIN");
    // One for another processor is as if there were none.
    await Deno.writeFile(file, INTEL);
    strictEqual(await from({ file }), "download");
    await Deno.mkdir(`${sources.denoDir}/dl/release/v${DENO_VERSION}`, { recursive: true });
    await Deno.writeFile(`${sources.denoDir}/dl/${PATH}`, archive);
    strictEqual(await from(), "cache");
    // Nor does a broken download in the cache stop anybody.
    await Deno.writeFile(`${sources.denoDir}/dl/${PATH}`, archive.slice(0, 50));
    strictEqual(await from(), "download");
    strictEqual(asked.length, 3);
  }, () => new Response(archive));
});

Deno.test("where there is no base binary, all that was tried is told", async () => {
  await place(async (sources) => {
    const found = await findBase("aarch64", { ...sources, file: "/nonexistent/denort" });
    ok("why" in found);
    match(found.why, /DENORT_BIN=\/nonexistent\/denort is not there; .*cache.*; .*answers 404$/);
  }, () => new Response("", { status: 404 }));
});

Deno.test("a server that does not answer does not hold up the build", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  await place(async (sources) => {
    const found = await findBase("aarch64", { ...sources, patience: 20 });
    ok("why" in found);
    match(found.why, /no answer in time/);
    resolve(new Response(""));
  }, () => promise);
});
