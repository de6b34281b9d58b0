/**
 * What the scripts of bash and zsh have in common, word for word.
 *
 * @module
 */
import { type FlagModel, kindWord, type Model, quoted } from "./completion_model.ts";

/** Rows of `_agent_takes`: a pattern `COMMAND:--FLAG`, and the kind of what follows. */
export function takeRows({ commands, flags }: Model): [pattern: string, kind: string][] {
  return [
    ...valueRows("*", flags),
    ...commands.flatMap(({ name, flags }) => valueRows(quoted(name), flags)),
  ];
}

function valueRows(command: string, flags: readonly FlagModel[]): [string, string][] {
  return flags.flatMap(({ name, value }): [string, string][] =>
    value === undefined ? [] : [[`${command}:--${name}`, kindWord(value)]]
  );
}

/** Prints keys of the shared state by a program of awk, `KEY_COLUMNS`. */
export const KEYS_FUNCTION = `_agent_keys() {
  command agent get 2>/dev/null | awk -F '  +' "$1"
}`;

/**
 * Inside of the loop over the words before the cursor: which command or group they are, whether a flag
 * waits for its value, and whether flags have ended.
 */
export function wordCases({ commands, groups }: Model): string {
  return `    if [[ -n $waits ]]; then waits=''; continue; fi
    case "$word" in
      --) ended=1 ;;
      --leafy) leafy=1 ;;
      --*=*) ;;
      -*) waits=$(_agent_takes "\${cmd:-$group}" "$word") ;;
      *)
        [[ -z $cmd ]] || continue
        case "\${group:+$group }$word" in
          ${groups.map(quoted).join(" | ")}) group=$word ;;
          ${commands.map(({ name }) => quoted(name)).join(" | ")}) cmd="\${group:+$group }$word" ;;
        esac
        ;;
    esac`;
}
