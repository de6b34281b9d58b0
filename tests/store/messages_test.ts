import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AgentError } from "../../lib/core/errors.ts";
import { openMessages } from "../../lib/store/mod.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

function inFolder(run: (path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "agent-test-" });
  try {
    run(`${folder}/messages.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("records are found by the beginning of their keys, in order", () => {
  inFolder((path) => {
    const store = openMessages(path, assert.fail);
    store.commit(
      new Map([["b/2", bytes(2)], ["a", bytes(0)], ["b/10", bytes(10)], ["b0", bytes(9)], [
        "b/",
        bytes(1),
      ]]),
    );
    assert.deepEqual(store.scan("b/").map(([key]) => key), ["b/", "b/10", "b/2"]);
    store.commit(new Map([["b/2", null], ["b/10", bytes(1, 2, 3)], ["not there", null]]));
    store.close();

    const again = openMessages(path, assert.fail);
    assert.deepEqual(again.scan("b/"), [["b/", bytes(1)], ["b/10", bytes(1, 2, 3)]]);
    assert.deepEqual(again.scan("c"), []);
    again.close();
  });
});

Deno.test("a batch that fails half-way leaves nothing behind", () => {
  inFolder((path) => {
    const store = openMessages(path, assert.fail);
    store.commit(new Map([["a", bytes(1)]]));
    const wrong = new Map<string, Uint8Array | null>([["a", null], ["b", bytes(2)]]);
    // What the types forbid, as a stand-in for a write that the disk refuses.
    wrong.set("c", undefined as unknown as Uint8Array);
    assert.throws(() => store.commit(wrong), AgentError);
    assert.deepEqual(store.scan("a").length, 1);
    assert.deepEqual(store.scan("b").length, 0);
    store.commit(new Map([["b", bytes(3)]]));
    assert.deepEqual(store.scan("b"), [["b", bytes(3)]]);
    store.close();
  });
});

Deno.test("a damaged file is set aside, and its loss is told", () => {
  inFolder((path) => {
    Deno.writeTextFileSync(path, "this is no database, and it never was one".repeat(100));
    const lines: string[] = [];
    const store = openMessages(path, (line) => lines.push(line));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /damaged.*damaged-1; messages that waited in it are lost/);
    store.commit(new Map([["a", bytes(1)]]));
    store.close();
  });
});

Deno.test("one wrong letter in the name of a column is damage like any other", () => {
  inFolder((path) => {
    openMessages(path, assert.fail).close();
    const file = Deno.readFileSync(path);
    const at = new TextDecoder("latin1").decode(file).indexOf("value BLOB");
    assert.ok(at > 0);
    file[at] = (file[at] as number) ^ 1;
    Deno.writeFileSync(path, file);
    const told: string[] = [];
    const store = openMessages(path, (line) => told.push(line));
    assert.match(told.join(), /messages\.db was damaged \(no such column: value\) and is now/);
    store.commit(new Map([["a", bytes(1)]]));
    store.close();
  });
});

Deno.test("a file of the first version is taken over, and that version says that it is too old", () => {
  inFolder((path) => {
    const store = openMessages(path, assert.fail);
    store.commit(new Map([["a", bytes(1)]]));
    store.close();
    const version = (set = "") => {
      const db = new DatabaseSync(path);
      if (set !== "") db.exec(`PRAGMA user_version = ${set}`);
      const { user_version } = db.prepare("PRAGMA user_version").get() ?? {};
      db.close();
      return user_version;
    };
    assert.equal(version("1"), 1);
    const again = openMessages(path, assert.fail);
    assert.deepEqual(again.scan("a"), [["a", bytes(1)]]);
    again.close();
    assert.equal(version(), 2);
    version("3");
    assert.throws(() => openMessages(path, assert.fail), /written by a newer agent/);
  });
});
