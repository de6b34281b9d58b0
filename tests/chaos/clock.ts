/**
 * The wall clock of an agent under test, loaded in front of the program (`deno run --preload`). It is
 * off by as many milliseconds as the file says that AGENT_CHAOS_CLOCK names; SIGUSR2 has it read again.
 *
 * A time namespace of the kernel moves no wall clock. Debian's libfaketime does, and was tried with
 * Deno (its timers go on as they should); this does the same to all that the program asks, which is
 * `Date` and nothing else, and needs no package.
 *
 * @module
 */
const file = Deno.env.get("AGENT_CHAOS_CLOCK") as string;
const Real = Date;
let offset = 0;

function read(): void {
  offset = Number(Deno.readTextFileSync(file));
}

class Shifted extends Real {
  constructor(...args: [] | [number | string | Date]) {
    super(args[0] ?? Shifted.now());
  }

  static override now(): number {
    return Real.now() + offset;
  }
}

read();
Deno.addSignalListener("SIGUSR2", read);
// The constructor is called with one argument at the most in the whole program.
globalThis.Date = Shifted as DateConstructor;
