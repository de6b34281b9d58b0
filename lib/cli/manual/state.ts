/**
 * The manual of the commands about the shared state.
 *
 * @module
 */
import type { SetReceipt, StateEvent, StateTree } from "../../http/api.ts";
import { ASKS, type Manual, type Manuals, shape } from "./entry.ts";

const NOT_THERE: Manual["exits"][number] = [
  1,
  "One of the keys that were asked for is not there; what is there is shown.",
];
const TREE: StateTree = {
  "pi-2": { temperature: { value: 21.5, at: "2026-11-21T09:00:00.000Z" } },
};

export const stateManual: Manuals = {
  get: {
    exits: [NOT_THERE, ...ASKS],
    examples: [
      { line: "agent get", about: "everything" },
      { line: "agent get temperature", about: "one key of all nodes" },
      { line: "agent get pi-2: heating/", about: "all of pi-2, and all that begins with heating/" },
      {
        line: "agent get pi-2:temperature --json | jq '.[\"pi-2\"].temperature.value'",
        about: "the value alone",
      },
    ],
    json: shape<StateTree>("value", TREE, "By node and by key."),
  },
  set: {
    exits: [
      [3, "The agent is not running."],
      [4, "No room: a node publishes at most 64 KiB. Or a key of the agent itself (agent/…)."],
    ],
    examples: [
      { line: "agent set temperature=21.5 window=open", about: "two entries at once" },
      { line: 'agent set \'place={"room":"hall"}\'', about: "a JSON value" },
      { line: "agent set motion=true --ttl 30s", about: "that ends by itself" },
    ],
    json: shape<SetReceipt>(
      "value",
      { node: "pi-1", id: "40be2bd7f1c1bbd7" },
      "With --ttl also until and ttlSeconds.",
    ),
  },
  unset: {
    exits: [[1, "One of them was not set; the others were removed."], ...ASKS],
    examples: [{ line: "agent unset temperature window", about: "remove both" }],
    json: shape("value", { removed: ["temperature"], missing: ["window"] }),
  },
  watch: {
    exits: ASKS,
    examples: [
      { line: "agent watch heating/", about: "changes of what begins with heating/" },
      {
        line: "agent watch --snapshot --json | ./consumer",
        about: "for a program: all that is there, then each change",
      },
    ],
    json: shape<StateEvent>("line", {
      node: "pi-2",
      key: "temperature",
      value: 21.5,
      at: "2026-11-21T09:00:00.000Z",
      event: "set",
    }, "event is set, unset or lost; then value is null."),
  },
};

export const leafyManual: Manuals = {
  read: {
    exits: [
      NOT_THERE,
      [3, "No node answered in time, or there is no key to ask one with."],
      [4, "Refused: the key is another one."],
    ],
    examples: [
      {
        line: "agent --leafy read pi-1:heating/target",
        about: "through the local agent, or a node",
      },
      {
        line: "agent --leafy read --from pi-1.local --key-file ~/home.key --json",
        about: "from this node, on a computer without an agent",
      },
    ],
    json: shape<StateTree>("value", TREE, "By node and by key."),
  },
  publish: {
    exits: [
      [3, "No node answered in time, or there is no key to ask one with."],
      [4, "Refused: another network key, no room, or the node has set one of the keys itself."],
    ],
    examples: [
      { line: "agent --leafy publish load=0.5 --ttl 11m", about: "hand it over, and end" },
      { line: "agent --leafy publish present=true", about: "for as long as this command runs" },
    ],
    json: shape<SetReceipt>(
      "value",
      {
        node: "pi-1",
        id: "40be2bd7f1c1bbd7",
        until: "2026-11-21T09:11:00.000Z",
        ttlSeconds: 660,
      },
      "Without --ttl a line each time a node has been found: node, connected, perhaps id.",
    ),
  },
};
