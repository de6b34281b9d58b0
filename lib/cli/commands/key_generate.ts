/** `agent key generate [--output FILE]` */
import { formatKey, generateKey, writeKeyFile } from "../../agent/config/keys.ts";
import { type Call, flagText } from "../call.ts";

export function run(call: Call): number {
  const key = generateKey();
  const file = flagText(call, "output");
  if (file === undefined) {
    const text = formatKey(key);
    call.out.print({ key: text }, () => ({ lines: [[text]] }));
    return 0;
  }
  writeKeyFile(file, key);
  call.out.print({ file }, () => ({
    lines: [[`wrote ${file} (mode 0600); every node of the network needs a copy of it`]],
  }));
  return 0;
}
