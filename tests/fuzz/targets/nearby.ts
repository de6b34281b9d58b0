/**
 * networkzero: adverts, requests to the beacon, ZMTP, and what learners type.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { Random } from "../../../lib/core/mod.ts";
import { AddressBook, matchesPattern, parseIpPort } from "../../../lib/nearby/address.ts";
import {
  type Advert,
  Beacon,
  decodeAdvert,
  decodeCommand,
  decodeError,
  decodeJson,
  decodeProperties,
  decodeRequest,
  encodeAdvert,
  encodeJsonBytes,
  encodePong,
  encodeReady,
  encodeRequest,
  FrameReader,
  GREETING,
  joinWords,
  type Json,
  NetworkZeroError,
  PubSocket,
  readGreeting,
  RepSocket,
  ReqSocket,
  RpcServer,
  splitWords,
  SubSocket,
  type ZmtpSocket,
} from "../../../lib/nearby/machines.ts";
import { stringToBytes } from "../../../lib/nearby/words.ts";
import { WireError } from "../../../lib/wire/bytes.ts";
import { End, text } from "../../nearby/ends.ts";
import { pass } from "../time.ts";
import { decoder, machine, type Target, textOf } from "../target.ts";

/** All of a value as text, numbers as they are. */
function inspect(value: Json): string {
  return JSON.stringify(value, (_key, each) => typeof each === "number" ? String(each) : each);
}

const adverts = decoder<Advert>({
  name: "nearby/nearby-advert",
  covers: ["lib/nearby/adverts.ts decodeAdvert"],
  decode: decodeAdvert,
  check(input, { name, address, ttl }) {
    ok(input.length <= 256);
    ok(typeof name === "string" && typeof address === "string");
    ok(ttl === null || Number.isFinite(ttl));
  },
});

const requests = decoder<[string, ...Json[]]>({
  name: "nearby/nearby-request",
  covers: ["lib/nearby/rpc.ts decodeRequest", "lib/nearby/json.ts decodeJson"],
  decode: decodeRequest,
  check: (_input, [action]) => ok(action === action.toLowerCase()),
});

const json = decoder<Json>({
  name: "nearby/json",
  covers: ["lib/nearby/json.ts decodeJson"],
  corpus: ["nearby-request", "nearby-advert", "shsp-json"],
  share: 0.5,
  decode: decodeJson,
  check(_input, value) {
    // Python reads 1e999 as infinity too, and neither of us sends it.
    if (/Infinity/.test(inspect(value))) return;
    const bytes = encodeJsonBytes(value);
    ok(bytes.every((octet) => octet >= 0x20 && octet < 0x7f));
    deepStrictEqual(encodeJsonBytes(decodeJson(bytes)), bytes);
  },
});

const COMMANDS = ["READY", "ERROR", "PING", "SUBSCRIBE"];

const commands = decoder<unknown>({
  name: "nearby/zmtp-command",
  covers: [
    "lib/nearby/zmtp/command.ts decodeCommand",
    "lib/nearby/zmtp/command.ts decodeProperties",
    "lib/nearby/zmtp/command.ts decodeError",
  ],
  decode(input) {
    const { name, data } = decodeCommand(input);
    if (name === "READY") return decodeProperties(data);
    if (name === "ERROR") return decodeError(data);
    if (name === "PING") return encodePong(data);
    return data;
  },
  sort(tally, input, result) {
    const name = textOf(input.subarray(1, 1 + (input[0] ?? 0)));
    if (COMMANDS.includes(name)) tally.type(name, result !== undefined);
  },
  types: { taken: COMMANDS, refused: ["READY", "ERROR", "PING"] },
});

/** All frames of a stream in pieces, as text. */
function framesOf(input: Uint8Array, piece: () => number): string[] {
  const reader = new FrameReader();
  const found: string[] = [];
  for (let at = 0; at < input.length;) {
    const end = Math.min(input.length, at + piece());
    reader.push(input.slice(at, end));
    at = end;
    while (reader.next()) found.push(`${reader.flags} ${reader.body.toHex()}`);
  }
  return found;
}

const FLAGS = ["0", "1", "4"];

const frames = decoder<string[]>({
  name: "nearby/zmtp-frames",
  covers: ["lib/nearby/zmtp/frame.ts FrameReader.push"],
  decode: (input) => framesOf(input, () => Infinity),
  check(input, result, random) {
    deepStrictEqual(framesOf(input, () => 1 + random.below(20)), result);
  },
  sort(tally, input, result) {
    for (const frame of result ?? []) tally.type(frame.slice(0, frame.indexOf(" ")), true);
    if (result === undefined && input.length === 2) tally.type("flags", false);
  },
  types: { taken: FLAGS, refused: ["flags"] },
});

