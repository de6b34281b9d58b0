/**
 * The graph of cables in the language of Graphviz.
 *
 * @module
 */
import type { LinkEnd, LinkRow } from "../http/api.ts";
import { nameOf } from "./links_text.ts";

/** Lines of an undirected graph: an edge a cable, with both interfaces and the addresses. */
export function dotOf(links: readonly LinkRow[]): string[] {
  const names = new Map<string, LinkEnd>();
  for (const { a, b } of links) {
    for (const end of [a, b]) if (!names.has(nameOf(end))) names.set(nameOf(end), end);
  }
  return [
    "graph links {",
    '  node [shape=box, fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=9];',
    ...[...names].map(([name, { node }]) =>
      `  ${quoted(name)}${node === null ? " [style=dashed]" : ""};`
    ),
    ...links.map(({ a, b, state, carrier }) => {
      const label = [a, b].map(({ addresses }) => addresses[0] ?? "").filter((one) => one !== "");
      const attributes = [
        ...(a.interface === null ? [] : [`taillabel=${quoted(a.interface)}`]),
        ...(b.interface === null ? [] : [`headlabel=${quoted(b.interface)}`]),
        ...(label.length === 0 ? [] : [`label=${quoted(label.join(" – "))}`]),
        ...(carrier ? state === "half" ? ["style=dashed"] : [] : ["style=dotted", "color=gray"]),
      ];
      return `  ${quoted(nameOf(a))} -- ${quoted(nameOf(b))} [${attributes.join(", ")}];`;
    }),
    "}",
  ];
}

/** A quoted id: only `"` has to be escaped, and a `\` that would escape something. */
function quoted(text: string): string {
  return `"${text.replace(/\p{Cc}/gu, " ").replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
