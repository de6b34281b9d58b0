/** A web page that a person on this computer looks at, and what it can reach through the browser. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { pageResponse } from "../../lib/http/page.ts";
import { Place, type Running } from "../agent/in_process.ts";
import { apiOf } from "../agent/piot/api.ts";
import { freePort } from "../ports.ts";

/** What a page can make a browser send anywhere: a form, as plain text, with any lines in it. */
const form = (body: string) =>
  new TextEncoder().encode(
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n" +
      `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );

/** What comes back until the other side closes. */
async function say(port: number, bytes: Uint8Array): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(bytes);
  let text = "";
  const buffer = new Uint8Array(4_096);
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, n));
    }
  } catch {
    // A reset ends it as well.
  }
  return text;
}

const portOf = ({ log }: Running, pattern: RegExp) =>
  Number(pattern.exec(log.find((line) => pattern.test(line)) ?? "")?.[1]);

Deno.test("browser: a form of another site does nothing at any port of ours", async () => {
  await using place = new Place();
  const [ring, http] = [freePort(), freePort()];
  const a = await place.start("a", {
    toml: '[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = []\n' +
      `[http]\nlisten = "127.0.0.1:${http}"\n[piot]\nlisten = "127.0.0.1:0"\n` +
      `[ring]\nenabled = true\nlisten = "127.0.0.1:${ring}"\n` +
      `members = [{name = "a", host = "127.0.0.1", port = ${ring}}]\n`,
  });
  using api = apiOf(a);
  const lines = "MSG from a page\nSHUTDOWN\n";
  const before = JSON.stringify(await api.ask("GET", "/v1/state"));
  // The first line of HTTP is no line of the ring, and what follows it is not read.
  ok((await say(ring, form(lines))).startsWith("ERR"));
  strictEqual(await say(Number(a.address.split(":").at(-1)), form(lines)), "");
  const plain = portOf(a, /listening on port (\d+)/);
  ok(plain > 0);
  ok(!(await say(plain, form(lines))).includes("HTTP"));
  for (const path of ["/v1/state/k", "/v1/messages", "/v1/restart", "/v1/invites"]) {
    for (const method of ["POST", "PUT", "DELETE"]) {
      const response = await fetch(`http://127.0.0.1:${http}${path}`, {
        method,
        body: method === "DELETE" ? null : "1",
        headers: { origin: "http://evil.example", "content-type": "text/plain" },
      });
      await response.body?.cancel();
      strictEqual(response.status, 403, `${method} ${path}`);
      strictEqual(response.headers.get("access-control-allow-origin"), null);
    }
  }
  const view = await api.ask<{ logged: number }>("GET", "/v1/ring");
  strictEqual(JSON.stringify(view).includes("from a page"), false);
  deepStrictEqual(await api.ask("GET", "/v1/invites"), []);
  strictEqual(JSON.stringify(await api.ask("GET", "/v1/state")), before);
});

Deno.test("browser: no page of another site may read an answer, or frame the status page", async () => {
  await using place = new Place();
  const http = freePort();
  await place.start("a", {
    toml: '[[network]]\nkey_file = "home.key"\nlisten = "127.0.0.1:0"\ninterfaces = []\n' +
      `[http]\nlisten = "127.0.0.1:${http}"\n`,
  });
  for (const path of ["/v1/state", "/v1/messages", "/metrics", "/v1/events", "/"]) {
    const response = await fetch(`http://127.0.0.1:${http}${path}`, {
      headers: { origin: "http://evil.example" },
    });
    await response.body?.cancel();
    strictEqual(response.headers.get("access-control-allow-origin"), null, path);
    strictEqual(response.headers.get("access-control-allow-credentials"), null, path);
    strictEqual(response.headers.get("cross-origin-resource-policy"), "same-origin", path);
    strictEqual(response.headers.get("x-content-type-options"), "nosniff", path);
  }
  // A name of another site that was made to lead here.
  const text = await say(
    http,
    new TextEncoder().encode(
      "GET /v1/state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    ),
  );
  ok(text.startsWith("HTTP/1.1 403"), text);
  const policy = pageResponse().headers.get("content-security-policy") ?? "";
  for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    ok(policy.includes(rule), policy);
  }
});
