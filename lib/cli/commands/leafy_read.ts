/** `agent --leafy read [[NODE:]KEY…] [--from HOST[:PORT]] [--timeout 3s]` */
import type { StateTree } from "../../http/api.ts";
import type { Wanted } from "../../agent/config/leafy.ts";
import { type Call, flagText } from "../call.ts";
import { NotRunning } from "../client.ts";
import { parseWanted } from "../entries.ts";
import { timeoutOf } from "../leafy.ts";
import { localClient } from "../sockets.ts";
import { readLocal, showState } from "../state.ts";

export async function run(call: Call): Promise<number> {
  const wanted = call.positionals.map(parseWanted);
  const { state, reasons } = await read(call, wanted, timeoutOf(call));
  if (reasons.length > 0) call.out.note(`note: the picture may be partial: ${reasons.join("; ")}`);
  return showState(call, state, wanted);
}

async function read(
  call: Call,
  wanted: readonly Wanted[],
  timeoutMs: number,
): Promise<{ state: StateTree; reasons: readonly string[] }> {
  const from = flagText(call, "from");
  if (from === undefined) {
    try {
      return await readLocal(await localClient(call.globals, timeoutMs), call.globals, wanted);
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
    }
  }
  const { remoteNetwork } = await import("../leafy_network.ts");
  const { network } = remoteNetwork(call, "--from", from);
  const { remoteRead } = await import("../../agent/leafy/remote.ts");
  const { state, complete, reasons } = await remoteRead({ network, wanted, timeoutMs });
  return { state, reasons: complete ? [] : reasons };
}
