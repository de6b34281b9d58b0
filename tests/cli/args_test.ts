import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import fc from "fast-check";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { type Flag, parseArguments } from "../../lib/cli/args.ts";
import { isIn, parseEntries, parseWanted } from "../../lib/cli/entries.ts";

const FLAGS: readonly Flag[] = [
  { name: "json", help: "" },
  { name: "verbose", short: "v", help: "" },
  { name: "quiet", short: "q", help: "" },
  { name: "socket", value: "PATH", help: "" },
  { name: "connect", value: "HOST", repeated: true, help: "" },
];
const TTL: Flag = { name: "ttl", value: "[TTL]", isValue: (next) => /^\d/.test(next), help: "" };

async function parse(argv: string[], flags = FLAGS) {
  const { positionals, flags: given } = await parseArguments(argv, () => flags);
  return { positionals, flags: Object.fromEntries(given) };
}

async function refused(argv: string[], message: string | RegExp, flags = FLAGS) {
  await assert.rejects(parse(argv, flags), (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.exitCode, ExitCode.Usage);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

Deno.test("flags before, between and after positionals, with = and without", async () => {
  assert.deepEqual(
    await parse(["--json", "get", "-v", "a", "--socket=/s", "--connect", "x", "-vq"]),
    {
      positionals: ["get", "a"],
      flags: { json: [true], verbose: [true, true], socket: ["/s"], connect: ["x"], quiet: [true] },
    },
  );
  assert.deepEqual(await parse(["a", "--", "--json", "-x", "--"]), {
    positionals: ["a", "--json", "-x", "--"],
    flags: {},
  });
  assert.deepEqual((await parse(["-", "--socket", "-", "--connect="])).flags, {
    socket: ["-"],
    connect: [""],
  });
});

Deno.test("a flag whose value may be left out", async () => {
  const flags = [...FLAGS, TTL];
  const ttl = async (...argv: string[]) => {
    const { positionals, flags: given } = await parse(argv, flags);
    return [given["ttl"], positionals];
  };
  assert.deepEqual(await ttl("--ttl"), [[true], []]);
  assert.deepEqual(await ttl("--ttl", "60s", "a=1"), [["60s"], ["a=1"]]);
  assert.deepEqual(await ttl("--ttl", "a=1"), [[true], ["a=1"]]);
  assert.deepEqual(await ttl("--ttl", "--json"), [[true], []]);
  assert.deepEqual(await ttl("--ttl=5m", "a=1"), [["5m"], ["a=1"]]);
});

Deno.test("the command decides which flags there are, from where it stands on", async () => {
  const after = (positionals: readonly string[]) =>
    positionals[0] === "publish" ? [...FLAGS, TTL] : FLAGS;
  const { flags } = await parseArguments(["--json", "publish", "--ttl", "5"], after);
  assert.deepEqual([...flags.keys()], ["json", "ttl"]);
  await assert.rejects(parseArguments(["--ttl", "publish"], after), /unknown flag --ttl/);
});

Deno.test("wrong flags: one line, and the word that was probably meant", async () => {
  await refused(["--jsno"], 'unknown flag --jsno; did you mean "--json"?');
  await refused(["--zzzzzz"], "unknown flag --zzzzzz; see: agent help");
  await refused(["-x"], "unknown flag -x; see: agent help");
  await refused(["-vx"], /^unknown flag -x/);
  await refused(["--json=yes"], "--json takes no value");
  await refused(["--socket"], "--socket needs a value: --socket PATH");
  await refused(["--socket", "--json"], "--socket needs a value: --socket PATH");
});

Deno.test("property: what parseArgs of node:util takes, ours takes, and alike", async () => {
  const word = fc.constantFrom(
    "get",
    "a=1",
    "-",
    "--json",
    "-v",
    "-q",
    "-qv",
    "--socket",
    "--socket=/s",
    "--connect",
    "--connect=h:1",
    "--",
    "--unknown",
    "-x",
    "--json=1",
    "",
    "--verbose",
  );
  let agreed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 7 }), async (args) => {
      let theirs;
      try {
        theirs = parseArgs({
          args,
          allowPositionals: true,
          options: {
            json: { type: "boolean", multiple: true },
            verbose: { type: "boolean", short: "v", multiple: true },
            quiet: { type: "boolean", short: "q", multiple: true },
            socket: { type: "string", multiple: true },
            connect: { type: "string", multiple: true },
          },
        });
      } catch {
        await assert.rejects(parse(args), AgentError);
        return;
      }
      const ours = await parse(args);
      assert.deepEqual(ours.positionals, theirs.positionals);
      assert.deepEqual(ours.flags, { ...theirs.values });
      agreed++;
    }),
    { numRuns: 2_000 },
  );
  assert.ok(agreed > 200);
});

