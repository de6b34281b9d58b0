/** How the program finds the file that it is. */
import { strictEqual } from "node:assert/strict";
import { fileOf, selfCommand, selfFile } from "../../lib/agent/self.ts";

const program = `file:///home/pi/.cache/agent/program-${"0a".repeat(32)}/main.js`;
const packed = {
  standalone: false,
  execPath: `/home/pi/.cache/agent/runtime-${"1b".repeat(32)}/deno`,
  mainModule: program,
  agentFile: "/usr/local/bin/agent",
};

Deno.test("a packed program is the file that was started", () => {
  strictEqual(fileOf(packed), "/usr/local/bin/agent");
});

Deno.test("a compiled program is its own executable, whatever the environment says", () => {
  const compiled = { ...packed, standalone: true, execPath: "/opt/agent" };
  strictEqual(fileOf(compiled), "/opt/agent");
});

Deno.test("a checkout or a bundle is no single file, also below a packed agent", () => {
  for (const mainModule of ["file:///src/main.ts", "file:///src/dist/agent/main.js"]) {
    strictEqual(fileOf({ ...packed, mainModule }), undefined);
  }
});

Deno.test("a file of which no absolute path is known is none", () => {
  strictEqual(fileOf({ ...packed, agentFile: undefined }), undefined);
  strictEqual(fileOf({ ...packed, agentFile: "agent" }), undefined);
});

Deno.test("from a checkout the program runs itself on the same Deno", () => {
  strictEqual(selfFile(), undefined);
  const { command, args } = selfCommand(["version"]);
  strictEqual(command, Deno.execPath());
  strictEqual(args.at(-1), "version");
});
