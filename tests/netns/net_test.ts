/** `lib/net` on real interfaces: multicast, streams, and cables that are pulled. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { InterfaceInfo } from "../../lib/net/mod.ts";
import { Actor } from "./actor_client.ts";
import { type CableOptions, type Lab, netnsTest, type Node, plugAgain } from "./harness.ts";

interface Cabled {
  readonly a: Node;
  readonly b: Node;
  readonly ends: [string, string];
}

async function cabled(lab: Lab, options?: CableOptions): Promise<Cabled> {
  const [a, b] = [await lab.node("a"), await lab.node("b")];
  return { a, b, ends: await lab.cable(a, b, options) };
}

/** Runs with an actor on each node; they are stopped afterwards. */
async function withActors(nodes: Node[], work: (actors: Actor[]) => Promise<void>): Promise<void> {
  const actors = await Promise.all(nodes.map((node) => Actor.start(node)));
  await work(actors);
  for (const actor of actors) await actor.stop();
}

netnsTest(
  "netns: multicast over a cable, both ways, and a reply to where it came from",
  async (lab) => {
    const { a, b, ends } = await cabled(lab);
    await withActors([a, b], async ([one, two]) => {
      deepStrictEqual(await one!.call({ do: "open", link: ends[0] }), [6]);
      deepStrictEqual(await two!.call({ do: "open", link: ends[1] }), [6]);
      await one!.call({ do: "send", link: ends[0], text: "from a" });
      await two!.call({ do: "send", link: ends[1], text: "from b" });
      const heard = await two!.hears("from a");
      deepStrictEqual([heard.from, heard.multicast], [`fe80::1%${ends[1]}`, true]);
      strictEqual((await one!.hears("from b")).from, `fe80::2%${ends[0]}`);
      // One's own comes back, as it does to other agents on the same computer.
      strictEqual((await one!.hears("from a")).from, `fe80::1%${ends[0]}`);
      await two!.call({ do: "sendTo", link: ends[1], to: heard.from, text: "to you alone" });
      const reply = await one!.hears("to you alone");
      deepStrictEqual([reply.from, reply.multicast], [`fe80::2%${ends[0]}`, false]);
      await one!.call({ do: "close", link: ends[0] });
      deepStrictEqual([...one!.told, ...two!.told].filter(({ event }) => event === "problem"), []);
    });
  },
);

netnsTest("netns: a link without IPv6 uses IPv4", async (lab) => {
  const { a, b, ends } = await cabled(lab, { ipv6: false, ipv4: "192.0.2" });
  await withActors([a, b], async ([one, two]) => {
    deepStrictEqual(await one!.call({ do: "open", link: ends[0] }), [4]);
    deepStrictEqual(await two!.call({ do: "open", link: ends[1] }), [4]);
    await one!.call({ do: "send", link: ends[0], text: "from a" });
    const heard = await two!.hears("from a");
    deepStrictEqual([heard.from, heard.multicast], ["192.0.2.1", true]);
    await two!.call({ do: "sendTo", link: ends[1], to: heard.from, text: "back" });
    deepStrictEqual((await one!.hears("back")).from, "192.0.2.2");
  });
});

netnsTest("netns: who has both hears who has only IPv4", async (lab) => {
  const { a, b, ends } = await cabled(lab, { ipv4: "192.0.2" });
  await b.ip("addr", "del", "fe80::2/64", "dev", ends[1]);
  await withActors([a, b], async ([both, old]) => {
    deepStrictEqual(await both!.call({ do: "open", link: ends[0] }), [4, 6]);
    deepStrictEqual(await old!.call({ do: "open", link: ends[1] }), [4]);
    await old!.call({ do: "send", link: ends[1], text: "only 4" });
    strictEqual((await both!.hears("only 4")).from, "192.0.2.2");
  });
});

