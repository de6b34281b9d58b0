/** The exchange of an invitation, with somebody in the middle. */
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Invites } from "../../../lib/agent/join/invites.ts";
import {
  formatCode,
  joinLine,
  parseCode,
  reachableAddresses,
} from "../../../lib/agent/join/invite_code.ts";
import { joinNetwork, type JoinOptions } from "../../../lib/agent/join/join.ts";
import { serveJoin } from "../../../lib/agent/join/streams.ts";
import { Log } from "../../../lib/agent/log.ts";
import { Problems } from "../../../lib/agent/problems.ts";
import { AgentError } from "../../../lib/core/mod.ts";
import { dialSecure, SecureListener } from "../../../lib/net/mod.ts";
import { encodeInvite } from "../../../lib/wire/invite_messages.ts";
import { InviteKey } from "../../../lib/wire/invite.ts";
import { encodePreface, NetworkKey } from "../../../lib/wire/mod.ts";
import { until } from "../in_process.ts";

const KEY = NetworkKey.fromBytes(new Uint8Array(32).fill(7));

/** An inviting node: its listener, and what it said. */
class Inviter implements AsyncDisposable {
  now = 1_000;
  readonly notices: string[] = [];
  readonly problems: Problems;
  readonly complaints: string[] = [];
  readonly invites: Invites;
  readonly listener: SecureListener;

  constructor() {
    const sink = { write: () => {} };
    this.problems = new Problems(
      new Log({ level: "error", journal: false, wall: () => 0, sink }),
      () => this.now,
    );
    this.invites = new Invites({
      network: "home",
      clock: { now: () => this.now, wall: () => 1e12 + this.now },
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      problems: this.problems,
      notice: (line) => this.notices.push(line),
    });
    this.listener = SecureListener.listen({
      host: "127.0.0.1",
      port: 0,
      keys: [KEY],
      maxStreams: 10,
      invitations: this.invites,
      onStream: (stream) =>
        serveJoin(stream, this.invites, () => ({
          network: "home",
          node: "pi-1",
          port: 8331,
          streamPort: this.listener.port,
          keys: [KEY],
        })),
      onProblem: (_, __, message) => this.complaints.push(message),
    });
  }

  options(key: InviteKey, port = this.listener.port): JoinOptions & { stored: string[] } {
    const stored: string[] = [];
    return {
      addresses: [{ host: "127.0.0.1", port }],
      key,
      name: "pi-2",
      timeoutMs: 20_000,
      consider: () => true,
      store: (keys) => stored.push(...keys.map((one) => one.toText())),
      stored,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
  }
}

type Way = "up" | "down";

/** Somebody in the middle, who sees every byte and may change or drop it. */
class Middle implements AsyncDisposable {
  readonly listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly seen: Record<Way, Uint8Array[]> = { up: [], down: [] };
  readonly #working: Promise<void>[] = [];
  readonly #open = new Set<Deno.Conn>();
  connections = 0;

  /** `touch` gets each piece and answers what goes on; undefined: cut the line. */
  constructor(
    readonly target: number,
    readonly touch: (bytes: Uint8Array, way: Way, connection: number) => Uint8Array | undefined,
  ) {
    this.#working.push(this.#accept());
  }

  get port(): number {
    return this.listener.addr.port;
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.listener) {
        const server = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
        const n = ++this.connections;
        this.#open.add(client).add(server);
        this.#working.push(
          this.#carry(client, server, "up", n),
          this.#carry(server, client, "down", n),
        );
      }
    } catch {
      // Closed.
    }
  }

  async #carry(from: Deno.Conn, to: Deno.Conn, way: Way, n: number): Promise<void> {
    const buffer = new Uint8Array(8_192);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        const bytes = buffer.slice(0, count);
        this.seen[way].push(bytes);
        const on = this.touch(bytes, way, n);
        if (!on) break;
        await to.write(on);
      }
    } catch {
      // One of them has gone.
    }
    for (const conn of [from, to]) {
      try {
        conn.close();
      } catch {
        // Closed already.
      }
      this.#open.delete(conn);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const conn of this.#open) {
      try {
        conn.close();
      } catch {
        // Closed already.
      }
    }
    await Promise.all(this.#working);
  }
}

