/**
 * What the agent itself reads: config and key files, invitations, what other nodes publish of
 * themselves, and what an earlier process has left on the disk.
 *
 * @module
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { AgentError } from "../../../lib/core/mod.ts";
import { keyPaths, locate } from "../../../lib/agent/config/locate.ts";
import { parseConfig } from "../../../lib/agent/config/parse.ts";
import { formatKey, parseKey } from "../../../lib/agent/config/keys.ts";
import { parseHostPort } from "../../../lib/agent/config/types.ts";
import { formatCode, parseCode } from "../../../lib/agent/join/invite_code.ts";
import { serveJoin } from "../../../lib/agent/join/streams.ts";
import type { Invites } from "../../../lib/agent/join/invites.ts";
import { readLink } from "../../../lib/agent/lsoe/entry.ts";
import { readService } from "../../../lib/agent/nearby/entry.ts";
import { addressesOf, readEntry } from "../../../lib/agent/piot/entry.ts";
import { identityOf } from "../../../lib/agent/piot/identity.ts";
import { bodyValue } from "../../../lib/agent/piot/rows.ts";
import { isEdited } from "../../../lib/agent/service/unit.ts";
import { expectedSum, isOlder } from "../../../lib/agent/upgrade/file.ts";
import { readHandover } from "../../../lib/agent/upgrade/handover.ts";
import { onTrial } from "../../../lib/agent/upgrade/trial.ts";
import { unitIn } from "../../../lib/agent/upgrade/restart.ts";
import type { SecureStream } from "../../../lib/net/mod.ts";
import { NativeStateCodec } from "../../../lib/state/mod.ts";
import { encodeInvite, InviteDecoder, NetworkKey } from "../../../lib/wire/mod.ts";
import { CORPUS_KEY } from "../corpus_key.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";

/** One line with the place of what is wrong. */
function isConfigError(error: unknown): boolean {
  if (!(error instanceof AgentError) || error.exitCode !== 78) return false;
  match(error.message, /^fuzz\.toml(?::\d+:\d+)?: /);
  return error.message.length < 10_000;
}

const config = decoder<ReturnType<typeof parseConfig>>({
  name: "agent/config",
  covers: [
    "lib/agent/config/parse.ts parseConfig",
    "lib/agent/config/locate.ts locate",
    "lib/agent/config/locate.ts keyPaths",
  ],
  share: 0.5,
  decode: (input) => parseConfig(textOf(input), "fuzz.toml"),
  check(input) {
    const text = textOf(input);
    const lines = text.split("\n");
    for (const path of keyPaths(text)) {
      const { line, column } = locate(text, path);
      ok(line >= 1 && line <= lines.length);
      ok(column >= 1 && column <= (lines[line - 1] as string).length + 1);
    }
  },
  allows: isConfigError,
});

const keys = decoder<Uint8Array | undefined>({
  name: "agent/keys",
  covers: ["lib/agent/config/keys.ts parseKey", "lib/agent/config/types.ts parseHostPort"],
  corpus: ["texts"],
  share: 0.3,
  maxBytes: 300,
  decode(input) {
    const text = textOf(input);
    const place = parseHostPort(text);
    ok(place === undefined || (place.port ?? 0) <= 65_535);
    return parseKey(text);
  },
  refused: (key) => key === undefined,
  check: (_input, key) => key && deepStrictEqual(parseKey(formatKey(key)), key),
});

const code = decoder<ReturnType<typeof parseCode>>({
  name: "agent/code",
  covers: ["lib/agent/join/invite_code.ts parseCode"],
  corpus: ["texts"],
  share: 0.3,
  maxBytes: 300,
  decode: (input) => parseCode(textOf(input)),
  check(_input, parsed) {
    const again = parseCode(formatCode(parsed));
    strictEqual(again.key.id, parsed.key.id);
    deepStrictEqual(again.addresses, parsed.addresses);
  },
  allows: (error) => error instanceof AgentError && error.exitCode === 2,
});

const codec = new NativeStateCodec();
const PREFIXES = ["agent/links/eth0/02:00:00:00:00:01", "agent/services/printer", "agent/piot"];

/** Entries of other nodes, out of what may stand in their node data. */
const published = machine({
  name: "agent/published",
  covers: [
    "lib/agent/lsoe/entry.ts readLink",
    "lib/agent/nearby/entry.ts readService",
    "lib/agent/piot/entry.ts readEntry",
    "lib/agent/piot/entry.ts addressesOf",
  ],
  corpus: ["agent-entry", "state-native"],
  types: { taken: ["link", "service", "messages"], refused: ["link", "service", "messages"] },
  begin: (_seed, tally) => ({
    step(input, random) {
      const entries = [...codec.decode(input).entries.values()];
      for (const { at, key, value } of entries) {
        const entry = { at, key: random.chance(0.3) ? random.pick(PREFIXES) : key, value };
        const link = readLink(entry);
        const service = readService(entry);
        const messages = readEntry(value);
        if (entry.key.startsWith("agent/links/")) tally.type("link", link !== undefined);
        if (entry.key.startsWith("agent/services/")) tally.type("service", service !== undefined);
        tally.type("messages", messages !== undefined);
        if (link) ok(link.addresses.length <= 32 && link.peerAddresses.length <= 32);
        if (service) ok(service.addresses.length > 0 && service.addresses.length <= 32);
        if (messages) ok(addressesOf(messages, "here").length <= messages.at.length);
        JSON.stringify([link, service, messages]);
      }
      return entries.length > 0;
    },
  }),
});

