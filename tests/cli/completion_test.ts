/** The completion scripts in the shells that they are for. */
import assert from "node:assert/strict";
import { completionFor, type Shell, SHELLS } from "../../lib/cli/completion.ts";
import { kindWord, modelOf } from "../../lib/cli/completion_model.ts";
import { commands, globalFlags } from "../../lib/cli/table.ts";
import { skipReason } from "../skip.ts";

/** A stand-in for the agent, and a file and a folder to complete. */
class Place implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "agent-completion-" });

  constructor() {
    Deno.writeTextFileSync(
      `${this.dir}/agent`,
      `#!/bin/sh
[ "$1" = get ] || exit 1
cat <<'END'
NODE  KEY            VALUE  CHANGED
pi-1  agent/name     pi-1   1m ago
pi-2  temperature    21.5   2s ago
END
`,
      { mode: 0o755 },
    );
    Deno.writeTextFileSync(`${this.dir}/my file.key`, "");
    Deno.mkdirSync(`${this.dir}/my folder`);
    for (const shell of SHELLS) {
      Deno.writeTextFileSync(
        `${this.dir}/script.${shell}`,
        completionFor(shell, commands, globalFlags),
      );
    }
  }

  run(command: string, ...args: string[]): { stdout: string; stderr: string } {
    const { stdout, stderr } = new Deno.Command(command, {
      args,
      cwd: this.dir,
      stdin: "null",
      clearEnv: true,
      env: { PATH: `${this.dir}:/usr/local/bin:/usr/bin:/bin`, HOME: this.dir, TERM: "dumb" },
    }).outputSync();
    const decoder = new TextDecoder();
    return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** What a shell offers for the words of a line, the last of which is being typed. */
const offers: Record<"bash" | "fish", (place: Place, words: readonly string[]) => string[]> = {
  bash(place, words) {
    // As readline cuts them.
    const cut = words.flatMap((word) =>
      word === "" ? [""] : word.split(/([:=])/).filter((w) => w !== "")
    );
    const { stdout, stderr } = place.run(
      "bash",
      "-c",
      'source script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agent; printf "%s\\n" "${COMPREPLY[@]}"',
      "bash",
      ...cut,
    );
    assert.equal(stderr, "");
    return stdout.split("\n").filter((line) => line !== "").sort();
  },
  fish(place, words) {
    const line = words.join(" ").replaceAll("'", "\\'");
    const { stdout, stderr } = place.run("fish", "-c", `source script.fish; complete -C '${line}'`);
    assert.equal(stderr, "");
    return stdout.split("\n").filter((line) => line !== "")
      .map((line) => line.split("\t")[0] as string).sort();
  },
};

function has(shell: Shell): boolean {
  try {
    return new Deno.Command(shell, { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

function shellTest(shell: Shell, what: string, fn: (place: Place) => void): void {
  const name = `completion ${shell}: ${what}`;
  Deno.test({
    name,
    ignore: !has(shell) && skipReason(name, `needs ${shell}`),
    fn() {
      using place = new Place();
      fn(place);
    },
  });
}

for (const shell of ["bash", "fish"] as const) {
  const offer = offers[shell];

  shellTest(shell, "every command is offered, and every second word", (place) => {
    const plain = commands.filter(({ leafy }) => !leafy).map(({ name }) =>
      name.split(" ")[0] as string
    );
    assert.deepEqual(offer(place, ["agent", ""]), [...new Set(plain)].sort());
    for (
      const group of new Set(commands.map(({ name }) => name).filter((name) => name.includes(" ")))
    ) {
      const [first = "", second = ""] = group.split(" ");
      assert.ok(offer(place, ["agent", first, ""]).includes(second), group);
    }
    assert.deepEqual(offer(place, ["agent", "stat"]), ["status"]);
    assert.deepEqual(
      offer(place, ["agent", "--leafy", ""]),
      commands.filter(({ leafy }) => leafy).map(({ name }) => name).sort(),
    );
  });

  shellTest(shell, "every flag is offered behind its command, and nowhere else", (place) => {
    for (const { name, leafy, flags } of commands) {
      const words = ["agent", ...(leafy ? ["--leafy"] : []), ...name.split(" "), "--"];
      const offered = offer(place, words).filter((word) => word.startsWith("--"));
      const wanted = [...flags, ...globalFlags].map((flag) => `--${flag.name}`)
        // fish does not offer again what stands on the line.
        .filter((flag) => !(shell === "fish" && leafy && flag === "--leafy"));
      assert.deepEqual(offered.filter((word) => wanted.includes(word)).sort(), wanted.sort(), name);
      assert.deepEqual(
        offered.filter((word) => !wanted.includes(word) && word !== "--leafy"),
        [],
        name,
      );
    }
  });

  shellTest(
    shell,
    "a flag's value is no command, and flags may stand before the command",
    (place) => {
      assert.deepEqual(offer(place, ["agent", "--network", "run", "--json", "nod"]), ["nodes"]);
      assert.deepEqual(offer(place, ["agent", "--config", "x", "service", "rem"]), ["remove"]);
    },
  );

  shellTest(shell, "files and folders", (place) => {
    assert.ok(offer(place, ["agent", "--config", "my"]).some((word) => word.includes("file.key")));
    assert.ok(
      offer(place, ["agent", "config", "check", "my"]).some((word) => /file\.key/.test(word)),
    );
    const folders = offer(place, ["agent", "run", "--state-dir", "my"]);
    assert.ok(
      folders.some((word) => /folder/.test(word)) && !folders.some((word) => /key/.test(word)),
    );
  });

  shellTest(shell, "known words, and keys as the agent tells them", (place) => {
    assert.deepEqual(offer(place, ["agent", "completion", ""]), ["bash", "fish", "zsh"]);
    assert.deepEqual(offer(place, ["agent", "set", "temp"]), ["temperature="]);
    assert.deepEqual(offer(place, ["agent", "unset", "temp"]), ["temperature"]);
    // bash's word begins behind the colon.
    assert.deepEqual(
      offer(place, ["agent", "get", "pi-2:t"]),
      [shell === "bash" ? "temperature" : "pi-2:temperature"],
    );
  });

  shellTest(shell, "without an agent there are no keys, and no complaint", (place) => {
    Deno.writeTextFileSync(`${place.dir}/agent`, "#!/bin/sh\necho no agent >&2; exit 3\n");
    assert.deepEqual(offer(place, ["agent", "get", "x"]), []);
  });
}

shellTest("zsh", "typed on a terminal: commands, second words, flags, files, keys", (place) => {
  // A real line editor on a pseudo terminal; ^A and ^E turn the line into words for echo.
  const cases: [string, string][] = [
    ["agent stat", "agent status"],
    ["agent service ins", "agent service install"],
    ["agent --leafy rea", "agent --leafy read"],
    ["agent run --state", "agent run --state-dir"],
    ["agent --network run nod", "agent --network run nodes"],
    ["agent --config my\\ fi", "agent --config my file.key"],
    ["agent completion zs", "agent completion zsh"],
    ["agent get pi-2:t", "agent get pi-2:temperature"],
    ["agent set temp", "agent set temperature="],
  ];
  Deno.writeTextFileSync(
    `${place.dir}/type.zsh`,
    `zmodload zsh/zpty || exit 9
zpty z 'zsh -f -i'
zpty -w z 'PS1=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source ./script.zsh; echo READ""Y'
zpty -r -m z out '*READY*'
for line in "$@"; do
  zpty -w -n z "$line"$'\\t'
  zpty -w -n z $'\\x01echo GO""T: \\x05 :EN""D\\n'
  zpty -r -m z out '*GOT: *:END*'
  print -r -- "\${\${out##*GOT: }%%:END*}"
done
zpty -d z
`,
  );
  const { stdout } = place.run(
    "timeout",
    "60",
    "zsh",
    "-f",
    "type.zsh",
    ...cases.map(([line]) => line),
  );
  assert.deepEqual(
    stdout.trimEnd().split("\n").map((line) => line.trim()),
    cases.map(([, whole]) => whole),
  );
});

shellTest("zsh", "every command and flag is in the script, and zsh can read it", (place) => {
  assert.equal(place.run("zsh", "-n", "script.zsh").stderr, "");
  const script = Deno.readTextFileSync(`${place.dir}/script.zsh`);
  for (const { name, flags } of commands) {
    assert.ok(script.includes(`'${name.split(" ").at(-1)}:`), name);
    for (const flag of flags) {
      assert.ok(script.includes(`'--${flag.name}:`), `${name} ${flag.name}`);
    }
  }
});

Deno.test("completion: placeholders become what can be completed", () => {
  const model = modelOf([{
    name: "x",
    usage: "",
    summary: "x",
    details: [],
    flags: [
      { name: "a", value: "FILE", help: "" },
      { name: "b", value: "low|high", help: "" },
      { name: "c", value: "[DURATION]", isValue: () => false, help: "" },
      { name: "d", help: "" },
    ],
    arguments: { least: 0, most: 1, name: "KEY=VALUE" },
    load: () => Promise.reject(new Error("not called")),
  }], []);
  const [command] = model.commands;
  assert.deepEqual(command?.flags.map(({ value }) => value && kindWord(value)), [
    "file",
    "words low high",
    undefined,
    undefined,
  ]);
  assert.equal(command && kindWord(command.value), "assign");
});
