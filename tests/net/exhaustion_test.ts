/** A listener whose process may open no more files. */
import { match, strictEqual } from "node:assert/strict";
import { bytes, connect, dial, type Host, Inbox, text } from "./streams.ts";

Deno.test("listen: out of file descriptors, and going on when there are some again", async () => {
  const host = new URL("exhaustion_host.ts", import.meta.url).pathname;
  const child = new Deno.Command("sh", {
    args: ["-c", `ulimit -n 64; exec ${Deno.execPath()} run -A --no-check --quiet ${host}`],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  const until = async (what: RegExp) => {
    while (!what.test(said)) {
      const { value, done } = await lines.read();
      if (done) throw new Error(`it ended, having said ${said}`);
      said += value;
    }
  };
  await until(/^\d+\n/);
  const there = { port: parseInt(said) } as Host;
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < 80; i++) conns.push(await connect(there));
  await until(/accept-failed/);
  match(said, /accept-failed Too many open files/);
  for (const conn of conns) conn.close();
  const stream = await dial(there);
  const inbox = new Inbox(stream);
  stream.write(bytes("still here"));
  strictEqual(text(await inbox.until(10)), "still here");
  stream.close("done");
  child.kill("SIGKILL");
  await child.status;
  await lines.cancel();
});
