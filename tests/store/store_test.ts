/** What the state file keeps, what it refuses, and what it survives. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AgentError, ExitCode } from "../../lib/core/mod.ts";
import { openStore, type Store } from "../../lib/store/mod.ts";
import { skipReason } from "../skip.ts";

/** Runs with the path of a state file in a folder that is gone afterwards. */
function withFolder(work: (path: string, folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "agent-store-" });
  try {
    work(`${folder}/state.db`, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const quiet = (line: string): void => {
  throw new Error(`an unexpected report: ${line}`);
};

function reopened(store: Store): Store {
  store.close();
  return openStore(store.path, quiet);
}

function refusal(work: () => unknown): string {
  let message = "";
  throws(work, (error) => {
    ok(error instanceof AgentError, String(error));
    strictEqual(error.exitCode, ExitCode.Refused);
    message = error.message;
    ok(!message.includes("\n"), "one line");
    return true;
  });
  return message;
}

const value = (text: string) => new TextEncoder().encode(text);

Deno.test("store: a new file knows nothing, and is readable for its owner only", () => {
  withFolder((_path, folder) => {
    const nested = `${folder}/a/b/state.db`;
    const store = openStore(nested, quiet);
    strictEqual(store.nodeId("home"), undefined);
    strictEqual(store.sequenceFloor("home"), undefined);
    deepStrictEqual(store.entries("home"), []);
    strictEqual(Deno.statSync(nested).mode! & 0o777, 0o600);
    strictEqual(Deno.statSync(`${folder}/a/b`).mode! & 0o777, 0o700);
    store.close();
    store.close();
  });
});

Deno.test("store: node id, epoch and sequence survive, for each network by itself", () => {
  withFolder((path) => {
    let store = openStore(path, quiet);
    store.setNodeId("home", "0011223344556677");
    strictEqual(store.epoch("home"), 1);
    strictEqual(store.epoch("home"), 2);
    strictEqual(store.epoch("lab"), 1);
    store.reserveSequence("home", 4_000_000_000);
    store = reopened(store);
    strictEqual(store.nodeId("home"), "0011223344556677");
    strictEqual(store.nodeId("lab"), undefined);
    strictEqual(store.epoch("home"), 3);
    // A start from an old copy of the file, when the clock tells how late it is; and one without.
    strictEqual(store.epoch("home", 1_795_251_600), 1_795_251_600);
    strictEqual(store.epoch("home", 1_700_000_000), 1_795_251_601);
    strictEqual(store.epoch("attic", 1_700_000_000), 1_700_000_000);
    strictEqual(store.sequenceFloor("home"), 4_000_000_000);
    strictEqual(store.sequenceFloor("lab"), undefined);
    store.setNodeId("home", "8899aabbccddeeff");
    store = reopened(store);
    strictEqual(store.nodeId("home"), "8899aabbccddeeff");
    strictEqual(store.sequenceFloor("home"), 4_000_000_000);
    store.close();
  });
});

Deno.test("store: a thousand publications cost one write", () => {
  withFolder((path) => {
    const store = openStore(path, quiet);
    const before = store.writes;
    let wrote = 0;
    for (let seqno = 1; seqno <= 5_000; seqno++) {
      if (store.coverSequence("home", seqno)) wrote++;
      ok(store.sequenceFloor("home")! >= seqno);
    }
    ok(wrote <= 5, `${wrote} writes`);
    strictEqual(store.writes - before, wrote);
    const floor = store.sequenceFloor("home");
    const again = reopened(store);
    strictEqual(again.sequenceFloor("home"), floor);
    again.close();
  });
});

Deno.test("store: sequence numbers are covered across their wrap and after a jump", () => {
  withFolder((path) => {
    const store = openStore(path, quiet);
    const top = 2 ** 32 - 1;
    store.coverSequence("home", top - 1);
    strictEqual(store.sequenceFloor("home"), 998);
    strictEqual(store.coverSequence("home", top), false);
    strictEqual(store.coverSequence("home", 0), false);
    strictEqual(store.coverSequence("home", 998), false);
    strictEqual(store.coverSequence("home", 999), true);
    strictEqual(store.sequenceFloor("home"), 1_999);
    strictEqual(store.coverSequence("home", 50_000), true);
    strictEqual(store.sequenceFloor("home"), 51_000);
    store.close();
  });
});

Deno.test("store: entries are added, replaced and removed together", () => {
  withFolder((path) => {
    let store = openStore(path, quiet);
    const at = 1_795_251_600_000.5;
    store.putEntries("home", [
      { key: "b", value: value("two"), at },
      { key: "a", value: value("one"), at: 1 },
      { key: "ä/ö", value: new Uint8Array(0), at: 2 },
    ]);
    store.putEntries("lab", [{ key: "a", value: value("other"), at: 3 }]);
    store.putEntries("home", [{ key: "a", value: value("uno"), at: 4 }]);
    store.deleteEntries("home", ["ä/ö", "never there"]);
    store = reopened(store);
    deepStrictEqual(store.entries("home"), [
      { key: "a", value: value("uno"), at: 4 },
      { key: "b", value: value("two"), at },
    ]);
    deepStrictEqual(store.entries("lab").map(({ key }) => key), ["a"]);
    store.close();
  });
});

Deno.test("store: a batch that fails half-way leaves nothing behind", () => {
  withFolder((path) => {
    const store = openStore(path, quiet);
    store.putEntries("home", [{ key: "a", value: value("old"), at: 1 }]);
    const bad = { key: "b", value: null as unknown as Uint8Array, at: 2 };
    refusal(() => store.putEntries("home", [{ key: "a", value: value("new"), at: 2 }, bad]));
    deepStrictEqual(store.entries("home"), [{ key: "a", value: value("old"), at: 1 }]);
    store.putEntries("home", [{ key: "c", value: value("fine"), at: 3 }]);
    strictEqual(store.entries("home").length, 2);
    store.close();
  });
});

Deno.test("store: reading, and writing nothing, touches no file", () => {
  withFolder((path, folder) => {
    const store = openStore(path, quiet);
    store.putEntries("home", [{ key: "a", value: value("x"), at: 1 }]);
    store.coverSequence("home", 1);
    const snapshot = () =>
      [...Deno.readDirSync(folder)].map(({ name }) => {
        const { size, mtime } = Deno.statSync(`${folder}/${name}`);
        return `${name} ${size} ${mtime?.getTime()}`;
      }).sort();
    const before = snapshot();
    const writes = store.writes;
    for (let i = 0; i < 100; i++) {
      store.entries("home");
      store.nodeId("home");
      store.sequenceFloor("home");
      store.coverSequence("home", 1 + i);
      store.putEntries("home", []);
      store.deleteEntries("home", []);
    }
    strictEqual(store.writes, writes);
    deepStrictEqual(snapshot(), before);
    store.close();
  });
});

Deno.test("store: a second agent is refused, and told who has the file", () => {
  withFolder((path) => {
    const store = openStore(path, quiet);
    match(refusal(() => openStore(path, quiet)), /is in use by .*; stop that one/);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", new URL("writer.ts", import.meta.url).pathname, path],
      stdin: "null",
    }).outputSync();
    const said = new TextDecoder().decode(child.stderr);
    match(said, new RegExp(`^4 .*is in use by process ${Deno.pid} \\(`));
    // Having been asked, the first one still holds it.
    store.putEntries("home", [{ key: "a", value: value("x"), at: 1 }]);
    store.close();
    openStore(path, quiet).close();
  });
});