function wrongUsage(call: () => unknown, message: RegExp) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.exitCode, ExitCode.Usage);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("KEY=VALUE: JSON where it is JSON, else text", () => {
  assert.deepEqual(
    parseEntries([
      "n=21.5",
      "b=true",
      "l=[1,null]",
      'q="1"',
      "t=open",
      "empty=",
      "x=a=b",
      "neg=-5",
      "big=1e300",
      "a:b=1",
      "broken={",
    ]),
    {
      n: 21.5,
      b: true,
      l: [1, null],
      q: "1",
      t: "open",
      empty: "",
      x: "a=b",
      neg: -5,
      big: 1e300,
      "a:b": 1,
      broken: "{",
    },
  );
  assert.deepEqual(Object.keys(parseEntries(["__proto__=1"])), ["__proto__"]);
  wrongUsage(() => parseEntries(["a"]), /^"a" is not KEY=VALUE$/);
  wrongUsage(() => parseEntries(["=1"]), /^"=1" is not KEY=VALUE$/);
  wrongUsage(() => parseEntries(["a=null"]), /null is no value; to remove a use: agent unset a/);
  wrongUsage(() => parseEntries(["a=1", "a=2"]), /^a is given twice$/);
  wrongUsage(() => parseEntries(["a=12345678901234567890"]), /quote it: "12345678901234567890"/);
  wrongUsage(() => parseEntries(["a=[0.5,1e999]"]), /1e999 in a is no number that can be kept/);
  assert.deepEqual(parseEntries(["a=9007199254740991"]), { a: Number.MAX_SAFE_INTEGER });
});

Deno.test("[NODE:]KEY: keys, prefixes, whole nodes", () => {
  assert.deepEqual(parseWanted("a"), { key: "a" });
  assert.deepEqual(parseWanted("heating/"), { prefix: "heating/" });
  assert.deepEqual(parseWanted("pi-2:heating/target"), { node: "pi-2", key: "heating/target" });
  assert.deepEqual(parseWanted("pi-2:heating/"), { node: "pi-2", prefix: "heating/" });
  assert.deepEqual(parseWanted("pi-2:"), { node: "pi-2" });
  assert.deepEqual(parseWanted(":a:b"), { key: "a:b" });
  assert.deepEqual(parseWanted("pi-2:a:b"), { node: "pi-2", key: "a:b" });
  wrongUsage(() => parseWanted(""), /is not \[NODE:\]KEY/);
  wrongUsage(() => parseWanted(":"), /is not \[NODE:\]KEY/);
  const tree = { "pi-2": { "heating/target": { value: 1, at: "" } } };
  assert.ok(isIn(tree, { key: "heating/target" }));
  assert.ok(isIn(tree, { node: "pi-2", prefix: "heating/" }));
  assert.ok(isIn(tree, { node: "b1b2c3d4e5f60718", key: "heating/target" }));
  assert.ok(!isIn(tree, { node: "pi-3", key: "heating/target" }));
  assert.ok(!isIn(tree, { key: "heating" }));
  assert.ok(!isIn({}, { node: "pi-2" }));
});

Deno.test("one letter with a value: at once, or as the next argument", async () => {
  const flags: Flag[] = [...FLAGS, { name: "interval", short: "i", value: "TIME", help: "" }];
  for (const argv of [["-i", "5ms"], ["-i5ms"], ["-vi5ms"], ["-vi", "5ms"]]) {
    assert.deepEqual((await parse(argv, flags)).flags["interval"], ["5ms"], argv.join(" "));
  }
  assert.deepEqual((await parse(["-i", "-1"], flags)).flags["interval"], ["-1"]);
  await refused(["-i"], "-i needs a value: -i TIME", flags);
});