Deno.test("join: the keys come over, and whoever listens sees none of them", async () => {
  await using inviter = new Inviter();
  await using middle = new Middle(inviter.listener.port, (bytes) => bytes);
  const { key } = inviter.invites.make(60_000);
  const options = inviter.options(key, middle.port);
  const joined = await joinNetwork(options);
  deepStrictEqual(options.stored, [KEY.toText()]);
  ok(joined.confirmed);
  strictEqual(joined.offer.node, "pi-1");
  match(inviter.notices.join(), /^pi-2 at 127\.0\.0\.1 joined network "home" with the invitation/);
  const said = [...middle.seen.up, ...middle.seen.down].map((bytes) => bytes.toHex()).join("");
  for (const secret of [KEY.toText(), "home", "pi-2", "pi-1"]) {
    ok(!said.includes(new TextEncoder().encode(secret).toHex()), secret);
  }
  ok(!said.includes(Uint8Array.fromBase64(KEY.toText()).toHex()));
  ok(said.startsWith(encodePreface("join", key.idBytes).toHex()));
});

Deno.test("join: a changed byte anywhere ends it, and nobody gets anything", async () => {
  await using inviter = new Inviter();
  const { key } = inviter.invites.make(60_000);
  // In every piece, on every connection: a retry is no way around.
  const places = [["up", 0, 20], ["up", 0, 59], ["up", 1, 9], ["up", 2, 9]] as const;
  const others = [["down", 0, 20], ["down", 0, 50], ["down", 1, 9], ["down", 2, 9]] as const;
  for (const [way, piece, at] of [...places, ...others]) {
    let last = 0;
    let count = 0;
    let changed = 0;
    await using middle = new Middle(inviter.listener.port, (bytes, from, connection) => {
      if (connection !== last) count = 0;
      last = connection;
      if (from !== way || count++ !== piece) return bytes;
      changed++;
      bytes[at] = bytes[at]! ^ 1;
      return bytes;
    });
    const options = { ...inviter.options(key, middle.port), timeoutMs: 1_000 };
    await rejects(joinNetwork(options), AgentError, `${way} ${piece} ${at}`);
    ok(changed > 0);
    deepStrictEqual(options.stored, []);
  }
  deepStrictEqual(inviter.notices, []);
});

Deno.test("join: a recorded exchange, played again, gives nothing", async () => {
  await using inviter = new Inviter();
  await using middle = new Middle(inviter.listener.port, (bytes) => bytes);
  const { key } = inviter.invites.make(60_000);
  const refused = { ...inviter.options(key, middle.port), consider: () => false };
  await joinNetwork(refused);
  strictEqual(inviter.invites.list()[0]?.state, "open");
  // All that the joiner said, again, to an invitation that is still good.
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: inviter.listener.port });
  for (const bytes of middle.seen.up) await conn.write(bytes);
  let answer = 0;
  const buffer = new Uint8Array(8_192);
  for (let count; (count = await conn.read(buffer)) !== null;) answer += count;
  conn.close();
  // The handshake is answered, to a key that the player does not have; then garbage ends it.
  ok(answer <= 1 + 2 + 48, String(answer));
  strictEqual(inviter.invites.list()[0]?.state, "open");
  deepStrictEqual(inviter.notices, []);
});

Deno.test("join: an invitation dies of wrong proofs, and it is said", async () => {
  await using inviter = new Inviter();
  const { key } = inviter.invites.make(60_000);
  const impostor = { id: key.id, idBytes: key.idBytes, streamPsk: new Uint8Array(32) };
  const { port } = inviter.listener;
  for (let i = 0; i < 5; i++) {
    const dial = { host: "127.0.0.1", port, keys: [impostor], purpose: "join" as const };
    await rejects(dialSecure({ ...dial, timeoutMs: 2_000 }), AgentError);
  }
  strictEqual(inviter.invites.list()[0]?.state, "withdrawn");
  match(inviter.problems.current().join(), /5 times somebody named it without its code/);
  await rejects(joinNetwork(inviter.options(key)), /no longer valid/);
});

Deno.test("join: after the keys are out, only the same joiner may ask again", async () => {
  await using inviter = new Inviter();
  const { key } = inviter.invites.make(60_000);
  // The line breaks each time right where the keys would arrive, then holds.
  let down = 0;
  await using middle = new Middle(inviter.listener.port, (bytes, way, connection) => {
    if (way === "up") return bytes;
    down = connection === 1 ? down + 1 : 0;
    return down === 3 ? undefined : bytes;
  });
  const options = inviter.options(key, middle.port);
  const joined = await joinNetwork(options);
  strictEqual(middle.connections, 2);
  deepStrictEqual(options.stored, [KEY.toText()]);
  ok(joined.confirmed);
  strictEqual(inviter.invites.list()[0]?.state, "used");
  deepStrictEqual(inviter.problems.current(), []);
});

