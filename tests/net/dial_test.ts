/** From a dial to a stream, or to one line that says why not. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import {
  newStreamCounters,
  readInterfaces,
  SecureListener,
  WrongKeyError,
} from "../../lib/net/mod.ts";
import { encodePrefaceReply } from "../../lib/wire/mod.ts";
import { skipReason } from "../skip.ts";
import { bytes, dial, gone, Host, Inbox, key, text } from "./streams.ts";

/** The message of the AgentError that a dial ends with. */
async function failure(dialling: Promise<unknown>, exitCode: number): Promise<string> {
  let message = "";
  await rejects(dialling, (error) => {
    ok(error instanceof AgentError, String(error));
    strictEqual(error.exitCode, exitCode, error.message);
    ok(!error.message.includes("\n"), "one line");
    message = error.message;
    return true;
  });
  return message;
}

/** A TCP server that is no agent, or a bad one: it answers each connection with these bytes. */
async function withServer(
  answer: Uint8Array | "silence",
  work: (port: number) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      if (answer === "silence") continue;
      await conn.read(new Uint8Array(4_096));
      await conn.write(answer).catch(() => {});
      await conn.closeWrite().catch(() => {});
    }
  })();
  try {
    await work((listener.addr as Deno.NetAddr).port);
  } finally {
    listener.close();
    for (const conn of conns) conn.close();
    await accepting;
  }
}

Deno.test("dial: both sides know what the other is for, and talk", async () => {
  const host = new Host();
  const counters = newStreamCounters();
  const client = await dial(host, { purpose: "leaf", counters });
  const server = await host.stream();
  strictEqual(client.purpose, "leaf");
  strictEqual(server.purpose, "leaf");
  ok(client.dialled && !server.dialled);
  strictEqual(client.remote, `127.0.0.1:${host.port}`);
  strictEqual(server.localAddress, client.remote);
  strictEqual(server.remote, client.localAddress);
  deepStrictEqual([client.keyIndex, server.keyIndex], [0, 0]);
  const [there, here] = [new Inbox(server), new Inbox(client)];
  client.write(bytes("ping"));
  server.write(bytes("pong"));
  strictEqual(text(await there.until(4)), "ping");
  strictEqual(text(await here.until(4)), "pong");
  deepStrictEqual([counters.dialled, counters.dialsFailed, host.counters.accepted], [1, 0, 1]);
  client.close("done");
  strictEqual(await gone(client), "done");
  strictEqual(await gone(server), "the other side closed the stream");
  strictEqual(host.listener.streams, 0);
  deepStrictEqual(host.problems, []);
  await host.close();
});

Deno.test("dial: a question and its answer travel with the handshake", async () => {
  const asked: string[] = [];
  const host = new Host({
    async onFirst(firstPayload, purpose, remote) {
      asked.push(`${purpose} ${text(firstPayload)}`);
      ok(remote.startsWith("127.0.0.1:"));
      await Promise.resolve();
      return bytes("z".repeat(50_000));
    },
  });
  const client = await dial(host, { purpose: "leaf", firstPayload: bytes("heating/target") });
  strictEqual(text(client.firstPayload), "z".repeat(50_000));
  strictEqual(text((await host.stream()).firstPayload), "heating/target");
  deepStrictEqual(asked, ["leaf heating/target"]);
  client.close("done");
  await host.close();
});

Deno.test("dial: what the server sends right behind its handshake is not lost", async () => {
  const host = new Host({ onStream: (stream) => void stream.write(bytes("at once")) });
  for (let i = 0; i < 10; i++) {
    const client = await dial(host);
    strictEqual(text(await new Inbox(client).until(7)), "at once");
    client.close("done");
  }
  await host.close();
});

Deno.test("dial: an answer that fails closes the connection, and the host hears why", async () => {
  const host = new Host({
    onFirst: () => {
      throw new Error("nothing to say");
    },
  });
  match(await failure(dial(host), ExitCode.Unreachable), /broke off the handshake/);
  deepStrictEqual(host.problems.map(({ kind, message }) => [kind, message]), [
    ["answer-failed", "nothing to say"],
  ]);
  strictEqual(host.listener.streams, 0);
  await host.close();
});