netnsTest("netns: a datagram belongs to the interface that it came in on", async (lab) => {
  const [a, b, c] = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
  const [ab, ba] = await lab.cable(a!, b!, { ipv6: false, ipv4: "192.0.2" });
  const [ac, ca] = await lab.cable(a!, c!, { ipv4: "198.51.100" });
  await withActors([a!, b!, c!], async ([middle, left, right]) => {
    for (const link of [ab, ac]) await middle!.call({ do: "open", link });
    await left!.call({ do: "open", link: ba });
    await right!.call({ do: "open", link: ca });
    for (const text of ["one", "two", "three"]) {
      await left!.call({ do: "send", link: ba, text: `left ${text}` });
      await right!.call({ do: "send", link: ca, text: `right ${text}` });
    }
    strictEqual((await middle!.hears("left three")).link, ab);
    strictEqual((await middle!.hears("right three")).link, ac);
    const crossed = middle!.told.filter((told) =>
      told.event === "heard" && (told.text.startsWith("left") ? told.link !== ab : told.link !== ac)
    );
    deepStrictEqual(crossed, []);
    // And it goes out on the one that it is meant for.
    await middle!.call({ do: "send", link: ab, text: "to the left" });
    await middle!.call({ do: "send", link: ac, text: "to the right" });
    await left!.hears("to the left");
    await right!.hears("to the right");
    ok(![...left!.told].some((t) => t.event === "heard" && t.text === "to the right"));
    ok(![...right!.told].some((t) => t.event === "heard" && t.text === "to the left"));
  });
});

netnsTest("netns: three nodes on a switch all hear each other", async (lab) => {
  const nodes = [await lab.node("a"), await lab.node("b"), await lab.node("c")];
  const ends = await lab.switch(nodes);
  await withActors(nodes, async (actors) => {
    for (const [i, actor] of actors.entries()) await actor.call({ do: "open", link: ends[i]! });
    for (const [i, actor] of actors.entries()) {
      await actor.call({ do: "send", link: ends[i]!, text: `from ${i + 1}` });
    }
    for (const [i, actor] of actors.entries()) {
      for (const n of [1, 2, 3]) {
        strictEqual((await actor.hears(`from ${n}`)).from, `fe80::${n}%${ends[i]}`);
      }
    }
  });
});

netnsTest("netns: an encrypted stream to a link-local address", async (lab) => {
  const { a, b, ends } = await cabled(lab);
  await withActors([a, b], async ([one, two]) => {
    const port = await two!.call({ do: "listen" }) as number;
    const host = `fe80::2%${ends[0]}`;
    const dialled = await one!.call({ do: "dial", host, port }) as Record<string, string>;
    strictEqual(dialled.remote, `[${host}]:${port}`);
    match(dialled.localAddress!, /^\[fe80::1\]:\d+$/);
    await one!.call({ do: "write", text: "hello" });
    await two!.until((told) => told.some((t) => t.event === "data" && t.text === "hello"));
    await one!.until((told) => told.some((t) => t.event === "data" && t.text === "hello"));
    const data = two!.told.find((told) => told.event === "data");
    strictEqual(data?.event === "data" && data.from, dialled.localAddress);
  });
});

netnsTest(
  "netns: dialling an address that nobody has, or an interface that is not there",
  async (lab) => {
    const { a, ends } = await cabled(lab);
    await withActors([a], async ([one]) => {
      const dial = (host: string, timeoutMs = 10_000) =>
        one!.call({ do: "dial", host, port: 8331, timeoutMs })
          .then(() => "open", (error) => String(error));
      match(await dial(`fe80::99%${ends[0]}`, 200), /did not answer within 200 ms/);
      match(await dial(`fe80::2%${ends[0]}`), /nothing listens at \[fe80::2%veth0\]:8331/);
      // The resolver takes it for a name.
      match(await dial("fe80::2%nope"), /no computer is called|did not answer/);
      match(await dial("198.51.100.1"), /cannot reach 198\.51\.100\.1:8331: .*unreachable/i);
    });
  },
);

