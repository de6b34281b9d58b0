/**
 * Functions of a library, called by where they stand. `Deno.dlopen` compiles a way in for each function
 * that it binds, at once: that takes milliseconds and 3 MB at every start, for calls that are made
 * once, or now and then. By its address a function takes a microsecond a call instead of a tenth of it,
 * and nothing before.
 *
 * @module
 */

/** As `Deno.dlopen`; `close` invalidates the functions. Throws where one of them is missing. */
export function openByAddress<S extends Record<string, Deno.ForeignFunction>>(
  library: string,
  functions: S,
): Pick<Deno.DynamicLibrary<S>, "symbols" | "close"> {
  const names = Object.keys(functions);
  // What Deno gives for a variable that is a pointer is its address; and a function has one too.
  const variables = Object.fromEntries(names.map((name) => [name, { type: "pointer" } as const]));
  const opened = Deno.dlopen(library, variables);
  const calls = names.map((name) => {
    const address = opened.symbols[name] as Deno.PointerObject<never>;
    const pointer = new Deno.UnsafeFnPointer(address, functions[name] as Deno.ForeignFunction);
    const call = (...values: Parameters<typeof pointer.call>) => pointer.call(...values);
    return [name, call] as const;
  });
  return {
    // Each takes and gives what its definition says.
    symbols: Object.fromEntries(calls) as unknown as Deno.DynamicLibrary<S>["symbols"],
    close: () => opened.close(),
  };
}
