/**
 * What can be done to a link of messages: `links approve`, `block`, `unblock`, `forget`.
 *
 * @module
 */
import type { LinkView } from "../http/api.ts";
import type { Call } from "./call.ts";
import { localClient } from "./sockets.ts";

/** Asks the agent to change a link; the exit code. */
export async function changeLink(
  { positionals: [which = ""], globals, out }: Call,
  change: "approve" | "block" | "unblock" | "forget",
): Promise<number> {
  const client = await localClient(globals);
  const path = `/v1/piot/links/${encodeURIComponent(which)}`;
  const { body } = change === "forget"
    ? await client.request("DELETE", path)
    : await client.request("PUT", path, JSON.stringify({ change }));
  const link: LinkView = JSON.parse(body);
  out.print(link, () => ({ lines: [] }));
  return 0;
}