netnsTest("netns: an address that is still being checked for duplicates", async (lab) => {
  const { a, b, ends } = await cabled(lab, { dad: true });
  await withActors([a, b], async ([one, two]) => {
    // The agent does not see it yet, and a link that is told of it waits for it.
    const addresses = ["fe80::1/64"];
    const families = await one!.call({ do: "open", link: ends[0], addresses }) as number[];
    if (families.length === 0) {
      await one!.until((told) => told.some(({ event }) => event === "problem"));
      while ((await one!.call({ do: "families", link: ends[0] }) as number[]).length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    await two!.call({ do: "follow", links: [ends[1]] });
    await two!.until((told) => told.some(({ event }) => event === "opened"));
    await one!.call({ do: "send", link: ends[0], text: "at last" });
    await two!.hears("at last");
    deepStrictEqual(two!.told.filter(({ event }) => event === "problem"), []);
  });
});

netnsTest("netns: a cable that is pulled and plugged in again", async (lab) => {
  const { a, b, ends } = await cabled(lab, { ipv4: "192.0.2" });
  await withActors([a, b], async ([one, two]) => {
    for (const [actor, link] of [[one!, ends[0]], [two!, ends[1]]] as const) {
      await actor.call({ do: "follow", links: [link] });
      await actor.until((told) => told.some(({ event }) => event === "opened"));
    }
    await one!.call({ do: "send", link: ends[0], text: "before" });
    await two!.hears("before");

    await a.unplug(ends[0]);
    for (const actor of [one!, two!]) {
      await actor.until((told) => told.some(({ event }) => event === "closed"));
    }
    await plugAgain(a, ends[0], b, ends[1], { ipv4: "192.0.2" });
    for (const actor of [one!, two!]) {
      await actor.until((told) => told.filter(({ event }) => event === "opened").length >= 2);
    }
    // An end that is open may not be in the group for all IP versions yet, and datagrams get lost.
    const say = (actor: Actor, link: string, text: string) =>
      actor.call({ do: "send", link, text });
    const again = setInterval(() => {
      void say(one!, ends[0], "after");
      void say(two!, ends[1], "after too");
    }, 100);
    try {
      await two!.until((told) =>
        told.some((one) =>
          one.event === "heard" && one.text === "after" && one.from === `fe80::1%${ends[1]}`
        )
      );
      await one!.hears("after too");
    } finally {
      clearInterval(again);
    }
  });
});

netnsTest("netns: an interface that goes down and comes up keeps its sockets", async (lab) => {
  const { a, b, ends } = await cabled(lab, { ipv6: false, ipv4: "192.0.2" });
  await withActors([a, b], async ([one, two]) => {
    await one!.call({ do: "open", link: ends[0] });
    await two!.call({ do: "open", link: ends[1] });
    await a.ip("link", "set", ends[0], "down");
    await one!.call({ do: "send", link: ends[0], text: "lost" });
    await a.ip("link", "set", ends[0], "up");
    await one!.call({ do: "send", link: ends[0], text: "back" });
    strictEqual((await two!.hears("back")).from, "192.0.2.1");
    ok(!two!.told.some((told) => told.event === "heard" && told.text === "lost"));
  });
});

netnsTest("netns: what the interfaces look like from inside", async (lab) => {
  const { a, b, ends } = await cabled(lab, { ipv4: "192.0.2" });
  await withActors([a], async ([one]) => {
    const read = async () => await one!.call({ do: "interfaces" }) as InterfaceInfo[];
    // The kernel settles the state of a new interface within a second.
    let before = await read();
    while (!before[1]?.running) before = await read();
    deepStrictEqual(before.map(({ name }) => name), ["lo", ends[0]]);
    const [lo, veth] = before as [InterfaceInfo, InterfaceInfo];
    ok(lo.loopback && lo.up && lo.running);
    match(veth.mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    const { up, running, mtu, addresses, loopback } = veth;
    deepStrictEqual({ up, running, mtu, addresses, loopback }, {
      up: true,
      running: true,
      mtu: 1_500,
      addresses: ["192.0.2.1/24", "fe80::1/64"],
      loopback: false,
    });
    strictEqual(veth.index, Number((await a.ip("-o", "link", "show", ends[0])).split(":")[0]));
    await b.ip("link", "set", ends[1], "down");
    const [, cut] = await read();
    deepStrictEqual([cut?.up, cut?.running], [true, false]);
    await a.ip("link", "set", ends[0], "down");
    const [, off] = await read();
    deepStrictEqual([off?.up, off?.running], [false, false]);
  });
});
