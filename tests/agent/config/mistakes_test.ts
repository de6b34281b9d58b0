/** What is wrong in a config is told with its place, whatever it is. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { AgentError, ExitCode } from "../../../lib/core/mod.ts";
import { keyPaths, locate } from "../../../lib/agent/config/locate.ts";
import { didYouMean, editDistance, nearest } from "../../../lib/agent/config/nearest.ts";
import { ConfigMistakes, parseConfig } from "../../../lib/agent/config/parse.ts";
import { renderDefaults } from "../../../lib/agent/config/render.ts";
import { sections } from "../../../lib/agent/config/schema.ts";
import { refused, wrong } from "./loading.ts";

/** Every key path of a parsed document. */
function pathsOf(value: unknown, path: (string | number)[] = []): string[] {
  const own = path.length === 0 ? [] : [JSON.stringify(path)];
  if (value instanceof Date || typeof value !== "object" || value === null) return own;
  const children = Array.isArray(value)
    ? value.flatMap((element, i) => pathsOf(element, [...path, i]))
    : Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
  return [...own, ...children];
}

Deno.test("an unknown key: place, and the nearest known one", () => {
  wrong(
    '[agent]\nname = "a"\n\n[[network]]\n  intrfaces = ["eth0"]\n',
    '5:3: unknown key "intrfaces" in [[network]]; did you mean "interfaces"?',
  );
  wrong('[agent]\nzzzzzz = "a"\n', '2:1: unknown key "zzzzzz" in [agent]');
  wrong("[nearbye]\n", '1:1: unknown table [nearbye]; did you mean "nearby"?');
  wrong('name = "x"\n', '1:1: the key "name" stands outside every table; put it below [agent]');
  wrong(
    "[network]\nport = 1\n",
    "1:1: network is a table; write it as [[network]] on a line of its own",
  );
  wrong("[[agent]]\n", "1:1: agent is a table; write it as [agent] on a line of its own");
});

Deno.test("a wrong type or value: place, what is wanted, what was found", () => {
  wrong(
    '[[network]]\n[[network]]\nname = "b"\nport = "x"\n',
    '4:1: port must be a whole number from 1 to 65535, not the text "x"',
  );
  wrong("[lsoe]\nenabled = 1\n", "2:1: enabled must be true or false, not the number 1");
  wrong(
    '[[network]]\ninterfaces = [\n  "eth0",\n  7,\n]\n',
    '4:3: interfaces[1] must be an interface name, perhaps with * or ?, such as "eth*", not the number 7',
  );
  wrong(
    '[ring]\nmembers = [{name = "a", host = "h", port = 0}]\n',
    "2:37: members[0].port must be a whole number from 1 to 65535, not the number 0",
  );
  wrong(
    '[agent]\nlog_level = "loud"\n',
    '2:1: log_level must be "debug" or "info" or "notice" or "warning" or "error", not the text "loud"',
  );
  wrong(
    '[[network]]\npublish_ttl = "soon"\n',
    '2:1: publish_ttl must be a duration such as "250ms", "5s", "10m" or bare seconds, not the text "soon"',
  );
  wrong(
    "[agent]\nname = 2026-11-21\n",
    "2:1: name must be a name of 1 to 63 characters without space, colon or slash, not a date",
  );
  wrong(
    '[agent]\nname = "a:b"\n',
    '2:1: name must be a name of 1 to 63 characters without space, colon or slash, not the text "a:b"',
  );
});

Deno.test("broken TOML: line and column of the parser, in one line", () => {
  refused(
    () => parseConfig("[agent]\nname = \n", "c.toml"),
    ExitCode.Config,
    /^c\.toml:2:8: not TOML: /,
  );
  refused(() => parseConfig("[agent", "c.toml"), ExitCode.Config, /^c\.toml:1:\d+: not TOML: /);
  refused(
    () => parseConfig(`[a]\nx = ${"[".repeat(5000)}`, "c"),
    ExitCode.Config,
    /^c:2:\d+: not TOML/,
  );
});

Deno.test("what no single key can be blamed for", () => {
  wrong(
    '[[network]]\nname = "a"\n[[network]]\nlisten = "none"\nname = "a"\n',
    '5:1: two networks are called "a"; give each its own name',
  );
  wrong(
    '[[network]]\nkeys = ["a"]\nkey_file = "b"\n',
    "2:1: give either key_file or keys, not both",
  );
  wrong(
    '[[network]]\ntrickle_imin = "2s"\ntrickle_imax = "1s"\n',
    "2:1: trickle_imin is above trickle_imax",
  );
  wrong(
    '[[network]]\n[[network]]\nname = "b"\n',
    '2:1: two networks listen on [::]:8331; give one of them another listen, or "none"',
  );
  parseConfig('[[network]]\nlisten = ":0"\n[[network]]\nname = "b"\nlisten = ":0"\n', "");
  wrong("[ring]\nindex = 0\n", "2:1: index 0 is none of the 0 members; they count from 0");
});

