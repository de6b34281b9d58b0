/** One network: what is written shows at once, and a disk that fails does not stop it. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { loadSecrets } from "../../../lib/agent/keys.ts";
import { Log } from "../../../lib/agent/log.ts";
import { Network } from "../../../lib/agent/network/network.ts";
import { Problems } from "../../../lib/agent/problems.ts";
import { AgentError, ExitCode, monotonicClock, Scheduler } from "../../../lib/core/mod.ts";
import { openStore, type Store } from "../../../lib/store/mod.ts";
import { Place, until, valuesIn } from "../in_process.ts";

/** A store whose writes fail from some time on, as on a full disk. */
function fragile(store: Store): { store: Store; fail: (fails: boolean) => void } {
  let failing = false;
  const writes = ["coverSequence", "setNodeId", "putEntries", "deleteEntries"];
  const proxy = new Proxy(store, {
    get(target, name) {
      if (failing && writes.includes(String(name))) {
        return () => {
          throw new AgentError("agent.db: the disk is full; free some space", ExitCode.Refused);
        };
      }
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { store: proxy, fail: (fails) => failing = fails };
}

async function withNetwork(
  work: (
    network: Network,
    around: { fail: (fails: boolean) => void; problems: Problems; faults: unknown[] },
  ) => void | Promise<void>,
): Promise<void> {
  await using place = new Place();
  const clock = monotonicClock;
  const real = openStore(`${place.dir}/agent.db`, () => {});
  const { store, fail } = fragile(real);
  const faults: unknown[] = [];
  const scheduler = new Scheduler(clock, (error) => faults.push(error));
  const log = new Log({
    level: "error",
    journal: false,
    wall: () => clock.wall(),
    sink: { write() {} },
  });
  const problems = new Problems(log, () => clock.now());
  const [config] = place.config("n").networks;
  const network = new Network(config!, loadSecrets(config!, () => {}), {
    name: "n",
    version: "0",
    clock,
    scheduler,
    store,
    log,
    problems,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onFault: (error) => faults.push(error),
  });
  try {
    network.start([]);
    await work(network, { fail, problems, faults });
    deepStrictEqual(faults, []);
  } finally {
    scheduler.stop();
    await network.stop();
    real.close();
  }
}

const set = ({ own }: Network, key: string, value: string | number) =>
  own.set(monotonicClock.now(), monotonicClock.wall(), [[key, value]]);

Deno.test("network: one's own writes show in the same moment, one after the other", async () => {
  await withNetwork(async (network) => {
    const events: string[] = [];
    network.view.onChange(({ key, value, event }) => events.push(`${event} ${key}=${value}`));
    // Much state makes publications rare; what shows here does not wait for them.
    set(network, "ballast", "x".repeat(40_000));
    for (let n = 1; n <= 5; n++) {
      set(network, "n", n);
      strictEqual(valuesIn(network)["n:n"], n);
    }
    network.own.unset(["n"]);
    ok(!("n:n" in valuesIn(network)));
    set(network, "last", 1);
    const { seqno } = network.machine;
    await until("it is published", () => network.machine.seqno > seqno);
    deepStrictEqual(Object.keys(valuesIn(network)), ["n:ballast", "n:last"]);
    deepStrictEqual(
      events.filter((event) => !event.includes("ballast")),
      ["set n=1", "set n=2", "set n=3", "set n=4", "set n=5", "unset n=null", "set last=1"],
    );
  });
});

Deno.test("network: on a full disk it goes on, says why, and says no more when there is room", async () => {
  await withNetwork(async (network, { fail, problems }) => {
    set(network, "kept", 1);
    fail(true);
    throws(() => set(network, "n", 1), /the disk is full/);
    ok(!("n:n" in valuesIn(network)));
    // What needs no disk, but a sequence number: published all the same.
    const { seqno } = network.machine;
    network.own.setFor(monotonicClock.now(), monotonicClock.wall(), [["brief", 1]], 60_000);
    await until("it is published", () => network.machine.seqno > seqno);
    strictEqual(valuesIn(network)["n:brief"], 1);
    match(problems.current().join("\n"), /^agent\.db: the disk is full; free some space$/);
    fail(false);
    set(network, "n", 2);
    await until("the problem is over", () => problems.current().length === 0);
    deepStrictEqual(valuesIn(network), { "n:brief": 1, "n:kept": 1, "n:n": 2 });
  });
});
