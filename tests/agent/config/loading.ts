/**
 * Configs as a test writes them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { type Config, loadConfig } from "../../../lib/agent/config/config.ts";
import { parseConfig } from "../../../lib/agent/config/parse.ts";

export const ROOT = new URL("../../../", import.meta.url);

export function env(variables: Record<string, string> = {}) {
  return { get: (name: string) => variables[name] };
}

export function load(toml: string, variables: Record<string, string> = {}, overrides = {}): Config {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  try {
    Deno.writeTextFileSync(path, toml);
    return loadConfig({
      path,
      env: env({ HOME: "/home/pi", ...variables }),
      overrides,
      hostname: "pi-1",
    });
  } finally {
    Deno.removeSync(path);
  }
}

export function refused(call: () => unknown, exitCode: number, message: RegExp | string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof AgentError, `not an AgentError: ${error}`);
    assert.equal(error.exitCode, exitCode, error.message);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"), "one line");
    return true;
  });
}

export function wrong(toml: string, message: string): void {
  refused(() => parseConfig(toml, "c.toml"), ExitCode.Config, `c.toml:${message}`);
}
