// What nodes tell of services in the state: any value is taken, and ours come back as they were.
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  readService,
  serviceKey,
  SERVICES_PREFIX,
  serviceValue,
} from "../../../lib/agent/nearby/entry.ts";
import { broadcastPlaces, opensPorts } from "../../../lib/agent/nearby/places.ts";
import { checkKey, type Value } from "../../../lib/state/mod.ts";
import { interfaceInfo } from "../../net/interface_info.ts";

const address = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 65_535 }))
  .map(([ip, port]) => `${ip}:${port}`);

Deno.test("services: what is told is read again, whatever the name", () => {
  fc.assert(fc.property(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.array(address, { minLength: 1, maxLength: 8 }),
    fc.option(fc.integer({ min: 1, max: 100_000 })),
    (name, addresses, ttl) => {
      const service = { name: name.toWellFormed(), addresses, ttl };
      const key = checkKey(serviceKey(name));
      deepStrictEqual(readService({ key, value: serviceValue(service), at: 0 }), service);
    },
  ));
  strictEqual(serviceKey("a b/%\n"), `${SERVICES_PREFIX}a b/%25%0A`);
});

Deno.test("services: any entry of another node is a service or none", () => {
  fc.assert(fc.property(
    fc.string().map((text) => SERVICES_PREFIX + text),
    fc.jsonValue().filter((value) => value !== null),
    (key, value) => {
      const service = readService({ key, value: value as Value, at: 0 });
      if (service === undefined) return;
      ok(service.addresses.length > 0 && service.addresses.length <= 8);
    },
  ));
  const read = (value: Value, key = `${SERVICES_PREFIX}a`) => readService({ key, value, at: 0 });
  strictEqual(read({ addresses: ["nowhere:1", 5, "1.2.3.4:70000"] }), undefined);
  strictEqual(read({ addresses: "1.2.3.4:5" }), undefined);
  strictEqual(read({ addresses: ["1.2.3.4:5"] }, `${SERVICES_PREFIX}%E0%A4%A`), undefined);
  strictEqual(read({ addresses: ["1.2.3.4:5"] }, "agent/links/a"), undefined);
  strictEqual(read({ addresses: ["1.2.3.4:5"] }, SERVICES_PREFIX + "n".repeat(257)), undefined);
  deepStrictEqual(read({ addresses: Array(100).fill("1.2.3.4:5"), ttl: -1 }), {
    name: "a",
    addresses: Array(8).fill("1.2.3.4:5"),
    ttl: null,
  });
});

Deno.test("ports are opened, and adverts go out, only where that was asked for", () => {
  const opens = (interfaces: string[] | undefined, ...networks: string[][]) =>
    opensPorts({ interfaces, networks });
  ok(opens(undefined, ["*"]));
  ok(opens(undefined, [], ["eth0"]));
  ok(opens(["lo"], []));
  ok(!opens(undefined, [], ["lo"]));
  ok(!opens([], ["*"]));
  const card = (name: string, ...addresses: string[]) =>
    interfaceInfo(name, { running: name !== "eth1", addresses });
  const all = [
    card("lo", "127.0.0.1/8", "::1/128"),
    card("eth0", "10.0.0.1/8", "10.0.0.9/31", "fe80::1/64"),
    card("eth1", "10.1.0.1/16"),
  ];
  deepStrictEqual(broadcastPlaces(["*"], all), [{ address: "10.0.0.1", prefixLength: 8 }]);
  deepStrictEqual(broadcastPlaces(["lo"], all), [
    { address: "127.0.0.1", prefixLength: 8, destinations: ["127.255.255.255"] },
  ]);
  deepStrictEqual(broadcastPlaces([], all), []);
});
