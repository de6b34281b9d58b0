/**
 * The completion script of bash.
 *
 * @module
 */
import { type FlagModel, KEY_COLUMNS, kindWord, type Model, quoted } from "./completion_model.ts";
import { KEYS_FUNCTION, takeRows, wordCases } from "./completion_sh.ts";

/** The script; sourced, it completes `agent`. */
export function bashScript(model: Model): string {
  const { commands, groups, flags } = model;
  const plain = commands.filter(({ leafy }) => !leafy).map(({ name }) => name);
  const first = (names: readonly string[]) =>
    [
      ...new Set(names.map((name) => name.split(" ")[0])),
    ].join(" ");
  const second = (group: string) =>
    commands.flatMap(({ name }) => name.startsWith(`${group} `) ? [name.split(" ")[1]] : [])
      .join(" ");
  return `# bash completion for agent; made by: agent completion bash

# What follows a flag, of a command or of all: prints a kind, or nothing.
_agent_takes() {
  case "$1:$2" in
${takeRows(model).map(([pattern, kind]) => `    ${pattern}) echo ${quoted(kind)} ;;`).join("\n")}
  esac
}

# Flags of a command, besides the global ones.
_agent_flags() {
  case "$1" in
${
    commands.filter(({ flags }) => flags.length > 0).map(({ name, flags }) =>
      `    ${quoted(name)}) echo ${quoted(spelled(flags))} ;;`
    ).join("\n")
  }
  esac
}

# What follows a command.
_agent_arguments() {
  case "$1" in
${
    commands.filter(({ value }) => value.kind !== "nothing").map(({ name, value }) =>
      `    ${quoted(name)}) echo ${quoted(kindWord(value))} ;;`
    ).join("\n")
  }
  esac
}

${KEYS_FUNCTION}

# Fills COMPREPLY with what of a kind begins so.
_agent_complete() {
  local kind=$1 cur=$2 IFS=$'\\n'
  case "$kind" in
    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    folder) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;
    command) COMPREPLY=($(compgen -W ${
    quoted(commands.map(({ name }) => name).join("\n"))
  } -- "$cur")) ;;
    words\\ *) IFS=$' \\n'; COMPREPLY=($(compgen -W "\${kind#words }" -- "$cur")) ;;
    state) COMPREPLY=($(compgen -W "$(_agent_keys ${quoted(KEY_COLUMNS.state)})" -- "$cur")) ;;
    keys) COMPREPLY=($(compgen -W "$(_agent_keys ${quoted(KEY_COLUMNS.keys)})" -- "$cur")) ;;
    assign)
      compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -W "$(_agent_keys ${quoted(KEY_COLUMNS.assign)})" -- "$cur"))
      ;;
  esac
}

_agent() {
  local words=() word before='' cur i
  # bash cuts words at ":" and "=" too; an agent's word is put together again.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ \${#words[@]} -gt 0 && ($word == [:=]* || $before == *[:=]) ]]; then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    before=$word
  done
  cur=\${words[\${#words[@]} - 1]}
  unset "words[\${#words[@]} - 1]"

  # A group may be a command too, such as links: its flags may stand there.
  local cmd='' group='' leafy='' waits='' ended=''
  for word in "\${words[@]}"; do
${wordCases(model)}
  done

  COMPREPLY=()
  if [[ -n $waits ]]; then
    _agent_complete "$waits" "$cur"
  elif [[ $cur == --*=* ]]; then
    _agent_complete "$(_agent_takes "\${cmd:-$group}" "\${cur%%=*}")" "\${cur#*=}"
    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("\${COMPREPLY[@]/#/\${cur%%=*}=}")
    return
  elif [[ $cur == -* && -z $ended ]]; then
    COMPREPLY=($(compgen -W "$(_agent_flags "\${cmd:-$group}") ${spelled(flags)}" -- "$cur"))
  elif [[ -n $cmd ]]; then
    _agent_complete "$(_agent_arguments "$cmd")" "$cur"
  elif [[ -n $group ]]; then
    case "$group" in
${
    groups.map((group) =>
      `      ${group}) COMPREPLY=($(compgen -W ${quoted(second(group))} -- "$cur")) ;;`
    ).join("\n")
  }
    esac
  elif [[ -n $leafy ]]; then
    COMPREPLY=($(compgen -W ${
    quoted(commands.filter(({ leafy }) => leafy).map(({ name }) => name).join(" "))
  } -- "$cur"))
  else
    COMPREPLY=($(compgen -W ${quoted(first(plain))} -- "$cur"))
  fi
  # What stands before the last colon is on the line already, as a word of its own.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
  fi
}

complete -F _agent agent
`;
}

/** Flags as they are typed. */
function spelled(flags: readonly FlagModel[]): string {
  return flags.flatMap(({ name, short }) =>
    short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]
  )
    .join(" ");
}
