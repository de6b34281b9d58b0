/** What an agent has from its kernel, and what it does where it has nothing. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { openKernel } from "../../lib/agent/kernel.ts";
import { Log } from "../../lib/agent/log.ts";
import { Problems } from "../../lib/agent/problems.ts";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";

function problemsAt(clock: { now: number }) {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line) };
  const log = new Log({ level: "info", journal: true, wall: () => 0, sink });
  return { lines, problems: new Problems(log, () => clock.now) };
}

Deno.test("kernel: where it cannot be asked, one problem that lasts, and the interfaces of the start", async () => {
  const clock = { now: 0 };
  const { lines, problems } = problemsAt(clock);
  const kernel = openKernel(problems, () => {}, () => {
    throw new AgentError("socket(AF_NETLINK) failed: EAFNOSUPPORT", ExitCode.Refused);
  });
  ok(kernel.interfaces.current().some(({ loopback }) => loopback));
  strictEqual(kernel.labels, undefined);
  clock.now = 24 * 3_600_000;
  // Others come and go; it stays.
  for (let i = 0; i < 200; i++) problems.note(`other ${i}`, "something else");
  const [line, ...more] = problems.current().filter((each) => each.includes("interfaces"));
  match(line!, /^interfaces are not followed \(socket.*EAFNOSUPPORT\); .* after a restart$/);
  deepStrictEqual(more, []);
  strictEqual(lines.filter((each) => each.includes("EAFNOSUPPORT")).length, 1);
  await kernel.close();
});

Deno.test("kernel: a problem with it is over when it says so", async () => {
  const { problems } = problemsAt({ now: 0 });
  let say: (message: string | undefined) => void = () => {};
  const kernel = openKernel(problems, () => {}, (_poller, onProblem) => {
    say = onProblem;
    throw new Error("never mind");
  });
  say("interfaces are not followed for now: ENOMEM");
  deepStrictEqual(problems.current(), ["interfaces are not followed for now: ENOMEM"]);
  say(undefined);
  deepStrictEqual(problems.current(), []);
  await kernel.close();
});

Deno.test("kernel: everything is closed in the end", async () => {
  const { problems } = problemsAt({ now: 0 });
  const faults: unknown[] = [];
  const kernel = openKernel(problems, (fault) => faults.push(fault));
  ok(kernel.interfaces.current().length > 0);
  await kernel.close();
  deepStrictEqual(faults, []);
});
