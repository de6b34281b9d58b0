/**
 * The manual of the commands about the ring.
 *
 * @module
 */
import type { RingView } from "../../http/api.ts";
import { type Manuals, shape } from "./entry.ts";

export const ringManual: Manuals = {
  "ring serve": {
    exits: [[4, "The port is taken, or the logs cannot be written."], [
      78,
      "The members are wrong.",
    ]],
    examples: [
      {
        line: "agent ring serve --index 0 --member a=192.0.2.1 --member b=192.0.2.2",
        about: "a ring of two, without a config",
      },
      { line: "agent ring serve --v0.1", about: "one server that logs" },
    ],
  },
  "ring send": {
    exits: [[3, "A text was not taken; it is not sent again."]],
    examples: [
      { line: 'agent ring send -n 1 -m "the window is open"', about: "one text to any member" },
      { line: "agent ring send -r -n 100 -i 5ms", about: "random texts, to each in turn" },
      {
        line: "agent ring send -s pi-3 -n 1 -m hello --show",
        about: "only show what would be done",
      },
    ],
    json: shape(
      "line",
      { server: "pi-3", text: "hello", taken: true },
      "Where it was not taken, trouble says why. With --show one value: what would be done.",
    ),
  },
  "ring status": {
    exits: [
      [1, "The ring is switched off: [ring] enabled = true in the config."],
      [3, "Neither the agent nor a server of the ring is running here."],
      [4, "The ring may not run, or the socket may not be used by this user."],
    ],
    examples: [{ line: "agent ring status", about: "members, connections, what was lost" }],
    json: shape<RingView>("value", {
      version: "0.2.2",
      index: 3,
      name: "pi-4",
      listen: ["[::]:55552"],
      clients: 0,
      members: [{
        index: 0,
        name: "pi-1",
        address: "192.168.1.20:55552",
        state: "up",
        sinceSeconds: 182,
        incoming: true,
        sent: 0,
        unanswered: 0,
        lost: 0,
        noLink: 0,
        trouble: "",
      }],
      fromClients: 0,
      fromServers: 1,
      logged: 1,
      rerouted: 0,
      refused: 0,
      lost: 0,
      noLink: 0,
      logDir: "/var/lib/agent/ring",
      logLinesLost: 0,
    }, "state: self, down, connecting, hello or up."),
  },
};
