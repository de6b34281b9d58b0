/** `agent get [[NODE:]KEY…]` */
import type { Call } from "../call.ts";
import { parseWanted } from "../entries.ts";
import { localClient } from "../sockets.ts";
import { readLocal, showState } from "../state.ts";

export async function run(call: Call): Promise<number> {
  const wanted = call.positionals.map(parseWanted);
  const { state } = await readLocal(await localClient(call.globals), call.globals, wanted);
  return showState(call, state, wanted);
}
