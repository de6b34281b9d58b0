/** docs/architecture.svg shows the imports that there are. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { FLOORS } from "../../tools/architecture.ts";
import { committedPicture, picture, productSources, roomImports } from "../../tools/picture.ts";

Deno.test("picture: the committed one is what the tool draws now", async () => {
  const drawn = await committedPicture();
  const committed = Deno.readTextFileSync(new URL("../../docs/architecture.svg", import.meta.url));
  ok(drawn === committed, "the imports have changed: deno run -A tools/picture.ts");
});

Deno.test("picture: every room, and every way between rooms above floor 0", () => {
  const sources = productSources();
  const drawn = picture(sources);
  for (const room of FLOORS.keys()) ok(drawn.includes(`>${room}</text>`), room);
  const shown = [...drawn.matchAll(/<title>(\S+) → (\S+?)(?: \(types only\))?<\/title>/g)];
  const real = roomImports(sources).filter(({ to }) => FLOORS.get(to) !== 0);
  deepStrictEqual(
    shown.map(([, from, to]) => `${from} ${to}`).sort(),
    real.map(({ from, to }) => `${from} ${to}`).sort(),
  );
});

Deno.test("picture: another import is another picture", () => {
  const files = new Map([["lib/cli/a.ts", 'import type { X } from "../http/b.ts";'], [
    "lib/http/b.ts",
    "",
  ]]);
  deepStrictEqual(roomImports(files), [{ from: "lib/cli", to: "lib/http", typeOnly: true }]);
  match(picture(files), /lib\/cli → lib\/http \(types only\)/);
  files.set("lib/cli/c.ts", 'import { x } from "../http/b.ts";');
  strictEqual(roomImports(files)[0]?.typeOnly, false);
  files.set("lib/attic/a.ts", "");
  throws(() => picture(files), /lib\/attic has no place/);
});
