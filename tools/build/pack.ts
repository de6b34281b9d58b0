/**
 * One file that unpacks itself: a shell script (`stub.sh`), the program as `tar.gz`, and the tarball of
 * the official runtime just as the npm registry has it. So building compresses next to nothing, and
 * the largest part of the file has a sum that anybody can look up.
 *
 * ```text
 * stub.sh                     what it may do and must not: docs/build.md
 * program.tar.gz              its SHA-256 names the program's folder in the cache
 * linux-…-glibc-….tgz         the SHA-256 of package/deno in it names the runtime's folder
 * ```
 *
 * @module
 */
import { concat } from "../../lib/wire/bytes.ts";
import type { Bundle } from "./bundle.ts";
import { RUN_FLAGS } from "./flags.ts";
import { sha256 } from "./sums.ts";
import { tar } from "./tar.ts";
import { type Target, TARGETS } from "./targets.ts";

/** What goes into the file. */
export interface PackParts {
  readonly target: Target;
  /** Version of the agent, for whoever looks into the file. */
  readonly version: string;
  readonly program: Bundle;
  /** A gzipped tarball with the runtime as `package/deno`. */
  readonly runtime: Uint8Array<ArrayBuffer>;
  /** SHA-256 of that `package/deno`, in hexadecimal. */
  readonly runtimeSha256: string;
}

/** The file, and the SHA-256 of its program. */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly programSha256: string;
}

/** Packs program and runtime into one executable file. The same parts give the same bytes. */
export async function pack(parts: PackParts): Promise<Packed> {
  const { target, version, program, runtime, runtimeSha256 } = parts;
  const encoder = new TextEncoder();
  const archive = await gzip(
    tar([...program].map(([name, text]) => [name, encoder.encode(text)] as const)),
  );
  const programSha256 = await sha256(archive);
  const template = await Deno.readTextFile(new URL("stub.sh", import.meta.url));
  const { machines, loader } = TARGETS[target];
  const unpacked = sizeOfGzip(runtime) + sizeOfGzip(archive);
  const stubOf = (length: number) =>
    encoder.encode(fill(template, {
      VERSION: version,
      TARGET: target,
      PROGRAM: programSha256,
      RUNTIME: runtimeSha256,
      FILES: String(program.size),
      LOADER: loader,
      FLAGS: RUN_FLAGS.join(" "),
      MACHINES: machines,
      SIZE: String(length + archive.length + runtime.length),
      PROGRAM_AT: String(length),
      PROGRAM_SIZE: String(archive.length),
      RUNTIME_AT: String(length + archive.length),
      UNPACKED_MB: String(Math.ceil(unpacked / 1e6)),
    }));
  // The script names its own length, which takes room in it.
  let stub = stubOf(0);
  for (let last = 0; stub.length !== last;) stub = stubOf(last = stub.length);
  return { bytes: concat([stub, archive, runtime]), programSha256 };
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/@([A-Z_]+)@/g, (all, name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`stub.sh has ${all}, which nobody fills in`);
    return value;
  });
}

/**
 * Gzipped without a name and a time. The compressor is the runtime's own, and so pinned: on x86-64 and
 * on aarch64 it gives the same bytes.
 */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  return await new Response(stream.pipeThrough(new CompressionStream("gzip"))).bytes();
}

/** What a file has before gzip: its last four bytes say it (RFC 1952 §2.3.1). */
function sizeOfGzip(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
}
