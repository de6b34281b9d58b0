/**
 * The computers that the agent is built for, and the pinned runtime of each: a package of the npm
 * registry with the SHA-512 of its tarball, and the SHA-256 of the file `deno` in it.
 *
 * To move to another Deno, change `DENO_VERSION` and these sums, and the same in `denow`.
 *
 * @module
 */

/** The version of the runtime, and so of the bundler: the same as in `denow`. */
export const DENO_VERSION = "2.9.5";

/** A processor that the agent is built for. */
export type Target = "aarch64" | "x86_64";

/** What is known about a target. */
export interface TargetFacts {
  /** As Deno and its release files call it. */
  readonly triple: string;
  /** What `uname -m` answers there, as a pattern of `case`. */
  readonly machines: string;
  /** The loader of a 64-bit glibc. */
  readonly loader: string;
  /** `e_machine` of its ELF files. */
  readonly elfMachine: number;
  readonly runtime: {
    /** Package of the npm registry. */
    readonly package: string;
    /** SHA-512 of its tarball, as npm writes it. */
    readonly integrity: string;
    /** SHA-256 of the file `package/deno` in it. */
    readonly sha256: string;
  };
}

export const TARGETS: Readonly<Record<Target, TargetFacts>> = {
  aarch64: {
    triple: "aarch64-unknown-linux-gnu",
    machines: "aarch64 | arm64",
    loader: "/lib/ld-linux-aarch64.so.1",
    elfMachine: 183,
    runtime: {
      package: "@deno/linux-arm64-glibc",
      integrity:
        "sha512-IuYjsz9PGl7CJcNXMuN27KNDB8Q40brK3SG3l+TXMDVW61ZKwcn0fQHBHnXFiiygEwI8by/fKnASEluhZB1atw==",
      sha256: "e1a70c5eb03b0ebaf761077029ef86b9ba22d50e2b54ca45ce5437457f701b63",
    },
  },
  x86_64: {
    triple: "x86_64-unknown-linux-gnu",
    machines: "x86_64 | amd64",
    loader: "/lib64/ld-linux-x86-64.so.2",
    elfMachine: 62,
    runtime: {
      package: "@deno/linux-x64-glibc",
      integrity:
        "sha512-TDqcnoLe3jlgqYEQm7H7MK6q0JOth+o8iSZzknRODnVkJfPiNnjVn1M1Zc6vnp+ipkyb6Av1/CUlHgHtlq59Gw==",
      sha256: "dc480c462c8c3582524f3e75c160613d0a975e1f66b5465995d58bae236da7d3",
    },
  },
};

/** All targets, in the order in which they are built. */
export const ALL_TARGETS = Object.keys(TARGETS) as Target[];

/** The target that this computer is. */
export function ownTarget(): Target {
  return Deno.build.arch === "aarch64" ? "aarch64" : "x86_64";
}
