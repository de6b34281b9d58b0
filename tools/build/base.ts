/**
 * Where the base binary of `deno compile` (`denort`, the runtime without its tools) comes from: the
 * file that `DENORT_BIN` names, the cache of Deno, or its download server.
 *
 * @module
 */
import { messageOf } from "../../lib/core/errors.ts";
import { ElfError, readElf } from "./elf.ts";
import { DENO_VERSION, type Target, TARGETS } from "./targets.ts";
import { unzip, ZipError } from "./zip.ts";

const SERVER = "https://dl.deno.land";
/** The server has to answer within this, in ms: many networks do not let anybody reach it. */
const PATIENCE = 4_000;
/** The whole download may take this long, in ms. */
const DOWNLOAD_LIMIT = 10 * 60_000;

/** A base binary. */
export interface Base {
  readonly from: "DENORT_BIN" | "cache" | "download";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Where to look; a test has its own places. */
export interface BaseSources {
  /** The value of `DENORT_BIN`. */
  readonly file: string | undefined;
  /** Deno's folder (`denoDir` of `deno info --json`). */
  readonly denoDir: string;
  readonly server?: string;
  /** How long to wait for the server's answer, in ms. */
  readonly patience?: number;
}

/** What this computer has. */
export async function ownSources(): Promise<BaseSources> {
  const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(info.stdout)) as { denoDir: string };
  return { file: Deno.env.get("DENORT_BIN") || undefined, denoDir };
}

/**
 * The base binary for a target, or why there is none.
 *
 * `DENORT_BIN` is for one kind of processor; for another one it is as if it were not set.
 */
export async function findBase(
  target: Target,
  sources: BaseSources,
): Promise<{ base: Base } | { why: string }> {
  const reasons: string[] = [];
  const steps = [
    async (): Promise<Base> => {
      if (sources.file === undefined) throw new NoBase("DENORT_BIN is not set");
      const bytes = await read(sources.file, `DENORT_BIN=${sources.file}`);
      return { from: "DENORT_BIN", bytes };
    },
    async (): Promise<Base> => {
      const zip = await read(
        `${sources.denoDir}/dl/${archive(target)}`,
        "the base binary in Deno's cache",
      );
      return { from: "cache", bytes: await unzip(zip, "denort") };
    },
    async (): Promise<Base> => {
      const { server = SERVER, patience = PATIENCE } = sources;
      const zip = await download(`${server}/${archive(target)}`, patience);
      return { from: "download", bytes: await unzip(zip, "denort") };
    },
  ];
  for (const step of steps) {
    try {
      const base = await step();
      checkMachine(base, target);
      return { base };
    } catch (error) {
      if (!(error instanceof NoBase || error instanceof ZipError || error instanceof ElfError)) {
        throw error;
      }
      reasons.push(error.message);
    }
  }
  return { why: reasons.join("; ") };
}

class NoBase extends Error {}

/** As Deno's release server and Deno's cache call it. */
function archive(target: Target): string {
  return `release/v${DENO_VERSION}/denort-${TARGETS[target].triple}.zip`;
}

function checkMachine({ from, bytes }: Base, target: Target): void {
  if (readElf(bytes).machine !== TARGETS[target].elfMachine) {
    throw new NoBase(`the base binary of ${from} is not for ${target}`);
  }
}

async function read(path: string, what: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new NoBase(`${what} is not there`);
    throw new NoBase(`${what} cannot be read: ${firstLine(error)}`);
  }
}

async function download(url: string, patience: number): Promise<Uint8Array<ArrayBuffer>> {
  const giveUp = new AbortController();
  let timer = setTimeout(() => giveUp.abort(new Error("no answer in time")), patience);
  try {
    const response = await fetch(url, { signal: giveUp.signal });
    clearTimeout(timer);
    timer = setTimeout(() => giveUp.abort(new Error("too slow a download")), DOWNLOAD_LIMIT);
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`it answers ${response.status}`);
    }
    return await response.bytes();
  } catch (error) {
    throw new NoBase(`${url} cannot be had: ${firstLine(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0] as string;
}