/** Rows that belong to nobody but us, and may be damaged like all others. */
const kept = machine({
  name: "agent/kept",
  covers: ["lib/agent/piot/identity.ts identityOf", "lib/agent/piot/rows.ts bodyValue"],
  corpus: ["cbor", "agent-identity"],
  types: { taken: ["identity"], refused: ["identity"] },
  begin: (_seed, tally) => ({
    step(input, random) {
      const rows = [{ key: "piot/identity", value: input, at: 0 }];
      const store = { entries: () => rows, putEntries() {} };
      const member = [{ name: "home", nodeId: "ab12" }];
      const id = identityOf(store, member, (length) => new Uint8Array(length));
      match(id, /^[0-9a-f]{32}$/);
      tally.type("identity", id !== "0".repeat(32));
      const type = random.pick([undefined, "application/cbor", "text/plain", "application/json"]);
      const value = bodyValue({ kind: 0, ...(type !== undefined && { type }) }, input);
      JSON.stringify(value);
      return id !== "0".repeat(32);
    },
  }),
});

const SAYINGS = [
  { type: "hello", name: "pi-2" },
  { type: "hello", name: "x".repeat(400) },
  { type: "take", claim: "0".repeat(32) },
  { type: "take", claim: "1".repeat(32) },
  { type: "stored" },
  { type: "done" },
  { type: "refuse", message: "no" },
] as const;

/** Holders of an invitation that say anything in any order: the key is given once, to one. */
const joining = machine({
  name: "agent/join",
  covers: ["lib/agent/join/streams.ts JoinSession.receive"],
  corpus: ["invite"],
  steps: 100,
  types: { taken: ["offer", "keys", "done"], refused: ["refuse", "garbage"] },
  begin(_seed, tally) {
    let claim: string | undefined;
    let given = 0;
    const invites = {
      take(_id: string, token: string) {
        claim ??= token;
        if (claim !== token) return "taken before";
        given++;
        return undefined;
      },
      stored() {},
      ended() {},
    } as unknown as Invites;
    const key = NetworkKey.parse(CORPUS_KEY);
    const offer = { network: "home", node: "pi-1", port: 1, streamPort: 2, keys: [key] };
    return {
      step(input, random) {
        const listeners: { data?: (bytes: Uint8Array) => void; closed?: (why: string) => void } =
          {};
        let open = true;
        let keysSent = 0;
        const stream = {
          invitation: "01020304",
          remote: "[fe80::1%eth0]:4711",
          onData: (callback: (bytes: Uint8Array) => void) => void (listeners.data = callback),
          onClosed: (callback: (why: string) => void) => void (listeners.closed = callback),
          write(bytes: Uint8Array) {
            for (const { type } of new InviteDecoder().feed(bytes)) {
              if (type === "keys") keysSent++;
              tally.type(type, type !== "refuse");
            }
            return true;
          },
          close(why: string) {
            if (/garbage/.test(why)) tally.type("garbage", false);
            open = false;
          },
          flushed: () => Promise.resolve(),
        } as unknown as SecureStream;
        serveJoin(stream, invites, () => offer);
        const before = given;
        for (let i = random.below(6); i >= 0 && open; i--) {
          const bytes = random.chance(0.3) ? input : encodeInvite(random.pick(SAYINGS));
          listeners.data?.(bytes.slice());
        }
        listeners.closed?.("gone");
        ok(keysSent <= 1 && keysSent === given - before, "the key goes to whom it is given");
        return keysSent === 1;
      },
    };
  },
});

const CLOCK = { boot: "b", now: 10_000 };

/** Files that an earlier process or a person has left; each is read, and none is believed blindly. */
const files = machine({
  name: "agent/files",
  covers: [
    "lib/agent/upgrade/handover.ts readHandover",
    "lib/agent/upgrade/file.ts expectedSum",
    "lib/agent/upgrade/trial.ts onTrial",
    "lib/agent/service/unit.ts isEdited",
    "lib/agent/upgrade/restart.ts unitIn",
  ],
  corpus: ["agent-file"],
  share: 0.3,
  steps: 100,
  types: { taken: ["handover", "sum", "trial", "unit"], refused: ["handover", "sum", "trial"] },
  begin(_seed, tally) {
    const dir = Deno.makeTempDirSync({ prefix: "agent-fuzz-" });
    return {
      async step(input) {
        for (const name of ["handover.json", "SHA256SUMS", "agent.upgrading"]) {
          Deno.writeFileSync(`${dir}/${name}`, input);
        }
        const handover = readHandover(dir, () => CLOCK);
        for (const { peers, held, guests } of handover.values()) {
          for (const { node } of peers) match(node, /^[0-9a-f]+$/);
          for (const { leftMs, entries } of held) {
            ok(leftMs === undefined || !Number.isNaN(leftMs));
            for (const { key } of entries) ok(typeof key === "string");
          }
          ok(Array.isArray(guests));
        }
        const sum = expectedSum(`${dir}/agent`, undefined);
        if (sum !== undefined) match(sum, /^[0-9a-f]{64}$/);
        const trial = onTrial(`${dir}/agent`);
        if (trial !== undefined) isOlder(trial, "0.1.0");
        const text = textOf(input);
        const edited = await isEdited(text);
        unitIn(text);
        tally.type("handover", handover.size > 0);
        tally.type("sum", sum !== undefined);
        tally.type("trial", trial !== undefined);
        tally.type("unit", !edited);
        return handover.size > 0 || sum !== undefined || trial !== undefined;
      },
      end: () => Deno.removeSync(dir, { recursive: true }),
    };
  },
});

/** All of them. */
export const targets: readonly Target[] = [config, keys, code, published, kept, joining, files];