const greeting = decoder({
  name: "nearby/greeting",
  covers: ["lib/nearby/zmtp/greeting.ts readGreeting"],
  corpus: ["zmtp-stream"],
  share: 0.3,
  maxBytes: 200,
  decode: readGreeting,
  refused: (version) => version === undefined,
  check: (_input, version) => ok(version === undefined || version.major >= 3),
});

/** Whoever speaks to a socket of any kind harms only himself. */
const PARTNER = { REQ: "REP", REP: "REQ", PUB: "SUB", SUB: "PUB" } as const;
const KINDS: (() => End)[] = [
  () => new End((options) => new ReqSocket(options)),
  () => new End((options) => new RepSocket(options)),
  () => new End((options) => new PubSocket(options)),
  () => new End((options) => new SubSocket(options)),
];

const sockets = machine({
  name: "nearby/sockets",
  covers: [
    "lib/nearby/zmtp/socket.ts ZmtpSocket.receive",
    "lib/nearby/zmtp/link.ts Link.receive",
  ],
  corpus: ["zmtp-stream", "zmtp-frames", "zmtp-command"],
  share: 2,
  steps: 60,
  maxBytes: 2_048,
  types: {
    taken: ["REQ open", "REP open", "PUB open", "SUB open", "message"],
    refused: ["REQ", "REP", "PUB", "SUB"],
  },
  begin(seed, tally) {
    const end = (KINDS[seed % KINDS.length] as () => End)();
    const { socket } = end;
    const open: number[] = [];
    // Somebody else's connection, which nobody may harm.
    const other = socket.type === "REQ" || socket.type === "SUB" ? undefined : end.accept();
    if (socket instanceof SubSocket) socket.subscribe(text("t"));
    return {
      step(input, random) {
        if (socket instanceof ReqSocket && random.chance(0.5)) ask(socket, random);
        if (open.length === 0 || random.chance(0.3) && open.length < 20) {
          const link = random.chance(0.5) ? end.accept() : end.connect();
          end.take(link);
          open.push(link);
          if (random.chance(0.7)) {
            end.give(link, GREETING.slice());
            end.take(link);
            end.give(link, encodeReady(PARTNER[socket.type as keyof typeof PARTNER]));
          }
        }
        const link = random.pick(open);
        const half = random.below(input.length + 1);
        end.give(link, input.slice(0, half));
        end.take(link);
        end.give(link, input.slice(half));
        if (socket instanceof PubSocket) socket.publish(text("topic"), text("1"));
        const message = take(socket, end.now);
        if (message) tally.type("message", true);
        const out = end.take(link);
        ok(out.length <= 20 * (input.length + 200), "more comes out than goes in");
        end.now = pass(socket, end.now, random.below(random.chance(0.9) ? 50 : 31_000));
        if (socket.partners > 0) tally.type(`${socket.type} open`, true);
        for (const each of end.closed.splice(0)) {
          tally.type(socket.type, false);
          ok(each !== other || end.now > 10_000, "another connection was closed");
          const at = open.indexOf(each);
          if (at >= 0) open.splice(at, 1);
        }
        ok(end.problems.length <= 1_000);
        return open.includes(link);
      },
    };
  },
});

function ask(socket: ReqSocket, random: Random): void {
  try {
    socket.send(text(String(random.below(9))));
  } catch (error) {
    // One request at a time.
    ok(
      error instanceof NetworkZeroError || error instanceof Error && !(error instanceof WireError),
    );
  }
}

/** Takes what came, and answers what is to be answered. */
function take(socket: ZmtpSocket, now: number): boolean {
  let any = false;
  if (socket instanceof RepSocket) {
    for (let request; (request = socket.take(now)) !== undefined;) {
      socket.answer(request, text("null"));
      any = true;
    }
  } else if (socket instanceof ReqSocket || socket instanceof SubSocket) {
    while (socket.take(now) !== undefined) any = true;
  }
  return any;
}

const HERE = { address: "192.168.1.5", prefixLength: 24, broadcast: "192.168.1.255" };
const MOST_NAMES = 40;

