import assert from "node:assert/strict";
import fc from "fast-check";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import {
  formatKey,
  generateKey,
  parseKey,
  readKeyFile,
  readSecret,
  writeKeyFile,
} from "../../../lib/agent/config/keys.ts";

function refused(call: () => unknown, exitCode: number, message: string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.message, message);
    assert.equal(error.exitCode, exitCode);
    return true;
  });
}

function inTempDir(test: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    test(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("a key file: written with mode 0600, read back, never overwritten", () =>
  inTempDir((dir) => {
    const path = `${dir}/home.key`;
    const key = generateKey();
    writeKeyFile(path, key);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assert.equal(Deno.readTextFileSync(path), `${formatKey(key)}\n`);
    assert.equal(formatKey(key).length, 44);
    assert.deepEqual(readKeyFile({ path, from: "config" }), key);
    refused(
      () => writeKeyFile(path, generateKey()),
      ExitCode.Refused,
      `${path} is there already and is not overwritten; remove it first or choose another`,
    );
    assert.deepEqual(readKeyFile({ path, from: "config" }), key);
    refused(
      () => writeKeyFile(`${dir}/none/x`, key),
      ExitCode.Refused,
      `the folder of ${dir}/none/x is not there; make it`,
    );
  }));

Deno.test("a key file that others can read is refused, with the command to run", () =>
  inTempDir((dir) => {
    const path = `${dir}/k`;
    Deno.writeTextFileSync(path, `${formatKey(generateKey())}\n`);
    for (const mode of [0o640, 0o604, 0o660, 0o644, 0o601]) {
      Deno.chmodSync(path, mode);
      const message = `${path} is readable by others; run: chmod 600 ${path}`;
      refused(() => readKeyFile({ path, from: "config" }), ExitCode.Refused, message);
    }
    Deno.chmodSync(path, 0o440);
    assert.equal(readKeyFile({ path, from: "credentials" }).length, 32);
    Deno.chmodSync(path, 0o400);
    assert.equal(readKeyFile({ path, from: "flag" }).length, 32);
  }));

Deno.test("a missing key file: whose fault it is", () => {
  const path = "/nowhere/x.key";
  const message = `${path} is not there; copy it from a node of the network (mode 0600)`;
  refused(() => readKeyFile({ path, from: "config" }), ExitCode.Config, message);
  refused(() => readKeyFile({ path, from: "flag" }), ExitCode.Usage, message);
});

Deno.test("what is no key is said in one line", () =>
  inTempDir((dir) => {
    const path = `${dir}/k`;
    for (
      const content of ["", "hello", "A".repeat(42), "A".repeat(5_000), `${"A".repeat(43)}= x`]
    ) {
      Deno.writeTextFileSync(path, content, { mode: 0o600 });
      refused(
        () => readKeyFile({ path, from: "config" }),
        ExitCode.Refused,
        `${path} holds no network key (32 bytes as base64); copy one from a node of the network, or ` +
          "make one: agent key generate",
      );
    }
    refused(() => readSecret(dir, { from: "config" }), ExitCode.Refused, `${dir} is not a file`);
  }));

Deno.test("property: any 32 bytes survive a key file's text; any text gives a key or none", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
    assert.deepEqual(parseKey(` ${formatKey(key)}\n`), key);
    assert.deepEqual(parseKey(formatKey(key).slice(0, 43)), key);
  }));
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => {
    const key = parseKey(text);
    assert.ok(key === undefined || key.length === 32);
  }));
});
