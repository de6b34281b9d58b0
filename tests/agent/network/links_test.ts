/** Which interfaces a network uses as they come, go and blink; under virtual time, on loopback. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { loadSecrets } from "../../../lib/agent/keys.ts";
import { Log } from "../../../lib/agent/log.ts";
import { Network } from "../../../lib/agent/network/network.ts";
import { Problems } from "../../../lib/agent/problems.ts";
import { Scheduler, type Timer } from "../../../lib/core/scheduler.ts";
import type { InterfaceInfo } from "../../../lib/net/mod.ts";
import { openStore } from "../../../lib/store/mod.ts";
import { loopback, Place } from "../in_process.ts";
import { freePort } from "../../ports.ts";

/** A clock that a test moves, and the timer that goes with it. */
class VirtualTime {
  #now = 1_000;
  #sleep: { readonly due: number; readonly callback: () => void } | undefined;
  readonly clock = { now: () => this.#now, wall: () => 1_795_000_000_000 + this.#now };
  readonly timer: Timer = (callback, delay) => {
    const sleep = { due: this.#now + delay, callback };
    this.#sleep = sleep;
    return () => {
      if (this.#sleep === sleep) this.#sleep = undefined;
    };
  };

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    while (true) {
      // The scheduler looks at its machines at the end of a turn.
      await Promise.resolve();
      const sleep = this.#sleep;
      if (!sleep || sleep.due > end) break;
      this.#sleep = undefined;
      this.#now = Math.max(this.#now, sleep.due);
      sleep.callback();
    }
    this.#now = end;
  }
}

interface Stage {
  readonly network: Network;
  readonly time: VirtualTime;
  readonly lo: InterfaceInfo;
  /** What the log says of interfaces. */
  readonly told: string[];
}

async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  await using place = new Place();
  const port = freePort();
  const toml =
    `[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = ["lo*"]\nport = ${port}\n`;
  const [config] = place.config("n", { toml }).networks;
  const time = new VirtualTime();
  const store = openStore(`${place.dir}/agent.db`, () => {});
  const faults: unknown[] = [];
  const scheduler = new Scheduler(time.clock, (error) => faults.push(error), time.timer);
  const told: string[] = [];
  const log = new Log({
    level: "info",
    journal: true,
    wall: () => 0,
    sink: {
      write: (line) => void told.push(...line.match(/using \S+|\S+ is gone/g) ?? []),
    },
  });
  const network = new Network(config!, loadSecrets(config!, () => {}), {
    name: "n",
    version: "0",
    clock: time.clock,
    scheduler,
    store,
    log,
    problems: new Problems(log, () => time.clock.now()),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onFault: (error) => faults.push(error),
  });
  try {
    network.start([]);
    await work({ network, time, lo: loopback()[0]!, told });
    deepStrictEqual(faults, []);
  } finally {
    scheduler.stop();
    await network.stop();
    store.close();
  }
}

Deno.test("network: an interface without a carrier keeps its endpoint for a while, and then not", async () => {
  await onStage(async ({ network, time, lo, told }) => {
    network.followInterfaces([lo]);
    deepStrictEqual(network.interfaces, ["lo"]);
    network.followInterfaces([{ ...lo, running: false }]);
    await time.pass(4_900);
    deepStrictEqual(network.interfaces, ["lo"]);
    network.followInterfaces([lo]);
    await time.pass(60_000);
    deepStrictEqual([network.interfaces, told], [["lo"], ["using lo"]]);

    // Nobody tells anything more: the network wakes by itself.
    network.followInterfaces([{ ...lo, running: false }]);
    await time.pass(1_000);
    network.followInterfaces([{ ...lo, running: false, mtu: 1_280 }]);
    await time.pass(3_900);
    deepStrictEqual(network.interfaces, ["lo"]);
    await time.pass(200);
    deepStrictEqual([network.interfaces, told.slice(1)], [[], ["lo is gone"]]);
    network.followInterfaces([lo]);
    deepStrictEqual(network.interfaces, ["lo"]);
  });
});

Deno.test("network: removed, renamed, and made again: at once, without any grace", async () => {
  await onStage(async ({ network, lo, told }) => {
    network.followInterfaces([lo]);
    network.followInterfaces([]);
    deepStrictEqual(network.interfaces, []);
    network.followInterfaces([{ ...lo, running: false }]);
    deepStrictEqual(network.interfaces, [], "what does not carry is not begun with");
    network.followInterfaces([lo]);
    network.followInterfaces([{ ...lo, name: "lo7" }]);
    deepStrictEqual(network.interfaces, ["lo7"]);
    network.followInterfaces([{ ...lo, index: lo.index + 7 }]);
    deepStrictEqual(network.interfaces, ["lo"]);
    network.followInterfaces([{ ...lo, name: "eth0" }]);
    deepStrictEqual(network.interfaces, [], "another name is not ours");
    strictEqual(
      told.join(),
      "using lo,lo is gone,using lo,lo is gone,using lo7,lo7 is gone,using lo,lo is gone",
    );
    await Promise.resolve();
  });
});

Deno.test("network: what changes besides does not touch the endpoint", async () => {
  await onStage(async ({ network, time, lo, told }) => {
    network.followInterfaces([lo]);
    const changes: Partial<InterfaceInfo>[] = [
      { mtu: 1_280 },
      { addresses: [...lo.addresses, "127.0.0.9/8"] },
      { mac: "02:00:00:00:00:01", ethernet: true },
    ];
    for (const change of changes) {
      network.followInterfaces([{ ...lo, ...change }]);
      await time.pass(10_000);
    }
    deepStrictEqual([network.interfaces, told], [["lo"], ["using lo"]]);
  });
});
