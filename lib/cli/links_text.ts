/**
 * The graph of cables as text: by node, or as a tree from one node.
 *
 * @module
 */
import type { LinkEnd, LinkRow } from "../http/api.ts";
import { idText } from "./cables.ts";
import { harmless, widthOf } from "./output/text.ts";
import type { Cell } from "./output/output.ts";

/** Wider lines put the addresses below. */
const WIDTH = 100;

/** What an end is called: its node, else its LSOE id, else its MAC address. */
export function nameOf({ node, id, mac }: LinkEnd): string {
  return node ?? (id === "" ? mac : `(${idText(id)})`);
}

/** A cable as it looks from one of its ends. */
interface Seen {
  readonly near: LinkEnd;
  readonly far: LinkEnd;
  readonly state: LinkRow["state"];
  readonly carrier: boolean;
}

/** What leads away from each node that reports something; `self` first, then by name. */
function byNode(links: readonly LinkRow[], self: string | undefined): Map<string, Seen[]> {
  const nodes = new Map<string, Seen[]>();
  const add = (name: string, seen: Seen) => {
    const list = nodes.get(name);
    if (list === undefined) nodes.set(name, [seen]);
    else list.push(seen);
  };
  for (const { a, b, state, carrier } of links) {
    add(nameOf(a), { near: a, far: b, state, carrier });
    if (b.interface !== null) add(nameOf(b), { near: b, far: a, state, carrier });
  }
  for (const list of nodes.values()) list.sort((x, y) => compare(placeOf(x), placeOf(y)));
  return new Map([...nodes].sort(([x], [y]) => rank(x, self) - rank(y, self) || compare(x, y)));
}

function rank(name: string, self: string | undefined): number {
  return name === self ? 0 : 1;
}

function placeOf({ near, far }: Seen): string {
  return `${near.interface} ${nameOf(far)} ${far.interface}`;
}

function compare(x: string, y: string): number {
  return x.localeCompare(y, "en", { numeric: true });
}

/** A heading for each node, and a line for each of its cables. */
export function adjacencyOf(links: readonly LinkRow[], self: string | undefined): Cell[][] {
  const nodes = byNode(links, self);
  const all = [...nodes.values()].flat();
  const most = (of: (seen: Seen) => string) =>
    Math.max(...all.map((seen) => widthOf(harmless(of(seen)))));
  const widths = {
    near: most(({ near }) => near.interface ?? "?"),
    addresses: most(({ near }) => longest(near)),
    far: most(({ far }) => nameOf(far)),
    interface: most(({ far }) => far.interface ?? ""),
    farAddresses: most(({ far }) => longest(far)),
  };
  const beside = Object.values(widths).reduce((sum, width) => sum + width + 2, 2 + 5) <= WIDTH;
  return [...nodes].flatMap(([name, cables]): Cell[][] => [
    [{ text: name, tone: "strong" }, ...(name === self ? ["(this node)"] : [])],
    ...cables.flatMap((seen) => beside ? rowsBeside(seen, widths) : rowsBelow(seen, widths)),
  ]);
}

type Widths = Record<"near" | "addresses" | "far" | "interface" | "farAddresses", number>;

/** `  eth0  192.0.2.1/24  ───  pi-2  eth1  192.0.2.2/24`, and further addresses below. */
function rowsBeside(seen: Seen, widths: Widths): Cell[][] {
  const { near, far } = seen;
  const [mine, theirs] = [telling(near), telling(far)];
  const row = (i: number, place: string, node: string, theirPlace: string) => {
    const left = [pad(place, widths.near), pad(mine[i] ?? "", widths.addresses)];
    const right = [
      pad(node, widths.far),
      pad(theirPlace, widths.interface),
      pad(theirs[i] ?? "", widths.farAddresses),
    ];
    return [`  ${left.join("  ")} `, ` ${right.join("  ")}`.trimEnd()] as const;
  };
  const [left, right] = row(0, near.interface ?? "?", nameOf(far), far.interface ?? "");
  const more = Math.max(mine.length, theirs.length) - 1;
  return [
    [left, line(seen), right],
    ...Array.from({ length: Math.max(0, more) }, (_, i) => {
      const [left, right] = row(i + 1, "", "", "");
      return [`${left}     ${right}`.trimEnd()];
    }),
  ];
}