Deno.test("dial: an owner that throws on a new stream loses only that stream", async () => {
  let first = true;
  const host = new Host({
    onStream: () => {
      if (!first) return;
      first = false;
      throw new Error("not today");
    },
  });
  const client = await dial(host);
  new Inbox(client);
  strictEqual(await gone(client), "the other side closed the stream");
  strictEqual(host.listener.streams, 0);
  (await dial(host)).close("done");
  await host.close();
});

Deno.test("dial: another key is said so on both sides, with ids to compare", async () => {
  const host = new Host({ keys: [key(1), key(2)] });
  const counters = newStreamCounters();
  const dialling = dial(host, { keys: [key(3)], counters });
  await rejects(dialling, (error) => {
    ok(error instanceof WrongKeyError);
    deepStrictEqual(error.theirs, [key(1).id, key(2).id]);
    strictEqual(error.address, `127.0.0.1:${host.port}`);
    return true;
  });
  strictEqual(
    await failure(dialling, ExitCode.Refused),
    `127.0.0.1:${host.port} answers, but with another key (theirs ${key(1).id}, ${key(2).id}, ` +
      `ours ${key(3).id}); copy that network's key file here or use --key-file`,
  );
  await host.until(() => host.problems.length > 0);
  strictEqual(host.problems[0]?.kind, "wrong-key");
  match(host.problems[0]!.message, new RegExp(`${key(3).id}, ours ${key(1).id}, ${key(2).id}`));
  deepStrictEqual([counters.wrongKey, host.counters.wrongKey], [1, 1]);
  await host.close();
});

Deno.test("dial: an old key still opens a host that has rotated", async () => {
  const host = new Host({ keys: [key(2), key(1)] });
  const client = await dial(host, { keys: [key(1)] });
  deepStrictEqual([client.keyIndex, (await host.stream()).keyIndex], [0, 1]);
  client.close("done");
  await host.close();
});

Deno.test("dial: one who has rotated tries its old key on a host that has not", async () => {
  const host = new Host({ keys: [key(1)] });
  const client = await dial(host, { keys: [key(3), key(2), key(1)] });
  deepStrictEqual([client.keyIndex, (await host.stream()).keyIndex], [2, 0]);
  strictEqual(host.counters.wrongKey, 1);
  client.close("done");
  // Who remembers which key it was saves the detour.
  const again = await dial(host, { keys: [key(3), key(2), key(1)], keyIndex: 2 });
  strictEqual(host.counters.wrongKey, 1);
  again.close("done");
  await host.close();
});

Deno.test("dial: keys are exchanged while the host runs", async () => {
  const host = new Host({ keys: [key(1)] });
  const before = await dial(host);
  host.listener.updateKeys([key(2)]);
  match(await failure(dial(host), ExitCode.Refused), /another key/);
  (await dial(host, { keys: [key(2)] })).close("done");
  const [here, there] = [new Inbox(before), await host.stream()];
  there.write(bytes("still open"));
  strictEqual(text(await here.until(10)), "still open");
  before.close("done");
  await host.close();
});

Deno.test("dial: a host without room says so", async () => {
  const host = new Host({ maxStreams: 1 });
  const first = await dial(host);
  match(await failure(dial(host), ExitCode.Unreachable), /no room for another stream; try later/);
  strictEqual(host.counters.busy, 1);
  strictEqual(host.problems[0]?.kind, "busy");
  new Inbox(await host.stream());
  first.close("done");
  await gone(await host.stream());
  (await dial(host)).close("done");
  await host.close();
});

Deno.test("dial: nobody listens", async () => {
  const host = new Host();
  await host.close();
  match(await failure(dial(host), ExitCode.Unreachable), /nothing listens at 127\.0\.0\.1:\d+;/);
});

Deno.test("dial: a server that says nothing", async () => {
  await withServer("silence", async (port) => {
    const options = { port, timeoutMs: 50 };
    const host = { port } as Host;
    match(await failure(dial(host, options), ExitCode.Unreachable), /did not answer within 50 ms/);
  });
});

