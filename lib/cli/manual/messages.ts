/**
 * The manual of the commands about messages.
 *
 * @module
 */
import type {
  CallResult,
  LinkView,
  MessageRow,
  OutboxView,
  PlanView,
  SendReceipt,
} from "../../http/api.ts";
import { ASKS, type Manual, type Manuals, shape } from "./entry.ts";

const ID = "5f0e1c3a7b9d42860f1e2d3c4b5a6978";
const at = "2026-11-21T09:00:00.000Z";
const LINK: LinkView = {
  link: 1,
  id: "c0ffee00112233445566778899aabbcc",
  name: "pi-kitchen",
  state: "up",
  waiting: 0,
  waitingBytes: 0,
  addresses: ["192.168.1.21:8331"],
};
const linkManual = (line: string, about: string): Manual => ({
  exits: [[1, "There is no such link."], ...ASKS],
  examples: [{ line, about }],
  json: shape<LinkView>("value", LINK),
});

export const messagesManual: Manuals = {
  send: {
    exits: [
      [1, "[piot] is switched off."],
      [3, "The agent is not running; with --no-hold: NODE is not connected."],
      [
        4,
        "It is not kept: no room, a full disk, a link that is blocked; or NODE refused it within --wait.",
      ],
    ],
    examples: [
      { line: 'agent send pi-kitchen "the kettle is on"', about: "a text" },
      {
        line: "agent send pi-kitchen - --name photo --type image/jpeg < photo.jpg",
        about: "from stdin, with a topic",
      },
      {
        line: "agent send pi-kitchen '{\"target\": 21.5}' --json-body --ttl 10m",
        about: "a JSON value, dropped after ten minutes",
      },
    ],
    json: shape<SendReceipt>("value", { id: ID, state: "confirmed" }, "state: confirmed or held."),
  },
  inbox: {
    exits: ASKS,
    examples: [
      { line: "agent inbox", about: "look, and keep all" },
      { line: "agent inbox --take --follow --json | ./consumer", about: "for a program" },
    ],
    json: shape<MessageRow>("line", {
      id: ID,
      from: "pi-hall",
      at,
      header: { name: "kettle", type: "text/plain", created: at },
      body: "the kettle is on",
    }, "body: a JSON value where it is CBOR or JSON, text where its type says so, else base64."),
  },
  outbox: {
    exits: ASKS,
    examples: [
      { line: "agent outbox", about: "what waits, and what failed" },
      { line: "agent outbox --dismiss", about: "show the failed ones for the last time" },
    ],
    json: shape<OutboxView>(
      "value",
      {
        waiting: [{
          id: ID,
          to: "pi-kitchen",
          state: "held",
          since: at,
          expires: "2026-11-22T09:00:00.000Z",
          bytes: 38,
        }],
        messages: 1,
        bytes: 38,
        undelivered: [{ notice: 3, id: ID, to: "pi-attic", reason: "expired", at }],
      },
      "waiting shows the first of each link; messages counts them all. name: where it has a topic.",
    ),
  },
  call: {
    exits: [
      [1, "Some answered with an error, and the mode's condition is not met."],
      [3, "Those that failed could not be reached in time; or the agent is not running."],
      [4, "The agent refused."],
    ],
    examples: [
      { line: "agent call '*' piot.ping", about: "who answers" },
      { line: "agent call room=kitchen lamp.set '{\"on\": false}'", about: "nodes of a room" },
      { line: "agent call '*' piot.ping --mode quorum:3 --timeout 5s", about: "three suffice" },
    ],
    json: shape<CallResult>("value", {
      id: ID,
      status: "complete",
      answers: [{ node: LINK.id, name: "pi-kitchen", status: "ok", value: true, ms: 12 }],
    }, "status: complete, partial, failed or cancelled. An answer that is not ok has error."),
  },
  plan: {
    exits: [
      [1, "It was rolled back or cancelled; or there is no such plan."],
      [3, "The agent is not running."],
      [4, "It failed and could not be rolled back completely; or the agent refused."],
    ],
    examples: [
      { line: "agent plan evening.toml", about: "run it, and show each step" },
      { line: "agent plan --list", about: "the last plans" },
      { line: "agent plan --cancel 7d21", about: "stop one, and roll it back" },
    ],
    json: shape<PlanView>("value", {
      id: "7d21",
      status: "done",
      steps: [{
        id: "valve",
        status: "ok",
        value: true,
        started: 1795251600000,
        ended: 1795251600042,
      }],
    }, "When it has ended. With --list an array of such; with --no-wait its id alone."),
  },
  "links known": {
    exits: ASKS,
    examples: [{ line: "agent links known", about: "with numbers, for the commands below" }],
    json: shape<LinkView[]>("value", [LINK], "state: pending, linked, up or blocked."),
  },
  "links forget": linkManual("agent links forget pi-old", "a node that will not come back"),
  "links approve": linkManual("agent links approve 4", "the one with this number"),
  "links block": linkManual("agent links block pi-noisy", "what waits for it is dropped"),
  "links unblock": linkManual("agent links unblock pi-noisy", "take it back"),
};
