/**
 * Floor 1 without its sockets: sealed datagrams, addresses, and files that a bad card has damaged.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import { AgentError, type Random } from "../../../lib/core/mod.ts";
import { formatHostPort, inSubnet4, parseHostPort } from "../../../lib/net/address.ts";
import { Sealer } from "../../../lib/net/sealed_multicast.ts";
import { type MessageStore, openMessages, openStore, type Store } from "../../../lib/store/mod.ts";
import { NetworkKey, ReplayGuard, seal } from "../../../lib/wire/mod.ts";
import { CORPUS_CONTEXT, CORPUS_KEY } from "../corpus_key.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";

const key = NetworkKey.parse(CORPUS_KEY);
const OWN = "0123456789abcdef";

/** Everything that can come to a group: our own blocks, old ones, those of others, and damaged ones. */
const sealer = machine({
  name: "net/sealer",
  covers: ["lib/net/sealed_multicast.ts Sealer.open"],
  corpus: ["sealed"],
  types: {
    taken: ["opened"],
    refused: ["own", "replayed", "wrongKey", "damaged"],
  },
  share: 0.5,
  begin(seed, tally) {
    const guard = new ReplayGuard(16);
    const heard: Uint8Array[] = [];
    let sealer: Sealer | undefined;
    return {
      step(input, random) {
        sealer ??= new Sealer({
          keys: [key],
          context: CORPUS_CONTEXT,
          sender: OWN,
          epoch: 2,
          randomBytes: (length) => random.bytes(length),
        });
        const block = random.pick([
          () => input,
          () => (sealer as Sealer).seal(input),
          () => heard.length > 0 ? random.pick(heard) : input,
          () => sealed(random, input),
        ])();
        if (heard.length < 30 && random.chance(0.2)) heard.push(block);
        const before = { ...sealer.counters };
        const { kind } = sealer.open(block.slice(), guard);
        let counted = 0;
        for (const name of ["opened", "own", "replayed", "wrongKey", "damaged"] as const) {
          if (sealer.counters[name] === before[name]) continue;
          counted++;
          tally.type(name, name === "opened");
        }
        ok(counted === 1, "each block is counted once");
        ok(guard.size <= 16 && seed >= 0);
        return kind === "opened";
      },
    };
  },
});

function sealed(random: Random, payload: Uint8Array): Uint8Array {
  const sender = random.chance(0.2) ? OWN : random.below(30).toString(16).padStart(16, "0");
  const origin = { sender, epoch: random.below(4), counter: random.below(500) };
  return seal(key, CORPUS_CONTEXT, origin, payload, random.bytes(24));
}

const addresses = decoder<boolean>({
  name: "net/addresses",
  covers: ["lib/net/address.ts parseHostPort"],
  corpus: ["texts"],
  share: 0.5,
  maxBytes: 300,
  decode(input) {
    const text = textOf(input);
    inSubnet4(text, "192.0.2.0/24");
    const { host, port } = parseHostPort(text, 8_331);
    ok(host !== "" && port >= 0 && port <= 65_535);
    const again = parseHostPort(formatHostPort(host, port), 0);
    ok(again.port === port && again.host === host, `${text}: ${host} ${port}`);
    return true;
  },
  // What was typed stands in it as it was typed: who shows it makes it one harmless line.
  allows: (error) => error instanceof AgentError,
});

/**
 * A database file with damage anywhere: it is opened, or put aside and begun anew, or the agent says in
 * one line why it cannot; and what is read then is of the right types.
 */
function database<S extends { close(): void }>(
  name: string,
  covers: string,
  opens: (path: string, report: (line: string) => void) => S,
  fill: (store: S) => void,
  use: (store: S) => void,
): Target {
  return machine({
    name: `net/${name}`,
    covers: ["lib/store/open.ts openDatabase", covers],
    corpus: ["texts"],
    share: 0.02,
    steps: 50,
    types: { taken: ["opened", "aside"] },
    begin(_seed, tally) {
      // Memory, where there is some: it is bytes that are of interest here.
      const dir = Deno.makeTempDirSync({ prefix: "agent-fuzz-", dir: memoryFolder() });
      const path = `${dir}/file.db`;
      const store = opens(path, () => {});
      fill(store);
      store.close();
      const whole = Deno.readFileSync(path);
      return {
        step(_input, random) {
          const bytes = hurt(whole, random);
          Deno.writeFileSync(path, bytes);
          const told: string[] = [];
          let opened: S | undefined;
          try {
            opened = opens(path, (line) => told.push(line));
            use(opened);
          } catch (error) {
            ok(error instanceof AgentError, String(error));
            ok(!/\n/.test(error.message), error.message);
            return false;
          } finally {
            opened?.close();
            for (const { name } of Deno.readDirSync(dir)) Deno.removeSync(`${dir}/${name}`);
          }
          ok(told.length <= 1);
          tally.type(told.length > 0 ? "aside" : "opened", true);
          return told.length === 0;
        },
        end: () => Deno.removeSync(dir, { recursive: true }),
      };
    },
  });
}

function memoryFolder(): string {
  try {
    Deno.lstatSync("/dev/shm");
    return "/dev/shm";
  } catch {
    return Deno.env.get("TMPDIR") ?? "/tmp";
  }
}

/** As a card fails: single bits, whole sectors, a file that ends too early. */
function hurt(whole: Uint8Array, random: Random): Uint8Array {
  const bytes = whole.slice();
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(bytes.length);
    switch (random.below(4)) {
      case 0:
        bytes.fill(random.pick([0, 0xff]), at & ~511, (at & ~511) + 512);
        break;
      case 1:
        if (random.chance(0.3)) return bytes.slice(0, at);
        break;
      default:
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    }
  }
  return bytes;
}

const state = database<Store>("state-db", "lib/store/store.ts openStore", openStore, (store) => {
  store.setNodeId("home", "0123456789abcdef");
  store.reserveSequence("home", 1_000);
  store.putEntries(
    "home",
    Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: new Uint8Array(50), at: i })),
  );
}, (store) => {
  const id = store.nodeId("home");
  ok(id === undefined || typeof id === "string");
  for (const { key, value, at } of store.entries("home")) {
    ok(typeof key === "string" && value instanceof Uint8Array && typeof at === "number");
  }
  store.epoch("home");
  store.coverSequence("home", 5);
});

const messages = database<MessageStore>(
  "messages-db",
  "lib/store/messages.ts openMessages",
  openMessages,
  (store) => {
    store.commit(
      new Map(Array.from({ length: 40 }, (_, i) => [`link/${i}`, new Uint8Array(30).fill(i)])),
    );
  },
  (store) => {
    for (const [key, value] of store.scan("link/")) {
      ok(typeof key === "string" && value instanceof Uint8Array);
    }
    store.commit(new Map([["link/1", null], ["new", Uint8Array.of(1)]]));
  },
);

/** All of them. */
export const targets: readonly Target[] = [sealer, addresses, state, messages];
