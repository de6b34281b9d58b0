/** `agent answer NAME|ADDRESS [--count N] [--address ADDRESS] [-- COMMAND…]` */
import { AgentError, ExitCode, messageOf } from "../../core/errors.ts";
import type { FoundService, JsonValue } from "../../http/api.ts";
import { SocketInterruptedError } from "../../nearby/errors.ts";
import { Nearby } from "../../learn/nearby.ts";
import { lines } from "../../learn/lines.ts";
import { type Call, flagText } from "../call.ts";
import { asAgentError, countOf, isAddress, servicePath } from "../nearby.ts";
import { untilSignal } from "../signals.ts";
import { localClient } from "../sockets.ts";

/** Bytes of a command's output that make a reply; the rest is cut off. */
const MOST_REPLY = 16 * 1_048_576;

export async function run(call: Call): Promise<number> {
  const [where = "", ...command] = call.positionals;
  const count = countOf(call);
  const stop = untilSignal();
  const nearby = new Nearby();
  const stopped = new Promise<undefined>((resolve) => {
    stop.addEventListener("abort", () => {
      void nearby.close();
      resolve(undefined);
    });
  });
  const named = !isAddress(where);
  const { listen: address, told } = named
    ? await advertise(call, where)
    : { listen: where, told: where };
  const replies = command.length > 0 ? undefined : lines(Deno.stdin.readable);
  call.out.note(`answering at ${told}; end with Ctrl-C`);
  try {
    for (let answered = 0; answered < count; answered++) {
      const message = await nearby.waitForMessageFrom(address) as JsonValue;
      call.out.line(
        { message },
        () => [typeof message === "string" ? message : { value: message }],
      );
      if (replies === undefined) {
        await nearby.sendReplyTo(address, await output(call, command, message));
        continue;
      }
      const typed = await Promise.race([replies.next(), stopped]);
      if (typed === undefined) break;
      await nearby.sendReplyTo(address, typed.done ? null : typed.value);
      if (typed.done) break;
    }
  } catch (error) {
    if (!stop.aborted || !(error instanceof SocketInterruptedError)) throw asAgentError(error);
  } finally {
    await nearby.close();
    if (named) await takeBack(call, where);
  }
  return 0;
}

/** Advertises it; answers where to listen, and where others find it. */
async function advertise(call: Call, name: string): Promise<{ listen: string; told: string }> {
  const address = flagText(call, "address");
  const client = await localClient(call.globals);
  const request = JSON.stringify({ address: address ?? null, failIfExists: true });
  const { body } = await client.request("PUT", servicePath(name), request);
  const { address: told }: FoundService = JSON.parse(body);
  // Without a host it is told each network's own address.
  const everywhere = address === undefined || /^:?\d+$/.test(address.trim());
  return { listen: everywhere ? told.replace(/^.*:/, "0.0.0.0:") : told, told };
}

async function takeBack(call: Call, name: string): Promise<void> {
  try {
    await (await localClient(call.globals)).request("DELETE", servicePath(name));
  } catch (error) {
    // The agent has ended, and with it what it told.
    call.out.note(`${name} could not be taken back: ${messageOf(error)}`);
  }
}

/** What the command says to a message; null where it fails. */
async function output(
  call: Call,
  [command = "", ...args]: readonly string[],
  message: JsonValue,
): Promise<string | null> {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args,
      // The environment cannot carry everything; stdin does.
      env: text.length > 32_768 || text.includes("\0") ? {} : { MESSAGE: text },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (cause) {
    throw new AgentError(`cannot run ${command}: ${messageOf(cause)}`, ExitCode.Usage, { cause });
  }
  const input = new Blob([text]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout } = await child.output();
  await input;
  if (code !== 0) {
    call.out.note(`${command} ended with exit code ${code}; the reply is null`);
    return null;
  }
  return new TextDecoder().decode(stdout.subarray(0, MOST_REPLY)).replace(/\r?\n$/, "");
}
