/**
 * The manual of the commands about services nearby.
 *
 * @module
 */
import type { FoundService, ServiceRow } from "../../http/api.ts";
import { ASKS, type Manuals, shape } from "./entry.ts";

const OFF = "[nearby] is switched off.";
const ROBOT: Pick<FoundService, "name" | "address"> = {
  name: "robot",
  address: "192.168.1.5:5000",
};

export const nearbyManual: Manuals = {
  advertise: {
    exits: [[1, OFF], [3, "The agent is not running."], [
      4,
      "Refused; with --if-new: it is there.",
    ]],
    examples: [
      { line: "agent advertise robot 5000", about: "this computer, port 5000" },
      { line: "agent advertise robot --ttl 1m", about: "at a free port, known for longer" },
    ],
    json: shape("value", ROBOT),
  },
  unadvertise: {
    exits: [[1, "It is not advertised here."], ...ASKS],
    examples: [{ line: "agent unadvertise robot", about: "others forget it at once, or soon" }],
  },
  discover: {
    exits: [[1, "Nobody advertises it in time."], ...ASKS],
    examples: [
      { line: "agent discover robot", about: "its best address" },
      { line: "agent discover robot --all --timeout 0", about: "all of them, if it is known now" },
    ],
    json: shape("value", ROBOT, "With --all also addresses, best first."),
  },
  services: {
    exits: [[1, OFF], ...ASKS],
    examples: [{ line: "agent services", about: "who tells of what" }],
    json: shape<ServiceRow[]>(
      "value",
      [{ ...ROBOT, node: "pi-2", ttlSeconds: 20 }],
      "node is null where only its adverts were heard, ttlSeconds where it is known for ever.",
    ),
  },
  ask: {
    exits: [[1, "Nobody advertises NAME."], [3, "Nobody answers, or the agent is not running."]],
    examples: [
      { line: "agent ask robot Hello", about: "by name" },
      { line: "agent ask 192.168.1.5:5000 Hello", about: "by address, without an agent" },
    ],
    json: shape("value", { address: ROBOT.address, reply: "Hello, too" }),
  },
  answer: {
    exits: [[3, "The agent is not running."], [4, "The name or the address is taken."]],
    examples: [
      { line: "agent answer robot", about: "type the replies yourself" },
      { line: "agent answer shout -- tr a-z A-Z", about: "a program replies" },
    ],
    json: shape("line", { message: "Hello" }),
  },
  "news publish": {
    exits: [[1, OFF], ...ASKS],
    examples: [{ line: "agent news publish weather temperature 21.5", about: "to all who follow" }],
  },
  "news follow": {
    exits: [[1, OFF], ...ASKS],
    examples: [{ line: "agent news follow weather temp --count 10", about: "ten, and end" }],
    json: shape("line", { topic: "temperature", data: 21.5 }),
  },
};
