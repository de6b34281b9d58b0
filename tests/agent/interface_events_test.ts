/** Interfaces as events. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { InterfaceEvents } from "../../lib/agent/interface_events.ts";
import type { InterfaceInfo } from "../../lib/net/mod.ts";
import { interfaceInfo } from "../net/interface_info.ts";
import { TestInterfaces } from "./in_process.ts";

const info = (name: string, index: number, running = true) =>
  interfaceInfo(name, {
    index,
    mac: "02:00:00:00:00:01",
    running,
    addresses: ["192.0.2.1/24"],
  });

Deno.test("interface events: added, changed, removed; made again and renamed are another one", () => {
  const source = new TestInterfaces([info("eth0", 1)]);
  const faults: unknown[] = [];
  const events = new InterfaceEvents(source, () => 0, (error) => faults.push(error));
  const seen: string[] = [];
  const end = events.subscribe(({ event, name, index }) => seen.push(`${event} ${name} ${index}`));
  const told = (...all: InterfaceInfo[]) => {
    seen.length = 0;
    source.change(all);
    return [...seen];
  };
  deepStrictEqual(told(info("eth0", 1)), []);
  deepStrictEqual(told(info("eth0", 1, false)), ["changed eth0 1"]);
  deepStrictEqual(told(info("eth0", 1, false), info("eth1", 2)), ["added eth1 2"]);
  deepStrictEqual(told(info("eth0", 1, false), info("eth1", 3)), [
    "removed eth1 2",
    "added eth1 3",
  ]);
  deepStrictEqual(told(info("lan", 1, false), info("eth1", 3)), ["removed eth0 1", "added lan 1"]);
  deepStrictEqual(told(), ["removed lan 1", "removed eth1 3"]);
  end();
  deepStrictEqual(told(info("eth0", 1)), []);
  deepStrictEqual(faults, []);
});

Deno.test("interface events: one listener that throws keeps no other from hearing", () => {
  const source = new TestInterfaces();
  const faults: unknown[] = [];
  const events = new InterfaceEvents(source, () => 0, (error) => faults.push(error));
  let heard = 0;
  events.subscribe(() => {
    throw new Error("broken");
  });
  const end = events.subscribe((event) => {
    heard++;
    deepStrictEqual(Object.keys(event), [
      ...["event", "at", "name", "index", "mac", "up", "running", "mtu", "addresses"],
    ]);
    strictEqual(event.at, "1970-01-01T00:00:00.000Z");
  });
  source.change([info("eth0", 1)]);
  end();
  end();
  source.change([]);
  strictEqual(heard, 1);
  strictEqual(faults.length, 2);
});
