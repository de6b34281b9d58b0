/**
 * A computer to install a service on: a temporary folder as its root, and stand-ins for the commands
 * that an installation runs, which write down how they were called.
 *
 * @module
 */
import { Host } from "../../../lib/agent/service/host.ts";
import {
  type InstallOptions,
  installService,
  type Report,
} from "../../../lib/agent/service/install.ts";
import { type RemoveOptions, removeService } from "../../../lib/agent/service/remove.ts";

const COMMANDS = ["systemctl", "useradd", "userdel", "loginctl", "journalctl"];

/** How a stand-in answers: a line of shell, with the arguments in `$*`. */
const ANSWERS: Record<string, string> = {
  // As systemd: what was enabled or started is so afterwards.
  systemctl: `
    state=$STATE/$([ "$1" = --user ] && echo user || echo system); mkdir -p $state
    case "$*" in
      *is-enabled*) [ -e $state/enabled ] ;;
      *is-active*) [ -e $state/active ] ;;
      *"disable --now"*) rm -f $state/enabled $state/active ;;
      *disable*) rm -f $state/enabled ;;
      *enable*) touch $state/enabled ;;
      *" start "*|"start "*|*restart*) touch $state/active ;;
    esac`,
  useradd: `echo "agent:x:990:990::/var/lib/agent:/usr/sbin/nologin" >> $ROOT/etc/passwd`,
  userdel: `sed -i /^agent:/d $ROOT/etc/passwd`,
};

export class Computer implements Disposable {
  readonly #dir = Deno.makeTempDirSync({ prefix: "agent-service-" });
  readonly root = `${this.#dir}/root`;
  readonly #env: Record<string, string>;
  uid = 0;

  constructor(env: Record<string, string> = {}, { systemd = true } = {}) {
    for (const folder of ["bin", "state"]) Deno.mkdirSync(`${this.#dir}/${folder}`);
    for (const folder of ["/etc/systemd/system", "/usr/local/bin", "/home/pi", "/opt"]) {
      Deno.mkdirSync(this.root + folder, { recursive: true });
    }
    if (systemd) Deno.mkdirSync(`${this.root}/run/systemd/system`, { recursive: true });
    Deno.chmodSync(this.root, 0o755);
    this.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\n");
    this.write("/opt/agent", "the program", 0o755);
    this.write("/home/pi/agent", "the program", 0o755);
    this.#env = { HOME: "/root", ...env, PATH: `${this.#dir}/bin:/usr/bin:/bin` };
    for (const name of COMMANDS) this.answer(name, ANSWERS[name] ?? ":");
  }

  /** Lets a stand-in answer otherwise. */
  answer(name: string, shell: string): void {
    Deno.writeTextFileSync(
      `${this.#dir}/bin/${name}`,
      `#!/bin/sh\nROOT=${this.root} STATE=${this.#dir}/state\n` +
        `echo "${name} $*" >> ${this.#dir}/calls\n${shell}\n`,
      { mode: 0o755 },
    );
  }

  /** As {@linkcode answer}, and back again. */
  fail(name: string, when: string, words: string): void {
    this.answer(
      name,
      `case "$*" in *"${when}"*) echo "${words}" >&2; exit 1;; esac\n${ANSWERS[name] ?? ""}`,
    );
  }

  heal(name: string): void {
    this.answer(name, ANSWERS[name] ?? ":");
  }

  /** The calls since the last time, without questions. */
  calls(): string[] {
    const path = `${this.#dir}/calls`;
    let text = "";
    try {
      text = Deno.readTextFileSync(path);
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return text.split("\n").filter((line) => line !== "" && !line.includes("--quiet is-"));
  }

  get host(): Host {
    return new Host({ root: this.root, env: { get: (name) => this.#env[name] }, uid: this.uid });
  }

  install(options: Partial<InstallOptions> = {}): Promise<Report> {
    return installService(this.host, {
      user: false,
      print: false,
      force: false,
      name: undefined,
      network: undefined,
      config: undefined,
      program: { kind: "file", path: "/opt/agent", runtime: undefined },
      cwd: "/",
      ...options,
    });
  }

  remove(options: Partial<RemoveOptions> = {}): Promise<Report> {
    return removeService(this.host, {
      user: false,
      print: false,
      purge: false,
      config: undefined,
      cwd: "/",
      ...options,
    });
  }

  read(path: string): string {
    return Deno.readTextFileSync(this.root + path);
  }

  write(path: string, text: string, mode = 0o644): void {
    Deno.mkdirSync((this.root + path).replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(this.root + path, text, { mode });
    Deno.chmodSync(this.root + path, mode);
  }

  mode(path: string): number {
    return (Deno.statSync(this.root + path).mode ?? 0) & 0o7777;
  }

  /** Every file and folder with mode and text; what is to be compared before and after. */
  tree(): Record<string, string> {
    const found: Record<string, string> = {};
    const visit = (path: string) => {
      for (const { name, isDirectory } of Deno.readDirSync(this.root + path)) {
        const inner = `${path}/${name}`;
        const mode = this.mode(inner).toString(8);
        found[inner] = isDirectory ? `folder ${mode}` : `${mode} ${this.read(inner)}`;
        if (isDirectory) visit(inner);
      }
    };
    visit("");
    return found;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#dir, { recursive: true });
  }
}
