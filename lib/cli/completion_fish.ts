/**
 * The completion script of fish.
 *
 * @module
 */
import { type FlagModel, KEY_COLUMNS, type Kind, type Model } from "./completion_model.ts";

/** The script: `~/.config/fish/completions/agent.fish`. */
export function fishScript({ commands, groups, flags }: Model): string {
  const valued = (all: readonly FlagModel[]) =>
    all.filter(({ value }) => value !== undefined).map(({ name }) => `--${name}`);
  const waiting = [
    ...new Set([...valued(flags), ...commands.flatMap(({ flags }) => valued(flags))]),
  ];
  const lines = [
    ...flags.map((flag) => flagLine(flag, undefined)),
    ...commands.flatMap((command) => {
      const at = `__agent_at ${fish(command.name)}`;
      return [
        ...command.flags.map((flag) => flagLine(flag, at)),
        ...argumentLine(command.value, at, commands.map(({ name }) => name)),
      ];
    }),
    ...commands.filter(({ name }) => !name.includes(" ")).map(({ name, leafy, help }) =>
      `complete -c agent -n ${fish(leafy ? "__agent_first --leafy" : "__agent_first")} ` +
      `-a ${fish(name)} -d ${fish(help)}`
    ),
    ...groups.map((group) =>
      `complete -c agent -n __agent_first -a ${fish(group)} -d ${
        fish(
          commands.flatMap(({ name }) =>
            name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : []
          ).join(", "),
        )
      }`
    ),
    ...commands.filter(({ name }) => name.includes(" ")).map(({ name, help }) => {
      const [group = "", word = ""] = name.split(" ");
      return `complete -c agent -n ${fish(`__agent_at ${group}`)} -a ${fish(word)} -d ${
        fish(help)
      }`;
    }),
  ];
  return `# fish completion for agent; made by: agent completion fish

# The words of the command that stand on the line so far: none, a group, or all of them.
function __agent_words
    set -l words (commandline -opc)
    set -l waits
    set -l found
    for word in $words[2..-1]
        if set -q waits[1]
            set -e waits
        else if contains -- $word ${waiting.join(" ")}
            set waits $word
        else if not string match -q -- '-*' $word
            set -a found $word
            contains -- $found[1] ${groups.join(" ")}; and test (count $found) -lt 2; or break
        end
    end
    string join ' ' $found
end

function __agent_at
    set -l typed (__agent_words)
    test "$typed" = "$argv"
end

# Whether the command itself is to come, with --leafy on the line or without.
function __agent_first
    __agent_at ''; or return 1
    if contains -- --leafy (commandline -opc)
        contains -- --leafy $argv
    else
        not contains -- --leafy $argv
    end
end

function __agent_keys
    command -q agent; or return
    command agent get 2>/dev/null | awk -F '  +' $argv[1]
end

complete -c agent -f
${lines.join("\n")}
`;
}

function flagLine({ name, short, help, value }: FlagModel, at: string | undefined): string {
  return [
    "complete -c agent",
    ...(at === undefined ? [] : [`-n ${fish(at)}`]),
    ...(short === undefined ? [] : [`-s ${short}`]),
    `-l ${name}`,
    ...(value === undefined ? [] : [value.kind === "file" ? "-r" : "-x", ...offered(value)]),
    `-d ${fish(help)}`,
  ].join(" ");
}

function argumentLine(value: Kind, at: string, commands: readonly string[]): string[] {
  if (value.kind === "nothing") return [];
  const offers = value.kind === "command"
    ? [`-a ${fish(commands.map(fish).join(" "))}`]
    : offered(value);
  return [["complete -c agent", `-n ${fish(at)}`, ...offers].join(" ")];
}

function offered(value: Kind): string[] {
  switch (value.kind) {
    case "file":
      return ["-F"];
    case "folder":
      return ["-a '(__fish_complete_directories)'"];
    case "words":
      return [`-a ${fish(value.words.join(" "))}`];
    case "keys": {
      const columns = KEY_COLUMNS[value.assign ? "assign" : value.ofAll ? "state" : "keys"];
      return [`-a ${fish(`(__agent_keys ${fish(columns)})`)}`];
    }
    default:
      return [];
  }
}

/** A text as one word: in single quotes, where fish knows two escapes. */
function fish(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
