/**
 * Curves over logarithmic axes as SVG: several panels with one legend, readable on a light and on a
 * dark page.
 *
 * @module
 */

/** A curve: its look is the same in all panels. */
export interface Series {
  readonly name: string;
  /** A colour that stands out from white and from black. */
  readonly colour: string;
  /** What the others are held against. */
  readonly dashed?: boolean;
}

/** One pair of axes. */
export interface Panel {
  readonly title: string;
  /** Series by name → points. Only positive values have a place on a logarithmic axis. */
  readonly curves: Readonly<Record<string, readonly (readonly [x: number, y: number])[]>>;
}

const PANEL = { width: 300, height: 200 };
const MARGIN = { left: 58, right: 26, top: 30, bottom: 30 };
const COLUMNS = 3;
const LEGEND_LINE = 20;
const LEGEND_COLUMN = 230;

/** The whole drawing. `x` names what the horizontal axes count. */
export function plot(series: readonly Series[], panels: readonly Panel[], x: string): string {
  const outerWidth = PANEL.width + MARGIN.left + MARGIN.right;
  const outerHeight = PANEL.height + MARGIN.top + MARGIN.bottom;
  const columns = Math.min(COLUMNS, panels.length);
  const width = columns * outerWidth;
  const perLine = Math.max(1, Math.floor((width - 20) / LEGEND_COLUMN));
  const legend = Math.ceil(series.length / perLine) * LEGEND_LINE + 16;
  const height = Math.ceil(panels.length / columns) * outerHeight + legend;
  const xs = panels.flatMap(({ curves }) => Object.values(curves).flat().map(([at]) => at));
  const horizontal = decades(xs);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    "<style>",
    ".ink { fill: #333 } .axis { stroke: #888; fill: none } .grid { stroke: #8884; fill: none }",
    "@media (prefers-color-scheme: dark) { .ink { fill: #ccc } }",
    "</style>",
    ...series.map((one, i) => {
      const at = { x: 20 + (i % perLine) * LEGEND_COLUMN, y: 16 + Math.floor(i / perLine) * 20 };
      return key(one, at.x, at.y);
    }),
    ...panels.map((panel, i) => {
      const left = (i % columns) * outerWidth + MARGIN.left;
      const top = Math.floor(i / columns) * outerHeight + MARGIN.top + legend;
      return `<g transform="translate(${left} ${top})">\n${
        drawPanel(panel, series, horizontal, x)
      }\n</g>`;
    }),
    "</svg>",
    "",
  ].join("\n");
}

/** Whole powers of ten around all values. */
function decades(values: readonly number[]): readonly [from: number, to: number] {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  if (logs.length === 0) return [0, 1];
  // A value on a power of ten, but for rounding, needs no decade more.
  const from = Math.floor(Math.min(...logs) + 1e-9);
  const to = Math.ceil(Math.max(...logs) - 1e-9);
  return [from, Math.max(to, from + 1)];
}

function drawPanel(
  { title, curves }: Panel,
  series: readonly Series[],
  horizontal: readonly [number, number],
  x: string,
): string {
  const vertical = decades(Object.values(curves).flat().map(([, y]) => y));
  const { width, height } = PANEL;
  const atX = (value: number) => place(Math.log10(value), horizontal) * width;
  const atY = (value: number) => height - place(Math.log10(value), vertical) * height;
  const lines = [
    `<text class="ink" x="0" y="-10" font-weight="bold">${escape(title)}</text>`,
    `<rect class="axis" width="${width}" height="${height}"/>`,
  ];
  for (let power = horizontal[0]; power <= horizontal[1]; power++) {
    const at = round(atX(10 ** power));
    lines.push(`<path class="grid" d="M${at} 0V${height}"/>`);
    lines.push(text(at, height + 16, "middle", tick(power)));
  }
  lines.push(text(width, height + 28, "end", x));
  for (let power = vertical[0]; power <= vertical[1]; power++) {
    const at = round(atY(10 ** power));
    lines.push(`<path class="grid" d="M0 ${at}H${width}"/>`);
    lines.push(text(-6, at + 4, "end", tick(power)));
  }
  for (const { name, colour, dashed } of series) {
    const points = (curves[name] ?? []).filter(([at, y]) => at > 0 && y > 0)
      .toSorted(([a], [b]) => a - b)
      .map(([at, y]) => [round(atX(at)), round(atY(y))] as const);
    if (points.length === 0) continue;
    const path = points.map(([px, py]) => `${px} ${py}`).join("L");
    lines.push(
      `<path fill="none" stroke="${colour}" stroke-width="2"${dash(dashed)} d="M${path}"/>`,
    );
    for (const [px, py] of points) {
      lines.push(`<circle fill="${colour}" cx="${px}" cy="${py}" r="3"/>`);
    }
  }
  return lines.join("\n");
}

function key({ name, colour, dashed }: Series, x: number, y: number): string {
  return [
    `<path stroke="${colour}" stroke-width="2"${dash(dashed)} d="M${x} ${y - 4}h28"/>`,
    `<circle fill="${colour}" cx="${x + 14}" cy="${y - 4}" r="3"/>`,
    text(x + 36, y, "start", name),
  ].join("\n");
}

function dash(dashed: boolean | undefined): string {
  return dashed ? ' stroke-dasharray="5 4"' : "";
}

function text(x: number, y: number, anchor: string, words: string): string {
  return `<text class="ink" x="${x}" y="${y}" text-anchor="${anchor}">${escape(words)}</text>`;
}

/** 10^power: written out where that is short. */
function tick(power: number): string {
  if (power >= 6) return `10${[...String(power)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[+digit]).join("")}`;
  if (power >= 0) return (10 ** power).toLocaleString("en").replaceAll(",", " ");
  return (10 ** power).toFixed(-power);
}

function place(log: number, [from, to]: readonly [number, number]): number {
  return (log - from) / (to - from);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
