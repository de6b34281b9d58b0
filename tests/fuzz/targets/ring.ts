/**
 * The logging ring: lines, a lone server (v0.1), and a server of the ring with clients, servers and
 * strangers (v0.2.2).
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { Random } from "../../../lib/core/mod.ts";
import {
  type ConnectionId,
  Logger,
  type LogName,
  Ring,
  type RingOutput,
} from "../../../lib/ring/mod.ts";
import { LineReader } from "../../../lib/ring/lines.ts";
import { concat } from "../../../lib/wire/bytes.ts";
import { CONFIG } from "../../ring/world.ts";
import { pass } from "../time.ts";
import { machine, type Tally, type Target } from "../target.ts";

const LIMIT = 511;
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const lines = (["lf", "crlf"] as const).map((ending) =>
  machine({
    name: `ring/lines-${ending}`,
    covers: ["lib/ring/lines.ts LineReader.feed"],
    corpus: ["ring-lines"],
    share: 0.5,
    begin: () => ({
      step(input, random) {
        // The same lines, however the stream was cut.
        const whole = cut(input, () => Infinity);
        const pieces = cut(input, () => 1 + random.below(20));
        deepStrictEqual(pieces, whole);
        return whole.at(-1) !== "too long";

        function cut(input: Uint8Array, size: () => number): string[] {
          const reader = new LineReader(ending, 100);
          const found: string[] = [];
          for (let at = 0; at < input.length;) {
            const end = Math.min(input.length, at + size());
            const long = reader.feed(input.slice(at, end), (line) => {
              ok(line.length < 100);
              found.push(line.toHex());
              return true;
            });
            ok(reader.held.length <= 100);
            if (long) return [...found, "too long"];
            at = end;
          }
          return found;
        }
      },
    }),
  })
);

/** What a machine wrote, and which of its connections it has closed. */
class Output implements RingOutput {
  readonly written = new Map<ConnectionId, Uint8Array[]>();
  readonly closed = new Set<ConnectionId>();
  readonly dialled: ConnectionId[] = [];
  lines: Record<LogName, number> = { access: 0, error: 0, ring: 0 };
  bytes = 0;
  shutdowns = 0;

  dial(connection: ConnectionId): void {
    this.dialled.push(connection);
  }
  write(connection: ConnectionId, bytes: Uint8Array): void {
    ok(!this.closed.has(connection), "it writes where it has closed");
    this.written.set(connection, [...this.written.get(connection) ?? [], bytes.slice()]);
    this.bytes += bytes.length;
  }
  close(connection: ConnectionId): void {
    ok(!this.closed.has(connection), "it closes twice");
    this.closed.add(connection);
  }
  pause(): void {}
  log(log: LogName, lines: readonly Uint8Array[]): void {
    this.lines[log] += lines.length;
    for (const line of lines) {
      ok(line.length < 4 * LIMIT + 200, `a line of ${line.length} octets in ${log}.log`);
      // No octet of a stranger moves a terminal or makes a line of its own.
      ok(log === "access" || line.every((octet) => octet >= 0x20 && octet < 0x7f || octet >= 0x80));
    }
  }
  shutdown(): void {
    this.shutdowns++;
  }

  take(connection: ConnectionId): string {
    const text = decode(concat(this.written.get(connection) ?? []));
    this.written.delete(connection);
    return text;
  }
}

const MOST_CLIENTS = 8;

const KEEPALIVE = new TextEncoder().encode("keepalive\r\n");

const logger = machine({
  name: "ring/logger",
  covers: ["lib/ring/logger.ts Logger.receive"],
  corpus: ["ring-v01"],
  types: { taken: ["ok", "closed", "shutdown", "no room"] },
  begin(_seed, tally) {
    const output = new Output();
    const machine = new Logger({
      config: {
        maxMessage: LIMIT,
        maxClients: MOST_CLIENTS,
        idleTimeout: 60_000,
        allowShutdown: false,
      },
      output,
    });
    const open: ConnectionId[] = [];
    let now = 0;
    return {
      step(input, random) {
        now += random.below(random.chance(0.95) ? 100 : 100_000);
        if (open.length === 0 || random.chance(0.4)) {
          const address = random.chance(0.5) ? "127.0.0.1" : "198.51.100.7";
          const id = machine.accept(now, { address, port: 1 + random.below(65_535) });
          if (output.closed.has(id)) tally.type("no room", true);
          else open.push(id);
        }
        const id = open.length > 0 ? random.pick(open) : 0;
        const bytes = random.chance(0.5) ? KEEPALIVE : input;
        const half = random.below(bytes.length + 1);
        machine.receive(now, id, bytes.slice(0, half));
        machine.receive(now, id, bytes.slice(half));
        if (random.chance(0.02)) machine.ended(now, id);
        const said = output.take(id);
        if (said.includes("ok")) tally.type("ok", true);
        if (output.shutdowns > 0) tally.type("shutdown", true);
        const before = open.length;
        for (const each of [...open]) {
          if (output.closed.has(each)) open.splice(open.indexOf(each), 1);
        }
        if (open.length < before) tally.type("closed", true);
        ok(machine.clients === open.length && machine.clients <= MOST_CLIENTS);
        ok(machine.nextWake() > now);
        return said.includes("ok") || undefined;
      },
    };
  },
});

