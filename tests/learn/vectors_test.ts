/**
 * The vectors `api` of `networkzero.json` (`spec/networkzero.md §9`): results, errors and durations of
 * calls, in virtual time on real sockets.
 */
import { deepStrictEqual, fail, ok } from "node:assert/strict";
import type { Nearby } from "../../lib/learn/mod.ts";
import * as errors from "../../lib/nearby/errors.ts";
import { readVectors } from "../wire/vectors.ts";
import { IdleTime } from "./idle_time.ts";
import { Computer, freeAddress } from "./world.ts";

interface Vector {
  readonly name: string;
  readonly result?: unknown;
  readonly error?: string;
  readonly seconds?: number;
}

/** How far a duration may be off (§9), in s. */
const TOLERANCE = 0.15;
/** Errors of Python for which ours may throw anything of this room. */
const FOREIGN = ["ZMQError", "TypeError", "JSONDecodeError"];

const listener = freeAddress();
const publisher = freeAddress();
const nobody = freeAddress();

/** What runs before a call, beside it. */
interface Scene {
  readonly ours: Nearby;
  readonly theirs: Nearby;
  /** What the other program waits for. */
  sent?: Promise<unknown>;
}

/** What ours does differently, as the specification marks. */
const OURS: Record<string, Partial<Vector>> = {
  // A speaker works again after a time-out.
  "second send on the same address after a timeout": { error: "SocketTimedOutError", seconds: 0.5 },
  // A null message gets its reply.
  "message null with autoreply: receiver gets null and NO reply is sent": {},
  "message null with autoreply: sender": { result: null },
};

/** For calls that the types forbid, as a learner may make them. */
const wrong = <T>(value: unknown): T => value as T;

const CALLS: Record<string, (scene: Scene) => Promise<unknown>> = {
  "send_message_to, nobody there, wait 0.5": ({ ours }) => ours.sendMessageTo(nobody, "m", 0.5),
  "second send on the same address after a timeout": ({ ours }) =>
    ours.sendMessageTo(nobody, "m", 0.5),
  "send_message_to a list of addresses": ({ ours }) => ours.sendMessageTo(wrong([nobody]), "m"),
  "wait_for_message_from, nothing, wait 0": ({ ours }) => ours.waitForMessageFrom(listener, 0),
  "wait_for_message_from, nothing, wait 0.3": ({ ours }) => ours.waitForMessageFrom(listener, 0.3),
  "send_reply_to without a message": ({ ours }) => ours.sendReplyTo(listener, "r"),
  "wait_for_message_from": (scene) => {
    scene.sent = scene.theirs.sendMessageTo(listener, "m");
    return scene.ours.waitForMessageFrom(listener);
  },
  "wait again before replying, wait 0.3": ({ ours }) => ours.waitForMessageFrom(listener, 0.3),
  "send_reply_to": ({ ours }) => ours.sendReplyTo(listener, "r"),
  "second reply to one message": ({ ours }) => ours.sendReplyTo(listener, "r"),
  "autoreply: receiver gets": (scene) => {
    scene.sent = scene.theirs.sendMessageTo(listener, "cmd");
    return scene.ours.waitForMessageFrom(listener, null, true);
  },
  "autoreply: sender gets": ({ sent }) => sent!,
  "message null with autoreply: receiver gets null and NO reply is sent": (scene) => {
    scene.sent = scene.theirs.sendMessageTo(listener, null, 5);
    return scene.ours.waitForMessageFrom(listener, null, true);
  },
  "message null with autoreply: sender": ({ sent }) => sent!,
  "wait_for_news_from, nothing, first use, wait 0.3 (0.5 s settling added)": ({ ours }) =>
    ours.waitForNewsFrom(publisher, "", 0.3),
  "wait_for_news_from, nothing, later use, wait 0.3": ({ ours }) =>
    ours.waitForNewsFrom(publisher, "", 0.3),
  "bytes as a message": ({ ours }) => ours.sendMessageTo(listener, new Uint8Array(1)),
  "send_news_to a list of addresses": ({ ours }) => ours.sendNewsTo(wrong([publisher]), "t", 1),
};

const { api } = readVectors<{ api: Vector[] }>("networkzero.json");

Deno.test("networkzero: api: calls in order, with their durations", async (t) => {
  const time = new IdleTime();
  const computer = new Computer({ clock: time.clock, timer: time.timer });
  const scene: Scene = { ours: computer.program(), theirs: computer.program() };
  try {
    for (const vector of api) {
      const own = OURS[vector.name];
      await t.step(vector.name, async () => {
        const call = CALLS[vector.name] ?? (() => fail("a call that is not known"));
        const expected = own && "result" in own ? own : { ...vector, ...own };
        const start = time.now;
        try {
          const { result } = await time.run(call(scene));
          ok(expected.error === undefined, `${JSON.stringify(result)} is no ${expected.error}`);
          deepStrictEqual(result, expected.result);
        } catch (error) {
          if (expected.error === undefined) throw error;
          const kind: unknown = FOREIGN.includes(expected.error)
            ? errors.NetworkZeroError
            : errors[expected.error as keyof typeof errors];
          ok(error instanceof (kind as typeof Error), `${error} is no ${expected.error}`);
        }
        if (expected.seconds === undefined) return;
        const seconds = (time.now - start) / 1000;
        ok(Math.abs(seconds - expected.seconds) <= TOLERANCE, `took ${seconds} s`);
      });
    }
  } finally {
    await computer.close();
  }
});
