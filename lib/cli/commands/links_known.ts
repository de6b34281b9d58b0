/** `agent links known` */
import type { LinkView } from "../../http/api.ts";
import type { Call } from "../call.ts";
import { localClient } from "../sockets.ts";

export async function run({ globals, out }: Call): Promise<number> {
  const client = await localClient(globals);
  const { body } = await client.request("GET", "/v1/piot/links");
  const links: LinkView[] = JSON.parse(body);
  out.print(links, () => ({
    columns: ["LINK", "NAME", "STATE", "WAITING", "ID"],
    rows: links.map(({ link, name, state, waiting, id }) => [
      link,
      { text: name, tone: "strong" },
      state === "up"
        ? { text: state, tone: "good" }
        : state === "linked"
        ? state
        : { text: state, tone: "bad" },
      waiting,
      { text: id, tone: "dim" },
    ]),
  }));
  return 0;
}
