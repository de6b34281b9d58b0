/** Following the kernel: dump, events, losses; with a made-up kernel, and with this computer's. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { KernelInterfaces } from "../../ffi/netlink.ts";
import type { RouteSocket, RouteSockets } from "../../ffi/netlink_socket.ts";
import { Poller, type Ready } from "../../ffi/poller.ts";
import { AgentError } from "../../lib/core/mod.ts";
import { type InterfaceInfo, readInterfaces } from "../../lib/net/mod.ts";
import { skipReason } from "../skip.ts";
import { address, done, error, join, link, mplsRoute } from "./rtnetlink_bytes.ts";

const FE80_1 = `fe80${"0".repeat(27)}1`;
type Answer = Uint8Array | "lost" | Error;

/** A kernel that answers dumps with what a test has put here, and tells events when asked to. */
class FakeKernel implements RouteSockets {
  mpls = false;
  /** By request type: 18 links, 22 addresses, 26 routes. Each gets the sequence number. */
  readonly tables = new Map<number, (seq: number) => Answer[]>();
  readonly queue: Answer[] = [];
  readonly opened: string[] = [];
  readonly asked: number[] = [];
  ready: Ready | undefined;
  readonly poller = {
    add: (_fd: number, ready: Ready) => {
      this.ready = ready;
      return { remove: () => this.ready = undefined };
    },
  };

  /** What dumps give from now on. */
  has(links: number[], addresses: [index: number, address: string][] = []): void {
    this.tables.set(18, (seq) => [
      ...links.map((index) => link({ index, seq })),
      done(seq),
    ]);
    this.tables.set(22, (seq) => [
      join(...addresses.map(([index, octets]) => address({ index, address: octets, seq }))),
      done(seq),
    ]);
  }

  monitor(): RouteSocket {
    return this.#socket("monitor", this.queue, () => {});
  }

  requests(): RouteSocket {
    const answers: Answer[] = [];
    return this.#socket("requests", answers, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const type = view.getUint16(4, true);
      this.asked.push(type);
      answers.push(...this.tables.get(type)!(view.getUint32(8, true)));
    });
  }

  #socket(what: string, queue: Answer[], send: (bytes: Uint8Array) => void): RouteSocket {
    this.opened.push(what);
    return {
      fd: -1,
      send,
      receive: () => {
        const next = queue.shift();
        if (next instanceof Error) throw next;
        return next;
      },
      close: () => void this.opened.splice(this.opened.indexOf(what), 1),
    };
  }

  /** Tells these, in one turn. */
  tell(...events: Answer[]): boolean {
    this.queue.push(...events);
    return this.ready!(1) !== false;
  }
}

function follow(kernel: FakeKernel) {
  const problems: (string | undefined)[] = [];
  const source = new KernelInterfaces({
    poller: kernel.poller,
    sockets: kernel,
    againAfter: 1,
    onProblem: (message) => problems.push(message),
  });
  const heard: string[] = [];
  source.subscribe((all) => heard.push(brief(all)));
  return { source, heard, problems };
}

const brief = (all: readonly InterfaceInfo[]) =>
  all.map(({ name, addresses }) => [name, ...addresses].join(" ")).join(", ");

Deno.test("netlink: the dump is known at once, and what was queued meanwhile comes after it", () => {
  const kernel = new FakeKernel();
  kernel.has([1, 2], [[2, FE80_1]]);
  const { source, heard } = follow(kernel);
  strictEqual(brief(source.current()), "eth1, eth2 fe80::1/64");
  deepStrictEqual(kernel.opened, ["monitor"], "the socket for requests is closed");
  // Queued before the dump, and in it already.
  ok(kernel.tell(address({ index: 2, address: FE80_1 })));
  deepStrictEqual(heard, []);
  ok(kernel.tell(link({ index: 2, type: 17 })));
  deepStrictEqual(heard, ["eth1"]);
  strictEqual(brief(source.current()), "eth1");
  ok(!kernel.ready!(1), "nothing was there to read");
  source.close();
  deepStrictEqual([kernel.opened, kernel.ready], [[], undefined]);
});