Deno.test("dial: given up by the caller, before and while waiting", async () => {
  await withServer("silence", async (port) => {
    const host = { port } as Host;
    const controller = new AbortController();
    const dialling = dial(host, { signal: controller.signal });
    controller.abort();
    match(await failure(dialling, ExitCode.Unreachable), /was given up/);
    match(
      await failure(dial(host, { signal: controller.signal }), ExitCode.Unreachable),
      /was given up/,
    );
    const later = new AbortController();
    const waiting = dial(host, { signal: later.signal });
    // It is connected by then, and waits for an answer.
    const timer = setTimeout(() => later.abort(), 20);
    match(await failure(waiting, ExitCode.Unreachable), /was given up/);
    clearTimeout(timer);
  });
});

Deno.test("dial: servers that are no agents, or break off", async () => {
  const goOn = encodePrefaceReply("go-on");
  const cases: [Uint8Array, RegExp][] = [
    [bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), /is no agent of this network \(status 72/],
    [bytes("SSH-2.0-OpenSSH_9.2\r\n"), /is no agent of this network/],
    [new Uint8Array(0), /broke off the handshake/],
    [goOn, /broke off the handshake/],
    [Uint8Array.of(...goOn, 0, 3, 1, 2, 3), /is no agent of this network/],
    [Uint8Array.of(...goOn, 0, 48, ...new Uint8Array(48).fill(9)), /is no agent of this network/],
    [Uint8Array.of(...goOn, 0, 200, ...new Uint8Array(48)), /broke off the handshake/],
    [Uint8Array.of(1, 255), /is no agent of this network/],
    [Uint8Array.of(1, 2, 1, 2, 3), /broke off the handshake/],
    [encodePrefaceReply("unknown-version"), /does not speak our version/],
    [encodePrefaceReply("busy"), /no room for another stream/],
  ];
  for (const [answer, expected] of cases) {
    await withServer(answer, async (port) => {
      match(await failure(dial({ port } as Host), ExitCode.Unreachable), expected);
    });
  }
});

Deno.test("dial: a name that nobody has, and a link-local address without interface", async () => {
  const host = { port: 9 } as Host;
  match(
    await failure(
      dial(host, { host: "no-such-pi.invalid", timeoutMs: 60_000 }),
      ExitCode.Unreachable,
    ),
    /^no computer is called no-such-pi\.invalid:9; check the name/,
  );
  match(
    await failure(dial(host, { host: "fe80::1" }), ExitCode.Unreachable),
    /^\[fe80::1\]:9 cannot be dialled; a link-local address needs its interface/,
  );
});

const bothName = "dial: over IPv6, and IPv4 into a socket for both";
const hasIpv6 = readInterfaces().some(({ addresses }) => addresses.includes("::1/128"));
Deno.test(bothName, {
  ignore: !hasIpv6 && skipReason(bothName, "the loopback interface has no IPv6"),
}, async () => {
  const host = new Host({ host: "::" });
  for (const address of ["::1", "127.0.0.1"]) {
    const client = await dial(host, { host: address });
    client.close("done");
  }
  const remotes = [(await host.stream(0)).remote, (await host.stream(1)).remote];
  match(remotes[0]!, /^\[::1\]:\d+$/);
  match(remotes[1]!, /^127\.0\.0\.1:\d+$/);
  await host.close();
});

Deno.test("listen: a port that is taken, and an address that is not ours, are one line", async () => {
  const host = new Host();
  const refusal = async (address: string, port: number) =>
    await failure(
      // deno-lint-ignore require-await -- turns the throw into a rejection
      (async () =>
        SecureListener.listen({
          host: address,
          port,
          keys: [key(1)],
          maxStreams: 1,
          onStream: () => {},
          onProblem: () => {},
        }))(),
      ExitCode.Refused,
    );
  match(await refusal("127.0.0.1", host.port), /^TCP port \d+ is taken by another program/);
  match(await refusal("192.0.2.99", 0), /this computer has no such address; set listen/);
  match(await refusal("no-such-pi.invalid", 0), /^cannot listen on no-such-pi\.invalid:0: /);
  await host.close();
});
