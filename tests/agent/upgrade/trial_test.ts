/** Who looks after a new version when the upgrade that put it there is dead. */
import { deepStrictEqual, match, strictEqual, throws } from "node:assert/strict";
import { Installation } from "../../../lib/agent/upgrade/file.ts";
import { givingWay, markTrial, onTrial, Trial } from "../../../lib/agent/upgrade/trial.ts";

/** A program file of version 2 on trial, with version 1 beside it. */
class Bench implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "agent-trial-" });
  readonly file = `${this.dir}/bin/agent`;
  readonly state = `${this.dir}/state`;

  constructor() {
    Deno.mkdirSync(`${this.dir}/bin`);
    Deno.mkdirSync(this.state);
    Deno.writeTextFileSync(`${this.file}.previous`, "1");
    markTrial(this.file, "2.0.0");
    Deno.writeTextFileSync(this.file, "2");
  }

  get files(): string[] {
    return [...Deno.readDirSync(`${this.dir}/bin`)].map(({ name }) => name).sort();
  }

  get content(): string {
    return Deno.readTextFileSync(this.file);
  }

  trial(): Trial {
    const trial = Trial.of(this.file, "2.0.0");
    if (!trial) throw new Error("no trial");
    return trial;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

Deno.test("trial: only of the version that the marker names, and of nothing else", () => {
  using bench = new Bench();
  strictEqual(Trial.of(undefined, "2.0.0"), undefined);
  strictEqual(Trial.of(bench.file, "1.0.0"), undefined, "what was put back is not on trial");
  strictEqual(Trial.of(`${bench.file}.previous`, "2.0.0"), undefined);
  for (const damage of ["", "{", "null", '{"id":1,"version":"2.0.0"}']) {
    Deno.writeTextFileSync(`${bench.file}.upgrading`, damage);
    strictEqual(Trial.of(bench.file, "2.0.0"), undefined, damage);
  }
});

Deno.test("trial: one that becomes ready leaves nothing behind", () => {
  using bench = new Bench();
  const trial = bench.trial();
  trial.begin(bench.state);
  trial.pass();
  deepStrictEqual(bench.files, ["agent", "agent.previous"]);
  deepStrictEqual([...Deno.readDirSync(bench.state)], []);
  strictEqual(trial.giveWay(), undefined, "what fails later is no reason to go back");
  strictEqual(bench.content, "2");
});

Deno.test("trial: one that says why it cannot start gives way at once", () => {
  using bench = new Bench();
  strictEqual(bench.trial().giveWay(), bench.file, "also before its config is read");
  strictEqual(bench.content, "1");
  deepStrictEqual(bench.files, ["agent"]);
});

Deno.test("trial: one that crashed or hung gives way when it is started again", () => {
  using bench = new Bench();
  bench.trial().begin(bench.state);
  const again = bench.trial();
  throws(() => again.begin(bench.state), /an earlier start of it did not become ready/);
  strictEqual(again.giveWay(), bench.file);
  strictEqual(bench.content, "1");
  // The next upgrade is another trial.
  Deno.writeTextFileSync(`${bench.file}.previous`, "1");
  markTrial(bench.file, "2.0.0");
  bench.trial().begin(bench.state);
});

Deno.test("trial: while the upgrade lives, it decides", () => {
  using bench = new Bench();
  {
    using _upgrade = Installation.hold(bench.file);
    bench.trial().begin(bench.state);
    const again = bench.trial();
    again.begin(bench.state);
    strictEqual(again.giveWay(), undefined);
  }
  throws(() => bench.trial().begin(bench.state), /did not become ready/);
  Deno.removeSync(`${bench.file}.previous`);
  strictEqual(bench.trial().giveWay(), undefined, "there is nothing to go back to");
});

Deno.test("trial: a service that may not write beside its file remembers, and starts the old file", () => {
  using bench = new Bench();
  const { renameSync, removeSync } = Deno;
  const beside = (path: string | URL) => String(path).startsWith(`${bench.dir}/bin/`);
  const refuse = () => {
    throw new Deno.errors.PermissionDenied("read-only");
  };
  try {
    Deno.renameSync = (from, to) => beside(to) ? refuse() : renameSync(from, to);
    Deno.removeSync = (path, options) => beside(path) ? refuse() : removeSync(path, options);
    const trial = bench.trial();
    trial.begin(bench.state);
    for (let start = 2; start < 5; start++) {
      const next = bench.trial();
      throws(() => next.begin(bench.state));
      const command = next.giveWay();
      strictEqual(command, `${bench.file}.previous`);
      match(
        givingWay("2.0.0", new Error("why"), command),
        /^version 2\.0\.0 does not start \(why\).* sudo mv \S+agent\.previous \S+agent$/,
      );
    }
    trial.pass();
    const passed = bench.trial();
    passed.begin(bench.state);
    strictEqual(passed.giveWay(), undefined);
  } finally {
    Object.assign(Deno, { renameSync, removeSync });
  }
  strictEqual(onTrial(bench.file), "2.0.0");
  strictEqual(bench.content, "2");
});
