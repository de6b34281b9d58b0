/** Whole agents with LSOE: real scheduler, real local API, cables in memory. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { Agent } from "../../../lib/agent/agent.ts";
import { Log } from "../../../lib/agent/log.ts";
import type { LinkRow, LsoeSessionRow, StatusView } from "../../../lib/http/api.ts";
import { Client } from "../../../lib/cli/client.ts";
import { type SimKernel, Wires } from "../../sim/kernel.ts";
import { Place, until } from "../in_process.ts";

const LSOE = "[lsoe]\nenabled = true\n";

/** `[[network]]` on 127.0.0.1 and nowhere else. */
function toml(place: Place, connect: string[] = []): string {
  return `[[network]]\nkey_file = "${place.keyFile}"\nlisten = "127.0.0.1:0"\ninterfaces = []\n` +
    `connect = ${JSON.stringify(connect)}\n`;
}

async function start(place: Place, name: string, text: string, kernel: SimKernel) {
  const config = place.config(name, { toml: text });
  const log: string[] = [];
  const agent = await Agent.start({
    config,
    log: new Log({
      level: "info",
      journal: true,
      wall: () => 0,
      sink: { write: (line) => log.push(line.trimEnd()) },
    }),
    tell: () => {},
    interfaces: kernel,
    packets: kernel,
  });
  const client = new Client([agent.socket ?? ""]);
  return {
    agent,
    config,
    log,
    ask: async <T>(path: string): Promise<T> =>
      JSON.parse((await client.request("GET", path)).body),
  };
}

Deno.test("agent with LSOE: two on a cable tell the same cable; a reload switches it off and on", async () => {
  await using place = new Place();
  const wires = new Wires();
  const [one, two] = [wires.computer("pi-1"), wires.computer("pi-2")];
  const [x, y] = wires.cable(one, two);
  x.addresses = ["192.0.2.1/24"];
  y.addresses = ["192.0.2.2/24"];
  const pump = setInterval(() => wires.run(wires.now + 5), 5);
  const a = await start(place, "pi-1", toml(place) + LSOE, one);
  const address = a.agent.networks[0]?.listen ?? "";
  const b = await start(place, "pi-2", toml(place, [address]) + LSOE, two);
  try {
    const links = () => Promise.all([a, b].map(({ ask }) => ask<LinkRow[]>("/v1/links")));
    await until(
      "both see the cable",
      async () =>
        (await links()).every(([link]) =>
          link?.state === "open" && link.a.addresses[0] === "192.0.2.1/24" &&
          link.b.addresses[0] === "192.0.2.2/24"
        ),
    );
    const [ofA, ofB] = await links();
    deepStrictEqual(ofA, ofB);
    const [session] = await b.ask<LsoeSessionRow[]>("/v1/lsoe/sessions");
    strictEqual(session?.peerNode, "pi-1");
    b.agent.reload(place.config("pi-2", { toml: toml(place, [address]) }));
    await until("half of it is gone", async () => (await links())[0]?.[0]?.state === "half");
    ok(b.log.includes("<5>[lsoe] has changed: its sessions are set up anew"), b.log.join("\n"));
    b.agent.reload(b.config);
    await until("it is back", async () => (await links())[0]?.[0]?.state === "open");
    await b.agent.stop();
    deepStrictEqual(two.ports, []);
    await until(
      "its end is gone",
      async () => (await a.ask<LinkRow[]>("/v1/links"))[0]?.b.node === null,
    );
  } finally {
    await Promise.all([a, b].map(({ agent }) => agent.stop()));
    clearInterval(pump);
  }
  deepStrictEqual(one.ports, []);
});

Deno.test("agent with LSOE and without permission: a problem in status, and all else runs on", async () => {
  await using place = new Place();
  const wires = new Wires();
  const kernel = wires.computer("pi-1");
  kernel.privileged = false;
  const { agent, ask, log } = await start(place, "pi-1", toml(place) + LSOE, kernel);
  try {
    const { problems } = await ask<StatusView>("/v1/status");
    deepStrictEqual(problems, ["LSOE does not run: pi-1: raw frames need CAP_NET_RAW"]);
    strictEqual(log.filter((line) => line.includes("CAP_NET_RAW")).length, 1);
    await rejects(
      ask("/v1/lsoe/sessions"),
      (error) =>
        error instanceof AgentError && error.exitCode === ExitCode.Refused &&
        error.message.includes("CAP_NET_RAW"),
    );
    deepStrictEqual(await ask("/v1/links"), []);
    strictEqual((await ask<unknown[]>("/v1/nodes")).length, 1);
  } finally {
    await agent.stop();
  }
});
