/**
 * The manual of the commands about the node and what it sees.
 *
 * @module
 */
import type { NodeRow, PeerRow, StatusView } from "../../http/api.ts";
import { ASKS, type Manuals, shape } from "./entry.ts";

const ID = "40be2bd7f1c1bbd7";

export const nodeManual: Manuals = {
  run: {
    exits: [
      [4, "A port or the state folder is taken, or may not be used."],
      [78, "The config file or a key file is wrong."],
    ],
    examples: [
      { line: "agent run", about: "start a new network, or go on with the one there is" },
      {
        line: "agent run --key-file home.key --connect pi-1.local",
        about: "join where multicast does not pass",
      },
      {
        line: 'agent run --interfaces "eth*,wlan0" --name pi-hall',
        about: "on these interfaces, under this name",
      },
    ],
  },
  status: {
    exits: ASKS,
    examples: [
      { line: "agent status", about: "what is known, and what to look at" },
      { line: "agent status --json | jq -r '.problems[]'", about: "problems alone, a line each" },
    ],
    json: shape<StatusView>("value", {
      name: "pi-1",
      id: ID,
      version: "0.1.0",
      uptimeSeconds: 3605.2,
      networks: [{
        name: "home",
        profile: "native",
        id: ID,
        nodes: 3,
        peers: 2,
        consistent: true,
        networkHash: "bf5187bfb4e888efcf75ffbd08fe9c4f",
        keyId: "92934e0d",
        listen: "[::]:8331",
        interfaces: ["eth0", "wlan0"],
        stateBytes: 412,
        stateLimitBytes: 65_536,
      }],
      rssBytes: 61_865_984,
      problems: [],
    }, "keyId is missing where nothing is sealed, listen where nobody can dial."),
  },
  nodes: {
    exits: ASKS,
    examples: [
      { line: "agent nodes", about: "who is there" },
      { line: "agent nodes --json | jq length", about: "how many" },
    ],
    json: shape<NodeRow[]>("value", [{
      name: "pi-1",
      id: ID,
      self: true,
      network: "home",
      keys: 6,
      ageSeconds: 12.4,
    }], "tlvs is there where a node publishes what this agent gives no meaning."),
  },
  peers: {
    exits: ASKS,
    examples: [{ line: "agent peers", about: "over which interface and address, and since when" }],
    json: shape<PeerRow[]>("value", [{
      node: "pi-2",
      id: "0b57f4a9d6e3c281",
      network: "home",
      endpoint: "eth0",
      address: "192.168.1.21:8331",
      lastContactSeconds: 1.2,
      consistent: true,
    }]),
  },
};
