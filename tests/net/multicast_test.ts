/** Multicast on the loopback interface: IPv4 on 127.0.0.1, and nothing leaves this computer. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type Arrival,
  type InterfaceInfo,
  type MulticastLink,
  openMulticastLink,
  readInterfaces,
} from "../../lib/net/mod.ts";
import { freePort } from "../ports.ts";

const GROUP = "239.255.83.31";
const lo: InterfaceInfo = readInterfaces().find(({ loopback }) => loopback)!;

interface Heard {
  text: string;
  from: string;
  arrival: Arrival;
}

/** A link that keeps what it hears. */
class Ear {
  readonly heard: Heard[] = [];
  readonly problems: string[] = [];
  readonly link: MulticastLink;
  #waiting: { count: number; resolve: () => void } | undefined;

  constructor(
    port: number,
    options: { ownPort?: number; info?: InterfaceInfo; maxDatagram?: number } = {},
  ) {
    this.link = openMulticastLink({
      info: lo,
      port,
      ...options,
      onDatagram: (bytes, from, arrival) => {
        this.heard.push({ text: new TextDecoder().decode(bytes), from, arrival });
        if (this.#waiting && this.heard.length >= this.#waiting.count) this.#waiting.resolve();
      },
      onProblem: (message) => this.problems.push(message),
    });
  }

  /** Until it has heard that many, in all. */
  async until(count: number): Promise<Heard[]> {
    if (this.heard.length < count) {
      await new Promise<void>((resolve) => this.#waiting = { count, resolve });
    }
    return this.heard;
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("multicast: two programs on one computer hear each other, and themselves", async () => {
  const port = freePort();
  const a = new Ear(port, { ownPort: 0 });
  const b = new Ear(port, { ownPort: 0 });
  try {
    deepStrictEqual(a.link.families, [4]);
    strictEqual(a.link.interface, "lo");
    a.link.send(bytes("hello"));
    const expected = [{
      text: "hello",
      from: "127.0.0.1",
      arrival: { port: a.link.ownPort, multicast: true },
    }];
    deepStrictEqual(await b.until(1), expected);
    deepStrictEqual(await a.until(1), expected);
    b.link.sendTo("127.0.0.1", bytes("to you alone"), a.link.ownPort);
    deepStrictEqual((await a.until(2))[1], {
      text: "to you alone",
      from: "127.0.0.1",
      arrival: { port: b.link.ownPort, multicast: false },
    });
    strictEqual(b.heard.length, 1);
    strictEqual(a.link.counters.datagramsSent, 1);
    strictEqual(a.link.counters.datagramsReceived, 2);
    strictEqual(a.link.counters.bytesReceived, 17);
  } finally {
    await a.link.close();
    await b.link.close();
  }
  deepStrictEqual([...a.problems, ...b.problems], []);
});

Deno.test("multicast: with the port of the group as its own, as agents have it", async () => {
  const port = freePort();
  const a = new Ear(port);
  try {
    strictEqual(a.link.ownPort, port);
    a.link.send(bytes("x"));
    deepStrictEqual((await a.until(1))[0]?.arrival, { port, multicast: true });
  } finally {
    await a.link.close();
  }
});

Deno.test("multicast: what it is handed is the receiver's to keep", async () => {
  const a = new Ear(freePort());
  const kept: Uint8Array[] = [];
  const link = openMulticastLink({
    info: lo,
    port: freePort(),
    onDatagram: (bytes) => kept.push(bytes),
    onProblem: (message) => a.problems.push(message),
  });
  try {
    link.sendTo("127.0.0.1", bytes("first"), link.ownPort);
    link.sendTo("127.0.0.1", bytes("other"), link.ownPort);
    while (kept.length < 2) {
      a.link.send(bytes("tick"));
      await a.until(a.heard.length + 1);
    }
    deepStrictEqual(kept.map((b) => new TextDecoder().decode(b)).sort(), ["first", "other"]);
  } finally {
    await link.close();
    await a.link.close();
  }
});

Deno.test("multicast: a datagram that is too long is counted and dropped", async () => {
  const port = freePort();
  const a = new Ear(port, { maxDatagram: 100 });
  const sender = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    for (const length of [101, 5_000, 100]) {
      const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
      await sender.send(bytes("y".repeat(length)), to);
    }
    strictEqual((await a.until(1))[0]?.text, "y".repeat(100));
    strictEqual(a.link.counters.oversized, 2);
  } finally {
    sender.close();
    await a.link.close();
  }
});

Deno.test("multicast: senders of another subnet came in elsewhere", async () => {
  const port = freePort();
  const a = new Ear(port, { info: { ...lo, addresses: ["127.0.0.1/32"] } });
  const stranger = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.2",
    port: 0,
    loopback: true,
  });
  try {
    await stranger.send(bytes("not here"), { transport: "udp", hostname: "127.0.0.1", port });
    a.link.sendTo("127.0.0.1", bytes("here"), port);
    strictEqual((await a.until(1))[0]?.text, "here");
    strictEqual(a.heard.length, 1);
    strictEqual(a.link.counters.foreign, 1);
    // The interface got an address in that subnet.
    a.link.update(lo);
    await stranger.send(bytes("now"), { transport: "udp", hostname: "127.0.0.1", port });
    strictEqual((await a.until(2))[1]?.text, "now");
    strictEqual(a.link.counters.foreign, 1);
  } finally {
    stranger.close();
    await a.link.close();
  }
});

Deno.test("multicast: an address that is not there yet is tried again, until it is closed", async () => {
  const ear = new Ear(freePort(), { info: { ...lo, addresses: ["192.0.2.99/24"] } });
  deepStrictEqual(ear.link.families, []);
  strictEqual(ear.problems.length, 1);
  ok(/^lo: no IPv4 multicast yet: /.test(ear.problems[0]!), ear.problems[0]);
  ear.link.send(bytes("to nobody"));
  ear.link.sendTo("192.0.2.1", bytes("to nobody"));
  ear.link.sendTo("fe80::1%lo", bytes("to nobody"));
  strictEqual(ear.link.counters.sendFailures, 3);
  strictEqual(ear.link.ownPort, 0);
  // The sanitizers see that no timer stays.
  await ear.link.close();
});

Deno.test("multicast: a port that another program has for itself is told in one line", async () => {
  const port = freePort();
  const other = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
  const ear = new Ear(port);
  try {
    deepStrictEqual(ear.link.families, []);
    deepStrictEqual(ear.problems, [
      `lo: no IPv4 multicast yet: UDP port ${port} is taken by another program; ` +
      "stop it, or set another port",
    ]);
  } finally {
    await ear.link.close();
    other.close();
  }
});

Deno.test("multicast: an interface without any address is told, and closes", async () => {
  const ear = new Ear(freePort(), { info: { ...lo, addresses: [] } });
  deepStrictEqual(ear.problems, ["lo: no address that multicast can use yet"]);
  await ear.link.close();
});

Deno.test("multicast: a send that the kernel refuses is counted, told once, and not thrown", async () => {
  const ear = new Ear(freePort());
  try {
    // No datagram is that long.
    for (let i = 0; i < 3; i++) ear.link.send(new Uint8Array(70_000));
    ear.link.send(bytes("fine"));
    await ear.until(1);
    strictEqual(ear.link.counters.sendFailures, 3);
    strictEqual(ear.problems.length, 1);
    ok(/^lo: IPv4 cannot send: /.test(ear.problems[0]!));
  } finally {
    await ear.link.close();
  }
});

Deno.test("multicast: a flood of sends is bounded", async () => {
  const ear = new Ear(freePort());
  try {
    for (let i = 0; i < 10_000; i++) ear.link.send(bytes("flood"));
    const { sendOverflows } = ear.link.counters;
    ok(sendOverflows >= 9_000, `${sendOverflows} overflows`);
    await ear.until(1);
  } finally {
    await ear.link.close();
  }
});

Deno.test("multicast: closing twice, and at once, is fine, and the port is free again", async () => {
  const port = freePort();
  for (let i = 0; i < 20; i++) {
    const ear = new Ear(port);
    ear.link.send(bytes("x"));
    void ear.link.close();
    await ear.link.close();
    ear.link.send(bytes("after the end"));
  }
  Deno.listenDatagram({ transport: "udp", hostname: GROUP, port }).close();
});
