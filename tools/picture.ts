/**
 * The picture of the house, `docs/architecture.svg`: floors, rooms, and each import that there really
 * is from one room to another. `deno run -A tools/picture.ts` draws it anew, and
 * tests/tools/picture_test.ts fails where the committed one is another.
 *
 * Where a room stands is decided here by hand; which arrows there are is read from the source. Floor 0
 * is used by nearly everybody: a room says so in its last line, and no arrow does.
 *
 * @module
 */
import { FLOORS, resolve, roomOf } from "./architecture.ts";
import { importsOf } from "./source.ts";

const ROOT = new URL("../", import.meta.url);

interface Place {
  readonly x: number;
  readonly width: number;
  readonly words: string;
}

const PLACES: Readonly<Record<string, Place>> = {
  "main.ts": { x: 150, width: 120, words: "exit code" },
  "lib/cli": { x: 330, width: 700, words: "argv → one command; text and JSON" },
  "lib/agent": {
    x: 150,
    width: 980,
    words: "composition root: config → machines + sockets + store",
  },
  "lib/http": { x: 228, width: 114, words: "local API" },
  "lib/learn": { x: 928, width: 124, words: "networkzero" },
  "lib/leafy": { x: 150, width: 114, words: "guests" },
  "lib/state": { x: 304, width: 114, words: "dictionaries" },
  "lib/dncp": { x: 448, width: 114, words: "consensus" },
  "lib/lsoe": { x: 592, width: 114, words: "cables" },
  "lib/piot": { x: 736, width: 114, words: "messages" },
  "lib/ring": { x: 880, width: 104, words: "pzog's logs" },
  "lib/nearby": { x: 1014, width: 116, words: "services" },
  "lib/store": { x: 370, width: 112, words: "SQLite" },
  "ffi": { x: 522, width: 114, words: "kernel calls" },
  "lib/net": { x: 690, width: 330, words: "UDP, TCP, multicast; sealed streams" },
  "lib/wire": { x: 330, width: 350, words: "bytes, TLVs, CBOR, seals, handshake" },
  "lib/core": { x: 760, width: 350, words: "clock, scheduler, random, errors" },
};

const FLOOR_WORDS = [
  "bytes and time",
  "I/O at the edge",
  "machines, no I/O",
  "views",
  "the agent",
  "the command line",
];

const WIDTH = 1180;
const FLOOR_HEIGHT = 104;
const ROOM_HEIGHT = 58;
const TOP = 12;
const HEIGHT = TOP + FLOOR_WORDS.length * FLOOR_HEIGHT + 34;
/** Arrows keep this far from corners and from each other. */
const GAP = 10;

/** Imports of one room from another. */
export interface RoomImport {
  readonly from: string;
  readonly to: string;
  /** Nothing of it is left when the program runs. */
  readonly typeOnly: boolean;
}

/** All ways between rooms: path → source text of the product. */
export function roomImports(files: ReadonlyMap<string, string>): RoomImport[] {
  const found = new Map<string, RoomImport>();
  for (const [file, source] of files) {
    const from = roomOf(file);
    for (const { specifier, typeOnly } of importsOf(source)) {
      if (!specifier.startsWith(".")) continue;
      const to = roomOf(resolve(file, specifier));
      if (to === from || !FLOORS.has(to)) continue;
      const key = `${from} ${to}`;
      found.set(key, { from, to, typeOnly: typeOnly && (found.get(key)?.typeOnly ?? true) });
    }
  }
  return [...found.values()].sort((a, b) =>
    a.from < b.from ? -1 : a.from > b.from ? 1 : a.to < b.to ? -1 : 1
  );
}

/** A room's rectangle. */
interface Box extends Place {
  readonly name: string;
  readonly floor: number;
  readonly y: number;
}

