/**
 * Leafy over the network: from a computer that runs no agent, or about another one's view. Loaded
 * by the commands `--leafy read` and `--leafy publish` alone, so it imports single files. All calls
 * throw AgentError: exit code 3 where no node answered in time, 4 where one answers with another key or
 * refuses.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";
import {
  guestIdFor,
  Publication,
  ReadCollector,
  readRequest,
  type ReadResult,
} from "../../leafy/client.ts";
import { dialSecure } from "../../net/dial.ts";
import type { SecureStream } from "../../net/secure_stream.ts";
import type { Entries } from "../../http/api.ts";
import { AGENT_PREFIX, checkKey, checkValue, MAX_TIME, quote } from "../../state/entry.ts";
import { WireError } from "../../wire/bytes.ts";
import { NetworkKey } from "../../wire/key.ts";
import type { Endpoint } from "../config/config.ts";
import { sleep } from "../patience.ts";
import { addressText } from "./asking.ts";
import type {
  LeafyNetwork,
  RemoteAck,
  RemoteMirrorOptions,
  RemotePublishOptions,
  RemoteReadOptions,
  RemoteReadResult,
} from "../config/leafy.ts";

/** Wait before the mirror connects again after its first hop went, in ms: first and longest. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;

/** Ask a node for entries. One round trip behind the connect. */
export async function remoteRead(options: RemoteReadOptions): Promise<RemoteReadResult> {
  if (options.network.profile === "hncp") return (await hncp()).readHncp(options);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const request = readRequest(options.wanted.map(addressText));
  const { keys, node, left } = await reach(options.network, options.timeoutMs, deadline);
  const stream = await dialSecure({
    ...node,
    keys,
    purpose: "leaf",
    firstPayload: request,
    timeoutMs: left(),
    stallMs: Infinity,
  });
  const collector = new ReadCollector(options.wanted.map(addressText));
  const result = await exchange(stream, deadline, (bytes) => collector.feed(bytes));
  return resultOf(result);
}

/** Have a node publish entries for a while. */
export async function remotePublish(options: RemotePublishOptions): Promise<RemoteAck> {
  if (options.network.profile === "hncp") return (await hncp()).publishHncp(options);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const publication = new Publication(
    guestIdFor(Deno.hostname(), Object.keys(options.entries)),
    Math.floor(Date.now() / 1000),
  );
  publication.setEntries(Object.entries(options.entries));
  const { keys, node, left } = await reach(options.network, options.timeoutMs, deadline);
  const stream = await dialSecure({
    ...node,
    keys,
    purpose: "leaf",
    timeoutMs: left(),
    stallMs: Infinity,
  });
  stream.write(publication.request(options.ttlMs));
  const ack = await exchange(stream, deadline, (bytes) => {
    const answer = publication.feed(bytes);
    if (answer !== "again") return answer;
    stream.write(publication.request(options.ttlMs));
    return undefined;
  });
  return {
    node: ack.node,
    id: ack.id,
    // A node may tell a later one than a date can.
    until: new Date(Math.min(ack.until, MAX_TIME)).toISOString(),
    ttlMs: ack.grantedMs,
  };
}

/** Publish continually, through whichever first hop can be reached, until `stop`. */
export async function remoteMirror(options: RemoteMirrorOptions): Promise<void> {
  checkEntries(options.entries);
  if (options.network.profile === "hncp") return (await hncp()).mirrorHncp(options);
  const { network, stop, timeoutMs } = options;
  const { MirrorRunner } = await import("./mirror.ts");
  const runner = new MirrorRunner(options);
  const giveUp = performance.now() + timeoutMs;
  let connectedOnce = false;
  let pause = FIRST_PAUSE;
  using _ended = { [Symbol.dispose]: () => runner.end() };
  while (!stop.aborted) {
    try {
      const patience = connectedOnce
        ? LONGEST_PAUSE
        : Math.max(1, Math.ceil(giveUp - performance.now()));
      const deadline = AbortSignal.any([stop, AbortSignal.timeout(patience)]);
      const { keys, node, left } = await reach(network, patience, deadline);
      const stream = await dialSecure({
        ...node,
        keys,
        purpose: "node",
        timeoutMs: left(),
        signal: stop,
      });
      connectedOnce = true;
      pause = FIRST_PAUSE;
      await runner.over(stream);
    } catch (error) {
      if (stop.aborted) return;
      const final = error instanceof AgentError && error.exitCode !== ExitCode.Unreachable;
      if (final || (!connectedOnce && performance.now() >= giveUp)) throw error;
    }
    await sleep(pause, stop);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

/** A leaf publishes past the checks of every node, so it keeps to them by itself. */
function checkEntries(entries: Entries): void {
  for (const [key, value] of Object.entries(entries)) {
    if (checkKey(key).startsWith(AGENT_PREFIX)) {
      throw new AgentError(
        `${quote(key)} is the agent's own; only it writes keys that begin with ${AGENT_PREFIX}`,
        ExitCode.Refused,
      );
    }
    checkValue(key, value);
  }
}

/** The other profile, for those who need it. */
const hncp = () => import("./remote_hncp.ts");

/** The node to talk to: the one named, else the first that answers a multicast query. */
async function reach(
  network: LeafyNetwork,
  timeoutMs: number,
  deadline: AbortSignal,
): Promise<{ keys: NetworkKey[]; node: Endpoint; left: () => number }> {
  const keys = network.keys.map((bytes) => NetworkKey.fromBytes(bytes));
  if (keys.length === 0) {
    throw new AgentError(
      "no network key here; name the network's key file with --key-file",
      ExitCode.Refused,
    );
  }
  const end = performance.now() + timeoutMs;
  const left = () => Math.max(1, Math.ceil(end - performance.now()));
  if (network.node) return { keys, node: network.node, left };
  const { findNode } = await import("./find.ts");
  return { keys, node: await findNode(network, keys, deadline), left };
}

/** Feed what comes to `take` until that gives a result; then close the stream. */
function exchange<T>(
  stream: SecureStream,
  deadline: AbortSignal,
  take: (bytes: Uint8Array) => T | undefined,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = (finish: () => void) => {
      deadline.removeEventListener("abort", late);
      stream.close("done");
      finish();
    };
    const unreachable = (what: string) =>
      end(() => reject(new AgentError(`${stream.remote} ${what}`, ExitCode.Unreachable)));
    const late = () => unreachable("did not answer in time; try a longer --timeout");
    const feed = (bytes: Uint8Array) => {
      try {
        const result = take(bytes);
        if (result !== undefined) end(() => resolve(result));
      } catch (error) {
        if (error instanceof WireError) unreachable(`answers nonsense: ${error.message}`);
        else end(() => reject(error));
      }
    };
    deadline.addEventListener("abort", late);
    stream.onClosed((reason) => {
      if (reason !== "done") unreachable(`broke off: ${reason}`);
    });
    if (deadline.aborted) return late();
    if (stream.firstPayload.length > 0) feed(stream.firstPayload);
    if (stream.closedWith === undefined) stream.onData(feed);
  });
}

function resultOf({ state, complete, reasons, from }: ReadResult): RemoteReadResult {
  return { state, complete, reasons, from: from.node };
}