/** What servers and clients say, whole; `own` is the index of the server that is spoken to. */
const WORDS = [
  "MSG hello\n",
  "MSG \n",
  "KEEPALIVE\n",
  "QUIT\n",
  "SHUTDOWN\n",
  "HELLO 1 4\n",
  "HELLO 2 4\n",
  "HELLO 3 4\n",
  "HELLO 0 4\n",
  "HELLO 1 5\n",
  "HELLO\n",
  "0copy\n",
  "1copy\n",
  "2copy\n",
  "9copy\n",
  "OK\n",
  "ACK\n",
  "ERR syntax\n",
  "OK\nOK\nOK\nOK\n",
].map((text) => new TextEncoder().encode(text));

const ring = machine({
  name: "ring/ring",
  covers: ["lib/ring/ring.ts Ring.receive", "lib/ring/link.ts Link.receive"],
  corpus: ["ring-lines"],
  share: 3,
  steps: 600,
  types: {
    taken: ["OK", "ACK", "up", "copy", "data"],
    refused: ["syntax", "length", "hello", "refused", "wrapping", "busy"],
  },
  begin(seed, tally) {
    const output = new Output();
    const machine = new Ring({
      config: {
        ...CONFIG,
        maxClients: MOST_CLIENTS,
        members: ["s0", "s1", "s2", "s3"],
        index: 0,
        checkPeers: seed % 4 === 0,
      },
      random: new Random(seed),
      now: 0,
      output,
      membersAt: (address) => address.startsWith("192.0.2.") ? [Number(address.slice(8)) % 4] : [],
      onData: (from) => tally.type(from === "client" ? "data" : "copy", true),
    });
    const open: ConnectionId[] = [];
    let now = 0;
    return {
      step(input, random) {
        now = pass(machine, now, random.below(random.chance(0.97) ? 50 : 700_000));
        if (random.chance(0.2)) {
          const address = random.pick(["127.0.0.1", "192.0.2.1", "192.0.2.2", "198.51.100.7"]);
          open.push(machine.accept(now, { address, port: 1 + random.below(65_535) }));
        }
        // Now and then a crowd.
        for (let i = random.chance(0.02) ? 12 : 0; i > 0; i--) {
          const id = machine.accept(now, { address: "198.51.100.8", port: i });
          machine.receive(now, id, new TextEncoder().encode("KEEPALIVE\n"));
          open.push(id);
        }
        for (const id of output.dialled.splice(0)) {
          if (output.closed.has(id)) continue;
          if (random.chance(0.3)) machine.ended(now, id, "refused");
          else {
            machine.connected(now, id);
            if (random.chance(0.6)) machine.receive(now, id, new TextEncoder().encode("OK\n"));
            open.push(id);
          }
        }
        if (open.length === 0) return;
        const id = random.pick(open);
        const bytes = random.chance(0.6)
          ? concat(Array.from({ length: 1 + random.below(3) }, () => random.pick(WORDS)))
          : input;
        const before = output.bytes;
        const half = random.below(bytes.length + 1);
        machine.receive(now, id, bytes.slice(0, half));
        machine.receive(now, id, bytes.slice(half));
        // Each line is passed on to three others at the most, and answered; one was begun before.
        const most = 10 * bytes.length + 4 * LIMIT;
        ok(output.bytes - before <= most, "more comes out than goes in");
        if (random.chance(0.05)) machine.ended(now, id, "closed");
        const said = tell(tally, output.take(id));
        for (const each of [...output.written.keys()]) tell(tally, output.take(each));
        for (const each of [...open]) {
          if (output.closed.has(each)) open.splice(open.indexOf(each), 1);
        }
        ok(machine.clients <= MOST_CLIENTS && machine.dialled <= 3);
        if (machine.members().some(({ state }) => state === "up")) tally.type("up", true);
        ok(!Number.isNaN(machine.nextWake()));
        return said;
      },
      end() {
        machine.abort(now);
        ok(machine.clients === 0);
        for (const id of open) ok(output.closed.has(id), `connection ${id} was left open`);
      },
    };
  },
});

/** Counts the answers; whether the last one was good. */
function tell(tally: Tally, said: string): boolean | undefined {
  let good: boolean | undefined;
  for (const line of said.split("\n")) {
    const [, error] = /^ERR (\w+)/.exec(line) ?? [];
    if (error !== undefined) {
      tally.type(error, false);
      good = false;
    } else if (line === "OK" || line === "ACK") {
      tally.type(line, true);
      good = true;
    }
  }
  return good;
}

/** All of them. */
export const targets: readonly Target[] = [...lines, logger, ring];
