/** The socket of LSOE that is opened again. */
import { deepStrictEqual } from "node:assert/strict";
import { LsoePort } from "../../../lib/agent/lsoe/port.ts";
import type { PacketListener } from "../../../lib/net/mod.ts";

Deno.test("lsoe port: what was lost is counted over all its sockets", () => {
  const listeners: PacketListener[] = [];
  const system = {
    open(_: number, listener: PacketListener) {
      const nth = listeners.push(listener);
      return {
        send: () => ({ frames: 0 }),
        join: () => undefined,
        leave: () => {},
        losses: () => ({ dropped: nth, truncated: 10 * nth, receiveErrors: 100 * nth }),
        close: () => {},
      };
    },
  };
  const port = new LsoePort(0x88b5, { frame: () => {}, failed: () => {} });
  const expect = (n: number) =>
    deepStrictEqual(port.losses, { dropped: n, truncated: 10 * n, receiveErrors: 100 * n });
  expect(0);
  port.open(system);
  expect(1);
  listeners[0]?.failed("the kernel closed it");
  expect(1);
  port.open(system);
  expect(3);
  port.close();
  expect(3);
  port.close();
  expect(3);
});
