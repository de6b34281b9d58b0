/** Every way in from outside has a target, and every target still has its way in. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { entrancesOf } from "./entrances.ts";
import { corpora, readStories } from "./corpus.ts";
import { allTargets, PROTOCOLS } from "./registry.ts";

const ROOT = new URL("../../", import.meta.url);

/** What the rule finds and nobody outside can reach, or what something else feeds; each with the reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "lib/agent/config/keys.ts readSecret": "hands on what a file holds; parseKey looks at it",
  "lib/agent/config/paths.ts findConfig": "looks whether a file is there",
  "lib/agent/kernel.ts openKernel": "opens sockets",
  "lib/agent/piot/piot_config.ts readKey": "hands on what a file holds; parseKey looks at it",
  "lib/agent/service/host.ts Host.readText": "hands on what a file holds",
  "lib/http/stream.ts Outlet.push": "our own words, on their way out",
  "lib/wire/bytes.ts readU16": "of decoders that have looked at the length",
  "lib/wire/bytes.ts readU24": "of decoders that have looked at the length",
  "lib/wire/bytes.ts readU32": "of decoders that have looked at the length",
  "lib/wire/mac.ts readMac": "of decoders that have looked at the length",
};

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`) : name.endsWith(".ts") ? [`${folder}/${name}`] : []
  );
}

const entrances = ["lib", "ffi"].flatMap(filesIn).sort()
  .flatMap((file) => entrancesOf(file, Deno.readTextFileSync(new URL(file, ROOT))));

Deno.test("fuzz: every entrance has a target, or a reason why not", async () => {
  const covered = new Set((await allTargets()).flatMap(({ covers }) => covers));
  const outside = entrances.filter(({ outside }) => outside).map(({ name }) => name);
  ok(outside.length > 60, `${outside.length} entrances were found`);
  deepStrictEqual(outside.filter((name) => !covered.has(name) && !(name in EXCEPTIONS)), []);
  const needless = Object.keys(EXCEPTIONS).filter((name) =>
    covered.has(name) || !outside.includes(name)
  );
  deepStrictEqual(needless, [], "exceptions for what has a target, or is no entrance");
});

Deno.test("fuzz: what targets say that they cover is there", async () => {
  const known = new Set(entrances.map(({ name }) => name));
  const lost = (await allTargets()).flatMap(({ name, covers }) =>
    covers.filter((each) => !known.has(each)).map((each) => `${name}: ${each}`)
  );
  deepStrictEqual(lost, []);
});

Deno.test("fuzz: names are unique, and every corpus and story belongs to a target", async () => {
  const targets = await allTargets();
  const names = targets.map(({ name }) => name);
  deepStrictEqual(names.length, new Set(names).size);
  deepStrictEqual(names.filter((name) => !PROTOCOLS.some((p) => name.startsWith(`${p}/`))), []);
  const used = new Set(targets.flatMap(({ corpus }) => corpus));
  // "self" is that of the fuzzer's own tests.
  deepStrictEqual(corpora().filter((corpus) => !used.has(corpus) && corpus !== "self"), []);
  const stories = names.flatMap((name) => readStories(name));
  const folder = [...Deno.readDirSync(new URL("corpus/stories/", import.meta.url))];
  deepStrictEqual(stories.length, folder.filter(({ name }) => name.endsWith(".json")).length);
});

Deno.test("fuzz: the rule finds functions, methods, and no others", () => {
  const source = `
/** decodeComment(bytes: Uint8Array) */
export function decodeOne(bytes: Uint8Array): number { return 1; }
export function decodeCount(count: number): number { return 1; }
export async function parseTwo(
  text: string,
): Promise<number> { return 1; }
function decodeOwn(bytes: Uint8Array): number { return 1; }
export class Machine {
  receive(now: number, bytes: Uint8Array): void {}
  #receive(bytes: Uint8Array): void {}
  send(bytes: Uint8Array): void {}
}
interface Seam {
  receive(bytes: Uint8Array): void;
}
`;
  deepStrictEqual(
    entrancesOf("x.ts", source).filter(({ outside }) => outside).map(({ name }) => name),
    ["x.ts decodeOne", "x.ts parseTwo", "x.ts Machine.receive"],
  );
});
