import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, ExitCode } from "../../lib/core/mod.ts";
import { nodeNameProblem, NodeNames } from "../../lib/state/mod.ts";

const A = "ab12000000000000";
const B = "ab12345600000000";
const C = "cd34000000000000";

Deno.test("names: a name that one node has is shown as it is, no name as the id", () => {
  const names = new NodeNames();
  names.set(A, "kitchen");
  names.set(B, undefined);
  strictEqual(names.of(A), "kitchen");
  strictEqual(names.of(B), B);
  strictEqual(names.of(C), C, "unknown");
});

Deno.test("names: a name that several have is shown with the shortest id that tells them apart", () => {
  const names = new NodeNames();
  names.set(A, "pi");
  names.set(C, "pi");
  deepStrictEqual([A, C].map((id) => names.of(id)), ["pi~ab12", "pi~cd34"]);
  names.set(B, "pi");
  deepStrictEqual([A, B, C].map((id) => names.of(id)), ["pi~ab120", "pi~ab123", "pi~cd34"]);
  names.delete(A);
  deepStrictEqual([B, C].map((id) => names.of(id)), ["pi~ab12", "pi~cd34"]);
  names.set(C, "attic");
  deepStrictEqual([B, C].map((id) => names.of(id)), ["pi", "attic"]);
});

Deno.test("names: what is no usable name counts as none", () => {
  const names = new NodeNames();
  for (
    const name of [
      ...["", " pi", "pi ", "a:b", "pi~ab12", "a*", "a\nb", "\ud800", "x".repeat(65)],
      ...["0123456789abcdef", "DEADBEEF", 5, null, { name: "pi" }, ["pi"], true],
    ]
  ) {
    names.set(A, name);
    strictEqual(names.of(A), A, JSON.stringify(name));
  }
  for (
    const name of ["pi", "Küche", "living room", "cafe", "deadbeef0", "__proto__", "x".repeat(64)]
  ) {
    strictEqual(nodeNameProblem(name), undefined);
    names.set(A, name);
    strictEqual(names.of(A), name);
  }
});

Deno.test("names: what a text may mean", () => {
  const names = new NodeNames();
  names.set(A, "pi");
  names.set(B, "pi");
  names.set(C, "cafe");
  names.set("cafe000000000000", undefined);
  deepStrictEqual(names.resolve("pi"), [A, B]);
  deepStrictEqual(names.resolve(names.of(A)), [A]);
  deepStrictEqual(names.resolve("pi~ab1234"), [B], "another beginning of the id");
  deepStrictEqual(names.resolve("pi~AB120"), [A]);
  deepStrictEqual(names.resolve("cafe"), [C], "a name goes before the beginning of an id");
  deepStrictEqual(names.resolve("cafe0"), ["cafe000000000000"]);
  deepStrictEqual(names.resolve(A.toUpperCase()), [A]);
  deepStrictEqual(names.resolve("ab12"), [A, B]);
  deepStrictEqual(names.resolve("ab1"), [], "too short");
  deepStrictEqual(names.resolve("attic"), []);
  deepStrictEqual(names.resolve(""), []);
});

Deno.test("names: one node, or one line that says what to do", () => {
  const names = new NodeNames();
  names.set(A, "pi");
  strictEqual(names.resolveOne("pi"), A);
  names.set(C, "pi");
  throws(() => names.resolveOne("pi"), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.Usage);
    strictEqual(error.message, '"pi" may be any of 2 nodes: pi~ab12, pi~cd34; name one of them');
    return true;
  });
  throws(() => names.resolveOne("attic"), (error: AgentError) => {
    strictEqual(error.exitCode, ExitCode.NotThere);
    match(error.message, /^no node "attic" is known here/);
    return true;
  });
});

Deno.test("names: whatever comes and goes, what is shown is unique and leads back", () => {
  const id = fc.constantFrom(
    ...["ab1200", "ab1201", "ab1211", "ab12345", "cd3400", "cd34"].map((head) =>
      head.padEnd(16, "0")
    ),
    "ab12000000000001",
  );
  const name = fc.constantFrom("pi", "pi", "attic", undefined, "bad~name", "ab12");
  const steps = fc.array(fc.record({ id, name, gone: fc.boolean() }), { maxLength: 30 });
  fc.assert(fc.property(steps, (steps) => {
    const names = new NodeNames();
    const twin = new Map<string, string | undefined>();
    for (const { id, name, gone } of steps) {
      if (gone) {
        names.delete(id);
        twin.delete(id);
      } else {
        names.set(id, name);
        twin.set(id, name === "bad~name" ? undefined : name);
      }
      const shown = [...twin.keys()].map((id) => names.of(id));
      strictEqual(new Set(shown).size, shown.length);
      for (const [id, name] of twin) {
        deepStrictEqual(names.resolve(names.of(id)), [id]);
        const alone = [...twin.values()].filter((other) => other === name).length === 1;
        if (name === undefined) strictEqual(names.of(id), id);
        else if (alone) strictEqual(names.of(id), name);
        else ok(names.of(id).startsWith(`${name}~${id.slice(0, 4)}`));
      }
    }
  }));
});