Deno.test("store: a damaged file is moved aside, once reported, and the agent starts", () => {
  withFolder((path, folder) => {
    for (let n = 1; n <= 3; n++) {
      Deno.writeTextFileSync(path, `this was never a database ${"x".repeat(8_192)}`);
      const reports: string[] = [];
      const store = openStore(path, (line) => reports.push(line));
      strictEqual(reports.length, 1);
      match(reports[0]!, new RegExp(`state.db was damaged .* is now .*state.db.damaged-${n};`));
      strictEqual(store.nodeId("home"), undefined);
      store.setNodeId("home", "0011223344556677");
      store.close();
      ok(Deno.readTextFileSync(`${path}.damaged-${n}`).startsWith("this was never"));
    }
    strictEqual([...Deno.readDirSync(folder)].length, 4);
  });
});

Deno.test("store: damage inside the file is found before it spreads", () => {
  withFolder((path) => {
    const store = openStore(path, quiet);
    store.putEntries(
      "home",
      Array.from({ length: 200 }, (_, i) => ({ key: `k${i}`, value: new Uint8Array(200), at: i })),
    );
    store.close();
    const bytes = Deno.readFileSync(path);
    ok(bytes.length > 5 * 4_096);
    bytes.fill(0xa5, 3 * 4_096, 4 * 4_096);
    Deno.writeFileSync(path, bytes);
    const reports: string[] = [];
    const next = openStore(path, (line) => reports.push(line));
    strictEqual(reports.length, 1, "reported");
    deepStrictEqual(next.entries("home"), []);
    next.close();
  });
});

