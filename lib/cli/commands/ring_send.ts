/** `agent ring send` */
import { loadConfig } from "../../agent/config/config.ts";
import { RING_PORT, type RingMember } from "../../agent/config/ring.ts";
import { formatHostPort, parseHostPort } from "../../agent/config/types.ts";
import type { Target } from "../../agent/ring/send.ts";
import { AgentError, ExitCode } from "../../core/errors.ts";
import { formatDuration, parseDuration } from "../../core/duration.ts";
import type { RingMemberRow, RingView } from "../../http/api.ts";
import { usage } from "../args.ts";
import { type Call, flagText, hasFlag } from "../call.ts";
import { absolute, askRing, membersOf, wholeNumber } from "../ring.ts";
import { untilSignal } from "../signals.ts";

/** As long as a text may be: 511 octets of a line, less `MSG ` and its end. */
const MOST_OCTETS = 506;

export async function run(call: Call): Promise<number> {
  const { globals, out } = call;
  const config = loadConfig({ path: globals.config, overrides: { socket: globals.socket } });
  const { ring } = config;
  const interval = flagText(call, "interval") ?? "10s";
  const intervalMs = parseDuration(interval);
  if (intervalMs <= 0) throw usage(`--interval is longer than nothing, not ${interval}`);
  const count = wholeNumber("--count", flagText(call, "count") ?? "-1", -1, 1e15);
  const message = flagText(call, "message");
  if (message !== undefined) checkMessage(message);
  const seed = flagText(call, "seed");
  const logDir = flagText(call, "log-dir");
  const random = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  const targets = await targetsOf(call, ring.members);
  const options = {
    targets,
    roundRobin: hasFlag(call, "round-robin"),
    intervalMs,
    count,
    message,
    length: lengthOf(flagText(call, "length") ?? "32-60"),
    seed: seed === undefined ? random : wholeNumber("--seed", seed, 0, 0xffff_ffff),
    logDir: logDir === undefined
      ? ring.log_dir ?? `${config.agent.stateDir}/ring`
      : absolute(logDir),
    logBytes: ring.log_bytes,
  };
  if (hasFlag(call, "show")) {
    out.print(options, () => ({
      lines: [
        ["to", targets.map(describe).join(", ")],
        [targets.length === 1 ? "always" : options.roundRobin ? "in turn" : "at random"],
        ["every", formatDuration(intervalMs)],
        [count < 0 ? "without end" : `${count} texts`],
        [message ?? `random texts of ${options.length.join(" to ")} characters`],
        ["log", `${options.logDir}/sprog.log`],
      ],
    }));
    return ExitCode.Done;
  }
  const { sendTexts } = await import("../../agent/ring/send.ts");
  const tell = globals.json || globals.verbose > 0;
  const result = await sendTexts({
    ...options,
    stop: untilSignal(),
    told: (server, text, trouble) => {
      const data = { server, text, taken: trouble === undefined, ...(trouble && { trouble }) };
      if (tell) {
        out.line(data, () => [
          trouble === undefined ? { text: "sent", tone: "good" } : { text: "FAILED", tone: "bad" },
          { text: server, tone: "strong" },
          text,
        ]);
      }
      if (trouble !== undefined) out.note(`not taken: ${trouble}`);
    },
    logTrouble: (reason) => out.note(`${reason}; choose another folder with --log-dir`),
  });
  const { sent, failed } = result;
  if (!globals.json) {
    out.print(result, () => ({
      lines: [[
        `${sent} ${sent === 1 ? "text" : "texts"} sent${failed > 0 ? `, ${failed} failed` : ""}`,
      ]],
    }));
  }
  return failed > 0 ? ExitCode.Unreachable : ExitCode.Done;
}

function checkMessage(message: string): void {
  const octets = new TextEncoder().encode(message).length;
  if (octets < 1 || octets > MOST_OCTETS) {
    throw usage(`--message has 1 to ${MOST_OCTETS} bytes, not ${octets}`);
  }
  if (/\p{Cc}/u.test(message) || !message.isWellFormed()) {
    throw usage("--message has no control characters; a text is one line");
  }
}

