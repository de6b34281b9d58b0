/**
 * `lib/net` as a process of its own, for tests that need it in another network namespace. One JSON
 * object a line: commands come in on stdin, each is answered on stdout; what happens in between is
 * told as it comes. `Actor` in `actor_client.ts` is the other side.
 */
import { KernelInterfaces } from "../../ffi/netlink.ts";
import { Poller } from "../../ffi/poller.ts";
import { messageOf } from "../../lib/core/mod.ts";
import {
  dialSecure,
  type InterfaceInfo,
  type MulticastLink,
  needsReopening,
  openMulticastLink,
  readInterfaces,
  SecureListener,
  type SecureStream,
} from "../../lib/net/mod.ts";
import { NetworkKey } from "../../lib/wire/mod.ts";
import type { Command, Happening, Reply } from "./actor_client.ts";

const keys = [NetworkKey.fromBytes(new Uint8Array(32).fill(7))];
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const links = new Map<string, { info: InterfaceInfo; link: MulticastLink }>();
const streams: SecureStream[] = [];

function say(line: Reply | Happening): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(line)}\n`));
}

function open(info: InterfaceInfo): MulticastLink {
  const link = openMulticastLink({
    info,
    onDatagram: (bytes, from, { multicast }) =>
      say({ event: "heard", link: info.name, text: decoder.decode(bytes), from, multicast }),
    onProblem: (message) => say({ event: "problem", message }),
  });
  links.set(info.name, { info, link });
  return link;
}

/** Tells what comes, and sends it back where the other side dialled. */
function take(stream: SecureStream): void {
  streams.push(stream);
  stream.onData((bytes) => {
    say({ event: "data", from: stream.remote, text: decoder.decode(bytes) });
    if (!stream.dialled) stream.write(bytes);
  });
  stream.onClosed((reason) => say({ event: "closed", reason }));
}

let watched: KernelInterfaces | undefined;

function kernelInterfaces(): KernelInterfaces {
  const onError = (error: unknown) => say({ event: "problem", message: messageOf(error) });
  return new KernelInterfaces({
    poller: new Poller(onError),
    onProblem: (message) => say({ event: "problem", message: message ?? "followed again" }),
  });
}

/** Tells of every change. */
function watch(): void {
  watched = kernelInterfaces();
  watched.subscribe((all) => say({ event: "changed", names: all.map(({ name }) => name) }));
}

/** Keeps the links of these interfaces open as they come and go, as an agent does. */
function follow(names: readonly string[]): void {
  const source = kernelInterfaces();
  const update = async (all: InterfaceInfo[]) => {
    for (const name of names) {
      const now = all.find((info) => info.name === name);
      const before = links.get(name);
      if (before && (!now || needsReopening(before.info, now))) {
        links.delete(name);
        await before.link.close();
        say({ event: "closed", reason: `link ${name}` });
      }
      if (now && now.addresses.length > 0 && !links.has(name)) {
        open(now);
        say({ event: "opened", link: name });
      }
    }
  };
  // One after the other, so that none overtakes the one before.
  let last = update(source.current());
  source.subscribe((all) => last = last.then(() => update(all)));
}

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case "interfaces":
      return readInterfaces();
    case "watch":
      return watch();
    case "watched":
      return { dumps: watched?.dumps, followed: watched?.current(), read: readInterfaces() };
    case "open": {
      const info = readInterfaces().find(({ name }) => name === command.link);
      if (!info) throw new Error(`no interface ${command.link}`);
      // Also addresses that are tentative: the link has to cope.
      const addresses = [...info.addresses, ...(command.addresses ?? [])];
      return open({ ...info, addresses }).families;
    }
    case "follow":
      return follow(command.links);
    case "families":
      return links.get(command.link)?.link.families;
    case "send":
      return links.get(command.link)?.link.send(encoder.encode(command.text));
    case "sendTo":
      return links.get(command.link)?.link.sendTo(command.to, encoder.encode(command.text));
    case "close":
      return await links.get(command.link)?.link.close();
    case "listen":
      return SecureListener.listen({
        host: "::",
        port: 0,
        keys,
        maxStreams: 10,
        onStream: take,
        onProblem: (kind, remote, message) =>
          say({ event: "problem", message: `${kind} ${remote} ${message}` }),
      }).port;
    case "dial": {
      const { host, port, timeoutMs = 5_000 } = command;
      const stream = await dialSecure({ host, port, keys, purpose: "node", timeoutMs });
      take(stream);
      return { remote: stream.remote, localAddress: stream.localAddress };
    }
    case "write":
      return streams[0]?.write(encoder.encode(command.text));
  }
}

let rest = "";
say({ event: "ready" });
for await (const chunk of Deno.stdin.readable) {
  const lines = (rest + decoder.decode(chunk)).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const command = JSON.parse(line) as Command;
    obey(command).then(
      (result) => say({ reply: command.id, result: result ?? null }),
      (error) => say({ reply: command.id, error: messageOf(error) }),
    );
  }
}
// The test has gone.
Deno.exit(0);