/** The picture of these files. */
export function picture(files: ReadonlyMap<string, string>): string {
  const rooms = [...new Set([...files.keys()].map(roomOf))];
  const boxes = new Map(rooms.map((name) => [name, boxOf(name)]));
  const ways = roomImports(files);
  const arrows = ways.filter(({ from, to }) => floorOf(to) > 0 || floorOf(from) === 0);
  const router = new Router([...boxes.values()]);
  // Short ways first: they have the least choice.
  const span = ({ from, to }: RoomImport) => Math.abs(floorOf(from) - floorOf(to));
  const drawn = arrows.toSorted((a, b) => span(a) - span(b)).map(({ from, to, typeOnly }) =>
    `<path class="way${typeOnly ? " types" : ""}" d="${
      router.route(boxes.get(from) as Box, boxes.get(to) as Box)
    }"><title>${from} → ${to}${typeOnly ? " (types only)" : ""}</title></path>`
  );
  const uses = (name: string) =>
    ways.filter(({ from, to }) => from === name && floorOf(from) > 0 && floorOf(to) === 0)
      .map(({ to }) => to.replace("lib/", ""));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    "<!-- Made by tools/picture.ts from the imports in the source. -->",
    "<title>The house: floors, rooms, and who imports whom</title>",
    STYLE,
    ...FLOOR_WORDS.map(floorBand),
    ...drawn,
    ...[...boxes.values()].map((box) => room(box, uses(box.name))),
    `<text class="small" x="150" y="${HEIGHT - 12}">arrow: imports; dashed: types only; “+ wire,` +
    " core” in a room: it imports these from floor 0</text>",
    "</svg>",
    "",
  ].join("\n");
}

const STYLE = `<style>
  text { font: 14px system-ui, sans-serif; fill: #1d2733; }
  .name { font-weight: 600; }
  .small { font-size: 11.5px; fill: #51606e; }
  .floor { fill: #f1f4f7; }
  .floor.odd { fill: #e6ebf0; }
  .room { fill: #ffffff; stroke: #51606e; }
  .way { fill: none; stroke: #2b6cb0; stroke-width: 1.6; marker-end: url(#end); }
  .types { stroke-dasharray: 5 3; }
  #end path { fill: #2b6cb0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e3e9ef; }
    .small { fill: #a9b6c2; }
    .floor { fill: #1a2129; }
    .floor.odd { fill: #222b35; }
    .room { fill: #0f151b; stroke: #8896a3; }
    .way { stroke: #63a4e8; }
    #end path { fill: #63a4e8; }
  }
</style>
<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>`;

function floorOf(room: string): number {
  return FLOORS.get(room) as number;
}

function floorTop(floor: number): number {
  return TOP + (FLOOR_WORDS.length - 1 - floor) * FLOOR_HEIGHT;
}

function boxOf(name: string): Box {
  const place = PLACES[name];
  if (place === undefined) throw new Error(`${name} has no place in tools/picture.ts`);
  const floor = floorOf(name);
  return { ...place, name, floor, y: floorTop(floor) + (FLOOR_HEIGHT - ROOM_HEIGHT) / 2 };
}

function floorBand(words: string, floor: number): string {
  const y = floorTop(floor);
  return `<rect class="floor${floor % 2 === 1 ? " odd" : ""}" x="0" y="${y}" width="${WIDTH}" ` +
    `height="${FLOOR_HEIGHT}"/><text class="name" x="12" y="${y + 48}">${floor}</text>` +
    `<text class="small" x="12" y="${y + 66}">${words}</text>`;
}

function room({ name, x, y, width, words }: Box, uses: readonly string[]): string {
  const middle = x + width / 2;
  const line = (text: string, at: number, type: string) =>
    `<text class="${type}" text-anchor="middle" x="${middle}" y="${y + at}">${text}</text>`;
  return `<rect class="room" x="${x}" y="${y}" width="${width}" height="${ROOM_HEIGHT}" rx="6"/>` +
    line(name, 20, "name") + line(words, 36, "small") +
    (uses.length === 0 ? "" : line(`+ ${uses.toReversed().join(", ")}`, 51, "small"));
}

/** Finds ways that cross no room, and on which no two arrows lie. */
class Router {
  readonly #boxes: readonly Box[];
  /** Straight stretches up or down that are taken. */
  readonly #taken: { readonly x: number; readonly top: number; readonly bottom: number }[] = [];
  /** Heights at the sides of rooms that are taken. */
  readonly #doors = new Map<string, number>();
  readonly #lanes = { left: 0, right: 0 };

  constructor(boxes: readonly Box[]) {
    this.#boxes = boxes;
  }

  route(from: Box, to: Box): string {
    return from.floor === to.floor
      ? this.#along(from, to)
      : this.#straight(from, to) ?? this.#around(from, to);
  }

