import { ok, strictEqual } from "node:assert/strict";
import { AgentError, ExitCode, messageOf } from "../../lib/core/mod.ts";

Deno.test("errors: an agent error carries its message, exit code and cause", () => {
  const cause = new Error("EADDRINUSE");
  const error = new AgentError("port 8331 is taken", ExitCode.Refused, { cause });
  ok(error instanceof Error);
  strictEqual(error.name, "AgentError");
  strictEqual(error.message, "port 8331 is taken");
  strictEqual(error.exitCode, 4);
  strictEqual(error.cause, cause);
});

Deno.test("errors: the exit codes that scripts rely on", () => {
  const { Done, NotThere, Usage, Unreachable, Refused, Config } = ExitCode;
  strictEqual([Done, NotThere, Usage, Unreachable, Refused, Config].join(), "0,1,2,3,4,78");
});

Deno.test("errors: the message of anything that was thrown", () => {
  strictEqual(messageOf(new RangeError("out")), "out");
  strictEqual(messageOf("text"), "text");
  strictEqual(messageOf(undefined), "undefined");
  strictEqual(messageOf(null), "null");
});