Deno.test("all mistakes of a file are known, in its order; as one error it is the first", () => {
  const toml = `
[agent]
nmae = "a"
log_level = 7
key_file = "k"
[[network]]
name = "a"
interfaces = [1, "eth0", "a b"]
[[network]]
name = "a"
[htpt]
[lsoe]
mpls-labels = [{ prefix = "192.0.2.1/24", labels = [-1, 5, "x"] }, {}]
[ring]
index = 3
`;
  assert.throws(() => parseConfig(toml, "c"), (error) => {
    assert.ok(error instanceof ConfigMistakes);
    assert.equal(error.exitCode, ExitCode.Config);
    assert.deepEqual(error.mistakes.map(({ message }) => message.replace(/, not .*/, "")), [
      'c:3:1: unknown key "nmae" in [agent]; did you mean "name"?',
      'c:4:1: log_level must be "debug" or "info" or "notice" or "warning" or "error"',
      'c:5:1: unknown key "key_file" in [agent]; it belongs below [[network]] or [piot]',
      'c:8:15: interfaces[0] must be an interface name, perhaps with * or ?, such as "eth*"',
      'c:8:26: interfaces[2] must be an interface name, perhaps with * or ?, such as "eth*"',
      // That two networks have one name is said once the tables themselves are right.
      'c:11:1: unknown table [htpt]; did you mean "http"?',
      "c:13:53: mpls-labels[0].labels[0] must be a whole number from 0 to 1048575",
      "c:13:60: mpls-labels[0].labels[2] must be a whole number from 0 to 1048575",
      "c:13:68: mpls-labels[1] lacks prefix; it is a table {prefix, labels}",
      "c:15:1: index 3 is none of the 0 members; they count from 0",
    ]);
    assert.equal(
      error.message,
      'c:3:1: unknown key "nmae" in [agent]; did you mean "name"? (and 9 more: agent config check)',
    );
    return true;
  });
});

Deno.test("nearest words", () => {
  assert.equal(editDistance("listen", "listne"), 1);
  assert.equal(editDistance("key_file", "key-file"), 0);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(nearest("statsu", ["state", "status"]), "status");
  assert.equal(nearest("inter", ["interfaces", "listen"]), "interfaces");
  assert.equal(nearest("x", ["status"]), undefined);
  assert.equal(didYouMean("qqqqqq", ["status"]), "");
});

Deno.test("the place of a key, also in quoted, dotted and inline forms", () => {
  const toml = [
    "# a comment with x = 1",
    'title = """',
    "[not.a.table]",
    '"""',
    "[a.'b c'] # comment",
    '"d\\u0065" = { x = 1, y.z = [1, [2, { w = 3 }]] }',
    "lit = 'it''' # odd",
    "[[list]]",
    "k = 1979-05-27 07:32:00",
    "[[list]]",
    "[list.sub]",
    "v = [ # c, ]",
    '  "a,]", 2 ]',
  ].join("\n").replace("'it'''", "'it'");
  const at = (...path: (string | number)[]) => {
    const { line, column } = locate(toml, path);
    return `${line}:${column}`;
  };
  assert.equal(at("title"), "2:1");
  assert.equal(at("a", "b c"), "5:1");
  assert.equal(at("a", "b c", "de"), "6:1");
  assert.equal(at("a", "b c", "de", "y", "z"), "6:22");
  assert.equal(at("a", "b c", "de", "y", "z", 1, 1, "w"), "6:38");
  assert.equal(at("list", 0, "k"), "9:1");
  assert.equal(at("list", 1), "10:1");
  assert.equal(at("list", 1, "sub", "v", 1), "13:10");
  assert.equal(at("list", 1, "sub", "missing"), "11:1");
  assert.equal(at("nowhere"), "1:1");
});

Deno.test("property: every key that the TOML parser sees has a place", () => {
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: "grapheme" }),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie("value"), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), value, { maxKeys: 4, noNullPrototype: true }),
      (document) => {
        const toml = stringify(document);
        const seen = new Set(keyPaths(toml).map((path) => JSON.stringify(path)));
        for (const path of pathsOf(parse(toml))) assert.ok(seen.has(path), `${path} in\n${toml}`);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("property: a mutated config is a config or one AgentError, never another exception", () => {
  const whole = renderDefaults().replace(/^#([a-z0-9_-]+ = )/gm, "$1").replace(/^#.*\n/gm, "")
    .replace(/^(?:key_file|index|forward|publish) = .*\n/gm, "");
  parseConfig(whole, "");
  const noise = [
    ..."[]{}=.,\"'#\\\n\r\t \0-_:0aZé\u{1f600}",
    "[[",
    "]]",
    '"""',
    "'''",
    "__proto__",
    "\ufeff",
    "\ud800",
  ];
  const edit = fc.record({
    at: fc.nat(whole.length),
    cut: fc.nat(12),
    put: fc.array(fc.constantFrom(...noise), { maxLength: 4 }).map((parts) => parts.join("")),
  });
  let good = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let toml = whole;
      for (const { at, cut, put } of edits) toml = toml.slice(0, at) + put + toml.slice(at + cut);
      try {
        parseConfig(toml, "c.toml");
        good++;
      } catch (error) {
        assert.ok(error instanceof AgentError, `${error}`);
        assert.equal(error.exitCode, ExitCode.Config);
        assert.match(error.message, /^c\.toml:\d+:\d+: [^\n]+$/);
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(good > 0, "no mutation left it whole: the test proves nothing");
});

Deno.test("property: values of any type under any key", () => {
  const names = sections.flatMap(({ name, rows }) =>
    Object.keys(rows).map((key) => [name, key] as const)
  );
  const value: fc.Arbitrary<unknown> = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant({})), { maxLength: 3 }),
    fc.dictionary(fc.string(), fc.integer(), { maxKeys: 2, noNullPrototype: true }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...names), value, ([table, key], value) => {
      const repeated = sections.some(({ name, repeated }) => name === table && repeated);
      const inside = { [key]: value };
      const toml = stringify({ [table]: repeated ? [inside] : inside });
      try {
        parseConfig(toml, "c.toml");
      } catch (error) {
        assert.ok(error instanceof AgentError, `${error}\n${toml}`);
        assert.match(error.message, /^c\.toml:\d+:\d+: [^\n]+$/);
      }
    }),
    { numRuns: 1_000 },
  );
});
