/**
 * What the C compiler says of structures and constants, for holding our tables against it.
 *
 * @module
 */
import type { Layout } from "../../ffi/layouts.ts";

/** Structures and constants by the names of C. */
export interface Tables {
  readonly layouts: Readonly<Record<string, Layout>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** A compiler, and what to put before the program it made, to run it. */
export interface Toolchain {
  readonly compiler: string;
  readonly flags?: readonly string[];
  readonly runner?: readonly string[];
}

const NATIVE: Toolchain = { compiler: "gcc" };

/**
 * The same tables in the words of C; `undefined` where there is no such compiler.
 * @throws where it does not compile, or the program fails.
 */
export async function askC(
  { layouts, constants }: Tables,
  headers: readonly string[],
  { compiler, flags = [], runner = [] }: Toolchain = NATIVE,
): Promise<Tables | undefined> {
  const folder = await Deno.makeTempDir({ prefix: "agent-probe-" });
  try {
    const source = `${folder}/probe.c`;
    const program = `${folder}/probe`;
    await Deno.writeTextFile(source, programOf({ layouts, constants }, headers));
    try {
      await run(compiler, [...flags, "-o", program, source]);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    const [command, ...args] = [...runner, program];
    return JSON.parse(await run(command!, args)) as Tables;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A program that prints the tables as JSON. */
function programOf({ layouts, constants }: Tables, headers: readonly string[]): string {
  const lines = headers.map((header) => `#include <${header}>`);
  lines.push("#include <stddef.h>", "#include <stdio.h>", "int main(void) {");
  const print = (text: string, ...values: string[]) =>
    lines.push(
      `  printf(${JSON.stringify(text)}${values.map((value) => `, (long)(${value})`).join("")});`,
    );
  const list = <T>(entries: [string, T][], one: (name: string, value: T) => void) => {
    for (const [i, [name, value]] of entries.entries()) {
      if (i > 0) print(",");
      one(name, value);
    }
  };
  print(`{"layouts":{`);
  list(Object.entries(layouts), (name, layout) => {
    const type = `struct ${name}`;
    print(`"${name}":{"size":%ld,"fields":{`, `sizeof(${type})`);
    list(Object.keys(layout.fields).map((field) => [field, field]), (field) => {
      const size = `sizeof(((${type} *)0)->${field})`;
      print(`"${field}":[%ld,%ld]`, `offsetof(${type}, ${field})`, size);
    });
    print("}}");
  });
  print(`},"constants":{`);
  list(Object.entries(constants), (name) => print(`"${name}":%ld`, name));
  print("}}");
  lines.push("  return 0;", "}");
  return `#define _GNU_SOURCE\n${lines.join("\n")}\n`;
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" })
    .output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}
