/**
 * The manual of the commands about interfaces and cables.
 *
 * @module
 */
import type { InterfaceRow, LinkRow, LsoeEventRow, LsoeSessionRow } from "../../http/api.ts";
import { ASKS, type Manual, type Manuals, shape } from "./entry.ts";

const ASKS_LSOE: Manual["exits"] = [
  [1, "LSOE is switched off: [lsoe] enabled = true in the config."],
  [3, "The agent is not running."],
  [4, "LSOE may not run here (CAP_NET_RAW), or the agent's socket may not be used by this user."],
];
const PEER = { peerMac: "02:00:00:00:0b:01", peerId: "0a:00:00:00:00:00:00:00:00:02" };
const at = "2026-11-21T09:00:07.000Z";

export const cablesManual: Manuals = {
  links: {
    exits: ASKS_LSOE,
    examples: [
      { line: "agent links", about: "by node" },
      { line: "agent links --tree", about: "as seen from here" },
      { line: "agent links --dot | dot -Tsvg > cables.svg", about: "as a picture" },
    ],
    json: shape<LinkRow[]>(
      "value",
      [{
        a: {
          node: "pi-1",
          interface: "eth0",
          mac: "02:00:00:00:0a:01",
          addresses: ["192.0.2.1/24"],
          id: "0a:00:00:00:00:00:00:00:00:01",
        },
        b: {
          node: "pi-2",
          interface: "eth1",
          mac: PEER.peerMac,
          addresses: ["192.0.2.2/24"],
          id: PEER.peerId,
        },
        state: "open",
        carrier: true,
      }],
      "state is half where only one end reports the cable, carrier false where one reports that it" +
        " is out; node and interface may be null.",
    ),
  },
  interfaces: {
    exits: ASKS,
    examples: [
      { line: "agent interfaces", about: "what there is" },
      { line: "agent interfaces --watch --json", about: "changes, for a program" },
    ],
    json: shape<InterfaceRow[]>(
      "value",
      [{
        name: "eth0",
        index: 2,
        mac: "02:00:00:00:0a:01",
        up: true,
        running: true,
        mtu: 1500,
        addresses: ["192.0.2.1/24"],
      }],
      "With --watch a line for each change: such an object with event (present, added, changed," +
        " removed) and at.",
    ),
  },
  "lsoe sessions": {
    exits: ASKS_LSOE,
    examples: [{ line: "agent lsoe sessions", about: "who is at the other ends" }],
    json: shape<LsoeSessionRow[]>("value", [{
      interface: "eth0",
      ...PEER,
      peerNode: "pi-2",
      state: "open",
      sinceSeconds: 64.1,
      addresses: ["192.0.2.2/24"],
      labels: [],
      stale: false,
      carrier: true,
    }], "state is opening, half or open; peerNode is null where it is no node of ours."),
  },
  "lsoe watch": {
    exits: ASKS_LSOE,
    examples: [{ line: "agent lsoe watch", about: "until Ctrl-C" }],
    json: shape<LsoeEventRow>(
      "line",
      { at, event: "opened", interface: "eth0", ...PEER, peerNode: "pi-2" },
      "event is present, opened, closed, learned, linkUp, linkChange, linkDown, macMoved, error," +
        " hopeless, rejected, listCut, noCarrier or carrier; each has further members, as in docs/api.md.",
    ),
  },
};
