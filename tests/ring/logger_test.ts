/** v0.1 (spec/pzog.md §2): what is logged, what is answered, and what is an error. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Logger, type LoggerConfig, type LogName } from "../../lib/ring/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function logger(config: Partial<LoggerConfig> = {}) {
  const logs: Record<LogName, string[]> = { access: [], error: [], ring: [] };
  const written = new Map<number, string>();
  const closed = new Set<number>();
  const state = { shutdowns: 0 };
  const machine = new Logger({
    config: {
      maxMessage: 511,
      maxClients: 64,
      idleTimeout: 660_000,
      allowShutdown: false,
      ...config,
    },
    output: {
      dial: () => {},
      pause: () => {},
      write: (id, bytes) => void written.set(id, (written.get(id) ?? "") + decoder.decode(bytes)),
      close: (id) => void closed.add(id),
      log: (name, lines) => logs[name].push(...lines.map((line) => decoder.decode(line))),
      shutdown: () => void state.shutdowns++,
    },
  });
  const connect = (address = "127.0.0.1", now = 0) => {
    const id = machine.accept(now, { address, port: 4_711 });
    return {
      id,
      say: (data: string | Uint8Array, now = 0) =>
        machine.receive(now, id, typeof data === "string" ? encoder.encode(data) : data),
      end: () => machine.ended(0, id),
      get got() {
        return written.get(id) ?? "";
      },
      get closed() {
        return closed.has(id);
      },
    };
  };
  return { machine, logs, state, connect };
}

Deno.test("v0.1: hello, keepalive, quit, an empty line", () => {
  const { logs, connect } = logger();
  const one = connect("192.0.2.7");
  one.say("hello\r\nkeepalive\r\n\r\n");
  strictEqual(one.got, "ok\r\nok\r\nok\r\n");
  ok(!one.closed);
  one.say("Quit\r\nquit\r\nnever\r\n");
  strictEqual(one.got, "ok\r\n".repeat(5));
  ok(one.closed);
  deepStrictEqual(logs.access, [
    "CONNECTION FROM 192.0.2.7:4711",
    "hello",
    "keepalive",
    "",
    "Quit",
    "quit",
  ]);
  deepStrictEqual(logs.error, []);
});

Deno.test("v0.1: shutdown from this computer, and from another one only where it is allowed", () => {
  const { state, logs, connect } = logger();
  connect("192.0.2.7").say("shutdown\r\n");
  strictEqual(state.shutdowns, 0);
  match(
    logs.error[0] ?? "",
    /^192\.0\.2\.7:4711: shutdown \(8 octets, not from another computer\)$/,
  );
  for (const address of ["127.0.0.1", "127.9.9.9", "::1"]) {
    const one = connect(address);
    one.say("shutdown\r\n");
    strictEqual(one.got, "ok\r\n");
    ok(one.closed);
  }
  strictEqual(state.shutdowns, 3);
  const open = logger({ allowShutdown: true });
  open.connect("192.0.2.7").say("shutdown\r\n");
  strictEqual(open.state.shutdowns, 1);
});

Deno.test("v0.1: pieces of any size are equal, also in the middle of CR LF", () => {
  const text = "one\r\ntwo\r\n\r\nthree ä€\r\n";
  const bytes = encoder.encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    const { logs, connect } = logger();
    const one = connect();
    for (let at = 0; at < bytes.length; at += size) one.say(bytes.slice(at, at + size));
    deepStrictEqual(logs.access.slice(1), ["one", "two", "", "three ä€"], `pieces of ${size}`);
    strictEqual(one.got, "ok\r\n".repeat(4));
  }
});

Deno.test("v0.1: 511 octets with CR LF are a message, the 512th is an error", () => {
  for (const whole of [true, false]) {
    const { logs, connect } = logger();
    const one = connect();
    const data = `${"x".repeat(509)}\r\n`;
    if (whole) one.say(data);
    else for (const octet of encoder.encode(data)) one.say(Uint8Array.of(octet));
    strictEqual(one.got, "ok\r\n");
    const long = connect();
    const more = `${"y".repeat(510)}\r\n`;
    if (whole) long.say(more);
    else for (const octet of encoder.encode(more)) long.say(Uint8Array.of(octet));
    strictEqual(long.got, "");
    ok(long.closed);
    strictEqual(logs.access.length, 3);
    strictEqual(logs.error[0], `127.0.0.1:4711: ${"y".repeat(80)} (512 octets, too long)`);
  }
});

Deno.test("v0.1: endless data without CR LF costs 511 octets", () => {
  const { connect } = logger();
  const one = connect();
  one.say("z".repeat(511));
  ok(!one.closed);
  one.say("z");
  ok(one.closed);
});

Deno.test("v0.1: an unfinished line, control characters, invalid UTF-8 go to error.log", () => {
  const bad: [data: string | Uint8Array, shown: string][] = [
    ["half a li", "half a li (9 octets, not finished)"],
    ["no CR\n", "no CR\\x0a (6 octets, not finished)"],
    ["bell\x07\r\n", "bell\\x07 (5 octets, not text)"],
    ["lone \n in it\r\n", "lone \\x0a in it (12 octets, not text)"],
    ["lone \r in it\r\n", "lone \\x0d in it (12 octets, not text)"],
    [Uint8Array.of(0xff, 0xfe, 0x0d, 0x0a), "\\xff\\xfe (2 octets, not text)"],
    [Uint8Array.of(0xc3, 0x0d, 0x0a), "\\xc3 (1 octet, not text)"],
    [Uint8Array.of(0, 0x0d, 0x0a), "\\x00 (1 octet, not text)"],
  ];
  for (const [data, shown] of bad) {
    const { logs, connect } = logger();
    const one = connect();
    one.say(data);
    one.end();
    strictEqual(one.got, "");
    ok(one.closed);
    deepStrictEqual(logs.error, [`127.0.0.1:4711: ${shown}`]);
    strictEqual(logs.access.length, 1);
  }
  const { logs, connect } = logger();
  connect().say("tab\tand ü are text\r\n");
  deepStrictEqual(logs.error, []);
});

Deno.test("v0.1: 64 connections; one that was silent for long makes room for another", () => {
  const { logs, connect, machine } = logger();
  const all = Array.from({ length: 64 }, (_, i) => connect("192.0.2.1", i));
  ok(connect("192.0.2.2", 100).closed);
  match(logs.error[0] ?? "", /64 connections are open/);
  strictEqual(machine.clients, 64);
  all[0]?.say("still here\r\n", 660_000);
  const late = connect("192.0.2.2", 660_500);
  ok(!late.closed && all[1]?.closed && !all[0]?.closed);
});
