import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, ExitCode } from "../../lib/core/mod.ts";
import {
  type Address,
  keyProblem,
  matchesEntry,
  matchesKey,
  parseAddress,
} from "../../lib/state/mod.ts";

Deno.test("addresses: [NODE:]KEY with an optional *", () => {
  const cases: Record<string, Address> = {
    "heating/target": { key: "heating/target", prefix: false },
    "heating/*": { key: "heating/", prefix: true },
    "*": { key: "", prefix: true },
    "pi:heating/target": { node: "pi", key: "heating/target", prefix: false },
    "pi~ab12:heat*": { node: "pi~ab12", key: "heat", prefix: true },
    "pi:": { node: "pi", key: "", prefix: true },
    "pi:*": { node: "pi", key: "", prefix: true },
    "*:target": { key: "target", prefix: false },
    "*:": { key: "", prefix: true },
    ":a:b": { key: "a:b", prefix: false },
    ":a": { key: "a", prefix: false },
    "::": { key: ":", prefix: false },
    ":*": { key: "", prefix: true },
    "pi:a:b*": { node: "pi", key: "a:b", prefix: true },
    "a**": { key: "a*", prefix: true },
  };
  for (const [text, address] of Object.entries(cases)) deepStrictEqual(parseAddress(text), address);
});

Deno.test("addresses: what names no entry is refused with one line and exit code 2", () => {
  for (const text of ["", ":", "a\nb", `pi:${"x".repeat(256)}`, `${"x".repeat(256)}*`, "a\0*"]) {
    throws(() => parseAddress(text), (error: AgentError) => {
      strictEqual(error.exitCode, ExitCode.Usage);
      match(
        error.message,
        /^".*" names no entry: the key .*; write KEY, NODE:KEY, or BEGINNING\*$/,
      );
      return true;
    }, JSON.stringify(text));
  }
});

/** The shortest text of an address. */
function written({ node, key, prefix }: Address): string {
  const keyPart = prefix ? `${key}*` : key;
  if (node !== undefined) return `${node}:${keyPart}`;
  return key.includes(":") ? `:${keyPart}` : keyPart;
}

Deno.test("addresses: every key can be addressed, and what is written parses to the same", () => {
  const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 })
    .filter((text) => keyProblem(text) === undefined);
  const node = fc.option(fc.constantFrom("pi", "pi~ab12", "0123456789abcdef"), { nil: undefined });
  fc.assert(fc.property(key, node, fc.boolean(), (key, node, prefix) => {
    const address: Address = { key, prefix, ...(node !== undefined && { node }) };
    // A key that ends in * is meant by its own text, though others may be, too.
    if (!prefix && key.endsWith("*")) ok(matchesKey(parseAddress(written(address)), key));
    else deepStrictEqual(parseAddress(written(address)), address);
  }));
});

Deno.test("addresses: any text gives an address or a usage error", () => {
  // Any UTF-16 units, often those with a meaning.
  const unit = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(10, 42, 58, 97, 126));
  const text = fc.array(unit, { maxLength: 40 }).map((units) => String.fromCharCode(...units));
  fc.assert(fc.property(text, (text) => {
    try {
      const { key, prefix } = parseAddress(text);
      ok((prefix && key === "") || keyProblem(key) === undefined);
    } catch (error) {
      strictEqual((error as AgentError).exitCode, ExitCode.Usage);
    }
  }));
});

Deno.test("addresses: which entries of which nodes they mean", () => {
  const entry = { id: "ab12cd34ab12cd34", node: "pi~ab12", key: "heating/target" };
  for (
    const text of [
      ...["heating/target", "heating/*", "*", "pi:heating/target", "pi~ab12:", "pi~ab12cd:*"],
      ...["ab12:", "AB12CD:", "ab12cd34ab12cd34:heating/target", "*:heating/target"],
    ]
  ) ok(matchesEntry(parseAddress(text), entry), text);
  for (
    const text of [
      ...["heating", "heating/targets", "Heating/*", "pi-2:*", "pi~ab13:*", "ab1:*", "b12c:*"],
      ...["p:*", "other~ab12:*"],
    ]
  ) ok(!matchesEntry(parseAddress(text), entry), text);
});
