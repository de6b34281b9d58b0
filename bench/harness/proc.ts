/**
 * What the kernel says of a process: `/proc/PID`. Linux only.
 *
 * @module
 */

/** What a process has used so far. */
export interface Usage {
  /** User and system time of all threads by the scheduler's clock, in ms. */
  readonly cpuMs: number;
  /** The same by `/proc/PID/stat`, whose unit is a tick (usually 10 ms). */
  readonly ticks: number;
  /** Resident memory, and the part of it that is no file, in MB (10^6 bytes). */
  readonly rssMb: number;
  readonly anonymousMb: number;
  /** Bytes that it made the block layer write, and bytes handed to `write` (sockets too). */
  readonly diskBytes: number;
  readonly writtenBytes: number;
}

/** utime + stime of `/proc/PID/stat`, in ticks. The command's name may hold anything. */
export function parseStat(text: string): number {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** `Name:  123 kB` lines and such → name → number. What is no number is left out. */
export function parseFields(text: string): Map<string, number> {
  const fields = new Map<string, number>();
  for (const line of text.split("\n")) {
    const found = /^(\w+):\s+(\d+)/.exec(line);
    if (found) fields.set(found[1] as string, Number(found[2]));
  }
  return fields;
}

/** Time on a CPU from `/proc/PID/task/TID/schedstat`, in ms. */
export function parseSchedstat(text: string): number {
  return Number(text.split(" ")[0]) / 1e6;
}

/** @throws where the process has ended, or this is no Linux. */
export function usageOf(pid: number): Usage {
  const read = (name: string) => Deno.readTextFileSync(`/proc/${pid}/${name}`);
  let cpuMs = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      cpuMs += parseSchedstat(read(`task/${name}/schedstat`));
    } catch (error) {
      // A thread of the runtime's pool that has ended meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const status = parseFields(read("status"));
  const io = parseFields(read("io"));
  const kb = (name: string) => (status.get(name) ?? NaN) * 1024 / 1e6;
  return {
    cpuMs,
    ticks: parseStat(read("stat")),
    rssMb: kb("VmRSS"),
    anonymousMb: kb("RssAnon"),
    diskBytes: io.get("write_bytes") ?? NaN,
    writtenBytes: io.get("wchar") ?? NaN,
  };
}

/** Size and last change of every file in a folder, as one text: equal texts, nothing was written. */
export function filesOf(folder: string): string {
  const lines: string[] = [];
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (!isFile) continue;
    const { size, mtime, ctime } = Deno.statSync(`${folder}/${name}`);
    lines.push(`${name} ${size} ${mtime?.toISOString()} ${ctime?.toISOString()}`);
  }
  return lines.sort().join("\n");
}
