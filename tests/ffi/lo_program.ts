/**
 * A few frames through loopback, as a program of its own for another processor, or for a process
 * that may not. One line of JSON: what was sent, what came.
 */
import { AgentError } from "../../lib/core/mod.ts";
import { KernelPackets, Poller } from "../../ffi/mod.ts";
import { Heard, numbered, numbersOf } from "./heard.ts";
import { until } from "./until.ts";

const fail = (error: unknown) => {
  throw error;
};
const LO = 1;
const ethertype = Number(Deno.args[0]);
try {
  const poller = new Poller(fail);
  const heard = new Heard();
  const port = new KernelPackets(poller, fail).open(ethertype, heard, LO);
  const sent = [
    port.send(LO, 0, [numbered(1), numbered(2, 1_500), numbered(3, 65_536)]),
    port.send(LO, 0, [numbered(4, 65_537)]),
    port.send(0x7fff_fff0, 0, [numbered(5)]),
  ];
  await until("all frames", () => heard.frames.length >= 3);
  console.log(JSON.stringify({
    sent,
    numbers: numbersOf(heard.frames),
    lengths: heard.frames.map(({ payload }) => payload.length),
    from: heard.frames.map(({ interfaceIndex, source }) => [interfaceIndex, source]),
    counters: port.counters(),
  }));
  port.close();
  await poller.close();
} catch (error) {
  if (!(error instanceof AgentError)) throw error;
  console.log(error.message);
  Deno.exitCode = error.exitCode;
}
