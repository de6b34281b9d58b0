/**
 * The functions that learners import, all over one {@linkcode Nearby} that is made when it is first
 * needed.
 *
 * @module
 */
import { Nearby } from "./nearby.ts";

let shared: Nearby | undefined;

function nearby(): Nearby {
  if (shared) return shared;
  const made = new Nearby();
  // The end of the program: what another program's beacon tells for us is taken back.
  globalThis.addEventListener("beforeunload", (event) => {
    if (!made.owesGoodbye) return;
    event.preventDefault();
    void made.goodbye();
  });
  return shared = made;
}

/** What a function of {@linkcode Nearby} is as a plain function. */
type Plain<Name extends keyof Nearby> = Nearby[Name];

/**
 * Tells everybody around that a service is here, and gives its address: yours, or one that is
 * chosen. `await advertise("robot")`
 */
export const advertise: Plain<"advertise"> = (...args) => nearby().advertise(...args);

/** Takes a service back. */
export const unadvertise: Plain<"unadvertise"> = (...args) => nearby().unadvertise(...args);

/** Where a service is; null when the time (in seconds) is over. `await discover("robot", 5)` */
export const discover: Plain<"discover"> = (...args) => nearby().discover(...args);

/** All services: a list of [name, address]; null when the time is over. */
export const discoverAll: Plain<"discoverAll"> = (...args) => nearby().discoverAll(...args);

/** The services of a group: `await discoverGroup("chat")` finds "chat/alice" and "chat/bob". */
export const discoverGroup: Plain<"discoverGroup"> = (...args) => nearby().discoverGroup(...args);

/** Asks, and waits for the reply. `await sendMessageTo(address, "Hello")` */
export const sendMessageTo: Plain<"sendMessageTo"> = (...args) => nearby().sendMessageTo(...args);

/** The next message to this address; null when the time is over. */
export const waitForMessageFrom: Plain<"waitForMessageFrom"> = (...args) =>
  nearby().waitForMessageFrom(...args);

/** Replies to the message that came last. */
export const sendReplyTo: Plain<"sendReplyTo"> = (...args) => nearby().sendReplyTo(...args);

/** Sends a command. `await sendCommand(address, "forward 10")` */
export const sendCommand: Plain<"sendCommand"> = (...args) => nearby().sendCommand(...args);

/** The next command: `["forward", ["10"]]`; null when the time is over. */
export const waitForCommand: Plain<"waitForCommand"> = (...args) =>
  nearby().waitForCommand(...args);

/** Tells news to all who want to hear. `await sendNewsTo(address, "temperature", 21.5)` */
export const sendNewsTo: Plain<"sendNewsTo"> = (...args) => nearby().sendNewsTo(...args);

/** The next news: `["temperature", 21.5]`; `[null, null]` when the time is over. */
export const waitForNewsFrom: Plain<"waitForNewsFrom"> = (...args) =>
  nearby().waitForNewsFrom(...args);

/** A whole address: `await address("5000")` → `"192.168.1.5:5000"`. */
export const address: Plain<"address"> = (...args) => nearby().address(...args);

/** The beacon of this computer forgets everything. */
export const resetBeacon: Plain<"resetBeacon"> = () => nearby().resetBeacon();