Deno.test("netlink: the events of one read are told together, and only if something differs", () => {
  const kernel = new FakeKernel();
  kernel.has([1]);
  const { source, heard } = follow(kernel);
  kernel.tell(
    link({ index: 2, flags: 0x1002, operstate: 2 }),
    join(link({ index: 2 }), address({ index: 2, address: FE80_1, flags: 0xc0 })),
    address({ index: 2, address: FE80_1, flags: 0x80 }),
  );
  deepStrictEqual(heard, ["eth1, eth2 fe80::1/64"]);
  kernel.tell(link({ index: 2 }), address({ index: 2, address: FE80_1, flags: 0x280 }));
  kernel.tell(link({ index: 2, name: "other" }), link({ index: 2 }));
  strictEqual(heard.length, 1, "flags that concern nobody, and a change that was taken back");
  const stop = source.subscribe(() => heard.push("second"));
  kernel.tell(link({ index: 2, mtu: 1_400 }));
  strictEqual(heard.length, 3);
  stop();
  kernel.tell(link({ index: 2, mtu: 1_300 }));
  strictEqual(heard.length, 4);
});

Deno.test("netlink: after a loss the rest of the queue is thrown away, and a dump tells the difference", () => {
  for (const loss of ["lost", new Uint8Array(3), link({ index: 1 }).slice(0, 40)] as Answer[]) {
    const kernel = new FakeKernel();
    kernel.has([1, 2], [[2, FE80_1]]);
    const { source, heard, problems } = follow(kernel);
    kernel.has([1, 3], [[3, FE80_1]]);
    // Old news: the interface was made anew afterwards, and that event is lost.
    kernel.tell(link({ index: 9 }), loss, link({ index: 3, type: 17 }), "lost");
    deepStrictEqual(heard, ["eth1, eth3 fe80::1/64"]);
    strictEqual(source.dumps, 2);
    kernel.tell(link({ index: 3, type: 17 }));
    deepStrictEqual(heard.slice(1), ["eth1"]);
    deepStrictEqual(problems, []);
    source.close();
  }
});

Deno.test("netlink: much history after a loss is gone before the dump, not applied to it", () => {
  const kernel = new FakeKernel();
  kernel.has([1]);
  const { source, heard } = follow(kernel);
  kernel.has([1, 3]);
  const history = Array<Uint8Array>(1_000).fill(link({ index: 3, type: 17 }));
  kernel.tell("lost", ...history);
  deepStrictEqual([heard, kernel.queue.length], [["eth1, eth3"], 0]);
  source.close();
});

Deno.test("netlink: a new dump that tells the same in another order is no news", () => {
  const kernel = new FakeKernel();
  kernel.has([1], [[1, "c0000201"], [1, "c0000202"]]);
  const { source, heard } = follow(kernel);
  kernel.has([1], [[1, "c0000202"], [1, "c0000201"]]);
  kernel.tell("lost");
  deepStrictEqual([source.dumps, heard], [2, []]);
  source.close();
});

Deno.test("netlink: a dump that was interrupted is repeated, and only the last one counts", () => {
  const kernel = new FakeKernel();
  kernel.has([2]);
  const whole = kernel.tables.get(18)!;
  let attempts = 0;
  kernel.tables.set(18, (seq) => {
    attempts++;
    if (attempts === 1) return [link({ index: 7, seq, nlFlags: 0x12 }), done(seq)];
    if (attempts === 2) return [link({ index: 8, seq }), done(seq, 0, 0x12)];
    if (attempts === 3) return ["lost", link({ index: 8, seq }), done(seq)];
    // A late answer to another request.
    return [link({ index: 9, seq: seq - 1 }), done(seq - 1), ...whole(seq)];
  });
  const { source } = follow(kernel);
  strictEqual(brief(source.current()), "eth2");
  deepStrictEqual(kernel.asked, [18, 18, 18, 18, 22]);
  source.close();
});

