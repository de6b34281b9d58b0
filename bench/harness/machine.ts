/**
 * On what the benches ran: without it their figures mean little.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { parseFields } from "./proc.ts";
import { perCall } from "./rounds.ts";

/** The computer, and how it is at this moment. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** 10^9 bytes; absent where the system does not tell. */
  readonly memoryGb?: number;
  readonly system: string;
  readonly runtime: string;
  /** Of SHA-256 in this process, in 10^6 bytes a second: how fast the processor is just now. */
  readonly hashMbPerSecond: number;
}

export function machine(): Machine {
  const cpuinfo = readOr("/proc/cpuinfo", "");
  const memory = parseFields(readOr("/proc/meminfo", "")).get("MemTotal");
  return {
    processor: /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    ...(memory !== undefined && { memoryGb: Math.round(memory / 1e6) }),
    system: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    runtime: `Deno ${Deno.version.deno}`,
    hashMbPerSecond: Math.round(hashSpeed()),
  };
}

/** One line: processor, cores, memory, kernel, runtime, and how fast it hashes. */
export function describe(machine: Machine): string {
  const { processor, cores, memoryGb, system, runtime, hashMbPerSecond } = machine;
  return [
    `${processor}, ${cores} cores`,
    ...(memoryGb === undefined ? [] : [`${memoryGb} GB`]),
    system,
    runtime,
    `SHA-256 ${hashMbPerSecond} MB/s`,
  ].join(" · ");
}

/** Processes that ran or waited for a processor, mean of the last minute. */
export function load(): number {
  return Deno.loadavg()[0] as number;
}

/** Free memory in GB (10^9 bytes). */
export function availableMemory(): number {
  return (parseFields(readOr("/proc/meminfo", "")).get("MemAvailable") ?? Infinity) * 1024 / 1e9;
}

function hashSpeed(): number {
  const bytes = new Uint8Array(65_536);
  const once = perCall(() => void sha256(bytes), 50);
  once();
  return bytes.length / once() / 1e3;
}

function readOr(path: string, otherwise: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // Not Linux, or a container that hides it.
    return otherwise;
  }
}
