/** Curves and tables: what is in them, and where. */
import { match, ok, strictEqual } from "node:assert/strict";
import { list, prose, table } from "../../bench/harness/markdown.ts";
import { plot } from "../../bench/harness/plot.ts";

Deno.test("a plot: logarithmic axes over whole decades, a curve and a key a series", () => {
  const series = [{ name: "ours", colour: "#123456" }, {
    name: "theirs <&",
    colour: "#654321",
    dashed: true,
  }];
  const curves = {
    ours: [[10, 1], [1_000, 100], [100, 10], [200, 0]],
    "theirs <&": [[10, 100]],
  } as const;
  const svg = plot(series, [{ title: "a < b", curves }], "nodes");
  // 300 × 200 pixels hold two decades each way; points come in the order of x, and 0 has no place.
  match(svg, /stroke="#123456" stroke-width="2" d="M0 200L150 100L300 0"/);
  match(svg, /stroke="#654321" stroke-width="2" stroke-dasharray="5 4" d="M0 0"/);
  strictEqual(svg.match(/<circle fill="#123456"/g)?.length, 4);
  match(svg, />a &lt; b</);
  match(svg, />theirs &lt;&amp;</);
  for (const tick of ["1", "10", "100", "1 000"]) ok(svg.includes(`>${tick}</text>`), tick);
  ok(!svg.includes("NaN") && !svg.includes(">10 000<"));
});

Deno.test("a plot without values has axes and no curve", () => {
  const svg = plot([{ name: "a", colour: "red" }], [{ title: "t", curves: {} }], "nodes");
  ok(!svg.includes("NaN") && !svg.includes("Infinity"));
});

Deno.test("Markdown comes out as deno fmt leaves it", async () => {
  const words = "A sentence with `code that has blanks`, said (`again and again`). ".repeat(9);
  const text = [
    prose(`${words}\n\nShort.`),
    list(["one", words]),
    table([["", "what"], ["a | b", "4 µs"], ["a longer one", "≤ 2 ×"]]),
  ].join("\n\n") + "\n";
  const format = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--line-width", "100", "--ext", "md", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = format.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { stdout } = await format.output();
  strictEqual(new TextDecoder().decode(stdout), text);
});