  /** On one floor: to the next room from side to side, to others in a bow above. */
  #along(from: Box, to: Box): string {
    const rightwards = to.x > from.x;
    const [start, end] = rightwards ? [right(from), to.x] : [from.x, right(to)];
    const between = this.#boxes.some((box) =>
      box.floor === from.floor && box.x > Math.min(start, end) && box.x < Math.max(start, end)
    );
    if (!between) {
      const y = from.y + this.#door(`${from.name} ${to.name}`);
      return `M${start} ${y}H${end}`;
    }
    const [a, b] = rightwards ? [right(from) - 24, to.x + 24] : [from.x + 24, right(to) - 24];
    return `M${a} ${from.y}V${from.y - 14}H${b}V${to.y}`;
  }

  /** One stretch up or down, where there is a free one; nearest to the middle of the smaller room. */
  #straight(from: Box, to: Box): string | undefined {
    const [upper, lower] = from.floor > to.floor ? [from, to] : [to, from];
    const [top, bottom] = [upper.y + ROOM_HEIGHT, lower.y];
    const [low, high] = [
      Math.max(upper.x, lower.x) + GAP,
      Math.min(right(upper), right(lower)) - GAP,
    ];
    const small = upper.width < lower.width ? upper : lower;
    const middle = small.x + small.width / 2;
    const free = (x: number) =>
      !this.#boxes.some((box) =>
        box.y > upper.y && box.y < lower.y && x > box.x - GAP && x < right(box) + GAP
      ) &&
      !this.#taken.some((one) => Math.abs(one.x - x) < GAP && one.top < bottom && one.bottom > top);
    for (let off = 0; off <= small.width / 2; off++) {
      for (const x of [middle + off, middle - off]) {
        if (x < low || x > high || !free(x)) continue;
        this.#taken.push({ x, top, bottom });
        return from === upper ? `M${x} ${top}V${bottom}` : `M${x} ${bottom}V${top}`;
      }
    }
    return undefined;
  }

  /** Out at a side or below, down beside all rooms, and in at a side or from below. */
  #around(from: Box, to: Box): string {
    const open = (room: Box, side: "left" | "right") =>
      !this.#boxes.some((box) =>
        box.floor === room.floor && box !== room && (box.x < room.x) === (side === "left")
      );
    const side = !open(to, "right") && open(to, "left") ? "left" : "right";
    const lane = GAP * this.#lanes[side]++;
    const x = side === "right" ? WIDTH - 12 - lane : 138 - lane;
    const edge = (box: Box) => side === "right" ? right(box) : box.x;
    const below = (box: Box) => box.x + 24 + lane % (box.width - 48);
    const leave = open(from, side)
      ? `M${edge(from)} ${from.y + this.#door(`${from.name} ${side}`)}`
      : `M${below(from)} ${from.y + ROOM_HEIGHT}v${GAP + lane % 30}`;
    const enter = open(to, side)
      ? `V${to.y + this.#door(`${to.name} ${side}`)}H${edge(to)}`
      : `V${to.y + ROOM_HEIGHT + GAP + lane % 30}H${below(to)}V${to.y + ROOM_HEIGHT}`;
    return `${leave}H${x}${enter}`;
  }

  /** The next free height at a side of a room. */
  #door(side: string): number {
    const height = this.#doors.get(side) ?? 14;
    this.#doors.set(side, height + GAP);
    return height;
  }
}

function right({ x, width }: Box): number {
  return x + width;
}

/** Source text of the product: path from the repository's root → text. */
export function productSources(): Map<string, string> {
  const files = new Map<string, string>();
  const read = (path: string) => files.set(path, Deno.readTextFileSync(new URL(path, ROOT)));
  const walk = (folder: string) => {
    const entries = [...Deno.readDirSync(new URL(`${folder}/`, ROOT))];
    for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
      if (isDirectory) walk(`${folder}/${name}`);
      else if (/\.tsx?$/.test(name)) read(`${folder}/${name}`);
    }
  };
  read("main.ts");
  for (const folder of ["lib", "ffi"]) walk(folder);
  return files;
}

/** The picture of this house, in the form that `deno fmt` leaves alone. */
export async function committedPicture(): Promise<string> {
  const format = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "svg", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = format.stdin.getWriter();
  await writer.write(new TextEncoder().encode(picture(productSources())));
  await writer.close();
  const { success, stdout } = await format.output();
  if (!success) throw new Error("deno fmt does not take the picture");
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  Deno.writeTextFileSync(new URL("docs/architecture.svg", ROOT), await committedPicture());
}