function lengthOf(text: string): readonly [number, number] {
  const [, low, high = low] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text) ?? [];
  const [shortest, longest] = [Number(low), Number(high)];
  if (shortest >= 1 && longest >= shortest && longest <= MOST_OCTETS) return [shortest, longest];
  throw usage(`--length is LOW-HIGH, from 1 to ${MOST_OCTETS}, such as 32-60, not "${text}"`);
}

/** Where texts may go: `-s`, `-T`, `--member`, the config, else what a server on this computer knows. */
async function targetsOf(call: Call, configured: readonly RingMember[]): Promise<Target[]> {
  const given = flagText(call, "port");
  const port = given === undefined ? undefined : wholeNumber("--port", given, 1, 65_535);
  const members = membersOf(call) ?? configured;
  const specific = flagText(call, "specific-host") ??
    (hasFlag(call, "testing") ? "127.0.0.1" : undefined);
  if (specific !== undefined && hasFlag(call, "round-robin")) {
    throw usage("--round-robin and --specific-host do not go together");
  }
  const known = specific === undefined
    ? await whereMembersAre(call, members)
    : await perhapsMembers(call, members, specific);
  const all = port === undefined ? known : known.map(({ name, addresses }) => ({
    name,
    addresses: addresses.map(({ host }) => ({ host, port })),
  }));
  if (specific === undefined) return all;
  const member = all.find(({ name }) => name === specific);
  if (member !== undefined) return [member];
  const place = parseHostPort(specific);
  if (place === undefined || place.host === "") {
    throw usage(`"${specific}" is neither a member nor HOST[:PORT]`);
  }
  const address = { host: place.host, port: place.port ?? port ?? RING_PORT };
  return [{ name: specific, addresses: [address] }];
}

/** Of a word that may be a member's name. Nobody who names a host has to have a ring here. */
async function perhapsMembers(
  call: Call,
  members: readonly RingMember[],
  word: string,
): Promise<Target[]> {
  const isMember = members.some(({ name }) => name === word);
  if (!isMember && (members.length > 0 || /[.:]/.test(word))) return [];
  try {
    return await whereMembersAre(call, members);
  } catch (error) {
    if (isMember || !(error instanceof AgentError)) throw error;
    return [];
  }
}

async function whereMembersAre(call: Call, members: readonly RingMember[]): Promise<Target[]> {
  if (members.length > 0 && members.every(({ host }) => host !== undefined)) {
    return members.map(({ name, host, port }) => ({
      name,
      addresses: [{ host: host as string, port }],
    }));
  }
  let view: RingView;
  try {
    view = await askRing(call.globals);
  } catch (cause) {
    const known = cause instanceof AgentError &&
      (cause.exitCode === ExitCode.Unreachable || cause.exitCode === ExitCode.NotThere);
    if (!known) throw cause;
    throw new AgentError(
      members.length === 0
        ? "no members of a ring are known here; name a server (-s HOST), or write members below" +
          " [ring] in the config"
        : "members of the ring are written without host, and no ring runs on this computer that" +
          " knows where they are; start the agent, or name a server: -s HOST",
      members.length === 0 ? ExitCode.Config : ExitCode.Unreachable,
      { cause },
    );
  }
  return view.members.map((row) => ({ name: row.name, addresses: addressesOf(row, view) }));
}

function addressesOf({ address, state }: RingMemberRow, { listen }: RingView) {
  const text = state === "self" ? listen[0] : address;
  const place = text === undefined || text === null ? undefined : parseHostPort(text);
  if (place?.port === undefined) return [];
  const everywhere = place.host === "::" || place.host === "0.0.0.0";
  return [{ host: everywhere ? "127.0.0.1" : place.host, port: place.port }];
}

function describe({ name, addresses }: Target): string {
  const where = addresses.map(formatHostPort).join(" or ") || "(unknown)";
  return addresses[0]?.host === name || where === name ? where : `${name} (${where})`;
}
