/**
 * One change to the computer after the other, as data: so that it can be shown before it is done, and
 * taken back afterwards.
 *
 * @module
 */

/** One change. Modes are those of new files. */
export type Step =
  | { readonly do: "folder"; readonly path: string; readonly mode: number }
  | {
    readonly do: "write";
    readonly path: string;
    readonly mode: number;
    readonly text: string;
    /** The text that it replaces. */
    readonly before?: string | undefined;
    /** Where that is kept. */
    readonly backup?: string | undefined;
  }
  /** A fresh network key. */
  | { readonly do: "key"; readonly path: string }
  | {
    readonly do: "copy";
    readonly path: string;
    readonly mode: number;
    readonly from: string;
    /** Where the file that is there is kept. */
    readonly backup?: string | undefined;
  }
  /** A file, or a folder with all in it. Last of all: it cannot be taken back. */
  | { readonly do: "remove"; readonly path: string; readonly folder: boolean }
  | { readonly do: "move"; readonly path: string; readonly to: string }
  | {
    readonly do: "run";
    readonly command: readonly string[];
    /** Takes it back. */
    readonly undo?: readonly string[];
    /** That it fails is no reason to stop; what to tell then. */
    readonly otherwise?: string;
  };

/** What is going to be done, and what to tell afterwards. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Starts the service at the end. Nothing is taken back where it does not start. */
  readonly start: readonly string[] | undefined;
  readonly notes: readonly string[];
  /** Why it may not be done, however it may be shown. */
  readonly refusal?: string;
}

/** A step in words. */
export function stepInWords(step: Step): string {
  const mode = "mode" in step ? ` (mode ${step.mode.toString(8).padStart(4, "0")})` : "";
  switch (step.do) {
    case "folder":
      return `make the folder ${step.path}${mode}`;
    case "write":
      return `write ${step.path}${mode}${
        step.backup ? `, and keep the old one as ${step.backup}` : ""
      }`;
    case "key":
      return `write ${step.path} (mode 0600): a fresh network key`;
    case "copy":
      return `copy ${step.from} to ${step.path}${mode}${
        step.backup ? `, and keep the old one as ${step.backup}` : ""
      }`;
    case "remove":
      return `remove ${step.path}${step.folder ? " and all in it" : ""}`;
    case "move":
      return `keep ${step.path} as ${step.to}`;
    case "run":
      return `run ${commandLine(step.command)}`;
  }
}

/** A command as one could type it. */
export function commandLine(words: readonly string[]): string {
  return words.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}