Deno.test("netlink: a kernel that refuses, breaks off or is silent: one error, nothing left open", () => {
  const broken: ((seq: number) => Answer[])[] = [
    (seq) => [error(seq, 1)],
    (seq) => [link({ index: 1, seq }), done(seq, 12)],
    () => [],
    (seq) => [link({ index: 1, seq })],
    () => [new AgentError("recv(AF_NETLINK) failed: EBADF", 4)],
  ];
  for (const answer of broken) {
    const kernel = new FakeKernel();
    kernel.has([1]);
    kernel.tables.set(22, answer);
    throws(() => follow(kernel), AgentError);
    deepStrictEqual(kernel.opened, []);
  }
});

Deno.test("netlink: a socket that breaks is told, opened anew, and told again when it works", async () => {
  const kernel = new FakeKernel();
  kernel.has([1]);
  const { source, heard, problems } = follow(kernel);
  kernel.has([1, 2]);
  kernel.tell(new AgentError("recv(AF_NETLINK) failed: ENOMEM", 4));
  strictEqual(problems.length, 1);
  match(problems[0]!, /not followed for now: recv.*ENOMEM/);
  strictEqual(brief(source.current()), "eth1", "what was known stays known");
  deepStrictEqual(kernel.opened, []);
  await new Promise<void>((resolve) => source.subscribe(() => resolve()));
  deepStrictEqual([heard, problems.length, problems[1]], [["eth1, eth2"], 2, undefined]);
  source.close();
});

Deno.test("netlink: what a listener throws is passed on, and breaks nothing here", () => {
  const kernel = new FakeKernel();
  kernel.has([1]);
  const { source, heard, problems } = follow(kernel);
  const stop = source.subscribe(() => {
    throw new Error("a fault");
  });
  throws(() => kernel.tell(link({ index: 2 })), /a fault/);
  stop();
  kernel.tell(link({ index: 2, type: 17 }));
  deepStrictEqual([heard, problems, source.dumps], [["eth1, eth2", "eth1"], [], 1]);
  source.close();
});

Deno.test("netlink: labels follow routes and addresses; a kernel without MPLS has none", () => {
  const kernel = new FakeKernel();
  kernel.mpls = true;
  kernel.has([1, 2], [[2, "c0000201"]]);
  kernel.tables.set(26, (seq) => [error(seq, 95)]);
  const without = follow(kernel);
  deepStrictEqual([without.source.labels.current(), without.problems], [[], []]);
  without.source.close();

  kernel.tables.set(26, (seq) => [
    // Routes of other families, which some kernels answer with.
    mplsRoute(77, [{ index: 2 }], { seq, family: 2 }),
    mplsRoute(100, [{ index: 2 }], { seq }),
    done(seq),
  ]);
  const { source, heard } = follow(kernel);
  const told: unknown[] = [];
  source.labels.subscribe((all) => told.push(all));
  deepStrictEqual(source.labels.current(), [{ prefix: "192.0.2.1/24", labels: [0x641] }]);
  kernel.tell(mplsRoute(100, [{ index: 2 }], { type: 25 }));
  deepStrictEqual([told, heard], [[[]], []]);
  kernel.tell(mplsRoute(200, [{ index: 1 }]), address({ index: 1, address: FE80_1 }));
  deepStrictEqual(told[1], [{ prefix: "fe80::1/64", labels: [0xc81] }]);
  source.close();
});

const real = "netlink: this computer's kernel tells what /proc and /sys tell";
Deno.test({
  name: real,
  ignore: Deno.build.os !== "linux" && skipReason(real, "netlink is a thing of Linux"),
  async fn() {
    const errors: unknown[] = [];
    const poller = new Poller((error) => errors.push(error));
    const source = new KernelInterfaces({ poller, onProblem: (message) => errors.push(message) });
    const comparable = (all: InterfaceInfo[]) =>
      all.map(({ addresses, ...rest }) => ({ ...rest, addresses: addresses.toSorted() }));
    deepStrictEqual(comparable(source.current()), comparable(readInterfaces()));
    source.close();
    await poller.close();
    deepStrictEqual(errors, []);
  },
});
