/**
 * The completion script of zsh.
 *
 * @module
 */
import {
  type CommandModel,
  type FlagModel,
  KEY_COLUMNS,
  kindWord,
  type Model,
  quoted,
} from "./completion_model.ts";
import { KEYS_FUNCTION, takeRows, wordCases } from "./completion_sh.ts";

/** The script: sourced after `compinit`, or as the file `_agent` in a folder of `$fpath`. */
export function zshScript(model: Model): string {
  const { commands, groups, flags } = model;
  const single = commands.filter(({ name, leafy }) => !leafy && !name.includes(" "));
  const within = (group: string) => commands.filter(({ name }) => name.startsWith(`${group} `));
  return `#compdef agent
# zsh completion for agent; made by: agent completion zsh

# What follows a flag, of a command or of all: a kind, or nothing.
_agent_takes() {
  case "$1:$2" in
${
    takeRows(model).map(([pattern, kind]) => `    ${pattern}) print -r -- ${quoted(kind)} ;;`).join(
      "\n",
    )
  }
  esac
}

_agent_complete() {
  local -a found
  case "$1" in
    file) _files ;;
    folder) _files -/ ;;
    command) found=(${commands.map(({ name }) => quoted(name)).join(" ")}); compadd -- $found ;;
    words\\ *) compadd -- \${=1#words } ;;
    state) found=(\${(f)"$(_agent_keys ${quoted(KEY_COLUMNS.state)})"}); compadd -- $found ;;
    keys) found=(\${(f)"$(_agent_keys ${quoted(KEY_COLUMNS.keys)})"}); compadd -- $found ;;
    assign) found=(\${(f)"$(_agent_keys ${
    quoted(KEY_COLUMNS.assign)
  })"}); compadd -S '' -- $found ;;
  esac
}

${KEYS_FUNCTION}

_agent() {
  local cmd='' group='' leafy='' waits='' ended='' word cur=\${words[CURRENT]}
  local -a rows
  for word in "\${(@)words[2,CURRENT-1]}"; do
${wordCases(model)}
  done

  if [[ -n $waits ]]; then
    _agent_complete "$waits"
  elif [[ $cur == --*=* ]]; then
    compset -P '*='
    _agent_complete "$(_agent_takes "\${cmd:-$group}" "\${cur%%=*}")"
  elif [[ $cur == -* && -z $ended ]]; then
    case "\${cmd:-$group}" in
${
    commands.filter(({ flags }) => flags.length > 0).map(({ name, flags }) =>
      `      ${quoted(name)}) rows=(${flagRows(flags)}) ;;`
    ).join("\n")
  }
    esac
    rows+=(${flagRows(flags)})
    _describe -o flag rows
  elif [[ -n $cmd ]]; then
    case "$cmd" in
${
    commands.filter(({ value }) => value.kind !== "nothing").map(({ name, value }) =>
      `      ${quoted(name)}) _agent_complete ${quoted(kindWord(value))} ;;`
    ).join("\n")
  }
    esac
  elif [[ -n $group ]]; then
    case "$group" in
${
    groups.map((group) =>
      `      ${group}) rows=(${
        rowsOf(within(group).map(({ name, help }) => [name.slice(group.length + 1), help]))
      }) ;;`
    ).join("\n")
  }
    esac
    _describe command rows
  elif [[ -n $leafy ]]; then
    rows=(${commandRows(commands.filter(({ leafy }) => leafy))})
    _describe command rows
  else
    rows=(${commandRows(single)} ${
    rowsOf(
      groups.filter((group) => single.every(({ name }) => name !== group)).map((group) => [
        group,
        within(group).map(({ name }) => name.slice(group.length + 1)).join(", "),
      ]),
    )
  })
    _describe command rows
  fi
}

if [[ $funcstack[1] == _agent ]]; then _agent "$@"; else compdef _agent agent; fi
`;
}

function commandRows(commands: readonly CommandModel[]): string {
  return rowsOf(commands.map(({ name, help }) => [name, help]));
}

function flagRows(flags: readonly FlagModel[]): string {
  return rowsOf(flags.flatMap(({ name, short, help }) => [
    [`--${name}`, help] as const,
    ...(short === undefined ? [] : [[`-${short}`, help] as const]),
  ]));
}

/** Rows of `_describe`: a colon stands between the word and what it means. */
function rowsOf(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([word, help]) => quoted(`${word.replaceAll(":", "\\:")}:${help}`)).join(" ");
}