Deno.test("join: keys that were taken and not confirmed are told, and nobody else gets them", async () => {
  await using inviter = new Inviter();
  const { key } = inviter.invites.make(60_000);
  const failing = {
    ...inviter.options(key),
    store: () => {
      throw new AgentError("the disk is full", 4);
    },
  };
  await rejects(joinNetwork(failing), /the disk is full/);
  await until("it is told", () => inviter.problems.current().length > 0);
  match(inviter.problems.current().join(), /pi-2 at 127\.0\.0\.1 was given the key .* not confirm/);
  const second = inviter.options(key);
  await rejects(joinNetwork(second), /has taken this code before/);
  deepStrictEqual(second.stored, []);
});

Deno.test("invites: few, short-lived, on a clock that nobody sets", async () => {
  await using inviter = new Inviter();
  const { invites } = inviter;
  const { key } = invites.make(1_000);
  inviter.now += 999;
  ok(typeof invites.find(key.id) !== "string");
  inviter.now += 1;
  strictEqual(invites.find(key.id), "expired");
  for (let i = 0; i < 8; i++) invites.make(60_000);
  throws(() => invites.make(60_000), /8 invitations are open already/);
  for (const wrong of [0, 999, 86_400_001, NaN]) throws(() => invites.make(wrong), AgentError);
  strictEqual(invites.find("00000000"), "unknown");
});

Deno.test("join: garbage behind the handshake ends the stream and no agent", async () => {
  await using inviter = new Inviter();
  const { key } = inviter.invites.make(60_000);
  for (
    const bytes of [
      Uint8Array.of(9, 0, 0, 0),
      Uint8Array.of(1, 255, 255, 255),
      encodeInvite({ type: "stored" }),
      encodeInvite({ type: "take", claim: "0".repeat(32) }),
    ]
  ) {
    const stream = await dialSecure({
      host: "127.0.0.1",
      port: inviter.listener.port,
      keys: [key],
      purpose: "join",
    });
    const closed = new Promise<void>((resolve) => {
      stream.onClosed(() => resolve());
      stream.onData(() => stream.close("enough"));
    });
    stream.write(bytes);
    await closed;
  }
  strictEqual(inviter.invites.list()[0]?.state, "open");
});

Deno.test("codes: what is written is read, and fits a shell", () => {
  const key = new InviteKey(new Uint8Array(16).fill(9));
  const plain = formatCode({ addresses: [{ host: "192.0.2.7", port: 8331 }], key });
  strictEqual(plain, `192.0.2.7/${key.toText()}`);
  strictEqual(joinLine(plain), `agent join ${plain}`);
  const addresses = [
    { host: "192.0.2.7", port: 9000 },
    { host: "fd00::7", port: 8331 },
    { host: "fd00::8", port: 9000 },
  ];
  const code = formatCode({ addresses, key });
  strictEqual(code, `192.0.2.7:9000,fd00::7,[fd00::8]:9000/${key.toText()}`);
  strictEqual(joinLine(code), `agent join '${code}'`);
  deepStrictEqual(parseCode(code).addresses, addresses);
  deepStrictEqual(parseCode(key.toText().toLowerCase()).addresses, []);
  throws(() => parseCode(`192.0.2.7:99999/${key.toText()}`), AgentError);
});

Deno.test("codes: addresses that others can dial", () => {
  const eth0 = {
    name: "eth0",
    up: true,
    addresses: ["192.0.2.7/24", "169.254.1.1/16", "fe80::1/64", "2001:db8::7/64", "fd00::7/64"],
  };
  const lo = { name: "lo", up: true, addresses: ["127.0.0.1/8", "::1/128"] };
  const all = (listen: string) =>
    reachableAddresses(listen, [lo, eth0, { ...eth0, up: false }], () => true)
      .map(({ host, port }) => `${host} ${port}`);
  deepStrictEqual(all("[::]:8331"), ["192.0.2.7 8331", "fd00::7 8331", "2001:db8::7 8331"]);
  deepStrictEqual(all("0.0.0.0:9"), ["192.0.2.7 9"]);
  deepStrictEqual(all("127.0.0.1:9"), ["127.0.0.1 9"]);
  deepStrictEqual(reachableAddresses("[::]:1", [lo, eth0], () => false), []);
});
