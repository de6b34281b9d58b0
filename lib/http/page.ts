/**
 * The status page: one document, nothing from outside, live by the event stream. It only shows what
 * `/v1/*` tells, and puts it in as text, never as markup.
 *
 * @module
 */

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d9de, #3a4048);
  --dim: light-dark(#57606a, #9aa4af); --card: light-dark(#f6f8fa, #1b2027);
  --good: light-dark(#116329, #5bd67f); --bad: light-dark(#a40e26, #ff8f86); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; line-height: 1.45;
  font: 1rem/1.45 system-ui, sans-serif; background: light-dark(#fff, #12161b);
  color: light-dark(#1c2128, #e4e8ec); }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
header p { margin: .25rem 0 0; color: var(--dim); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .75rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { background: var(--card); font-size: .85rem; color: var(--dim); }
tbody th { font-weight: 600; }
td.value { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
caption { text-align: left; padding: 0 0 .25rem; color: var(--dim); font-size: .85rem;
  position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
#problems { border-left: .3rem solid var(--bad); padding: .25rem 1rem; background: var(--card); }
#problems:empty { display: none; } #problems li { margin: .25rem 0; }
#live { font-weight: 600; } #live.on { color: var(--good); } #live.off { color: var(--bad); }
label { display: block; margin: 0 0 .5rem; } input { font: inherit; padding: .3rem .5rem;
  width: min(24rem, 100%); border: 1px solid var(--line); border-radius: .3rem; }
input:focus-visible { outline: 2px solid light-dark(#0a58ca, #7fb2ff); outline-offset: 1px; }
@media (prefers-reduced-motion: no-preference) {
  tr.fresh { animation: fresh 1.5s ease-out; }
  @keyframes fresh { from { background: light-dark(#fff3bf, #4d4419); } }
}`;

const SCRIPT = `
"use strict";
const at = (id) => document.getElementById(id);
const state = new Map();
let skew = 0;

function cell(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  if (tag === "th") element.scope = "row";
  return element;
}
function ago(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  return s < 86400 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d";
}
function fill(id, rows) {
  const body = at(id);
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  }));
  if (rows.length === 0) {
    const row = document.createElement("tr");
    const empty = cell("td", "none");
    empty.colSpan = body.parentElement.tHead.rows[0].cells.length;
    row.append(empty);
    body.append(row);
  }
}
function matches(node, key) {
  const wanted = at("filter").value.trim().toLowerCase();
  return wanted === "" || (node + ":" + key).toLowerCase().includes(wanted);
}
let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}
function draw() {
  const now = Date.now() + skew;
  const entries = [...state.values()].filter(({ node, key }) => matches(node, key));
  entries.sort((a, b) => a.node.localeCompare(b.node) || a.key.localeCompare(b.key));
  fill("state", entries.slice(0, 1000).map(({ node, key, value, at }) => [
    cell("th", node), cell("td", key), cell("td", JSON.stringify(value), "value"),
    cell("td", ago((now - Date.parse(at)) / 1000) + " ago"),
  ]));
  at("count").textContent = entries.length > 1000
    ? "The first 1000 of " + entries.length + " entries." : entries.length + " entries.";
}
async function json(path) {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error((await response.json()).error);
  const date = Date.parse(response.headers.get("date") || "");
  if (date) skew = date - Date.now();
  return response.json();
}
async function refresh() {
  try {
    const [status, nodes, peers, links] = await Promise.all(
      ["v1/status", "v1/nodes", "v1/peers", "v1/links"].map(json));
    at("name").textContent = status.name;
    document.title = status.name + " – agent";
    at("about").textContent = "agent " + status.version + ", up " + ago(status.uptimeSeconds) +
      ", " + (status.rssBytes / 1e6).toFixed(1) + " MB; " + status.networks.map((network) =>
        network.name + ": " + network.nodes + " nodes, " + network.peers + " peers, " +
        (network.consistent ? "all agree" : "synchronising")).join("; ");
    at("problems").replaceChildren(...status.problems.map((problem) => cell("li", problem)));
    fill("nodes", nodes.map((node) => [
      cell("th", node.name + (node.self ? " (this node)" : "")), cell("td", node.id, "value"),
      cell("td", node.network), cell("td", String(node.keys)),
      cell("td", ago(node.ageSeconds) + " ago"),
    ]));
    fill("peers", peers.map((peer) => [
      cell("th", peer.node), cell("td", peer.endpoint), cell("td", peer.address, "value"),
      cell("td", ago(peer.lastContactSeconds) + " ago"),
    ]));
    at("cables").hidden = links.length === 0;
    fill("links", links.map(({ a, b, state }) => [
      cell("th", end(a)), cell("td", a.addresses.join(" "), "value"),
      cell("td", state === "open" ? "open" : "one end reports it"),
      cell("th", end(b)), cell("td", b.addresses.join(" "), "value"),
    ]));
    drawSoon();
  } catch (error) {
    live(false, error.message);
  }
}
function end({ node, interface: name, id, mac }) {
  return (node ?? (id || mac)) + (name === null ? "" : " " + name);
}
function live(on, why) {
  const text = on ? "live" : "not connected" + (why ? ": " + why : "") + "; trying again";
  at("live").className = on ? "on" : "off";
  if (at("live").textContent !== text) at("live").textContent = text;
}
function follow() {
  const events = new EventSource("v1/events?snapshot=1");
  let fresh = new Set();
  let ready = false;
  events.onopen = () => { fresh = new Set(); ready = false; };
  events.addEventListener("ready", () => {
    for (const id of state.keys()) if (!fresh.has(id)) state.delete(id);
    ready = true;
    live(true);
    drawSoon();
  });
  events.onmessage = ({ data }) => {
    const { node, key, value, at, event } = JSON.parse(data);
    const id = JSON.stringify([node, key]);
    if (event === "set") {
      state.set(id, { node, key, value, at });
      if (!ready) fresh.add(id);
    } else state.delete(id);
    drawSoon();
  };
  events.onerror = () => {
    live(false);
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
}
at("filter").addEventListener("input", draw);
refresh();
follow();
setInterval(refresh, 5000);`;

const BODY = `
<header>
<h1 id="name">agent</h1>
<p><span id="live" role="status">connecting</span></p>
<p id="about"></p>
</header>
<main>
<ul id="problems" aria-label="Problems" aria-live="polite"></ul>
<section aria-labelledby="h-state">
<h2 id="h-state">State</h2>
<label>Show only <input id="filter" type="search" placeholder="node or key" autocomplete="off"
  spellcheck="false"></label>
<div class="wide" role="region" aria-labelledby="h-state" tabindex="0"><table>
<caption>What all nodes share</caption>
<thead><tr><th scope="col">Node</th><th scope="col">Key</th><th scope="col">Value</th>
<th scope="col">Changed</th></tr></thead>
<tbody id="state"></tbody></table></div>
<p id="count"></p>
</section>
<section aria-labelledby="h-nodes">
<h2 id="h-nodes">Nodes</h2>
<div class="wide" role="region" aria-labelledby="h-nodes" tabindex="0"><table>
<caption>Reachable nodes</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Id</th><th scope="col">Network</th>
<th scope="col">Keys</th><th scope="col">Published</th></tr></thead>
<tbody id="nodes"></tbody></table></div>
</section>
<section aria-labelledby="h-peers">
<h2 id="h-peers">Peers</h2>
<div class="wide" role="region" aria-labelledby="h-peers" tabindex="0"><table>
<caption>Nodes at the other end of one of our links</caption>
<thead><tr><th scope="col">Node</th><th scope="col">Over</th><th scope="col">Address</th>
<th scope="col">Last heard</th></tr></thead>
<tbody id="peers"></tbody></table></div>
</section>
<section id="cables" aria-labelledby="h-links" hidden>
<h2 id="h-links">Cables</h2>
<div class="wide" role="region" aria-labelledby="h-links" tabindex="0"><table>
<caption>Which cable leads where</caption>
<thead><tr><th scope="col">One end</th><th scope="col">Addresses</th><th scope="col">State</th>
<th scope="col">Other end</th><th scope="col">Addresses</th></tr></thead>
<tbody id="links"></tbody></table></div>
</section>
</main>
<noscript><p>This page needs JavaScript. The same is told by <code>agent status</code>,
<code>agent nodes</code>, <code>agent peers</code>, <code>agent links</code> and
<code>agent get</code>.</p></noscript>`;

/** The page. Only its own style and script may run, and it may ask nobody but us. */
export function pageResponse(): Response {
  const nonce = crypto.randomUUID();
  const page = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>agent</title>' +
    `<style nonce="${nonce}">${STYLE}</style></head><body>${BODY}` +
    `<script nonce="${nonce}">${SCRIPT}</script></body></html>\n`;
  return new Response(page, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; connect-src 'self'; img-src data:; " +
        `style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; ` +
        "form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    },
  });
}
