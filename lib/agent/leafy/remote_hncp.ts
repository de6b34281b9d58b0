/**
 * Leafy over networks of profile `hncp`: the machines of `lib/leafy` on a UDP socket of their own. Loaded by
 * `remote.ts` where it is needed.
 *
 * @module
 */
import {
  AgentError,
  ExitCode,
  type Machine,
  messageOf,
  monotonicClock,
  Scheduler,
} from "../../core/mod.ts";
import { hncpProfile } from "../../dncp/mod.ts";
import {
  guestIdFor,
  HncpMirror,
  HncpPublication,
  HncpReader,
  type HncpReadResult,
} from "../../leafy/mod.ts";
import {
  formatHostPort,
  openMulticastLink,
  openUdp,
  readInterfaces,
  type UdpPort,
} from "../../net/mod.ts";
import { linkLocal6 } from "../../net/select.ts";
import {
  type Entry,
  NetworkView,
  parseAddress,
  ShspStateCodec,
  toStateJson,
  type Value,
} from "../../state/mod.ts";
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
import { HNCP_GROUP, MAX_DATAGRAM, QUESTION } from "../network/hncp_wire.ts";
import { interfacesOf } from "../interfaces.ts";

/** The question to the group is repeated after this, and then after twice as long each time, in ms. */
const FIRST_REPEAT = 150;
/** Wait before the mirror begins anew after its first hop went, in ms. */
const PAUSE = 2_000;

/** Read once (§16.2). */
export async function readHncp(options: RemoteReadOptions): Promise<RemoteReadResult> {
  const { network, timeoutMs } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const node = await firstHopOf(network, deadline);
  const read = await exchange<HncpReader, HncpReadResult>(node, deadline, {
    make: (now, send) => new HncpReader(now, send),
    done: (reader) => {
      if (reader.failed) throw silent();
      return reader.result;
    },
  });
  const view = new NetworkView(codecOf(network));
  for (const [id, { seqno, data }] of read.nodes) {
    const hash = new Uint8Array(hncpProfile.hashBytes);
    view.nodeChanged(0, { after: { id, self: false, seqno, data, hash, origination: 0 } });
  }
  const { nodes } = view.select(options.wanted.map((wanted) => parseAddress(addressText(wanted))));
  const from = read.firstHop === undefined ? addressOf(node) : view.names.of(read.firstHop);
  return { state: toStateJson(nodes), complete: true, reasons: [], from };
}

/** Publish with a TTL through a proxy (§16.4). */
export async function publishHncp(options: RemotePublishOptions): Promise<RemoteAck> {
  const { network, entries, ttlMs, timeoutMs } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const node = await firstHopOf(network, deadline);
  const what = {
    // The same keys from the same computer are the same leaf: the next run refreshes.
    leafId: guestIdFor(Deno.hostname(), Object.keys(entries)).slice(0, 8),
    seqno: Math.floor(Date.now() / 1_000) >>> 0,
    ttlMs,
    tlvs: codecOf(network).encode(entriesOf(entries)),
  };
  const grant = await exchange(node, deadline, {
    make: (now, send) => new HncpPublication(now, what, send),
    done: (publication: HncpPublication) => publication.grant,
  });
  return {
    node: grant.firstHop ?? addressOf(node),
    id: grant.firstHop ?? "",
    until: new Date(Date.now() + grant.grantedMs).toISOString(),
    ttlMs: grant.grantedMs,
  };
}

/** Publish continually (§16.3), through whichever first hop can be reached, until `stop`. */
export async function mirrorHncp(options: RemoteMirrorOptions): Promise<void> {
  const { network, stop, timeoutMs, onChange } = options;
  const all = { "agent/name": `${Deno.hostname()}-leaf`, ...options.entries };
  const tlvs = codecOf(network).encode(entriesOf(all));
  const giveUp = performance.now() + timeoutMs;
  let connectedOnce = false;
  while (!stop.aborted) {
    try {
      const patience = connectedOnce ? PAUSE : Math.max(1, Math.ceil(giveUp - performance.now()));
      const node = await firstHopOf(
        network,
        AbortSignal.any([stop, AbortSignal.timeout(patience)]),
      );
      await mirrorThrough(
        node,
        tlvs,
        stop,
        connectedOnce ? Infinity : patience,
        (connected, why) => {
          connectedOnce ||= connected;
          onChange({ node: addressOf(node), connected, ...(why !== undefined && { why }) });
        },
      );
    } catch (error) {
      if (stop.aborted) return;
      const final = error instanceof AgentError && error.exitCode !== ExitCode.Unreachable;
      if (final || (!connectedOnce && performance.now() >= giveUp)) throw error;
    }
    if (!stop.aborted) await sleep(PAUSE, stop);
  }
}