/** The same with the addresses of both ends below. */
function rowsBelow(seen: Seen, widths: Widths): Cell[][] {
  const { near, far } = seen;
  const [mine, theirs] = [telling(near), telling(far)];
  const width = Math.max(...mine.map(widthOf), 0);
  const place = far.interface === null ? "" : `  ${far.interface}`;
  return [
    [`  ${pad(near.interface ?? "?", widths.near)} `, line(seen), ` ${nameOf(far)}${place}`],
    ...Array.from({ length: Math.max(mine.length, theirs.length) }, (_, i) => [
      `      ${pad(mine[i] ?? "", width)}${theirs[i] === undefined ? "" : ` – ${theirs[i]}`}`,
    ]),
  ];
}

/** `───` as both ends say, `─?─` as one says, `─╳─` unplugged. */
function line({ state, carrier }: Seen): Cell {
  if (!carrier) return { text: "─╳─", tone: "bad" };
  return state === "open" ? { text: "───", tone: "good" } : { text: "─?─", tone: "bad" };
}

/** What tells an end: its addresses without link-local ones where there are others. */
function telling({ addresses }: LinkEnd): string[] {
  const others = addresses.filter((address) => !/^fe[89ab]/i.test(address));
  return others.length > 0 ? others : addresses.slice(0, 1);
}

/** The longest of an end's addresses, for the width of the column. */
function longest(end: LinkEnd): string {
  return telling(end).reduce((long, one) => one.length > long.length ? one : long, "");
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(harmless(text))));
}

/**
 * A tree from `self` along the fewest cables, and one from each node that cannot be reached from there.
 * A cable that closes a circle stands once, marked with where it leads back to.
 */
export function treeOf(links: readonly LinkRow[], self: string | undefined): Cell[][] {
  const nodes = byNode(links, self);
  const lines: Cell[][] = [];
  const seen = new Set<string>();
  for (const root of nodes.keys()) {
    if (seen.has(root)) continue;
    lines.push([{ text: root, tone: "strong" }, ...(root === self ? ["(this node)"] : [])]);
    lines.push(...branches(root, "", childrenFrom(root, nodes, seen)));
  }
  return lines;
}

/** A cable of the tree; `again` where its far end stands elsewhere. */
interface Branch {
  readonly cable: Seen;
  readonly again: boolean;
}

/** Breadth first, so that every node stands where the fewest cables lead to it. */
function childrenFrom(
  root: string,
  nodes: ReadonlyMap<string, readonly Seen[]>,
  seen: Set<string>,
): Map<string, Branch[]> {
  const children = new Map<string, Branch[]>();
  const used = new Set<string>();
  const queue = [root];
  seen.add(root);
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const list: Branch[] = [];
    children.set(name, list);
    for (const cable of nodes.get(name) ?? []) {
      const ends = [cable.near, cable.far].map((end) =>
        `${nameOf(end)} ${end.interface} ${end.mac}`
      );
      const id = ends.sort().join(" ");
      if (used.has(id)) continue;
      used.add(id);
      const far = nameOf(cable.far);
      list.push({ cable, again: seen.has(far) });
      if (seen.has(far)) continue;
      seen.add(far);
      queue.push(far);
    }
  }
  return children;
}

function branches(name: string, indent: string, children: Map<string, Branch[]>): Cell[][] {
  const list = children.get(name) ?? [];
  return list.flatMap(({ cable, again }, i): Cell[][] => {
    const { near, far } = cable;
    const last = i === list.length - 1;
    const addresses = [telling(near)[0], telling(far)[0]].filter((one) => one !== undefined);
    const row: Cell[] = [
      `${indent}${last ? "└" : "├"}─ ${near.interface ?? "?"}`,
      line(cable),
      ...(far.interface === null ? [] : [far.interface]),
      again ? `${nameOf(far)} (above)` : { text: nameOf(far), tone: "strong" },
      ...(addresses.length === 0 ? [] : [{ text: addresses.join(" – "), tone: "dim" } as const]),
    ];
    if (again) return [row];
    return [row, ...branches(nameOf(far), `${indent}${last ? " " : "│"}  `, children)];
  });
}
