/** `agent links [--tree | --dot]` */
import { ExitCode } from "../../core/errors.ts";
import type { LinkRow, NodeRow } from "../../http/api.ts";
import { usage } from "../args.ts";
import { type Call, hasFlag } from "../call.ts";
import { localClient, queryOf } from "../sockets.ts";

export async function run(call: Call): Promise<number> {
  const { globals, out } = call;
  const [tree, dot] = [hasFlag(call, "tree"), hasFlag(call, "dot")];
  if (Number(tree) + Number(dot) + Number(globals.json) > 1) {
    throw usage("--tree, --dot and --json exclude each other");
  }
  const client = await localClient(globals);
  const query = queryOf(globals);
  const links: LinkRow[] = JSON.parse((await client.request("GET", `/v1/links${query}`)).body);
  if (links.length === 0) {
    // Where LSOE is off or may not run here, the agent says so, and this ends with its word for it.
    await client.request("GET", "/v1/lsoe/sessions");
    out.note("no cables; a cable appears when the agents at both of its ends speak LSOE");
  }
  if (globals.json) {
    out.print(links, () => ({ lines: [] }));
    return ExitCode.Done;
  }
  if (dot) {
    const { dotOf } = await import("../links_dot.ts");
    out.print(links, () => ({ lines: dotOf(links).map((line) => [line]) }));
    return ExitCode.Done;
  }
  const nodes: NodeRow[] = JSON.parse((await client.request("GET", `/v1/nodes${query}`)).body);
  const self = nodes.find((node) => node.self)?.name;
  const { adjacencyOf, treeOf } = await import("../links_text.ts");
  out.print(links, () => ({ lines: tree ? treeOf(links, self) : adjacencyOf(links, self) }));
  return ExitCode.Done;
}