/** Adverts and requests from anybody, while services come and go. */
const beacon = machine({
  name: "nearby/beacon",
  covers: ["lib/nearby/beacon.ts Beacon.receive", "lib/nearby/rpc.ts RpcServer.handle"],
  corpus: ["nearby-advert", "nearby-request"],
  share: 2,
  steps: 600,
  types: {
    taken: [
      "advert",
      "advertise",
      "discover",
      "discover_all",
      "unadvertise",
      "pause",
      "reset",
      "stop",
    ],
    refused: ["oversized", "malformed", "badAddress", "full", "request"],
  },
  begin(seed, tally) {
    let now = 0;
    let sent = 0;
    let asked = 0;
    let answered = 0;
    const beacon = new Beacon({
      maxNames: MOST_NAMES,
      output: { broadcast: (_on, bytes) => void (sent += bytes.length) },
    });
    beacon.setInterfaces(0, [HERE as never]);
    const random = new Random(seed);
    const book = new AddressBook({ local: () => ["192.168.1.5", "127.0.0.1"], random });
    const server = new RpcServer(beacon, book, {
      resolve: (_host, done) => done(random.chance(0.5) ? ["192.0.2.9"] : []),
      stop: () => tally.type("stop", true),
    }, () => now);
    return {
      step(input, random) {
        if (random.chance(0.5)) {
          const before = { ...beacon.counters };
          const advert = random.chance(0.5) ? input : encodeAdvert({
            name: `s${random.below(400)}`,
            address: `10.0.0.${random.below(300)}:${random.below(70_000)}`,
            ttl: random.pick([null, null, null, null, 0, 20, -1]),
          });
          beacon.receive(now, advert, random.pick(["192.168.1.5", "10.0.0.9"]));
          const { counters } = beacon;
          if (counters.advertsReceived > before.advertsReceived) tally.type("advert", true);
          for (const refusal of ["oversized", "malformed", "badAddress"] as const) {
            if (counters[refusal] > before[refusal]) tally.type(refusal, false);
          }
          if (counters.refused > before.refused) tally.type("full", false);
        } else {
          const request = random.chance(0.4) ? input : anyRequest(random);
          const { refused } = server.counters;
          asked++;
          server.handle(now, request, (reply) => {
            answered++;
            decodeJson(reply);
          });
          if (server.counters.refused > refused) tally.type("request", false);
          else tally.type(decodeRequest(request)[0], true);
        }
        now = pass(beacon, now, random.below(random.chance(0.98) ? 500 : 60_000));
        ok(beacon.all(now).length <= MOST_NAMES + 900 && beacon.own().length <= 900);
        ok(answered <= asked);
      },
      end() {
        now = pass(beacon, now, 3_600_000);
        ok(answered === asked, `${asked - answered} requests were never answered`);
        ok(Number.isSafeInteger(sent));
      },
    };
  },
});

function anyRequest(random: Random): Uint8Array {
  const name = `s${random.below(100)}`;
  const address = random.pick<Json>([
    null,
    5_000,
    "192.168.*",
    "name:80",
    "10.0.0.1:99999",
    "::",
    true,
  ]);
  return random.pick([
    () => encodeRequest("advertise", name, address, random.chance(0.5), random.pick([null, 1, 20])),
    () => encodeRequest("unadvertise", name),
    () => encodeRequest("discover", name, random.pick<Json>([null, 0, 1, 1e9, "x"])),
    () => encodeRequest("discover_all"),
    () => encodeRequest(random.pick(["pause", "resume", "reset", "stop", "none"])),
  ])();
}

/** What people write; and anything else. */
const words = decoder<boolean>({
  name: "nearby/words",
  covers: [
    "lib/nearby/words.ts splitWords",
    "lib/nearby/address.ts AddressBook.parse",
    "lib/nearby/address.ts parseIpPort",
  ],
  corpus: ["texts"],
  share: 0.5,
  maxBytes: 300,
  decode(input) {
    const typed = textOf(input);
    const random = new Random(1);
    const refused = [
      () => deepStrictEqual(splitWords(joinWords(splitWords(typed))), splitWords(typed)),
      () => new AddressBook({ local: () => ["192.0.2.1"], random }).parse(typed),
      () => stringToBytes(typed),
    ].filter((attempt) => {
      try {
        attempt();
        return false;
      } catch (error) {
        ok(error instanceof NetworkZeroError, String(error));
        return true;
      }
    });
    parseIpPort(typed);
    matchesPattern("192.0.2.1", typed);
    return refused.length < 3;
  },
  refused: (taken) => !taken,
});

/** All of them. */
export const targets: readonly Target[] = [
  adverts,
  requests,
  json,
  commands,
  frames,
  greeting,
  sockets,
  beacon,
  words,
];