/** Until the first hop is lost, or `stop`. */
async function mirrorThrough(
  node: Endpoint,
  tlvs: readonly Uint8Array[],
  stop: AbortSignal,
  patience: number,
  told: (connected: boolean, why?: string) => void,
): Promise<void> {
  const patient = patience === Infinity ? undefined : AbortSignal.timeout(patience);
  let connected = false;
  let mirror: HncpMirror | undefined;
  await exchange<HncpMirror, true>(node, undefined, {
    make: (now, send) => {
      mirror = new HncpMirror({
        now,
        send,
        randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
        onConsistency: (consistent) => {
          if (consistent && !connected) {
            connected = true;
            told(true);
          }
        },
      });
      mirror.setPayload(now, tlvs);
      return mirror;
    },
    done: (one) => {
      if (stop.aborted) {
        one.leave(monotonicClock.now());
        return true;
      }
      if (!connected && patient?.aborted) {
        throw silent();
      }
      return one.lost ? true : undefined;
    },
    also: patient ? [stop, patient] : [stop],
  });
  if (connected) told(false, stop.aborted ? "withdrawn" : "nothing heard from it any more");
}

function silent(): AgentError {
  return new AgentError(
    "it does not answer; does a node of this network run there?",
    ExitCode.Unreachable,
  );
}

/** A machine that talks with one address. */
interface Talk<M extends Machine, T> {
  readonly make: (now: number, send: (datagram: Uint8Array) => void) => M;
  /** The result, once there is one; asked after everything that happens. May throw. */
  readonly done: (machine: M) => T | undefined;
  /** Things that happen besides. */
  readonly also?: readonly AbortSignal[];
}

interface Receiver extends Machine {
  receive(now: number, datagram: Uint8Array): void;
}

/** Run a machine on a socket until it is done. What it throws is told with the node's address. */
async function exchange<M extends Receiver, T>(
  node: Endpoint,
  deadline: AbortSignal | undefined,
  { make, done, also = [] }: Talk<M, T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let failure: unknown;
  const scheduler = new Scheduler(monotonicClock, (error) => reject(error));
  const attempt = (input: () => void) => {
    try {
      input();
      const result = done(machine);
      if (result !== undefined) resolve(result);
    } catch (error) {
      reject(error);
    }
    scheduler.touch();
  };
  const plainHost = node.host.split("%")[0];
  const socket = open((bytes, host) => {
    if (host === plainHost || node.host.includes(".")) {
      attempt(() => machine.receive(scheduler.now(), bytes));
    }
  }, (message) => failure ??= message);
  const machine = make(scheduler.now(), (datagram) => socket.send(datagram, node.host, node.port));
  const woken: Machine = {
    nextWake: () => machine.nextWake(),
    wake: (now) => attempt(() => machine.wake(now)),
  };
  const look = () => attempt(() => {});
  const late = () =>
    reject(
      new AgentError("it does not answer in time; try a longer --timeout", ExitCode.Unreachable),
    );
  for (const signal of also) signal.addEventListener("abort", look);
  deadline?.addEventListener("abort", late);
  scheduler.add(woken);
  look();
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const why = failure === undefined ? error.message : messageOf(failure);
    throw new AgentError(`${addressOf(node)}: ${why}`, error.exitCode, { cause: error });
  } finally {
    for (const signal of also) signal.removeEventListener("abort", look);
    deadline?.removeEventListener("abort", late);
    scheduler.stop();
    await socket.close();
  }
}

function open(
  onDatagram: (bytes: Uint8Array, host: string) => void,
  onProblem: (message: string) => void,
): UdpPort {
  return openUdp({ host: "::", port: 0, maxDatagram: MAX_DATAGRAM, onDatagram, onProblem });
}

/** The node that the command names, else the first that answers: on this computer, or on its links. */
async function firstHopOf(network: LeafyNetwork, deadline: AbortSignal): Promise<Endpoint> {
  if (network.node) return network.node;
  const interfaces = interfacesOf(network.interfaces, readInterfaces())
    .filter((info) => info.running && linkLocal6(info) !== undefined);
  const { promise, resolve, reject } = Promise.withResolvers<Endpoint>();
  const links = interfaces.map((info) =>
    openMulticastLink({
      info,
      group6: HNCP_GROUP,
      group4: null,
      port: network.port,
      ownPort: 0,
      maxDatagram: MAX_DATAGRAM,
      onDatagram: (bytes, host, { port }) => {
        // Network State or Node Endpoint: a node, and no question like ours.
        if (bytes[1] === 3 || bytes[1] === 4) resolve({ host, port });
      },
      onProblem() {},
    })
  );
  const local = open((_bytes, host) => resolve({ host, port: network.port }), () => {});
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = (pause: number) => {
    local.send(QUESTION, "::1", network.port);
    for (const link of links) link.send(QUESTION);
    timer = setTimeout(() => ask(2 * pause), pause);
  };
  const late = () => {
    const where = interfaces.map(({ name }) => name).join(", ");
    reject(
      new AgentError(
        `no node answered on ${where === "" ? "this computer" : where}; is one running there? ` +
          "name one with --from or --via, such as [fe80::1%eth0]",
        ExitCode.Unreachable,
      ),
    );
  };
  deadline.addEventListener("abort", late);
  ask(FIRST_REPEAT);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    deadline.removeEventListener("abort", late);
    await Promise.all([local.close(), ...links.map((link) => link.close())]);
  }
}

function codecOf({ keys }: LeafyNetwork): ShspStateCodec {
  return new ShspStateCodec(keys[0]);
}

function entriesOf(entries: Readonly<Record<string, unknown>>): Entry[] {
  const at = Math.round(monotonicClock.wall());
  return Object.entries(entries).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: value as Value, at }]
  );
}

function addressOf({ host, port }: Endpoint): string {
  return formatHostPort(host, port);
}