Deno.test("store: an empty file, as some power cuts leave it, is a new one", () => {
  withFolder((path) => {
    Deno.writeFileSync(path, new Uint8Array(0));
    const store = openStore(path, quiet);
    strictEqual(store.nodeId("home"), undefined);
    store.close();
  });
});

Deno.test("store: a file of a newer agent is left alone", () => {
  withFolder((path) => {
    openStore(path, quiet).close();
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 7");
    db.close();
    match(refusal(() => openStore(path, quiet)), /newer agent \(schema 7/);
    match(refusal(() => openStore(path, quiet)), /newer agent/, "the lock was given back");
  });
});

Deno.test("store: a folder that cannot be, and a path that is a folder, are refused in one line", () => {
  withFolder((path, folder) => {
    Deno.writeTextFileSync(path, "");
    match(refusal(() => openStore(`${path}/state.db`, quiet)), /cannot be made/);
    Deno.mkdirSync(`${folder}/dir.db`);
    match(refusal(() => openStore(`${folder}/dir.db`, quiet)), /cannot be opened/);
  });
});

/** Runs the writer on a file system of its own, in a mount namespace that ends with it. */
function onOwnDisk(mount: string): { code: number; out: string; err: string } | undefined {
  const folder = Deno.makeTempDirSync({ prefix: "agent-disk-" });
  const writer = new URL("writer.ts", import.meta.url).pathname;
  const script = `set -e; mount -t tmpfs -o size=256k none ${folder} || exit 99
${mount.replaceAll("DISK", folder)}
exec ${Deno.execPath()} run -A --no-lock ${writer} ${folder}/state.db 4096`;
  try {
    const { code, stdout, stderr } = new Deno.Command("unshare", {
      args: ["-m", "sh", "-c", script],
      stdin: "null",
    }).outputSync();
    const text = new TextDecoder();
    const err = text.decode(stderr);
    if (code === 99 || err.includes("unshare:")) return undefined;
    return { code, out: text.decode(stdout), err };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    Deno.removeSync(folder);
  }
}

Deno.test("store: a full disk is one line, and what was acknowledged stays", () => {
  const result = onOwnDisk("");
  if (!result) {
    skipReason(
      "store: a full disk is one line, and what was acknowledged stays",
      "mounting a small disk needs root and unshare",
    );
    return;
  }
  match(result.err, /^4 .*state\.db: the disk is full; free some space[^\n]*\n$/);
  ok(result.out.trim().split("\n").length > 10, "it wrote until then");
  match(result.out, /kept (\d+) of \1\n$/, "and all of that can be read");
});

Deno.test("store: a read-only disk is one line", () => {
  const result = onOwnDisk("touch DISK/state.db; mount -o remount,ro DISK");
  if (!result) {
    skipReason("store: a read-only disk is one line", "mounting needs root and unshare");
    return;
  }
  match(result.err, /^4 [^\n]*state\.db cannot be (written|opened)[^\n]*\n$/);
});
